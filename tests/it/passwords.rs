//! Forgotten and changed passwords, verified addresses, and guessing.

use std::collections::BTreeMap;

use local::fault::Fault;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, PASSWORD, Stack, text};

const NEW: &str = "a whole new sentence";

async fn forgot(stack: &Stack, email: &str) -> Answer {
    let body = json!({ "email": email });
    stack
        .anonymous()
        .post("/v1/auth/password/forgot", body)
        .await
}

async fn reset(stack: &Stack, token: &str) -> Answer {
    let body = json!({ "token": token, "password": NEW });
    stack
        .anonymous()
        .post("/v1/auth/password/reset", body)
        .await
}

async fn login(stack: &Stack, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    stack.anonymous().post("/v1/auth/login", body).await
}

async fn refresh(stack: &Stack, signed_in: &Value) -> u16 {
    let body = json!({ "refresh_token": signed_in["refresh_token"] });
    let answer = stack.anonymous().post("/v1/auth/refresh", body).await;
    answer.code.as_u16()
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_and_all_sessions_end() {
    let stack = Stack::start().await;
    let first = stack.register("acme", "ada@acme.example").await.status(201);
    let owner = stack.client(first["access_token"].as_str());
    forgot(&stack, "ADA@acme.example").await.status(202);
    let token = stack.mailed("ada@acme.example", "password-reset").await;
    stack.advance_s(1);
    reset(&stack, &token).await.status(204);
    assert_eq!(refresh(&stack, &first).await, 401);
    stack.advance_s(5);
    owner
        .get("/v1/tenant")
        .await
        .problem(401, "unauthenticated");
    login(&stack, "ada@acme.example", PASSWORD)
        .await
        .problem(401, "unauthenticated");
    let signed_in = login(&stack, "ada@acme.example", NEW).await.status(200);
    reset(&stack, &token).await.problem(401, "unauthenticated");
    // The worker has told them, and has not ended what began since.
    let letters = stack.letters("ada@acme.example").await;
    assert!(letters.iter().any(|one| one["kind"] == "password-changed"));
    let owner = stack.client(signed_in["access_token"].as_str());
    let entries = owner.get("/v1/audit?action=password.reset").await;
    assert_eq!(entries.status(200)["data"].as_array().unwrap().len(), 1);
    let memberships = owner.get("/v1/auth/memberships").await.status(200);
    assert_eq!(memberships["email_verified"], true);
}

#[tokio::test]
async fn a_link_to_a_new_password_ends_after_an_hour_and_with_the_next_one() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let email = "owner@acme.example";
    forgot(&stack, email).await.status(202);
    let first = stack.mailed(email, "password-reset").await;
    forgot(&stack, "not an address")
        .await
        .problem(422, "invalid-request");
    // Two letters of a kind are a minute apart.
    forgot(&stack, email).await.status(202);
    assert_eq!(stack.mailed(email, "password-reset").await, first);
    stack.advance_s(60);
    forgot(&stack, email).await.status(202);
    let second = stack.mailed(email, "password-reset").await;
    reset(&stack, &first).await.problem(401, "unauthenticated");
    stack.advance_s(3_600);
    reset(&stack, &second).await.problem(401, "unauthenticated");
}

/// Permits of the client's address are leased when time says so, whoever is asked for.
fn without_leases(mut calls: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    calls.remove("DynamoDB.UpdateItem");
    calls
}

#[tokio::test]
async fn nothing_tells_whether_an_address_is_somebodys() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let mut seen = Vec::new();
    login(&stack, "warm@x.example", "not the password").await;
    for email in ["owner@acme.example", "nobody@acme.example"] {
        let mut answers = Vec::new();
        let mut calls = Vec::new();
        for _ in 0..2 {
            let ask = async {
                let mut answer = login(&stack, email, "not the password").await.json();
                answer["request_id"] = json!(null);
                answers.push(answer.to_string());
            };
            calls.push(without_leases(stack.calls("auth", ask).await));
        }
        let ask = async { answers.push(forgot(&stack, email).await.body) };
        calls.push(without_leases(stack.calls("auth", ask).await));
        seen.push((answers, calls));
    }
    assert_eq!(seen[0], seen[1]);
    // The calls that were set aside, but for permits, are the counted tries.
    let rows = crate::documents::dynamodb(&stack);
    let rows = rows.scan().table_name("EphemeralTable").send().await;
    let rows = rows.unwrap().items.unwrap();
    let tries = rows.iter().filter_map(|row| row.get("tries")?.as_n().ok());
    let mut tries: Vec<&String> = tries.collect();
    tries.sort();
    assert_eq!(tries, ["1", "2", "2"]);
    assert!(stack.letters("nobody@acme.example").await.is_empty());
}

