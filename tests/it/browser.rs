//! Sessions by cookie, requests of other sites, and origins.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, Stack, text};

const APP: &str = "https://app.acme.example";

async fn start() -> Stack {
    Stack::start_with(|options| {
        let listed = format!("{APP}, https://admin.acme.example");
        options.parameters.insert("AppOrigins".to_owned(), listed);
    })
    .await
}

/// The cookie's pair and the session's token.
struct Browser {
    cookie: String,
    csrf: String,
}

impl Browser {
    async fn sign_in(stack: &Stack) -> Self {
        let answer = open(stack, &[("origin", APP)]).await;
        let csrf = text(&answer.status(200)["csrf_token"]);
        let set = answer.header("set-cookie");
        for part in [
            "__Host-session=",
            "Path=/",
            "Secure",
            "HttpOnly",
            "SameSite=Strict",
        ] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.contains("Domain"));
        let cookie = set.split(';').next().unwrap().to_owned();
        Self { cookie, csrf }
    }

    async fn send(
        &self,
        stack: &Stack,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = (method == Method::PATCH).then(|| json!({ "name": "Renamed" }));
        let mut all = vec![("cookie", self.cookie.as_str())];
        all.extend(headers);
        stack.anonymous().request(method, path, body, &all).await
    }

    async fn get(&self, stack: &Stack, path: &str) -> Answer {
        self.send(stack, Method::GET, path, &[]).await
    }

    async fn is_out(&self, stack: &Stack) {
        let answer = self.get(stack, "/v1/tenant").await;
        answer.problem(401, "unauthenticated");
    }

    async fn patch(&self, stack: &Stack, headers: &[(&str, &str)]) -> Answer {
        self.send(stack, Method::PATCH, "/v1/me", headers).await
    }
}

async fn open(stack: &Stack, headers: &[(&str, &str)]) -> Answer {
    let body = json!({ "email": "owner@acme.example", "password": PASSWORD });
    let path = "/v1/auth/session";
    stack
        .anonymous()
        .request(Method::POST, path, Some(body), headers)
        .await
}

#[tokio::test]
async fn a_cookie_signs_in_and_a_change_needs_its_token() {
    let stack = start().await;
    stack.tenant("acme").await;
    let browser = Browser::sign_in(&stack).await;
    browser.get(&stack, "/v1/tenant").await.status(200);
    browser.patch(&stack, &[]).await.problem(403, "not-allowed");
    let other = Browser::sign_in(&stack).await;
    browser
        .patch(&stack, &[("x-csrf-token", other.csrf.as_str())])
        .await
        .problem(403, "not-allowed");
    let own = ("x-csrf-token", browser.csrf.as_str());
    browser.patch(&stack, &[own]).await.status(200);
    let again = browser.get(&stack, "/v1/auth/session").await.status(200);
    assert_eq!(again["csrf_token"], browser.csrf);
}

#[tokio::test]
async fn a_page_of_another_site_can_neither_sign_in_nor_change_anything() {
    let stack = start().await;
    stack.tenant("acme").await;
    let browser = Browser::sign_in(&stack).await;
    for origin in [
        "https://evil.example",
        "https://app.acme.example.evil.example",
        "https://app.acme.example:8443",
        "http://app.acme.example",
        "https://APP.acme.example",
        "null",
        "",
    ] {
        let with = [("origin", origin), ("x-csrf-token", browser.csrf.as_str())];
        browser
            .patch(&stack, &with)
            .await
            .problem(403, "not-allowed");
        open(&stack, &[("origin", origin)])
            .await
            .problem(403, "not-allowed");
    }
    let with = [("origin", APP), ("x-csrf-token", browser.csrf.as_str())];
    browser.patch(&stack, &with).await.status(200);
}

