//! Single sign-on by SAML 2.0, end to end, and what is forged, stale or misaddressed.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::{
    harness::{Stack, text},
    idp::{Idp, Say, answer, begin, exchange, get, header, last_reason, parameter, refused},
};

#[tokio::test]
async fn a_member_signs_in_at_their_own_identity_provider() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "user", "max@acme.example").await;
    let idp = Idp::new();
    let connection = idp.connect(&owner).await;
    let begun = begin(&stack, &connection, &[]).await;
    let response = idp.response(&stack, &connection, &begun, &Say::default());
    let given = answer(&connection, &begun.state, &begun.cookie, &response).await;
    assert_eq!(given.status(), 303);
    let location = header(&given, "location");
    assert!(location.starts_with(&format!("{}/app?x=1&", stack.platform.url())));
    assert_eq!(parameter(&location, "state").as_deref(), Some("of-the-app"));
    let code = parameter(&location, "code").unwrap();
    let signed_in = exchange(&stack, &code, None).await.status(200);
    assert_eq!(signed_in["user"]["email"], "max@acme.example");
    let member = stack.client(signed_in["access_token"].as_str());
    assert_eq!(member.get("/v1/me").await.status(200)["role"], "user");
    // The code, the state and the assertion were good once.
    exchange(&stack, &code, None)
        .await
        .problem(401, "unauthenticated");
    let again = answer(&connection, &begun.state, &begun.cookie, &response).await;
    assert_eq!(again.status(), 401);
    // The identity provider's session is over after eight hours, whatever ours would allow.
    let refresh = json!({ "refresh_token": signed_in["refresh_token"] });
    let next = stack
        .anonymous()
        .post("/v1/auth/refresh", refresh)
        .await
        .status(200);
    stack.advance_s(8 * 3_600 + 1);
    let refresh = json!({ "refresh_token": next["refresh_token"] });
    stack
        .anonymous()
        .post("/v1/auth/refresh", refresh)
        .await
        .status(401);
}

#[tokio::test]
async fn a_subject_stays_the_member_it_was_linked_to() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "user", "max@acme.example").await;
    let idp = Idp::new();
    let mut settings = idp.settings();
    settings["email_attribute"] = json!("mail");
    let new = json!({ "name": "Directory", "saml": settings });
    let connection = owner
        .post("/v1/tenant/sso-connections", new)
        .await
        .status(201);
    // Without the attribute there is no address, and no subject is known yet.
    let reason = refused(&stack, &owner, &idp, &connection, Say::default()).await;
    assert_eq!(reason, "the assertion has no e-mail address");
    let path = format!("/v1/tenant/sso-connections/{}", text(&connection["id"]));
    owner
        .patch(&path, json!({ "saml": idp.settings() }))
        .await
        .status(200);
    let begun = begin(&stack, &connection, &[]).await;
    let say = Say {
        assertion_id: "_b",
        ..Say::default()
    };
    let response = idp.response(&stack, &connection, &begun, &say);
    assert_eq!(
        answer(&connection, &begun.state, &begun.cookie, &response)
            .await
            .status(),
        303
    );
    let linked = owner
        .get("/v1/audit?action=sso_connection.subject_linked")
        .await
        .status(200);
    assert_eq!(
        linked["data"][0]["changes"]["subject"]["to"],
        "max@acme.example"
    );
}

#[tokio::test]
async fn what_is_forged_stale_or_misaddressed_is_refused_and_the_owner_learns_why() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "user", "max@acme.example").await;
    let (idp, other) = (Idp::new(), Idp::new());
    let connection = idp.connect(&owner).await;
    for (signer, say, reason) in [
        (
            &other,
            Say::default(),
            "the signature is by none of the connection's certificates",
        ),
        (
            &idp,
            Say {
                audience: Some("https://other.example"),
                ..Say::default()
            },
            "the assertion is for another audience",
        ),
        (
            &idp,
            Say {
                in_response_to: Some("_other"),
                ..Say::default()
            },
            "the response answers another request, or none",
        ),
        (
            &idp,
            Say {
                name_id: "nobody@acme.example",
                ..Say::default()
            },
            "no member of the tenant has the assertion's e-mail address",
        ),
        (
            &idp,
            Say {
                session_hours: -1,
                assertion_id: "_s",
                ..Say::default()
            },
            "the assertion is not usable yet or any more",
        ),
    ] {
        assert_eq!(
            refused(&stack, &owner, signer, &connection, say).await,
            reason
        );
    }
    // The assertion of the unknown person was used: its id is not good again, in any sign-in.
    let reason = refused(&stack, &owner, &idp, &connection, Say::default()).await;
    assert_eq!(reason, "the assertion was used before");
}

