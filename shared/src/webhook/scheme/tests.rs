//! Schemes as data: the built-in ones hold, survive JSON, and a declared one is checked.

use crate::webhook::presets;
use crate::webhook::scheme::{Credential, Proof, Scheme, SchemeError, Shape, Wire};

const DECLARED: &str = r#"{
    "name": "acme",
    "title": "Acme",
    "key_format": "utf8",
    "wire": {
        "proof": {"signature": {
            "source": {"in": "header", "name": "X-Acme-Signature"},
            "form": {"kind": "plain", "prefix": "sha256="},
            "algorithm": "hmac_sha256",
            "encoding": "hex",
            "template": ["timestamp", {"literal": "."}, "body"],
            "timestamp": {
                "source": {"in": "header", "name": "X-Acme-Time"},
                "unit": "seconds",
                "past_s": 300,
                "future_s": 60
            }
        }},
        "event_id": {"pointer": "/id"},
        "event_type": {"all": [{"header": "X-Acme-Kind"}, {"pointer": "/action"}]}
    }
}"#;

fn declared(from: &str, to: &str) -> Result<(), SchemeError> {
    assert!(DECLARED.contains(from));
    let scheme: Scheme = serde_json::from_str(&DECLARED.replace(from, to)).unwrap();
    scheme.check()
}

#[test]
fn every_preset_passes_the_check_of_declared_schemes() {
    for scheme in presets::all() {
        assert_eq!(scheme.check(), Ok(()), "{}", scheme.name);
    }
}

#[test]
fn preset_names_are_unique() {
    let mut names: Vec<&str> = presets::all().map(|scheme| scheme.name.as_ref()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_preset_survives_json() {
    for scheme in presets::all() {
        let json = serde_json::to_string(scheme).unwrap();
        let read: Scheme = serde_json::from_str(&json).unwrap();
        assert_eq!(&read, scheme);
    }
}

#[test]
fn a_preset_says_where_its_secret_is_and_how_to_rotate_it() {
    for scheme in presets::all() {
        assert!(!scheme.docs.secret.is_empty(), "{}", scheme.name);
        assert!(!scheme.docs.rotation.is_empty(), "{}", scheme.name);
    }
}

#[test]
fn the_shape_follows_from_the_algorithm() {
    assert_eq!(presets::find("github").unwrap().shape(), Shape::Mac);
    assert_eq!(presets::find("discord").unwrap().shape(), Shape::PublicKey);
}

#[test]
fn a_declared_scheme_is_accepted() {
    assert_eq!(declared("acme", "acme"), Ok(()));
}

#[test]
fn a_declared_scheme_must_sign_the_body() {
    assert_eq!(
        declared(r#", "body"]"#, "]"),
        Err(SchemeError::BodyNotSigned)
    );
}

#[test]
fn a_declared_scheme_must_sign_the_time_it_trusts() {
    assert_eq!(
        declared(r#""timestamp", {"#, "{"),
        Err(SchemeError::BadTimestamp {
            place: "in a header",
            allowed: "only a timestamp that `template` signs",
        })
    );
}

#[test]
fn a_declared_scheme_cannot_hash_without_its_secret() {
    let error = declared("hmac_sha256", "sha256").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`template` names the secret, which needs algorithm sha256, and sha256 needs the secret"
    );
}

#[test]
fn a_declared_scheme_needs_a_key_that_fits_the_algorithm() {
    let error = declared("\"utf8\"", "\"whpk\"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "HMAC-SHA256 cannot use a key of format Whpk"
    );
}

#[test]
fn a_declared_scheme_offers_no_weaker_way_in() {
    let mut scheme: Scheme = serde_json::from_str(DECLARED).unwrap();
    for proof in [Proof::Unsigned, Proof::Credential(Credential::Basic)] {
        let weaker = Wire {
            proof,
            ..scheme.wire.clone()
        };
        scheme.alternatives = vec![weaker].into();
        assert_eq!(scheme.check(), Err(SchemeError::MixedShapes));
    }
}

#[test]
fn a_declared_scheme_has_bounds() {
    assert!(declared("X-Acme-Signature", "X Acme").is_err());
    assert!(declared("\"/id\"", "\"id\"").is_err());
    assert_eq!(
        declared("\"past_s\": 300", "\"past_s\": 90000"),
        Err(SchemeError::BadTolerance { got_s: 90_000 })
    );
}

#[test]
fn an_unknown_member_of_a_declared_scheme_is_an_error() {
    let misspelt = DECLARED.replace("past_s", "past");
    assert!(serde_json::from_str::<Scheme>(&misspelt).is_err());
    let extra = DECLARED.replace("\"prefix\"", "\"perfix\"");
    assert!(serde_json::from_str::<Scheme>(&extra).is_err());
}
