//! The JWT attack list, under the worst assumption: each forgery carries a signature of our own key, so that only
//! the rules stand against it, or the signature of another key where the key is the point.

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::access::Keyring;

const ISSUER: &str = "https://api.example.test";
const NOW: i64 = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

struct Forge {
    keyring: Keyring,
    header: Value,
    claims: Value,
}

impl Forge {
    async fn new() -> Self {
        let keyring = Keyring::for_tests().await;
        let ids = IdGen::default();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "client_id": AUDIENCE,
            "sub": ids.make::<crate::id::UserKind>(at(0)),
            "tenant": ids.make::<crate::id::TenantKind>(at(0)),
            "sid": ids.make::<crate::id::SessionKind>(at(0)),
            "jti": ids.make::<TokenKind>(at(0)),
            "role": "user", "epoch": 0, "iat": NOW, "exp": NOW + ACCESS_TOKEN_LIFETIME_S,
        });
        let kid = keyring.signing_key(at(NOW)).kid.to_string();
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid });
        Self {
            keyring,
            header,
            claims,
        }
    }

    /// Signed by the genuine key, whatever the texts say.
    fn sign(&self, header: &str, claims: &str) -> String {
        let private = self.keyring.signing_key(at(NOW)).private.clone();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private.expose()).unwrap();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn genuine(&self) -> String {
        self.sign(&self.header.to_string(), &self.claims.to_string())
    }

    fn with_header(&self, edit: impl Fn(&mut Value)) -> String {
        let mut header = self.header.clone();
        edit(&mut header);
        self.sign(&header.to_string(), &self.claims.to_string())
    }

    fn with_claims(&self, edit: impl Fn(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        edit(&mut claims);
        self.sign(&self.header.to_string(), &claims.to_string())
    }

    fn accepts(&self, token: &str) -> bool {
        verify(&self.keyring, ISSUER, token, at(NOW)).is_ok()
    }
}

#[tokio::test]
async fn the_forge_makes_a_token_that_verifies() {
    let forge = Forge::new().await;
    assert!(forge.accepts(&forge.genuine()));
}

#[tokio::test]
async fn no_header_but_ours_is_taken_even_under_our_signature() {
    let forge = Forge::new().await;
    let public = forge.keyring.jwks();
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("nOnE")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES256")),
        ("alg", json!("eddsa")),
        ("alg", json!("Ed25519")),
        ("alg", json!(["EdDSA"])),
        ("typ", json!("JWT")),
        ("typ", json!("id_token+jwt")),
        ("typ", json!("AT+JWT")),
        ("kid", json!("../../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("sig_00000000000000000000000000")),
        ("kid", json!(null)),
        ("jwk", json!(public[0].x)),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
    ] {
        let token = forge.with_header(|header| header[name] = value.clone());
        assert!(!forge.accepts(&token), "{name}={value}");
    }
    for missing in ["alg", "typ", "kid"] {
        let token = forge.with_header(|header| {
            header.as_object_mut().unwrap().remove(missing);
        });
        assert!(!forge.accepts(&token), "without {missing}");
    }
}

#[tokio::test]
async fn a_signature_by_the_public_key_as_a_hmac_secret_is_refused() {
    let forge = Forge::new().await;
    let kid = forge.header["kid"].as_str().unwrap();
    let public = forge.keyring.public_key(kid).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, public);
    let header = forge.header.to_string().replace("EdDSA", "HS256");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(forge.claims.to_string())
    );
    let tag = hmac::sign(&key, signed.as_bytes());
    assert!(!forge.accepts(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))));
}

#[tokio::test]
async fn another_key_under_our_key_id_is_refused() {
    let (forge, other) = (Forge::new().await, Forge::new().await);
    let token = other.sign(&forge.header.to_string(), &forge.claims.to_string());
    assert!(!forge.accepts(&token));
}

#[tokio::test]
async fn empty_null_and_malleable_signatures_are_refused() {
    let forge = Forge::new().await;
    let token = forge.genuine();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut above_the_order = bytes.clone();
    // S + L is congruent to S; RFC 8032 section 5.1.7 refuses it.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, add) in above_the_order[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    let zeros = vec![0; 64];
    let der = [
        &[0x30, 0x44, 0x02, 0x20],
        &bytes[..32],
        &[0x02, 0x20],
        &bytes[32..],
    ]
    .concat();
    for forged in [vec![], zeros, above_the_order, bytes[..63].to_vec(), der] {
        assert!(!forge.accepts(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&forged))));
    }
    let public = Ed25519KeyPair::generate().unwrap();
    let own = URL_SAFE_NO_PAD.encode(public.public_key());
    assert!(!forge.accepts(&format!("{signed}.{own}")));
}

