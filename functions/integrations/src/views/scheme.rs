//! Wire types of the schemes: everything that a person needs to set an endpoint up, and no secret.

use serde::Serialize;
use shared::webhook::{
    presets,
    scheme::{Scheme, Shape, Text, Wire, describe},
};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct SchemesOut {
    pub(crate) data: Vec<SchemeOut>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SchemeOut {
    name: String,
    title: String,
    /// `mac`, `public_key`, `canonical`, `token`, `certificate`, `credential` or `unsigned`.
    #[schema(value_type = String, example = "mac")]
    shape: Shape,
    /// The header families that are accepted, the preferred one first. They never mix.
    families: Vec<FamilyOut>,
    /// What the secret looks like and where the vendor shows it.
    secret: String,
    /// The form that a secret must have.
    secret_format: &'static str,
    rotation: String,
    /// What is answered before events flow; `null` where nothing is.
    handshake: Option<&'static str>,
    /// Days for which a vendor's event is recognised as a duplicate; 0 where equal bodies are not.
    dedupe_days: u16,
    /// What the vendor does when its event is not taken; `null` where it has published nothing.
    retries: Option<&'static str>,
    /// Whether the verifier was held against values that the vendor has published.
    verified_against_published_values: bool,
    /// What the vendor does not sign, and what follows from that.
    caveats: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FamilyOut {
    /// Headers that carry the proof.
    #[schema(example = json!(["Stripe-Signature"]))]
    signature_headers: Vec<String>,
    /// Headers that must be there besides.
    required_headers: Vec<String>,
    #[schema(example = "HMAC-SHA256")]
    algorithm: &'static str,
    /// How the proof is written.
    form: String,
    /// What the proof covers; `null` where it covers nothing.
    #[schema(example = "{timestamp}.{body}")]
    signed_content: Option<String>,
    /// The vendor's host from which keys are fetched; `null` where the endpoint has all it needs.
    #[schema(example = json!(null))]
    keys_from: Option<&'static str>,
    /// Whether the proof covers the body. Where it does not, the caveats say what follows.
    covers_body: bool,
    /// How far the signed time may lie from ours; `null` where the vendor signs none.
    tolerance: Option<ToleranceOut>,
    /// Where the vendor's event id is; `null` where there is none.
    #[schema(example = "body /id")]
    event_id: Option<String>,
    #[schema(example = "body /type")]
    event_type: Option<String>,
    /// Where one request carries several events, the pointers to them; each is stored as an event whose
    /// payload is the body with that item alone. `null` where a request is one event.
    #[schema(example = json!(["/events"]))]
    batch: Option<Vec<String>>,
    /// What decides what counts as a duplicate.
    #[schema(example = "body /id")]
    dedupe_by: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ToleranceOut {
    past_seconds: u32,
    future_seconds: u32,
}

impl From<&'static Scheme> for SchemeOut {
    fn from(scheme: &'static Scheme) -> Self {
        Self {
            name: scheme.name.clone().into_owned(),
            title: scheme.title.clone().into_owned(),
            shape: scheme.shape(),
            families: scheme.wires().map(FamilyOut::from).collect(),
            secret: scheme.docs.secret.clone().into_owned(),
            secret_format: scheme.key_format.expected(),
            rotation: scheme.docs.rotation.clone().into_owned(),
            handshake: scheme.challenge.description(),
            dedupe_days: scheme.dedupe_days,
            retries: presets::retries(scheme),
            verified_against_published_values: presets::matches_published_values(scheme),
            caveats: scheme
                .docs
                .caveats
                .iter()
                .map(|text| text.clone().into_owned())
                .collect(),
        }
    }
}

impl From<&'static Wire> for FamilyOut {
    fn from(wire: &'static Wire) -> Self {
        let owned = |name: &Text| name.clone().into_owned();
        let fixed = wire.fixed_headers.iter().map(|header| owned(&header.name));
        Self {
            signature_headers: wire.proof.headers().iter().map(owned).collect(),
            required_headers: wire
                .required_headers
                .iter()
                .map(owned)
                .chain(fixed)
                .collect(),
            algorithm: wire.proof.title(),
            form: describe::form(&wire.proof),
            signed_content: describe::content(&wire.proof),
            keys_from: describe::keys_from(&wire.proof),
            covers_body: wire.proof.covers_body() && describe::content(&wire.proof).is_some(),
            tolerance: wire.proof.window().map(|window| ToleranceOut {
                past_seconds: window.past_s,
                future_seconds: window.future_s,
            }),
            event_id: describe::field(&wire.event_id),
            event_type: describe::field(&wire.event_type),
            batch: wire
                .batch
                .as_ref()
                .map(|batch| batch.items.iter().map(owned).collect()),
            dedupe_by: wire
                .dedupe_field()
                .and_then(describe::field)
                .unwrap_or_else(|| match &wire.batch {
                    Some(_) => "hash of the item".to_owned(),
                    None => "hash of the body".to_owned(),
                }),
        }
    }
}