#[tokio::test]
async fn only_the_browser_that_began_can_end_and_only_at_its_connection() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "user", "max@acme.example").await;
    let idp = Idp::new();
    let (connection, second) = (idp.connect(&owner).await, idp.connect(&owner).await);
    let stranger = format!("__Host-sso={}", "A".repeat(43));
    for cookie in ["", stranger.as_str()] {
        let begun = begin(&stack, &connection, &[]).await;
        let response = idp.response(&stack, &connection, &begun, &Say::default());
        assert_eq!(
            answer(&connection, &begun.state, cookie, &response)
                .await
                .status(),
            401
        );
        assert_eq!(
            last_reason(&owner).await,
            "another browser or connection began this sign-in"
        );
        // The try has used the sign-in up.
        assert_eq!(
            answer(&connection, &begun.state, &begun.cookie, &response)
                .await
                .status(),
            401
        );
    }
    let begun = begin(&stack, &connection, &[]).await;
    let response = idp.response(&stack, &second, &begun, &Say::default());
    assert_eq!(
        answer(&second, &begun.state, &begun.cookie, &response)
            .await
            .status(),
        401
    );
    // Nobody asked: there is no sign-in that the answer could belong to.
    let response = idp.response(&stack, &connection, &begun, &Say::default());
    assert_eq!(
        answer(&connection, "made-up", &begun.cookie, &response)
            .await
            .status(),
        401
    );
    // Too late.
    let begun = begin(&stack, &connection, &[]).await;
    stack.advance_s(15 * 60 + 1);
    let response = idp.response(&stack, &connection, &begun, &Say::default());
    assert_eq!(
        answer(&connection, &begun.state, &begun.cookie, &response)
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn an_identity_provider_cannot_vouch_for_another_tenants_people() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    stack.member(&acme, "user", "max@acme.example").await;
    let idp = Idp::new();
    let connection = idp.connect(&blue).await;
    let reason = refused(&stack, &blue, &idp, &connection, Say::default()).await;
    assert_eq!(
        reason,
        "no member of the tenant has the assertion's e-mail address"
    );
    let entries = acme.get("/v1/audit").await.body;
    assert!(!entries.contains("sso_connection"));
}

#[tokio::test]
async fn a_member_who_was_removed_meanwhile_gets_no_tokens() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let member = stack.member(&owner, "user", "max@acme.example").await;
    let id = text(&member.get("/v1/me").await.status(200)["id"]);
    let idp = Idp::new();
    let connection = idp.connect(&owner).await;
    let begun = begin(&stack, &connection, &[]).await;
    let response = idp.response(&stack, &connection, &begun, &Say::default());
    let given = answer(&connection, &begun.state, &begun.cookie, &response).await;
    let code = parameter(&header(&given, "location"), "code").unwrap();
    owner.delete(&format!("/v1/users/{id}")).await.status(204);
    exchange(&stack, &code, None)
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_code_is_good_for_the_application_that_began_and_for_a_minute() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "user", "max@acme.example").await;
    let idp = Idp::new();
    let connection = idp.connect(&owner).await;
    let verifier = "a-secret-that-only-the-application-has-0123456789";
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    for (at, given, wait_s, status) in [
        (0, Some(verifier), 0, 200),
        (1, Some("another"), 0, 401),
        (2, None, 0, 401),
        (3, Some(verifier), 61, 401),
    ] {
        let begun = begin(&stack, &connection, &[("code_challenge", &challenge)]).await;
        let say = Say {
            assertion_id: &format!("_{at}"),
            ..Say::default()
        };
        let response = idp.response(&stack, &connection, &begun, &say);
        let answered = answer(&connection, &begun.state, &begun.cookie, &response).await;
        let code = parameter(&header(&answered, "location"), "code").unwrap();
        stack.advance_s(wait_s);
        exchange(&stack, &code, given).await.status(status);
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_place_that_is_not_ours() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let connection = Idp::new().connect(&owner).await;
    let id = text(&connection["id"]);
    let own = stack.platform.url();
    for place in [
        "https://evil.example/",
        &format!("{own}.evil.example/"),
        &format!("{own}@evil.example/"),
        &format!("{own}#x"),
        "//evil.example",
        "javascript:alert(1)",
        "",
    ] {
        let query = [("connection_id", id.as_str()), ("return_to", place)];
        let answer = get(&stack, "/v1/auth/sso/start", &query).await;
        assert_eq!(answer.status(), 422, "{place}");
    }
}

