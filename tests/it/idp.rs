//! An identity provider of SAML 2.0 that signs what it is told to, and the browser between it and us.

use std::io::Read;

use aws_lc_rs::{
    digest,
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Url, redirect::Policy};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Stack, text};

const ENTITY: &str = "https://idp.example/saml";

/// An identity provider with one key.
pub(crate) struct Idp {
    key: KeyPair,
}

/// What it says; each field can be made wrong.
pub(crate) struct Say<'a> {
    pub(crate) name_id: &'a str,
    pub(crate) assertion_id: &'a str,
    pub(crate) audience: Option<&'a str>,
    pub(crate) in_response_to: Option<&'a str>,
    pub(crate) session_hours: i64,
}

impl Default for Say<'_> {
    fn default() -> Self {
        Self {
            name_id: "max@acme.example",
            assertion_id: "_a1",
            audience: None,
            in_response_to: None,
            session_hours: 8,
        }
    }
}

/// A sign-in that has begun.
pub(crate) struct Begun {
    pub(crate) state: String,
    pub(crate) request_id: String,
    pub(crate) cookie: String,
}

impl Idp {
    pub(crate) fn new() -> Self {
        Self {
            key: KeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    /// A certificate that holds the key and says nothing else.
    pub(crate) fn certificate(&self) -> String {
        let key = self.key.public_key();
        let key: aws_lc_rs::encoding::PublicKeyX509Der<'_> = key.as_der().unwrap();
        let empty = der(0x30, &[]);
        let fields = [
            der(0x02, &[1]),
            empty.clone(),
            empty.clone(),
            empty.clone(),
            empty.clone(),
            key.as_ref().to_vec(),
        ];
        let certificate = der(
            0x30,
            &[der(0x30, &fields.concat()), empty, der(0x03, &[0])].concat(),
        );
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
            STANDARD.encode(certificate)
        )
    }

    pub(crate) fn settings(&self) -> Value {
        json!({ "idp_entity_id": ENTITY, "sso_url": "https://idp.example/sso", "certificates": [self.certificate()] })
    }

    pub(crate) async fn connect(&self, owner: &Client) -> Value {
        let new = json!({ "name": "Directory", "saml": self.settings() });
        owner
            .post("/v1/tenant/sso-connections", new)
            .await
            .status(201)
    }

    /// A response with a signed assertion, written in its canonical form.
    #[expect(
        clippy::disallowed_methods,
        reason = "PKCS #1 v1.5 is deterministic: the signer asks for a random source and does not read it"
    )]
    pub(crate) fn response(
        &self,
        stack: &Stack,
        connection: &Value,
        begun: &Begun,
        say: &Say<'_>,
    ) -> String {
        let at = |seconds: i64| jiff::Timestamp::from_second(stack.now_s() + seconds).unwrap();
        let acs = text(&connection["saml"]["acs_url"]);
        let entity = text(&connection["saml"]["sp_entity_id"]);
        let (audience, request) = (
            say.audience.unwrap_or(&entity),
            say.in_response_to.unwrap_or(&begun.request_id),
        );
        let (id, name, now, soon) = (say.assertion_id, say.name_id, at(0), at(300));
        let ends = at(say.session_hours * 3_600);
        let head = format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{id}\" IssueInstant=\"{now}\" Version=\"2.0\"><saml:Issuer>{ENTITY}</saml:Issuer>"
        );
        let tail = format!(
            "<saml:Subject><saml:NameID>{name}</saml:NameID><saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData InResponseTo=\"{request}\" NotOnOrAfter=\"{soon}\" Recipient=\"{acs}\"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>\
             <saml:Conditions NotBefore=\"{now}\" NotOnOrAfter=\"{soon}\"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
             <saml:AuthnStatement AuthnInstant=\"{now}\" SessionNotOnOrAfter=\"{ends}\"></saml:AuthnStatement></saml:Assertion>"
        );
        let hash = STANDARD.encode(digest::digest(
            &digest::SHA256,
            format!("{head}{tail}").as_bytes(),
        ));
        let signed_info = format!(
            "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod><ds:Reference URI=\"#{id}\"><ds:Transforms>\
             <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>{hash}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed_info.as_bytes(),
                &mut signature,
            )
            .unwrap();
        let signature = STANDARD.encode(signature);
        let xml = format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_r\" Version=\"2.0\" IssueInstant=\"{now}\" Destination=\"{acs}\" InResponseTo=\"{request}\">\
             <samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>{head}<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
             {signed_info}<ds:SignatureValue>{signature}</ds:SignatureValue></ds:Signature>{tail}</samlp:Response>"
        );
        STANDARD.encode(xml)
    }
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, len[0], len[1]], content].concat()
}

