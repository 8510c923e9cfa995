//! A platform for one test: started on free ports, stores in memory, queues read when told, time
//! moved when told. Nothing is shared between tests and nothing stays behind.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use local::{
    clock::Clock,
    fault::Faults,
    platform::{Options, Platform, Source},
    pump::Redeliver,
    registry::Registry,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::webhook::{
    presets, sample,
    sign::{Outgoing, dispatch, sign},
};

use crate::sightings;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const SECRET: &str = "whsec_c2VjcmV0LW9mLXRoZS1lbmRwb2ludC0wMDAx";

/// The project's root folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) struct Stack {
    pub(crate) platform: Platform,
    registry: Registry,
    _keys: sightings::Keys,
    http: reqwest::Client,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::with(Redeliver::Never).await
    }

    /// `Redeliver::Always` runs each queue batch twice: every job may.
    pub(crate) async fn with(redeliver: Redeliver) -> Self {
        Self::start_with(|options| options.redeliver = redeliver).await
    }

    /// Under production's rules for outgoing calls: not even this machine may be called.
    pub(crate) async fn strict() -> Self {
        Self::start_with(|options| options.egress_allow = String::new()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Clock::new();
        let registry = Registry::new(clock.clone());
        let source = Source::Path(root().join("template.yaml"));
        let mut options = Options::memory(source, registry.launch());
        options.clock = clock;
        // Tests ask more of a platform in a second than people do; those of the limits lower them.
        options
            .parameters
            .insert("SignInsPerMinute".to_owned(), "1000000".to_owned());
        options.witness = sightings::witness();
        change(&mut options);
        let platform = Platform::start(options).await.expect("the platform starts");
        sightings::started(platform.template());
        Self {
            platform,
            _keys: sightings::Keys(registry.clone()),
            registry,
            http: plain_client(),
        }
    }

    /// A client of this machine's servers, for calls that no [`Client`] makes.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn anonymous(&self) -> Client {
        self.client(None)
    }

    /// The simulated vendors, and their controls.
    pub(crate) fn vendors(&self) -> Client {
        Client {
            http: self.http.clone(),
            base: self.platform.vendors_url(),
            token: None,
        }
    }

    pub(crate) fn client(&self, token: Option<&str>) -> Client {
        Client {
            http: self.http.clone(),
            base: self.platform.url(),
            token: token.map(str::to_owned),
        }
    }

    /// Registers a tenant; the client is its owner.
    pub(crate) async fn tenant(&self, name: &str) -> Client {
        let answer = self.register(name, &format!("owner@{name}.example")).await;
        self.client(answer.status(201)["access_token"].as_str())
    }

    pub(crate) async fn register(&self, tenant: &str, email: &str) -> Answer {
        let body = json!({ "tenant_name": tenant, "name": "Olivia Owner", "email": email, "password": PASSWORD });
        self.anonymous().post("/v1/auth/register", body).await
    }

    pub(crate) async fn login(&self, email: &str) -> Answer {
        self.anonymous()
            .post(
                "/v1/auth/login",
                json!({ "email": email, "password": PASSWORD }),
            )
            .await
    }

    /// The owner of [`Stack::tenant`] with a fresh access token, after time was moved.
    pub(crate) async fn again(&self, tenant: &str) -> Client {
        let answer = self.login(&format!("owner@{tenant}.example")).await;
        self.client(answer.status(200)["access_token"].as_str())
    }

    /// Adds a member with this role and signs them in.
    pub(crate) async fn member(&self, owner: &Client, role: &str, email: &str) -> Client {
        let new =
            json!({ "email": email, "name": "Max Member", "role": role, "password": PASSWORD });
        owner.post("/v1/users", new).await.status(201);
        self.client(self.login(email).await.status(200)["access_token"].as_str())
    }

    /// Runs everything that is on the queues now.
    pub(crate) async fn drain(&self) {
        self.platform.drain().await.expect("the queues drain");
    }

    /// The letters to one address, oldest first, once all that are queued were sent.
    pub(crate) async fn letters(&self, to: &str) -> Vec<Value> {
        self.drain().await;
        let mut letters = self.platform.outbox().letters();
        letters.retain(|letter| letter["to"][0] == to);
        letters
    }

    /// The token in the latest letter of this kind to one address.
    pub(crate) async fn mailed(&self, to: &str, kind: &str) -> String {
        let letters = self.letters(to).await;
        let letter = letters.iter().rfind(|letter| letter["kind"] == kind);
        let letter = letter.unwrap_or_else(|| panic!("no letter {kind} to {to}: {letters:?}"));
        let body = text(&letter["text"]);
        let (_, rest) = body.split_once("#token=").expect("a link with a token");
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// Proves the address of a person who is signed in.
    pub(crate) async fn verify_email(&self, person: &Client, email: &str) {
        person
            .post("/v1/auth/email/verification", json!({}))
            .await
            .status(202);
        let token = self.mailed(email, "email-verification").await;
        let body = json!({ "token": token });
        let verified = self.anonymous().post("/v1/auth/email/verify", body).await;
        verified.status(204);
    }

    /// One tick of the scheduler: each duty that is due has its turn.
    pub(crate) async fn tick(&self) {
        let ticked = self.platform.tick("scheduler").await;
        ticked.expect("the duties do what they must");
    }

    /// The clients and the clock of a function, started if it was not.
    pub(crate) async fn app(&self, binary: &str) -> shared::App {
        let started = self.platform.functions().start(binary).await;
        started.expect("the function starts");
        self.registry
            .app(binary)
            .expect("a started function has an app")
    }

    pub(crate) fn advance_s(&self, seconds: u64) {
        self.platform.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.platform.clock().now_ms() / 1_000
    }

    pub(crate) fn faults(&self) -> &Faults {
        self.platform.faults()
    }

    /// Messages on a queue, waiting and hidden.
    pub(crate) fn queued(&self, queue: &str) -> u64 {
        let counts = self.platform.queue_counts(queue).expect("the queue exists");
        u64::from(counts.visible as u32)
            + u64::from(counts.in_flight as u32)
            + u64::from(counts.delayed as u32)
    }

    /// The AWS calls that `function` makes while `work` runs, counted inside its SDK clients.
    pub(crate) async fn calls<T>(
        &self,
        function: &str,
        work: impl Future<Output = T>,
    ) -> BTreeMap<String, u64> {
        let before = self.registry.calls(function);
        work.await;
        let mut calls = self.registry.calls(function);
        for (name, count) in before {
            let left = calls.remove(&name).unwrap_or(0).saturating_sub(count);
            if left > 0 {
                calls.insert(name, left);
            }
        }
        calls
    }

    /// Sends an event as its vendor would, at the platform's present time.
    pub(crate) async fn send(&self, endpoint: &Endpoint, id: &str) -> Answer {
        let body = sample::body(presets::find(&endpoint.scheme).unwrap(), id, self.now_s());
        self.send_body(endpoint, id, body.as_bytes()).await
    }

    pub(crate) async fn send_body(&self, endpoint: &Endpoint, id: &str, body: &[u8]) -> Answer {
        let headers = endpoint.sign(id, self.now_s(), body);
        self.post_raw(&endpoint.url, &headers, body).await
    }

    pub(crate) async fn post_raw(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Answer {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let headers: Vec<_> = headers.iter().cloned().chain([json]).collect();
        self.post_with(url, &headers, body).await
    }

    /// Sends a sample whose proof may lie in the URL or the body.
    pub(crate) async fn dispatch(&self, endpoint: &Endpoint, id: &str) -> Answer {
        let scheme = presets::find(&endpoint.scheme).unwrap();
        let body = sample::body(scheme, id, self.now_s());
        let outgoing = Outgoing {
            id,
            timestamp_unix_s: self.now_s(),
            method: "POST",
            url: &endpoint.url,
            body: body.as_bytes(),
        };
        let sent = dispatch(scheme, SECRET.as_bytes(), &outgoing).unwrap();
        self.post_with(&sent.url, &sent.headers, &sent.body).await
    }

    /// What a vendor asks with a GET.
    pub(crate) async fn get_raw(&self, url: &str, headers: &[(String, String)]) -> Answer {
        let mut request = self.http.get(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Answer::of(request.send().await.expect("the gateway answers")).await
    }

    /// These headers and no other.
    pub(crate) async fn post_with(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Answer {
        let mut request = self.http.post(url).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Answer::of(request.send().await.expect("the gateway answers")).await
    }
}

/// Speaks to the platform only, in clear: without the system's certificates, which take time to load.
fn plain_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().tls_certs_only([]);
    builder.build().expect("the client is made")
}

/// A webhook endpoint that a test has made.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) scheme: String,
}

impl Endpoint {
    pub(crate) async fn create(owner: &Client, scheme: &str) -> Self {
        let new = json!({ "name": "Vendor", "scheme": scheme, "secret": SECRET });
        let answer = owner.post("/v1/webhook-endpoints", new).await;
        let made = answer.status(201);
        Self {
            id: text(&made["id"]),
            url: text(&made["url"]),
            scheme: scheme.to_owned(),
        }
    }

    pub(crate) fn sign(&self, id: &str, at_unix_s: i64, body: &[u8]) -> Vec<(String, String)> {
        self.sign_with(SECRET, id, at_unix_s, body)
    }

    pub(crate) fn sign_with(
        &self,
        secret: &str,
        id: &str,
        at_unix_s: i64,
        body: &[u8],
    ) -> Vec<(String, String)> {
        let outgoing = Outgoing {
            id,
            timestamp_unix_s: at_unix_s,
            method: "POST",
            url: &self.url,
            body,
        };
        sign(
            presets::find(&self.scheme).unwrap(),
            secret.as_bytes(),
            &outgoing,
        )
        .unwrap()
    }
}

/// A client with one credential, or none.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.request(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PATCH, path, Some(body), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, None, &[]).await
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.expect("the gateway answers")).await
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let (code, headers) = (response.status(), response.headers().clone());
        Self {
            code,
            headers,
            body: response.text().await.expect("the body is text"),
        }
    }

    /// The JSON body of an answer with this status.
    #[track_caller]
    pub(crate) fn status(&self, expected: u16) -> Value {
        assert_eq!(self.code.as_u16(), expected, "{}", self.body);
        self.json()
    }

    /// The body of a problem of this type.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        let body = self.status(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let uri = match kind {
            "quota-exceeded" => format!("https://iana.org/assignments/http-problem-types#{kind}"),
            _ => format!("urn:portico:problem:{kind}"),
        };
        assert_eq!(body["type"], uri);
        body
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }
}

/// A JSON string's text.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a JSON string").to_owned()
}
