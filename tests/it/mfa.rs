//! The second factor: switched on, asked for, used once, lost and removed.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, PASSWORD, Stack, text};

/// What an authenticator app shows (RFC 6238), worked out on its own.
fn code(secret: &str, unix_s: i64) -> String {
    let place = |letter| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
    let bits: Vec<u8> = secret
        .chars()
        .flat_map(|letter| (0..5).rev().map(move |at| (place(letter) >> at & 1) as u8))
        .collect();
    let byte = |eight: &[u8]| eight.iter().fold(0, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &(unix_s / 30).to_be_bytes());
    let tag = tag.as_ref();
    let from = usize::from(tag[19] & 15);
    let four: [u8; 4] = tag[from..from + 4].try_into().unwrap();
    format!(
        "{:06}",
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    )
}

async fn login(stack: &Stack, otp: Option<&str>) -> Answer {
    let mut body = json!({ "email": "owner@acme.example", "password": PASSWORD });
    if let Some(otp) = otp {
        body["otp"] = json!(otp);
    }
    stack.anonymous().post("/v1/auth/login", body).await
}

async fn enrolled(stack: &Stack, owner: &Client) -> (String, Vec<String>) {
    let (secret, _, codes) = enrolled_with(stack, owner).await;
    (secret, codes)
}

/// Switches the owner's factor on; its secret, the code that was used, and recovery codes.
async fn enrolled_with(stack: &Stack, owner: &Client) -> (String, String, Vec<String>) {
    stack.verify_email(owner, "owner@acme.example").await;
    let password = json!({ "password": PASSWORD });
    let enrolment = owner.post("/v1/auth/mfa/totp", password).await.status(200);
    let secret = text(&enrolment["secret"]);
    assert!(text(&enrolment["otpauth_uri"]).contains(&secret));
    let used = code(&secret, stack.now_s());
    let body = json!({ "code": used });
    let confirmed = owner.post("/v1/auth/mfa/totp/confirm", body).await;
    let codes = confirmed.status(200)["recovery_codes"].clone();
    let codes = codes.as_array().unwrap().iter().map(text);
    (secret, used, codes.collect())
}

#[tokio::test]
async fn a_confirmed_factor_is_asked_for_and_a_code_is_good_once() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let (secret, used, _) = enrolled_with(&stack, &owner).await;
    login(&stack, None).await.problem(401, "otp-required");
    // The code that confirmed is used.
    login(&stack, Some(&used))
        .await
        .problem(401, "unauthenticated");
    stack.advance_s(60);
    let fresh = code(&secret, stack.now_s());
    login(&stack, Some(&fresh)).await.status(200);
    login(&stack, Some(&fresh))
        .await
        .problem(401, "unauthenticated");
    // One that is older than the last used one is not good either.
    let older = code(&secret, stack.now_s() - 30);
    login(&stack, Some(&older))
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn one_code_sent_many_times_at_once_signs_in_once() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let (secret, _) = enrolled(&stack, &owner).await;
    stack.advance_s(60);
    let fresh = code(&secret, stack.now_s());
    let logins = (0..6).map(|_| login(&stack, Some(&fresh)));
    let answers = futures_util::future::join_all(logins).await;
    let signed_in = answers.iter().filter(|answer| answer.code == 200).count();
    assert_eq!(signed_in, 1);
}

#[tokio::test]
async fn an_unconfirmed_factor_is_not_asked_for() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.verify_email(&owner, "owner@acme.example").await;
    let password = json!({ "password": PASSWORD });
    owner.post("/v1/auth/mfa/totp", password).await.status(200);
    login(&stack, None).await.status(200);
    let wrong = json!({ "code": "000000" });
    owner
        .post("/v1/auth/mfa/totp/confirm", wrong)
        .await
        .problem(422, "invalid-request");
    assert_eq!(owner.get("/v1/auth/mfa").await.status(200)["is_on"], false);
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_the_app_once() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let (secret, codes) = enrolled(&stack, &owner).await;
    login(&stack, Some(&codes[0].to_uppercase()))
        .await
        .status(200);
    login(&stack, Some(&codes[0]))
        .await
        .problem(401, "unauthenticated");
    let shown = owner.get("/v1/auth/mfa").await.status(200);
    assert_eq!(shown["recovery_codes_left"], 9);
    stack.advance_s(60);
    let body = json!({ "code": code(&secret, stack.now_s()) });
    let renewed = owner.post("/v1/auth/mfa/recovery-codes", body).await;
    let renewed = renewed.status(200);
    login(&stack, Some(&codes[1]))
        .await
        .problem(401, "unauthenticated");
    login(&stack, renewed["recovery_codes"][0].as_str())
        .await
        .status(200);
}

#[tokio::test]
async fn guesses_of_codes_are_locked_out() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    enrolled(&stack, &owner).await;
    let mut refused = 0;
    loop {
        let answer = login(&stack, Some("000000")).await;
        if answer.code == 429 {
            break;
        }
        refused += 1;
        assert!(refused <= 10);
    }
}

#[tokio::test]
async fn a_factor_is_removed_with_password_and_code_only() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let (secret, _) = enrolled(&stack, &owner).await;
    stack.advance_s(60);
    let remove = |password: &str, code: &str| {
        let body = json!({ "password": password, "code": code });
        owner.request(
            reqwest::Method::DELETE,
            "/v1/auth/mfa/totp",
            Some(body),
            &[],
        )
    };
    let fresh = code(&secret, stack.now_s());
    remove("not the password", &fresh)
        .await
        .problem(422, "invalid-request");
    remove(PASSWORD, "000000")
        .await
        .problem(422, "invalid-request");
    remove(PASSWORD, &fresh).await.status(204);
    login(&stack, None).await.status(200);
    let entries = owner.get("/v1/audit").await.status(200);
    let actions: Vec<&Value> = entries["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    for action in ["mfa.enrolled", "mfa.enabled", "mfa.disabled"] {
        assert!(actions.contains(&&json!(action)), "{action}");
    }
}

#[tokio::test]
async fn a_secret_is_stored_sealed_and_a_recovery_code_as_a_mac() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let (secret, codes) = enrolled(&stack, &owner).await;
    let rows = crate::documents::dynamodb(&stack);
    let rows = rows
        .scan()
        .table_name("PlatformTable")
        .send()
        .await
        .unwrap();
    let rows = format!("{rows:?}");
    assert!(!rows.contains(&secret) && !rows.contains(&codes[0]));
}