fn browser() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_certs_only([])
        .redirect(Policy::none())
        .build()
        .unwrap()
}

pub(crate) fn parameter(location: &str, name: &str) -> Option<String> {
    let url = Url::parse(location).unwrap();
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

pub(crate) async fn get(stack: &Stack, path: &str, query: &[(&str, &str)]) -> reqwest::Response {
    let url = Url::parse_with_params(&format!("{}{path}", stack.platform.url()), query).unwrap();
    browser().get(url).send().await.unwrap()
}

pub(crate) fn header(answer: &reqwest::Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

pub(crate) async fn begin(stack: &Stack, connection: &Value, more: &[(&str, &str)]) -> Begun {
    let return_to = format!("{}/app?x=1", stack.platform.url());
    let id = text(&connection["id"]);
    let query = [
        &[
            ("connection_id", id.as_str()),
            ("return_to", &return_to),
            ("state", "of-the-app"),
        ],
        more,
    ]
    .concat();
    let answer = get(stack, "/v1/auth/sso/start", &query).await;
    assert_eq!(answer.status(), 303);
    let (location, cookie) = (header(&answer, "location"), header(&answer, "set-cookie"));
    assert!(
        cookie.starts_with("__Host-sso=")
            && cookie.contains("; Path=/; Secure; HttpOnly; SameSite=None")
    );
    let deflated = STANDARD
        .decode(parameter(&location, "SAMLRequest").unwrap())
        .unwrap();
    let mut request = String::new();
    flate2::read::DeflateDecoder::new(deflated.as_slice())
        .read_to_string(&mut request)
        .unwrap();
    let request_id = request
        .split("ID=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    Begun {
        state: parameter(&location, "RelayState").unwrap(),
        request_id: request_id.to_owned(),
        cookie: cookie.split(';').next().unwrap().to_owned(),
    }
}

pub(crate) async fn answer(
    connection: &Value,
    state: &str,
    cookie: &str,
    response: &str,
) -> reqwest::Response {
    let body = Url::parse_with_params(
        "http://x.example",
        [("SAMLResponse", response), ("RelayState", state)],
    )
    .unwrap();
    let request = browser()
        .post(text(&connection["saml"]["acs_url"]))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .body(body.query().unwrap().to_owned());
    request.send().await.unwrap()
}

pub(crate) async fn exchange(stack: &Stack, code: &str, verifier: Option<&str>) -> Answer {
    stack
        .anonymous()
        .post(
            "/v1/auth/sso/token",
            json!({ "code": code, "code_verifier": verifier }),
        )
        .await
}

/// The status that an answer gets, and the reason in the owner's audit trail.
pub(crate) async fn refused(
    stack: &Stack,
    owner: &Client,
    idp: &Idp,
    connection: &Value,
    say: Say<'_>,
) -> String {
    let begun = begin(stack, connection, &[]).await;
    let response = idp.response(stack, connection, &begun, &say);
    let given = answer(connection, &begun.state, &begun.cookie, &response).await;
    assert_eq!(given.status(), 401);
    last_reason(owner).await
}

pub(crate) async fn last_reason(owner: &Client) -> String {
    let entries = owner
        .get("/v1/audit?action=sso_connection.sign_in_refused")
        .await
        .status(200);
    text(&entries["data"][0]["changes"]["reason"]["to"])
}
