//! An authorization server (RFC 6749) as strict as the strictest vendors: PKCE is required (RFC 7636), codes
//! work once, refresh tokens rotate, and one that was used before kills its grant (RFC 9700 section 4.14.2).
//! A refresh token whose successor nobody has used yet still works: the answer may have been lost.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

use crate::vendors::fields::{parameter, text};
use crate::vendors::{CLIENT_ID, CLIENT_SECRET};

const CODE_LIFETIME_MS: i64 = 60_000;

pub(super) struct OAuth {
    pub(super) access_lifetime_s: u32,
    codes: HashMap<String, Code>,
    grants: Vec<Grant>,
}

struct Code {
    challenge: String,
    redirect_uri: String,
    made_ms: i64,
}

/// What one consent has led to.
#[derive(Default)]
struct Grant {
    /// Newest last; none for client credentials.
    refresh: Vec<String>,
    /// Until when each is good, and with which refresh token it came.
    access: HashMap<String, (i64, u64)>,
    rotations: u64,
    /// Whether an access token that came with the newest refresh token was used.
    is_settled: bool,
    is_revoked: bool,
}

/// Of RFC 6749 section 5.2: status and `error`.
type Refused = (u16, &'static str);

impl Default for OAuth {
    fn default() -> Self {
        Self {
            access_lifetime_s: 600,
            codes: HashMap::new(),
            grants: Vec::new(),
        }
    }
}

impl OAuth {
    /// Where the browser is sent back to, with a code: this vendor's users always consent.
    pub(super) fn authorize(&mut self, uri: &Uri, now_ms: i64) -> Result<String, &'static str> {
        let get = |name: &str| parameter(uri.query(), name);
        let redirect_uri = get("redirect_uri").ok_or("redirect_uri is missing")?;
        if get("client_id").as_deref() != Some(CLIENT_ID) {
            return Err("unknown client_id");
        }
        if get("response_type").as_deref() != Some("code") {
            return Err("response_type must be code");
        }
        if get("code_challenge_method").as_deref() != Some("S256") {
            return Err("code_challenge_method must be S256");
        }
        let challenge = get("code_challenge").ok_or("code_challenge is missing")?;
        let state = get("state").ok_or("state is missing")?;
        let code = token("code");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &state)
            .finish();
        let back = format!("{redirect_uri}?{query}");
        self.codes.insert(
            code,
            Code {
                challenge,
                redirect_uri,
                made_ms: now_ms,
            },
        );
        Ok(back)
    }

    /// The token endpoint.
    pub(super) fn token(
        &mut self,
        headers: &HeaderMap,
        form: &Map<String, Value>,
        now_ms: i64,
    ) -> Result<Value, Refused> {
        if !is_client(headers, form) {
            return Err((401, "invalid_client"));
        }
        let get = |name| text(form, name).ok_or((400, "invalid_request"));
        match get("grant_type")? {
            "authorization_code" => {
                let (code, verifier) = (get("code")?, get("code_verifier")?);
                let code = self.codes.remove(code).ok_or((400, "invalid_grant"))?;
                let is_good = code.redirect_uri == get("redirect_uri")?
                    && code.challenge == challenge(verifier)
                    && now_ms - code.made_ms <= CODE_LIFETIME_MS;
                if !is_good {
                    return Err((400, "invalid_grant"));
                }
                self.grants.push(Grant {
                    refresh: vec![token("rt")],
                    ..Grant::default()
                });
                let at = self.grants.len() - 1;
                Ok(self.issue(at, now_ms))
            }
            "refresh_token" => {
                let at = self.refresh(get("refresh_token")?)?;
                Ok(self.issue(at, now_ms))
            }
            "client_credentials" => {
                self.grants.push(Grant::default());
                let at = self.grants.len() - 1;
                Ok(self.issue(at, now_ms))
            }
            _ => Err((400, "unsupported_grant_type")),
        }
    }

    /// Whether an access token is good now.
    pub(super) fn check(&mut self, access: Option<&str>, now_ms: i64) -> bool {
        let Some(access) = access else { return false };
        let holds = |grant: &&mut Grant| {
            let known = grant.access.get(access);
            !grant.is_revoked && known.is_some_and(|(until, _)| now_ms < *until)
        };
        let found = self.grants.iter_mut().find(holds);
        if let Some(grant) = found {
            // Only a token that came with the newest refresh token shows that it arrived.
            let came_with = grant.access.get(access).map(|(_, rotation)| *rotation);
            grant.is_settled |= came_with == Some(grant.rotations);
            return true;
        }
        false
    }

    pub(super) fn revoke_all(&mut self) {
        for grant in &mut self.grants {
            grant.is_revoked = true;
        }
    }

    /// What a test may know of each grant.
    pub(super) fn grants(&self) -> Value {
        let shown = |grant: &Grant| json!({ "refreshes": grant.refresh.len(), "is_revoked": grant.is_revoked });
        self.grants.iter().map(shown).collect()
    }

    /// Rotates; which grant it is.
    fn refresh(&mut self, refresh: &str) -> Result<usize, Refused> {
        let holds = |grant: &Grant| grant.refresh.iter().any(|one| one == refresh);
        let at = self.grants.iter().position(holds);
        let at = at.ok_or((400, "invalid_grant"))?;
        let grant = self.grants.get_mut(at).ok_or((400, "invalid_grant"))?;
        let newest = grant.refresh.last().map(String::as_str);
        let before = grant.refresh.iter().rev().nth(1).map(String::as_str);
        let is_lost = before == Some(refresh) && !grant.is_settled;
        if newest != Some(refresh) && !is_lost {
            grant.is_revoked = true;
        }
        if grant.is_revoked {
            return Err((400, "invalid_grant"));
        }
        if is_lost {
            // The successor that nobody has seen goes.
            grant.refresh.pop();
        }
        grant.refresh.push(token("rt"));
        grant.rotations += 1;
        grant.is_settled = false;
        Ok(at)
    }

    fn issue(&mut self, at: usize, now_ms: i64) -> Value {
        let access = token("at");
        let lifetime_s = self.access_lifetime_s;
        let mut refresh = Value::Null;
        if let Some(grant) = self.grants.get_mut(at) {
            let until = now_ms + i64::from(lifetime_s) * 1_000;
            grant
                .access
                .insert(access.clone(), (until, grant.rotations));
            refresh = json!(grant.refresh.last());
        }
        json!({
            "access_token": access, "token_type": "Bearer", "expires_in": lifetime_s,
            "refresh_token": refresh,
        })
    }
}

/// RFC 6749 section 2.3.1: HTTP Basic, or in the body.
fn is_client(headers: &HeaderMap, form: &Map<String, Value>) -> bool {
    let basic = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|text| STANDARD.decode(text).ok());
    match basic {
        Some(pair) => pair == format!("{CLIENT_ID}:{CLIENT_SECRET}").into_bytes(),
        None => {
            text(form, "client_id") == Some(CLIENT_ID)
                && text(form, "client_secret") == Some(CLIENT_SECRET)
        }
    }
}

/// RFC 7636 section 4.6.
fn challenge(verifier: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref())
}

fn token(kind: &str) -> String {
    format!("{kind}_{}", uuid::Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests;
