//! Register, sign in, refresh, sign out.

use serde_json::json;

use crate::harness::{PASSWORD, Stack, text};

#[tokio::test]
async fn a_registered_owner_is_signed_in_and_sees_their_tenant() {
    let stack = Stack::start().await;
    let registered = stack.register("acme", "ada@acme.example").await.status(201);
    let owner = stack.client(registered["access_token"].as_str());
    let tenant = owner.get("/v1/tenant").await.status(200);
    assert_eq!(
        (&tenant["name"], &registered["user"]["role"]),
        (&json!("acme"), &json!("owner"))
    );
    assert_eq!(
        (&registered["token_type"], &registered["expires_in"]),
        (&json!("Bearer"), &json!(600))
    );
}

#[tokio::test]
async fn an_email_address_registers_once_whatever_its_case() {
    let stack = Stack::start().await;
    stack.register("acme", "ada@acme.example").await.status(201);
    stack
        .register("other", "ADA@Acme.example")
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn every_invalid_value_of_a_registration_is_named_at_once() {
    let stack = Stack::start().await;
    let body = json!({ "tenant_name": " ", "name": "a\u{0}", "email": "ada", "password": "short" });
    let problem = stack
        .anonymous()
        .post("/v1/auth/register", body)
        .await
        .problem(422, "invalid-request");
    let mut pointers: Vec<String> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| text(&error["pointer"]))
        .collect();
    pointers.sort();
    assert_eq!(pointers, ["/email", "/name", "/password", "/tenant_name"]);
}

