//! Every response of tests/saml is answered as its index.json says.

use serde_json::Value;

use super::*;

fn folder() -> std::path::PathBuf {
    std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/saml"))
}

fn index() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("index.json")).unwrap()).unwrap()
}

fn read_fixture(
    file: &str,
    index: &Value,
    change: impl FnOnce(&mut Expected<'_>),
) -> Result<Assertion, SamlError> {
    let text = |name: &str| index[name].as_str().unwrap().to_owned();
    let certificates = [Certificate::parse(&text("idp_cert_pem")).unwrap()];
    let (idp, sp, acs, request) = (
        text("idp_entity"),
        text("sp_entity"),
        text("acs"),
        text("request_id"),
    );
    let mut expected = Expected {
        idp_entity_id: &idp,
        sp_entity_id: &sp,
        acs_url: &acs,
        request_id: Some(&request),
        certificates: &certificates,
        now: Timestamp::from_second(index["now_unix"].as_i64().unwrap()).unwrap(),
    };
    change(&mut expected);
    read(&std::fs::read(folder().join(file)).unwrap(), &expected)
}

#[test]
fn every_fixture_is_answered_as_its_index_says() {
    let index = index();
    let mut wrong = Vec::new();
    let fixtures = index["fixtures"].as_array().unwrap();
    for fixture in fixtures {
        let file = fixture["file"].as_str().unwrap();
        let outcome = read_fixture(file, &index, |_| {});
        let is_right = match (fixture["expect"].as_str().unwrap(), &outcome) {
            ("accept", Ok(assertion)) => {
                let name = if file == "ok_comment_in_nameid.xml" {
                    "admin@corp.test.evil.test"
                } else {
                    "alice@corp.test"
                };
                assertion.name_id == name && assertion.attributes["role"] == ["user"]
            }
            ("reject", Err(_)) | ("reject_or_original_identity", Err(_)) => true,
            ("reject_or_original_identity", Ok(assertion)) => {
                Some(assertion.name_id.as_str()) == fixture["identity_if_accepted"].as_str()
            }
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{file}: {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(fixtures.len(), 39);
}

#[test]
fn each_refusal_is_for_its_own_reason() {
    let index = index();
    for (file, reason) in [
        (
            "bad_wrong_key.xml",
            SamlError::Signature(SignatureError::Key),
        ),
        (
            "policy_rsa_sha1.xml",
            SamlError::Signature(SignatureError::Algorithm),
        ),
        (
            "bad_alg_hmac_label.xml",
            SamlError::Signature(SignatureError::Algorithm),
        ),
        (
            "bad_tampered_nameid.xml",
            SamlError::Signature(SignatureError::Digest),
        ),
        ("bad_audience.xml", SamlError::Audience),
        ("bad_recipient.xml", SamlError::Destination),
        ("bad_destination.xml", SamlError::Destination),
        ("bad_in_response_to.xml", SamlError::InResponseTo),
        ("bad_issuer.xml", SamlError::Issuer),
        ("bad_status.xml", SamlError::Status),
        ("bad_session_expired.xml", SamlError::Time),
        ("bad_not_yet_valid.xml", SamlError::Time),
    ] {
        assert_eq!(read_fixture(file, &index, |_| {}), Err(reason), "{file}");
    }
}

#[test]
fn an_answer_to_a_request_is_no_answer_to_another_or_to_none() {
    let index = index();
    for request_id in [None, Some("_req2")] {
        let outcome = read_fixture("ok_response_signed.xml", &index, |expected| {
            expected.request_id = request_id
        });
        assert_eq!(outcome, Err(SamlError::InResponseTo));
    }
}

#[test]
fn time_decides_to_the_second_with_a_minute_of_grace() {
    let index = index();
    let at = |second: &str| {
        let now = second.parse().unwrap();
        read_fixture("ok_assertion_signed.xml", &index, |expected| {
            expected.now = now
        })
    };
    assert!(at("2025-10-09T08:51:20Z").is_ok());
    assert_eq!(at("2025-10-09T08:51:19Z"), Err(SamlError::Time));
    assert!(at("2025-10-09T08:59:19Z").is_ok());
    assert_eq!(at("2025-10-09T08:59:20Z"), Err(SamlError::Time));
}

#[test]
fn a_certificate_among_several_is_enough_and_none_is_not() {
    let index = index();
    let certificate = |name: &str| Certificate::parse(index[name].as_str().unwrap()).unwrap();
    let both = [certificate("evil_cert_pem"), certificate("idp_cert_pem")];
    let text = |name: &str| index[name].as_str().unwrap().to_owned();
    let (idp, sp, acs) = (text("idp_entity"), text("sp_entity"), text("acs"));
    let xml = std::fs::read(folder().join("ok_assertion_signed.xml")).unwrap();
    let with = |certificates: &[Certificate]| {
        let expected = Expected {
            idp_entity_id: &idp,
            sp_entity_id: &sp,
            acs_url: &acs,
            request_id: Some("_req1"),
            certificates,
            now: Timestamp::from_second(1_760_000_000).unwrap(),
        };
        read(&xml, &expected)
    };
    assert!(with(&both).is_ok());
    assert!(with(&both[..1]).is_err());
    assert!(with(&[]).is_err());
}

#[test]
fn no_changed_byte_gives_another_identity() {
    let index = index();
    let original = read_fixture("ok_assertion_signed.xml", &index, |_| {}).unwrap();
    let text = |name: &str| index[name].as_str().unwrap().to_owned();
    let certificates = [Certificate::parse(&text("idp_cert_pem")).unwrap()];
    let (idp, sp, acs) = (text("idp_entity"), text("sp_entity"), text("acs"));
    let expected = Expected {
        idp_entity_id: &idp,
        sp_entity_id: &sp,
        acs_url: &acs,
        request_id: Some("_req1"),
        certificates: &certificates,
        now: Timestamp::from_second(1_760_000_000).unwrap(),
    };
    let xml = std::fs::read(folder().join("ok_assertion_signed.xml")).unwrap();
    for at in 0..xml.len() {
        let mut changed = xml.clone();
        changed[at] ^= 1;
        if let Ok(assertion) = read(&changed, &expected) {
            assert_eq!(assertion, original, "byte {at}");
        }
    }
}
