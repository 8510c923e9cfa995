//! STS, as far as functions use it: `AssumeRole` by the trust policies of the template, and the sessions that come
//! of it. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use crate::access::{self, Access, Assumption};
use crate::clock::Clock;
use crate::fault::{Answer, Faults};
use crate::front::{Calls, access_key_id};
use crate::template::ACCOUNT;

const OPERATION: &str = "AssumeRole";
/// The longest session of a role that another role takes on, and the shortest of any.
const DURATION_S: std::ops::RangeInclusive<i64> = 900..=3_600;
const DEFAULT_DURATION_S: i64 = 3_600;

/// What a role that was taken on may be recognised by.
#[derive(Clone, Debug)]
pub struct Session {
    /// The role's ARN.
    pub role: String,
    pub name: String,
    /// The function that has taken it on.
    pub binary: String,
    pub tags: BTreeMap<String, String>,
    token: String,
    ends_at: Timestamp,
}

/// The sessions of one platform, by access key id. Clones share them.
#[derive(Clone, Debug)]
pub struct Sessions {
    clock: Clock,
    begun: Arc<Mutex<BTreeMap<String, Session>>>,
}

#[derive(Clone, Debug)]
pub struct Sts {
    access: Arc<Access>,
    sessions: Sessions,
    faults: Faults,
    calls: Calls,
}

/// An error's status, code and message.
type Refusal = (u16, &'static str, String);

impl Session {
    /// As it stands in messages and logs.
    pub fn arn(&self) -> String {
        let name = self.role.rsplit('/').next().unwrap_or_default();
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{}", self.name)
    }
}

impl Sessions {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            begun: Arc::default(),
        }
    }

    /// The session of an access key, if the token goes with it.
    ///
    /// # Errors
    /// The code and message of the service that is called.
    pub fn find(&self, key_id: &str, token: &str) -> Result<Session, (&'static str, &'static str)> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let session = begun.get(key_id).filter(|session| session.token == token);
        let session = session.ok_or((
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ))?;
        if session.ends_at <= self.clock.shared().now() {
            return Err((
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ));
        }
        Ok(session.clone())
    }

    fn begin(&self, key_id: String, session: Session) {
        let now = self.clock.shared().now();
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        // An hour's grace, in which one still hears that a session has expired.
        begun.retain(|_, session| now.as_second() < session.ends_at.as_second() + 3_600);
        begun.insert(key_id, session);
    }
}

impl Sts {
    pub fn new(access: Arc<Access>, sessions: Sessions, faults: Faults, calls: Calls) -> Self {
        Self {
            access,
            sessions,
            faults,
            calls,
        }
    }

    pub fn router(self) -> Router {
        Router::new().fallback(handle).with_state(self)
    }

    fn assume(&self, binary: &str, form: &BTreeMap<String, String>) -> Result<String, Refusal> {
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if text("Action") != OPERATION {
            let message = format!("the local STS knows {OPERATION} only");
            return Err((400, "InvalidAction", message));
        }
        let invalid = |what: &str| (400, "ValidationError", format!("{what} is not valid"));
        let tags = tags(form).ok_or_else(|| invalid("Tags"))?;
        let name = text("RoleSessionName");
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@-_".contains(letter);
        if !(2..=64).contains(&name.len()) || !name.chars().all(is_name) {
            return Err(invalid("RoleSessionName"));
        }
        let duration_s = match form.get("DurationSeconds") {
            Some(text) => text.parse().ok(),
            None => Some(DEFAULT_DURATION_S),
        };
        let duration_s = duration_s.filter(|duration| DURATION_S.contains(duration));
        let duration_s = duration_s.ok_or_else(|| invalid("DurationSeconds"))?;
        let wanted = Assumption {
            role: text("RoleArn"),
            session_name: name,
            tags: &tags,
        };
        let checked = self.access.check_assumption(binary, wanted);
        checked.map_err(|message| (403, "AccessDenied", message))?;
        let now = self.sessions.clock.shared().now();
        let session = Session {
            role: wanted.role.to_owned(),
            name: name.to_owned(),
            binary: binary.to_owned(),
            tags,
            token: random(),
            ends_at: now + jiff::SignedDuration::from_secs(duration_s),
        };
        let key_id = format!("ASIA{}", random().to_ascii_uppercase());
        let answer = answer(&key_id, &session);
        self.sessions.begin(key_id, session);
        Ok(answer)
    }
}

async fn handle(State(sts): State<Sts>, headers: HeaderMap, body: Bytes) -> Response {
    let authorization = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let binary = authorization
        .and_then(access_key_id)
        .and_then(access::binary_of);
    let Some(binary) = binary else {
        let message = "only functions take roles on here".to_owned();
        return refuse((403, "AccessDenied", message));
    };
    sts.calls.count(binary, OPERATION);
    let fault = sts.faults.strike(Some(binary), OPERATION, &body);
    if let Some(Answer::CrashBefore | Answer::CrashAfter) = fault {
        sts.faults.crashes().crash(binary);
    }
    match fault {
        None => {}
        Some(Answer::Throttling) => {
            return refuse((400, "Throttling", "Rate exceeded".to_owned()));
        }
        Some(
            Answer::InternalError
            | Answer::LostAnswer
            | Answer::CrashBefore
            | Answer::CrashAfter
            | Answer::ConditionFailed
            | Answer::TransactionConflict,
        ) => {
            let message = "The request failed because of an internal error.".to_owned();
            return refuse((500, "InternalFailure", message));
        }
    }
    let form = form_urlencoded::parse(&body).into_owned().collect();
    match sts.assume(binary, &form) {
        Ok(answer) => xml(StatusCode::OK, answer),
        Err(refusal) => refuse(refusal),
    }
}

/// `Tags.member.1.Key`, `Tags.member.1.Value` and so on. What a tag may hold leaves no wildcard for a policy:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>.
fn tags(form: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    let is_fit = |text: &str| {
        let fits = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
        text.len() <= 128 && text.chars().all(fits)
    };
    let mut tags = BTreeMap::new();
    for at in 1..=50 {
        let Some(key) = form.get(&format!("Tags.member.{at}.Key")) else {
            break;
        };
        let value = form.get(&format!("Tags.member.{at}.Value"))?;
        if key.is_empty() || !is_fit(key) || !is_fit(value) {
            return None;
        }
        tags.insert(key.clone(), value.clone());
    }
    Some(tags)
}

fn answer(key_id: &str, session: &Session) -> String {
    let Session { token, ends_at, .. } = session;
    let (arn, secret, request) = (session.arn(), random(), random());
    let ends_at = ends_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <AssumedRoleUser><AssumedRoleId>{key_id}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{ends_at}</Expiration></Credentials></AssumeRoleResult>\
         <ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></AssumeRoleResponse>"
    )
}

fn refuse((status, code, message): Refusal) -> Response {
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    let request = random();
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"
    );
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    xml(status, body)
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "text/xml")], body).into_response()
}

fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