#[tokio::test]
async fn answers_are_for_listed_origins_by_their_exact_name() {
    let stack = start().await;
    let owner = stack.tenant("acme").await;
    for (origin, allowed) in [
        (APP, true),
        ("https://admin.acme.example", true),
        ("https://evil.example", false),
        ("https://app.acme.example/", false),
        ("null", false),
    ] {
        let headers = [("origin", origin)];
        let answer = owner
            .request(Method::GET, "/v1/tenant", None, &headers)
            .await;
        answer.status(200);
        let expected = if allowed { origin } else { "" };
        assert_eq!(answer.header("access-control-allow-origin"), expected);
        assert_eq!(
            answer.header("access-control-allow-credentials") == "true",
            allowed
        );
        assert!(answer.header("vary").contains("origin"));
        let asks = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "x-csrf-token"),
        ];
        let preflight = stack
            .anonymous()
            .request(Method::OPTIONS, "/v1/tenant", None, &asks)
            .await;
        assert_eq!(preflight.header("access-control-allow-origin"), expected);
        let methods = preflight.header("access-control-allow-methods");
        assert_eq!(methods.contains("PATCH"), allowed);
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_for_a_day_and_after_thirty_days() {
    let stack = start().await;
    stack.tenant("acme").await;
    let browser = Browser::sign_in(&stack).await;
    for _ in 0..3 {
        stack.advance_s(86_000);
        browser.get(&stack, "/v1/tenant").await.status(200);
    }
    stack.advance_s(86_401);
    browser.is_out(&stack).await;
    let browser = Browser::sign_in(&stack).await;
    for _ in 0..32 {
        browser.get(&stack, "/v1/tenant").await.status(200);
        stack.advance_s(80_000);
    }
    browser.get(&stack, "/v1/tenant").await.status(200);
    stack.advance_s(32_001);
    browser.is_out(&stack).await;
}

#[tokio::test]
async fn signing_out_ends_the_session_and_takes_the_cookie_away() {
    let stack = start().await;
    stack.tenant("acme").await;
    let browser = Browser::sign_in(&stack).await;
    let own = ("x-csrf-token", browser.csrf.as_str());
    let out = browser
        .send(&stack, Method::DELETE, "/v1/auth/session", &[own])
        .await;
    out.status(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    browser
        .get(&stack, "/v1/auth/session")
        .await
        .problem(401, "unauthenticated");
    stack.advance_s(5);
    browser.is_out(&stack).await;
}

#[tokio::test]
async fn a_cookie_session_is_listed_and_revoked_as_any_other() {
    let stack = start().await;
    let owner = stack.tenant("acme").await;
    let browser = Browser::sign_in(&stack).await;
    browser.get(&stack, "/v1/tenant").await.status(200);
    let list = owner.get("/v1/auth/sessions").await.status(200);
    let rows = list["data"].as_array().unwrap();
    let other = rows.iter().find(|one| one["is_current"] == false).unwrap();
    let path = format!("/v1/auth/sessions/{}", text(&other["id"]));
    owner.delete(&path).await.status(204);
    stack.advance_s(5);
    browser.is_out(&stack).await;
}

#[tokio::test]
async fn a_cookie_is_no_refresh_token_and_a_refresh_token_no_cookie() {
    let stack = start().await;
    stack.tenant("acme").await;
    let browser = Browser::sign_in(&stack).await;
    let value = browser.cookie.split_once('=').unwrap().1;
    let body = json!({ "refresh_token": value });
    stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .problem(401, "unauthenticated");
    let signed_in: Value = stack.login("owner@acme.example").await.status(200);
    let cookie = format!("__Host-session={}", text(&signed_in["refresh_token"]));
    let client = stack.anonymous();
    for cookie in [
        cookie.as_str(),
        "__Host-session=",
        "__Host-session=x",
        &format!("{0}; {0}", browser.cookie),
        &browser.cookie.replace("__Host-session", "session"),
    ] {
        client
            .request(Method::GET, "/v1/tenant", None, &[("cookie", cookie)])
            .await
            .problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_read_by_cookie_is_one_call_once_its_row_is_held() {
    let stack = start().await;
    stack.tenant("acme").await;
    let browser = Browser::sign_in(&stack).await;
    browser.get(&stack, "/v1/tenant").await.status(200);
    let calls = stack
        .calls("tenants", browser.get(&stack, "/v1/tenant"))
        .await;
    assert_eq!(calls, [("DynamoDB.GetItem".to_owned(), 1)].into());
}
