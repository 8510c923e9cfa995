//! Access tokens: ours verify until they expire; what the JWT attack list names does not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;

const ISSUER: &str = "https://api.example.test";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn subject() -> Subject {
    let ids = IdGen::default();
    Subject {
        tenant: ids.make(at(0)),
        user: ids.make(at(0)),
        role: Role::Admin,
        session: ids.make(at(0)),
        epoch: 0,
    }
}

async fn keyring_and_token() -> (Keyring, String) {
    let keyring = Keyring::for_tests().await;
    let token = issue(&keyring, ISSUER, subject(), at(1_000), IdGen::default()).unwrap();
    (keyring, token)
}

/// The token with its header and claims edited and the signature left as it was.
fn edited(
    token: &str,
    header: impl Fn(&mut serde_json::Value),
    claims: impl Fn(&mut serde_json::Value),
) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let edit = |part: &str, edit: &dyn Fn(&mut serde_json::Value)| {
        let mut value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        edit(&mut value);
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&value).unwrap())
    };
    format!(
        "{}.{}.{}",
        edit(parts[0], &header),
        edit(parts[1], &claims),
        parts[2]
    )
}

#[tokio::test]
async fn a_token_of_ours_verifies_with_its_claims() {
    let (keyring, token) = keyring_and_token().await;
    let claims = verify(&keyring, ISSUER, &token, at(1_000)).unwrap();
    assert_eq!(
        (claims.role, claims.exp - claims.iat),
        (Role::Admin, ACCESS_TOKEN_LIFETIME_S)
    );
}

#[tokio::test]
async fn a_token_expires_after_its_lifetime_and_the_leeway() {
    let (keyring, token) = keyring_and_token().await;
    let last = 1_000 + ACCESS_TOKEN_LIFETIME_S + LEEWAY_S - 1;
    assert!(verify(&keyring, ISSUER, &token, at(last)).is_ok());
    assert_eq!(
        verify(&keyring, ISSUER, &token, at(last + 1)).unwrap_err(),
        TokenError::Expired
    );
}

#[tokio::test]
async fn a_token_from_the_future_is_not_valid_yet() {
    let (keyring, token) = keyring_and_token().await;
    assert_eq!(
        verify(&keyring, ISSUER, &token, at(900)).unwrap_err(),
        TokenError::NotYetValid
    );
}

#[tokio::test]
async fn a_token_of_another_issuer_is_invalid() {
    let (keyring, token) = keyring_and_token().await;
    for issuer in [
        "https://api.example.tes",
        "https://api.example.test/",
        "https://API.example.test",
        "",
    ] {
        assert_eq!(
            verify(&keyring, issuer, &token, at(1_000)).unwrap_err(),
            TokenError::Invalid,
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn another_algorithm_type_or_key_id_is_refused_before_any_key_is_used() {
    let (keyring, token) = keyring_and_token().await;
    for (name, value, expected) in [
        ("alg", "none", TokenError::Malformed),
        ("alg", "None", TokenError::Malformed),
        ("alg", "HS256", TokenError::Malformed),
        ("alg", "ES256", TokenError::Malformed),
        ("typ", "JWT", TokenError::Malformed),
        ("typ", "application/at+jwt", TokenError::Malformed),
        ("kid", "../../dev/null", TokenError::UnknownKey),
        ("kid", "", TokenError::UnknownKey),
    ] {
        let forged = edited(&token, |header| header[name] = value.into(), |_| {});
        assert_eq!(
            verify(&keyring, ISSUER, &forged, at(1_000)).unwrap_err(),
            expected,
            "{name}={value}"
        );
    }
}

#[tokio::test]
async fn altered_claims_do_not_verify() {
    let (keyring, token) = keyring_and_token().await;
    for (name, value) in [
        ("role", "owner"),
        ("tenant", "ten_00000000000000000000000000"),
        ("aud", "other"),
    ] {
        let forged = edited(&token, |_| {}, |claims| claims[name] = value.into());
        assert_eq!(
            verify(&keyring, ISSUER, &forged, at(1_000)).unwrap_err(),
            TokenError::Invalid,
            "{name}"
        );
    }
}

#[tokio::test]
async fn stripped_doubled_or_padded_segments_do_not_verify() {
    let (keyring, token) = keyring_and_token().await;
    let parts: Vec<&str> = token.split('.').collect();
    let forms = [
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!("{token}="),
        format!("{token}A"),
        format!(" {token}"),
        "x".repeat(65_536),
        String::new(),
    ];
    for form in forms {
        assert!(
            verify(&keyring, ISSUER, &form, at(1_000)).is_err(),
            "{}",
            &form[..form.len().min(60)]
        );
    }
}

#[tokio::test]
async fn a_token_of_another_deployment_names_an_unknown_key() {
    let (_, token) = keyring_and_token().await;
    let other = Keyring::for_tests().await;
    assert_eq!(
        verify(&other, ISSUER, &token, at(1_000)).unwrap_err(),
        TokenError::UnknownKey
    );
}