#[tokio::test]
async fn an_unknown_field_is_refused() {
    let stack = Stack::start().await;
    let body = json!({ "email": "a@b.example", "password": PASSWORD, "role": "owner" });
    let problem = stack
        .anonymous()
        .post("/v1/auth/login", body)
        .await
        .problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/role");
    assert!(text(&problem["errors"][0]["detail"]).contains("is not known here"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let stack = Stack::start().await;
    stack.register("acme", "ada@acme.example").await.status(201);
    let mut answers = Vec::new();
    for email in ["ada@acme.example", "nobody@acme.example"] {
        let body = json!({ "email": email, "password": "not the password" });
        let mut problem = stack
            .anonymous()
            .post("/v1/auth/login", body)
            .await
            .problem(401, "unauthenticated");
        problem["request_id"] = json!(null);
        answers.push(problem);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_gives_a_working_successor() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    let refresh = async |token: &serde_json::Value| {
        stack
            .anonymous()
            .post("/v1/auth/refresh", json!({ "refresh_token": token }))
            .await
    };
    let second = refresh(&first["refresh_token"]).await.status(200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    stack
        .client(second["access_token"].as_str())
        .get("/v1/me")
        .await
        .status(200);
    let third = refresh(&second["refresh_token"]).await.status(200);
    assert_ne!(third["refresh_token"], second["refresh_token"]);
}

#[tokio::test]
async fn a_lost_reply_is_answered_with_the_same_successor_within_the_grace() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    let body = json!({ "refresh_token": first["refresh_token"] });
    let once = stack
        .anonymous()
        .post("/v1/auth/refresh", body.clone())
        .await
        .status(200);
    let again = stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .status(200);
    assert_eq!(once["refresh_token"], again["refresh_token"]);
}

#[tokio::test]
async fn a_used_refresh_token_after_the_grace_ends_the_session_and_is_audited() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    let body = json!({ "refresh_token": first["refresh_token"] });
    let second = stack
        .anonymous()
        .post("/v1/auth/refresh", body.clone())
        .await
        .status(200);
    stack.advance_s(11);
    stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .problem(401, "unauthenticated");
    let next = json!({ "refresh_token": second["refresh_token"] });
    stack
        .anonymous()
        .post("/v1/auth/refresh", next)
        .await
        .problem(401, "unauthenticated");
    // The session's access tokens go with it.
    stack
        .client(first["access_token"].as_str())
        .get("/v1/audit")
        .await
        .problem(401, "unauthenticated");
    let again = stack.login("ada@acme.example").await.status(200);
    let owner = stack.client(again["access_token"].as_str());
    let entries = owner
        .get("/v1/audit?action=session.refresh_token_reused")
        .await
        .status(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_invented_refresh_token_changes_nothing() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    let mut invented = text(&first["refresh_token"]);
    let last = if invented.pop() == Some('A') {
        'Q'
    } else {
        'A'
    };
    invented.push(last);
    for token in [invented.as_str(), "", "prt_", "x"] {
        let body = json!({ "refresh_token": token });
        stack
            .anonymous()
            .post("/v1/auth/refresh", body)
            .await
            .problem(401, "unauthenticated");
    }
    let body = json!({ "refresh_token": first["refresh_token"] });
    stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .status(200);
}

#[tokio::test]
async fn a_refresh_token_dies_after_thirty_idle_days() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    stack.advance_s(30 * 86_400 + 1);
    let body = json!({ "refresh_token": first["refresh_token"] });
    stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn logging_out_ends_the_session_and_its_access_token() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    let owner = stack.client(first["access_token"].as_str());
    owner.post("/v1/auth/logout", json!({})).await.status(204);
    owner
        .post("/v1/auth/logout", json!({}))
        .await
        .problem(401, "unauthenticated");
    let body = json!({ "refresh_token": first["refresh_token"] });
    stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .problem(401, "unauthenticated");
    let again = stack.login("ada@acme.example").await.status(200);
    let owner = stack.client(again["access_token"].as_str());
    let entries = owner
        .get("/v1/audit?action=session.signed_out")
        .await
        .status(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_access_token_expires_after_ten_minutes() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.advance_s(590);
    owner.get("/v1/me").await.status(200);
    stack.advance_s(20);
    let answer = owner.get("/v1/me").await;
    answer.problem(401, "unauthenticated");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn a_missing_or_malformed_credential_is_unauthenticated() {
    let stack = Stack::start().await;
    stack
        .anonymous()
        .get("/v1/tenant")
        .await
        .problem(401, "unauthenticated");
    for token in ["x", "a.b.c", &"y".repeat(5_000)] {
        stack
            .client(Some(token))
            .get("/v1/tenant")
            .await
            .problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_token_of_another_deployment_is_unauthenticated() {
    let (stack, other) = (Stack::start().await, Stack::start().await);
    let registered = other.register("acme", "ada@acme.example").await.status(201);
    stack.tenant("acme").await;
    let forged = stack.client(registered["access_token"].as_str());
    forged
        .get("/v1/tenant")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_public_key_set_has_the_key_that_tokens_name() {
    let stack = Stack::start().await;
    let registered = stack.register("acme", "ada@acme.example").await.status(201);
    let keys = stack
        .anonymous()
        .get("/.well-known/jwks.json")
        .await
        .status(200);
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"))
    );
    assert!(key.get("d").is_none());
    let token = text(&registered["access_token"]);
    let header = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        token.split('.').next().unwrap(),
    );
    let header: serde_json::Value = serde_json::from_slice(&header.unwrap()).unwrap();
    assert_eq!(
        (&header["kid"], &header["typ"]),
        (&key["kid"], &json!("at+jwt"))
    );
}

#[tokio::test]
async fn health_answers_and_ready_names_its_dependencies() {
    let stack = Stack::start().await;
    assert_eq!(
        stack.anonymous().get("/health").await.status(200)["status"],
        "ok"
    );
    let ready = stack.anonymous().get("/ready").await.status(200);
    assert_eq!(ready["dependencies"][0]["name"], "dynamodb");
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused_with_a_reason() {
    let stack = Stack::start().await;
    let url = format!("{}/v1/auth/login", stack.platform.url());
    stack
        .post_raw(&url, &[], b"{")
        .await
        .problem(400, "malformed-request");
    stack
        .post_raw(&url, &[], b"")
        .await
        .problem(400, "malformed-request");
    stack
        .post_raw(&url, &[], b"{} {}")
        .await
        .problem(422, "invalid-request");
    stack
        .post_raw(&url, &[], &vec![b' '; 70_000])
        .await
        .problem(413, "too-large");
    let text = reqwest::Client::new()
        .post(&url)
        .header("content-type", "text/plain")
        .body("{}")
        .send()
        .await;
    assert_eq!(text.unwrap().status(), 415);
}
