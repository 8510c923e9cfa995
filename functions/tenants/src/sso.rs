//! The tenant's connections to identity providers.

use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    App,
    access::{
        Caller, Origin, Permission,
        sso::{self, ServiceProvider},
    },
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged, rules},
    id::SsoConnectionId,
    problem::{ApiError, Problem},
    store::{Page, SamlSettings, SsoConnection, SsoConnectionPatch, TenantStore, Versioned},
};
use utoipa::ToSchema;

/// The most certificates that a connection takes: the present one and those of a rotation.
const MOST_CERTIFICATES: usize = 5;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SsoConnectionIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Okta")]
    name: String,
    #[garde(dive)]
    saml: SamlIn,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SsoConnectionPatchIn {
    #[garde(custom(rules::optional_name))]
    name: Option<String>,
    #[garde(skip)]
    enabled: Option<bool>,
    /// Takes the place of all present SAML settings.
    #[garde(dive)]
    saml: Option<SamlIn>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamlIn {
    /// The identity provider's name, exactly as its answers write it.
    #[garde(length(chars, min = 1, max = 1_024))]
    #[schema(example = "http://www.okta.com/exk1")]
    idp_entity_id: String,
    /// Where browsers sign in (HTTP-Redirect binding).
    #[garde(length(chars, min = 1, max = 2_048))]
    #[schema(example = "https://acme.okta.com/app/portico/exk1/sso/saml")]
    sso_url: String,
    /// X.509 certificates in PEM, 1 to 5: answers signed with any of them are believed.
    #[garde(length(min = 1, max = MOST_CERTIFICATES))]
    certificates: Vec<String>,
    /// The attribute that holds the e-mail address; the NameID if not given.
    #[garde(inner(length(chars, min = 1, max = 256)))]
    email_attribute: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SsoConnectionOut {
    #[schema(value_type = String)]
    id: SsoConnectionId,
    name: String,
    enabled: bool,
    saml: SamlOut,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SamlOut {
    idp_entity_id: String,
    sso_url: String,
    certificates: Vec<CertificateOut>,
    email_attribute: Option<String>,
    /// What the identity provider must be told: our name (audience).
    sp_entity_id: String,
    /// Where its answers go (assertion consumer service).
    acs_url: String,
    metadata_url: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CertificateOut {
    pem: String,
    fingerprint_sha256: String,
}

impl SamlIn {
    fn settings(self, app: &App) -> Result<SamlSettings, ApiError> {
        app.egress
            .check(&self.sso_url)
            .map_err(|error| ApiError::invalid("/saml/sso_url", error))?;
        for (at, certificate) in self.certificates.iter().enumerate() {
            let is_short = certificate.len() <= 16_384;
            if !is_short || sso::certificate_fingerprint(certificate).is_none() {
                let pointer = format!("/saml/certificates/{at}");
                return Err(ApiError::invalid(
                    pointer,
                    "must be an X.509 certificate in PEM",
                ));
            }
        }
        Ok(SamlSettings {
            idp_entity_id: self.idp_entity_id,
            sso_url: self.sso_url,
            certificates: self.certificates,
            email_attribute: self.email_attribute,
        })
    }
}

/// The tenant's connections, in the order of their making.
#[utoipa::path(get, path = "/v1/tenant/sso-connections", tag = "tenants", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<SsoConnectionOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_sso_connections(
    caller: Caller,
    origin: Origin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<SsoConnectionOut>>, ApiError> {
    let store = caller.authorize(Permission::SsoRead)?;
    let page = store.sso_connections(&query.page()?).await?;
    Ok(axum::Json(page.map(|connection| out(&origin, connection))))
}

/// Connects an identity provider. For owners: it can vouch for every member, whatever their role.
#[utoipa::path(post, path = "/v1/tenant/sso-connections", tag = "tenants", request_body = SsoConnectionIn, responses(
    (status = 201, description = "The connection, and what its identity provider must be told", body = SsoConnectionOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_sso_connection(
    caller: Caller,
    origin: Origin,
    app: axum::extract::State<App>,
    Body(new): Body<SsoConnectionIn>,
) -> Result<(StatusCode, Tagged<SsoConnectionOut>), ApiError> {
    let store = writable(&caller)?;
    let saml = new.saml.settings(&app)?;
    let connection = store.create_sso_connection(new.name, saml).await?;
    Ok((StatusCode::CREATED, tagged(&origin, connection)))
}

/// One connection.
#[utoipa::path(get, path = "/v1/tenant/sso-connections/{id}", tag = "tenants", params(("id" = String, Path)), responses(
    (status = 200, description = "The connection", body = SsoConnectionOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_sso_connection(
    caller: Caller,
    origin: Origin,
    Path(id): Path<SsoConnectionId>,
) -> Result<Tagged<SsoConnectionOut>, ApiError> {
    let store = caller.authorize(Permission::SsoRead)?;
    Ok(tagged(&origin, store.sso_connection(id).await?))
}

/// Changes the given fields, in force at once.
#[utoipa::path(patch, path = "/v1/tenant/sso-connections/{id}", tag = "tenants", request_body = SsoConnectionPatchIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The connection as it is now", body = SsoConnectionOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn update_sso_connection(
    caller: Caller,
    origin: Origin,
    app: axum::extract::State<App>,
    seen: IfMatch,
    Path(id): Path<SsoConnectionId>,
    Body(patch): Body<SsoConnectionPatchIn>,
) -> Result<Tagged<SsoConnectionOut>, ApiError> {
    let store = writable(&caller)?;
    let current = seen.check(store.sso_connection(id).await?)?;
    let saml = patch.saml.map(|saml| saml.settings(&app)).transpose()?;
    let patch = SsoConnectionPatch {
        name: patch.name,
        enabled: patch.enabled,
        saml,
    };
    Ok(tagged(
        &origin,
        store.update_sso_connection(current, patch).await?,
    ))
}

/// Removes the connection. Sessions that began by it go on until they end.
#[utoipa::path(delete, path = "/v1/tenant/sso-connections/{id}", tag = "tenants",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_sso_connection(
    caller: Caller,
    seen: IfMatch,
    Path(id): Path<SsoConnectionId>,
) -> Result<StatusCode, ApiError> {
    let store = writable(&caller)?;
    let current = seen.check(store.sso_connection(id).await?)?;
    store.delete_sso_connection(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A connection can vouch for an owner: who makes one must be allowed to make owners.
fn writable(caller: &Caller) -> Result<TenantStore, ApiError> {
    caller.authorize(Permission::OwnersWrite)?;
    caller.authorize(Permission::SsoWrite)
}

fn tagged(origin: &Origin, connection: Versioned<SsoConnection>) -> Tagged<SsoConnectionOut> {
    Tagged(Versioned {
        version: connection.version,
        value: out(origin, connection.value),
    })
}

fn out(origin: &Origin, connection: SsoConnection) -> SsoConnectionOut {
    let sp = ServiceProvider::of(&origin.0, connection.id);
    let certificate = |pem: String| {
        let fingerprint = sso::certificate_fingerprint(&pem);
        CertificateOut {
            fingerprint_sha256: fingerprint.unwrap_or_default(),
            pem,
        }
    };
    SsoConnectionOut {
        id: connection.id,
        name: connection.name,
        enabled: connection.enabled,
        saml: SamlOut {
            idp_entity_id: connection.saml.idp_entity_id,
            sso_url: connection.saml.sso_url,
            certificates: connection
                .saml
                .certificates
                .into_iter()
                .map(certificate)
                .collect(),
            email_attribute: connection.saml.email_attribute,
            metadata_url: sp.entity_id.clone(),
            sp_entity_id: sp.entity_id,
            acs_url: sp.acs_url,
        },
        created_at: connection.created_at,
        updated_at: connection.updated_at,
    }
}