#[tokio::test]
async fn a_connection_is_found_by_its_tenant_and_not_when_it_is_off() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let tenant = text(&owner.get("/v1/tenant").await.status(200)["id"]);
    let return_to = stack.platform.url();
    let start = async |status: u16| {
        let query = [("tenant_id", tenant.as_str()), ("return_to", &return_to)];
        assert_eq!(
            get(&stack, "/v1/auth/sso/start", &query)
                .await
                .status()
                .as_u16(),
            status
        );
    };
    start(404).await;
    let connection = Idp::new().connect(&owner).await;
    start(303).await;
    let path = format!("/v1/tenant/sso-connections/{}", text(&connection["id"]));
    owner
        .patch(&path, json!({ "enabled": false }))
        .await
        .status(200);
    start(404).await;
    let metadata = stack
        .anonymous()
        .get(&format!(
            "/v1/auth/sso/saml/{}/metadata",
            text(&connection["id"])
        ))
        .await;
    assert_eq!(metadata.code, 200);
    assert!(
        metadata
            .body
            .contains(&text(&connection["saml"]["acs_url"]))
    );
    owner.delete(&path).await.status(204);
    start(404).await;
}

#[tokio::test]
async fn a_certificate_is_rotated_without_a_gap_and_bad_settings_are_named() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "user", "max@acme.example").await;
    let (old, new) = (Idp::new(), Idp::new());
    let connection = old.connect(&owner).await;
    let path = format!("/v1/tenant/sso-connections/{}", text(&connection["id"]));
    let mut settings = old.settings();
    settings["certificates"] = json!([old.certificate(), new.certificate()]);
    let changed = owner
        .patch(&path, json!({ "saml": settings }))
        .await
        .status(200);
    assert_eq!(
        changed["saml"]["certificates"][1]["fingerprint_sha256"]
            .as_str()
            .unwrap()
            .len(),
        64
    );
    for (idp, id) in [(&old, "_old"), (&new, "_new")] {
        let begun = begin(&stack, &connection, &[]).await;
        let say = Say {
            assertion_id: id,
            ..Say::default()
        };
        let response = idp.response(&stack, &connection, &begun, &say);
        assert_eq!(
            answer(&connection, &begun.state, &begun.cookie, &response)
                .await
                .status(),
            303
        );
    }
    owner
        .patch(&path, json!({ "saml": new.settings() }))
        .await
        .status(200);
    let say = Say {
        assertion_id: "_late",
        ..Say::default()
    };
    let reason = refused(&stack, &owner, &old, &connection, say).await;
    assert_eq!(
        reason,
        "the signature is by none of the connection's certificates"
    );
    for (field, value, pointer) in [
        (
            "certificates",
            json!(["no certificate"]),
            "/saml/certificates/0",
        ),
        ("certificates", json!([]), "/saml/certificates"),
        ("sso_url", json!("http://169.254.169.254/"), "/saml/sso_url"),
        ("sso_url", json!("javascript:alert(1)"), "/saml/sso_url"),
        ("idp_entity_id", json!(""), "/saml/idp_entity_id"),
    ] {
        let mut settings = new.settings();
        settings[field] = value;
        let problem = owner
            .patch(&path, json!({ "saml": settings }))
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}
