//! Input, parsed at the edge: a handler gets valid values or is not called.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
};
use garde::Validate;
use http::{header, request::Parts};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::{
    app::App,
    http::{layers::BodyLimit, shape},
    problem::{ApiError, FieldError},
};

/// A JSON body that has the right shape and valid values; all invalid values are named at once.
pub struct Body<T>(pub T);

/// Path parameters. One that is not an id of the right kind names nothing: 404.
pub struct Path<T>(pub T);

/// Query parameters. Unknown or malformed ones are named: 422.
pub struct Query<T>(pub T);

impl<T> FromRequest<App> for Body<T>
where
    T: DeserializeOwned + Validate<Context = ()> + ToSchema,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if !says_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType {
                expected: "application/json",
            });
        }
        let limit = request.extensions().get::<BodyLimit>().copied();
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| refused_body(rejection, limit))?;
        parse(&bytes).map(Self)
    }
}

/// # Errors
/// `Malformed` when it is not JSON, `Invalid` when it is and does not fit.
fn parse<T>(bytes: &[u8]) -> Result<T, ApiError>
where
    T: DeserializeOwned + Validate<Context = ()> + ToSchema,
{
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() {
            let detail = without_position(&inner.to_string());
            let first = FieldError::new(pointer(error.path()), detail);
            ApiError::Invalid(misshapen::<T>(bytes, first))
        } else {
            ApiError::Malformed(format!("the body is not JSON: {inner}"))
        }
    })?;
    json.end()
        .map_err(|error| ApiError::Malformed(format!("the body is not one JSON value: {error}")))?;
    value.validate().map_err(|report| {
        let field = |(path, error): &(garde::Path, garde::Error)| {
            // `indexes[0].fields`
            let path = path.to_string().replace('[', ".").replace(']', "");
            FieldError::new(format!("/{}", path.replace('.', "/")), error.message())
        };
        ApiError::Invalid(report.iter().map(field).collect())
    })?;
    Ok(value)
}

/// All that is wrong with a body's shape, and the reader's own error where the shape does not explain it.
fn misshapen<T: ToSchema>(bytes: &[u8], first: FieldError) -> Vec<FieldError> {
    let body = serde_json::from_slice(bytes).unwrap_or_default();
    let mut errors = shape::errors::<T>(&body);
    let explains = |error: &FieldError| error.pointer.starts_with(&first.pointer);
    if !errors.iter().any(explains) {
        errors.insert(0, first);
    }
    errors
}

/// A JSON pointer (RFC 6901) from serde's path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

/// serde_json ends its messages with the position in the text; the pointer says it better.
fn without_position(message: &str) -> String {
    message
        .split(" at line ")
        .next()
        .unwrap_or(message)
        .to_owned()
}

fn says_json(headers: &http::HeaderMap) -> bool {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    text.split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn refused_body(rejection: BytesRejection, limit: Option<BodyLimit>) -> ApiError {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            ApiError::TooLarge {
                limit_bytes: limit.map_or(0, |limit| limit.0),
            }
        }
        other => ApiError::Malformed(other.body_text()),
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, app).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(ApiError::NotFound),
        }
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs)
            .map(Self)
            .map_err(|error| {
                let name = pointer(error.path());
                ApiError::invalid(name.trim_start_matches('/'), error.inner())
            })
    }
}