#[tokio::test]
async fn text_that_decodes_to_the_same_bytes_is_another_token() {
    let forge = Forge::new().await;
    let token = forge.genuine();
    let last = token.chars().last().unwrap();
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = LETTERS.find(last).unwrap();
    // 64 bytes leave four bits of the last letter unused: they must be zero.
    let sibling = LETTERS.as_bytes()[place | 1] as char;
    let twin = format!("{}{sibling}", &token[..token.len() - 1]);
    assert!(twin == token || !forge.accepts(&twin));
    let parts: Vec<&str> = token.split('.').collect();
    for form in [
        token.replace('.', ".."),
        format!("{token}."),
        format!(".{token}"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}.{}", parts[1], parts[2]),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}=.{}", parts[0], parts[1], parts[2]),
        format!("{token}=="),
        format!("{token}\n"),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            parts[2].replace('-', "+").replace('_', "/") + " "
        ),
    ] {
        assert!(!forge.accepts(&form), "{form}");
    }
}

#[tokio::test]
async fn claims_of_another_shape_are_refused_even_under_our_signature() {
    let forge = Forge::new().await;
    for (name, value) in [
        ("iss", json!("https://api.example.test.evil.example")),
        ("iss", json!("https://api.example.test/")),
        ("iss", json!("HTTPS://API.EXAMPLE.TEST")),
        ("iss", json!([ISSUER])),
        ("iss", json!(null)),
        ("aud", json!("portico2")),
        ("aud", json!("port")),
        ("aud", json!(["portico", "other"])),
        ("aud", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!(1_600.5)),
        ("exp", json!(-1)),
        ("exp", json!(0)),
        ("exp", json!(9_999_999_999_i64)),
        ("exp", json!(1e30)),
        ("exp", json!(null)),
        ("iat", json!(NOW + LEEWAY_S + 1)),
        ("iat", json!("1000")),
        ("nbf", json!(NOW + LEEWAY_S + 60)),
        ("role", json!("owner ")),
        ("role", json!("Owner")),
        ("role", json!(["owner"])),
        ("tenant", json!("ten_zzzzzzzzzzzzzzzzzzzzzzzzzz")),
        ("tenant", json!("usr_00000000000000000000000000")),
        ("sub", json!("root")),
        ("sid", json!("")),
        ("epoch", json!(-1)),
        ("epoch", json!(1.5)),
    ] {
        let token = forge.with_claims(|claims| claims[name] = value.clone());
        assert!(!forge.accepts(&token), "{name}={value}");
    }
    for missing in [
        "iss", "aud", "sub", "exp", "iat", "tenant", "role", "sid", "jti", "epoch",
    ] {
        let token = forge.with_claims(|claims| {
            claims.as_object_mut().unwrap().remove(missing);
        });
        assert!(!forge.accepts(&token), "without {missing}");
    }
}

#[tokio::test]
async fn a_claim_or_header_that_is_there_twice_is_refused() {
    let forge = Forge::new().await;
    let (header, claims) = (forge.header.to_string(), forge.claims.to_string());
    for twice in [
        claims.replace("\"role\":", "\"role\":\"owner\",\"role\":"),
        claims.replace(
            "\"tenant\":",
            "\"tenant\":\"ten_00000000000000000000000000\",\"tenant\":",
        ),
        claims.replace("\"exp\":", "\"exp\":9999999999,\"exp\":"),
    ] {
        assert_ne!(twice, claims);
        assert!(!forge.accepts(&forge.sign(&header, &twice)), "{twice}");
    }
    let twice = header.replace("\"alg\":", "\"alg\":\"none\",\"alg\":");
    assert_ne!(twice, header);
    assert!(!forge.accepts(&forge.sign(&twice, &claims)));
    // By case, it is another claim, and means nothing.
    let token = forge.with_claims(|claims| claims["Role"] = json!("owner"));
    let read = verify(&forge.keyring, ISSUER, &token, at(NOW)).unwrap();
    assert_eq!(read.role, Role::User);
}

#[tokio::test]
async fn what_is_no_access_token_is_refused() {
    let forge = Forge::new().await;
    for other in [
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
        "prt_AAAA",
        "pk_0000",
        "null",
        "{}",
        "..",
        "e30.e30.e30",
    ] {
        assert!(!forge.accepts(other), "{other}");
    }
    let nested = forge.sign(
        &forge.header.to_string(),
        &json!(forge.genuine()).to_string(),
    );
    assert!(!forge.accepts(&nested));
    let long = forge.with_claims(|claims| claims["pad"] = json!("x".repeat(65_536)));
    assert!(!forge.accepts(&long));
}