#[tokio::test]
async fn ten_wrong_tries_lock_an_address_whoever_it_is_for_a_quarter_of_an_hour() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    for email in ["owner@acme.example", "nobody@acme.example"] {
        for _ in 0..10 {
            login(&stack, email, "not the password")
                .await
                .problem(401, "unauthenticated");
        }
        let locked = login(&stack, email, PASSWORD).await;
        locked.problem(429, "quota-exceeded");
        let wait: u64 = locked.header("retry-after").parse().unwrap();
        assert!((1..=900).contains(&wait));
    }
    stack.advance_s(900);
    login(&stack, "owner@acme.example", PASSWORD)
        .await
        .status(200);
}

#[tokio::test]
async fn a_right_password_forgets_the_wrong_ones() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    for _ in 0..3 {
        for _ in 0..9 {
            login(&stack, "owner@acme.example", "not the password")
                .await
                .status(401);
        }
        login(&stack, "owner@acme.example", PASSWORD)
            .await
            .status(200);
    }
}

#[tokio::test]
async fn many_guesses_at_once_get_no_more_tries_than_one_after_the_other() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let guesses = (0..24).map(|_| login(&stack, "owner@acme.example", "not the password"));
    let answers = futures_util::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.code == 401).count();
    assert!(tried <= 10, "{tried}");
}

#[tokio::test]
async fn a_mailed_reset_opens_a_locked_account() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let email = "owner@acme.example";
    for _ in 0..11 {
        login(&stack, email, "not the password").await;
    }
    forgot(&stack, email).await.status(202);
    let token = stack.mailed(email, "password-reset").await;
    reset(&stack, &token).await.status(204);
    login(&stack, email, NEW).await.status(200);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_not_this_one() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let other = stack.login("owner@acme.example").await.status(200);
    stack.advance_s(1);
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        owner.post("/v1/auth/password/change", body)
    };
    let wrong = change("not the password", NEW).await;
    let problem = wrong.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/current_password");
    let common = change(PASSWORD, "Password1234").await;
    let problem = common.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/new_password");
    change(PASSWORD, NEW).await.status(204);
    assert_eq!(refresh(&stack, &other).await, 401);
    stack.drain().await;
    stack.advance_s(5);
    owner.get("/v1/tenant").await.status(200);
    login(&stack, "owner@acme.example", NEW).await.status(200);
}

#[tokio::test]
async fn sessions_end_although_the_request_that_changed_the_password_dies() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let other = stack.login("owner@acme.example").await.status(200);
    stack.advance_s(1);
    let fault = Fault::on("Query", local::fault::Answer::InternalError).by("auth");
    stack.faults().add(fault);
    let body = json!({ "current_password": PASSWORD, "new_password": NEW });
    let died = owner.post("/v1/auth/password/change", body).await;
    died.problem(503, "unavailable");
    stack.faults().clear();
    // The worker has the letter, and with it the sessions.
    stack.drain().await;
    assert_eq!(refresh(&stack, &other).await, 401);
    stack.advance_s(5);
    owner.get("/v1/tenant").await.status(200);
    login(&stack, "owner@acme.example", NEW).await.status(200);
}

#[tokio::test]
async fn an_address_is_verified_once_by_its_own_letter() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let email = "owner@acme.example";
    let token = stack.mailed(email, "email-verification").await;
    let verify = async |token: &str| {
        let body = json!({ "token": token });
        stack.anonymous().post("/v1/auth/email/verify", body).await
    };
    // A token of another kind is none of this one.
    forgot(&stack, email).await.status(202);
    let other = stack.mailed(email, "password-reset").await;
    verify(&other).await.problem(401, "unauthenticated");
    verify(&token).await.status(204);
    verify(&token).await.problem(401, "unauthenticated");
    let memberships = owner.get("/v1/auth/memberships").await.status(200);
    assert_eq!(memberships["email_verified"], true);
    // Nothing more is sent to who is verified.
    stack.advance_s(61);
    let before = stack.letters(email).await.len();
    owner
        .post("/v1/auth/email/verification", json!({}))
        .await
        .status(202);
    assert_eq!(stack.letters(email).await.len(), before);
}

#[tokio::test]
async fn a_new_password_that_is_tried_first_is_refused_everywhere() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let body = json!({ "tenant_name": "T", "name": "N", "email": "n@x.example", "password": "Password123" });
    let refused = stack.anonymous().post("/v1/auth/register", body).await;
    let problem = refused.problem(422, "invalid-request");
    assert!(text(&problem["errors"][0]["detail"]).contains("breaches"));
    let member =
        json!({ "email": "n@x.example", "name": "N", "role": "user", "password": "1234567890" });
    owner
        .post("/v1/users", member)
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn a_letter_that_ses_does_not_take_is_tried_again_and_then_kept_with_its_reason() {
    let stack = Stack::start_with(|options| {
        // No address may be called: SES does not answer.
        options.egress_allow = String::new();
    })
    .await;
    let owner: Client = stack.tenant("acme").await;
    owner.get("/v1/me").await.status(200);
    for _ in 0..12 {
        stack.drain().await;
        stack.advance_s(901);
    }
    stack.drain().await;
    assert_eq!(stack.queued("MailQueue"), 0);
    assert_eq!(stack.queued("MailDeadLetterQueue"), 1);
}
