//! Whether a manifest that a tenant has written may be used: everything that a call of ours is made of is
//! checked here, once, and again where it is sent.

use http::{HeaderName, HeaderValue};

use crate::{
    egress::Egress,
    problem::{ApiError, FieldError},
    vendor::{
        Connector,
        connector::{Auth, Object, Operation, Pagination},
        request::{SIMULATED, check_path, host_of, may_be_set},
    },
    webhook::presets,
};

/// What a tenant's own connectors begin with: no built-in name does.
pub const OWN_PREFIX: &str = "x-";
/// It is kept with every connection.
const LONGEST: usize = 16 * 1_024;
const MOST_OBJECTS: usize = 20;
const MOST_FIELDS: usize = 100;
const MOST_SCOPES: usize = 50;

/// # Errors
/// `Invalid` names each part that may not be.
pub fn check_manifest(egress: &Egress, connector: &Connector) -> Result<(), ApiError> {
    let mut found = Findings {
        egress,
        errors: Vec::new(),
    };
    found.all(connector);
    match found.errors.is_empty() {
        true => Ok(()),
        false => Err(ApiError::Invalid(found.errors)),
    }
}

struct Findings<'a> {
    egress: &'a Egress,
    errors: Vec<FieldError>,
}

impl Findings<'_> {
    fn all(&mut self, connector: &Connector) {
        let len = serde_json::to_vec(connector).map_or(usize::MAX, |text| text.len());
        self.must(len <= LONGEST, "", "must have at most 16 KiB");
        let rest = connector.name.strip_prefix(OWN_PREFIX);
        let is_letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name =
            rest.is_some_and(|rest| (1..=40).contains(&rest.len()) && rest.bytes().all(is_letter));
        let detail = "must be `x-` and 1 to 40 lower-case letters, digits and hyphens";
        self.must(is_name, "/name", detail);
        let title = connector.title.chars();
        let is_title =
            (1..=100).contains(&title.clone().count()) && !title.clone().any(char::is_control);
        self.must(is_title, "/title", "must have 1 to 100 characters");
        self.base(connector);
        self.auth(&connector.auth);
        for (name, value) in &connector.headers {
            let is_good = header(name).is_some_and(|name| may_be_set(&name))
                && HeaderValue::from_str(value).is_ok();
            self.must(
                is_good,
                &format!("/headers/{name}"),
                "must be a header that a call may set",
            );
        }
        if let Some(path) = &connector.test_path {
            self.path("/test_path", path);
        }
        if let Some(name) = &connector.idempotency_header {
            let is_good = header(name).is_some_and(|name| may_be_set(&name));
            self.must(
                is_good,
                "/idempotency_header",
                "must be a header that a call may set",
            );
        }
        let rate = &connector.rate;
        for name in [&rate.limit, &rate.remaining, &rate.reset_unix_s]
            .into_iter()
            .flatten()
        {
            self.must(header(name).is_some(), "/rate", "must be names of headers");
        }
        self.pages(&connector.pagination);
        let is_status = |status: &u16| (400..600).contains(status);
        let are_statuses = connector.errors.throttled.iter().all(is_status);
        self.must(
            are_statuses,
            "/errors/throttled",
            "must be statuses from 400 to 599",
        );
        self.pointers("/errors/ok_pointer", &connector.errors.ok_pointer);
        let budget = connector.budget;
        let is_budget = (1..=1_000_000).contains(&budget.requests)
            && (1..=86_400).contains(&budget.per_seconds);
        self.must(
            is_budget,
            "/budget",
            "must be 1 to 1000000 requests in 1 to 86400 seconds",
        );
        if let Some(scheme) = &connector.webhook_scheme {
            let is_known = presets::find(scheme).is_some();
            self.must(
                is_known,
                "/webhook_scheme",
                "must be one of GET /v1/webhook-schemes",
            );
        }
        let detail = format!("must be at most {MOST_OBJECTS}");
        self.must(connector.objects.len() <= MOST_OBJECTS, "/objects", &detail);
        for (name, object) in &connector.objects {
            self.object(&format!("/objects/{name}"), name, object);
        }
    }

    fn base(&mut self, connector: &Connector) {
        match &connector.base_url {
            Some(url) => {
                self.url("/base_url", url);
                self.must(
                    !url.ends_with('/'),
                    "/base_url",
                    "must have no `/` at its end",
                );
                let is_alone = connector.host_suffixes.is_empty();
                let detail = "must be left out beside `base_url`";
                self.must(is_alone, "/host_suffixes", detail);
            }
            None => {
                let is_end = |end: &String| end.len() > 2 && end.starts_with('.');
                let are_ends = connector.host_suffixes.iter().all(is_end);
                let detail = "must be ends of host names that begin with a dot";
                self.must(are_ends, "/host_suffixes", detail);
            }
        }
    }

    fn auth(&mut self, auth: &Auth) {
        let has_one = auth.basic || auth.api_key.is_some() || auth.oauth2.is_some();
        self.must(has_one, "/auth", "must have api_key, basic or oauth2");
        if let Some(key) = &auth.api_key {
            let is_auth = key.header.eq_ignore_ascii_case("authorization");
            let may_be = header(&key.header).is_some_and(|name| may_be_set(&name));
            let detail = "must be `authorization` or a header that a call may set";
            self.must(is_auth || may_be, "/auth/api_key/header", detail);
            let is_text = HeaderValue::from_str(&key.prefix).is_ok() && key.prefix.len() <= 100;
            self.must(
                is_text,
                "/auth/api_key/prefix",
                "must be visible text of at most 100 characters",
            );
        }
        let Some(oauth) = &auth.oauth2 else {
            return;
        };
        self.url("/auth/oauth2/token_url", &oauth.token_url);
        match &oauth.authorize_url {
            Some(url) => self.url("/auth/oauth2/authorize_url", url),
            None => self.must(
                oauth.client_credentials,
                "/auth/oauth2/authorize_url",
                "must be given unless `client_credentials` is true",
            ),
        }
        let is_few = oauth.scopes.len() <= MOST_SCOPES
            && oauth.authorize_params.len() <= MOST_SCOPES
            && oauth.ended_errors.len() <= MOST_SCOPES;
        self.must(
            is_few,
            "/auth/oauth2",
            "must have at most 50 scopes, parameters and errors",
        );
        const OURS: [&str; 7] = [
            "client_id",
            "code_challenge",
            "code_challenge_method",
            "redirect_uri",
            "response_type",
            "scope",
            "state",
        ];
        let is_ours = |name: &String| OURS.contains(&name.as_str());
        let are_theirs = !oauth.authorize_params.keys().any(is_ours);
        let detail = "must not have what every authorization has";
        self.must(are_theirs, "/auth/oauth2/authorize_params", detail);
    }

    fn pages(&mut self, pagination: &Pagination) {
        match pagination {
            Pagination::None {} | Pagination::Link { .. } => {}
            Pagination::Cursor { next, .. } | Pagination::NextUrl { next } => {
                self.pointers("/pagination/next", [next]);
            }
            Pagination::LastId { id, has_more, .. } => {
                self.pointers("/pagination", [id, has_more]);
            }
        }
    }

    fn object(&mut self, place: &str, name: &str, object: &Object) {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(is_letter);
        self.must(
            is_name,
            place,
            "must be named by 1 to 64 letters, digits, `-` and `_`",
        );
        let operations = [
            ("list", &object.list),
            ("get", &object.get),
            ("create", &object.create),
            ("update", &object.update),
            ("delete", &object.delete),
        ];
        for (kind, operation) in operations {
            let Some(Operation { method, path }) = operation else {
                continue;
            };
            let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
            let detail = "must be GET, POST, PUT, PATCH or DELETE";
            self.must(
                methods.contains(&method.as_str()),
                &format!("{place}/{kind}/method"),
                detail,
            );
            let pointer = format!("{place}/{kind}/path");
            self.path(&pointer, &path.replace("{id}", "id"));
            let needs_id = ["get", "update", "delete"].contains(&kind);
            self.must(
                !needs_id || path.contains("{id}"),
                &pointer,
                "must contain {id}",
            );
        }
        let items = Some(&object.items).filter(|items| !items.is_empty());
        let others = [&object.updated_at, &object.deleted].into_iter().flatten();
        self.pointers(place, items.into_iter().chain([&object.id]).chain(others));
        let is_few = object.fields.len() <= MOST_FIELDS;
        self.must(is_few, &format!("{place}/fields"), "must be at most 100");
        self.pointers(&format!("{place}/fields"), object.fields.values());
    }

    fn url(&mut self, pointer: &str, url: &str) {
        if let Err(error) = self.egress.check(url) {
            self.errors.push(FieldError::new(pointer, error));
        }
        let is_plain = !url.contains(['?', '#']);
        self.must(is_plain, pointer, "must have no query");
        // Where vendors are simulated, such hosts lead to them.
        let is_real = !host_of(url).ends_with(SIMULATED);
        self.must(
            is_real,
            pointer,
            "must not be a host that ends with .example",
        );
    }

    fn path(&mut self, pointer: &str, path: &str) {
        if let Err(detail) = check_path(path) {
            self.errors.push(FieldError::new(pointer, detail));
        }
    }

    fn pointers<'p>(&mut self, place: &str, pointers: impl IntoIterator<Item = &'p String>) {
        let are_pointers = pointers.into_iter().all(|pointer| pointer.starts_with('/'));
        self.must(
            are_pointers,
            place,
            "must be JSON pointers, which begin with `/`",
        );
    }

    fn must(&mut self, holds: bool, pointer: &str, detail: &str) {
        if !holds {
            self.errors.push(FieldError::new(pointer, detail));
        }
    }
}

fn header(name: &str) -> Option<HeaderName> {
    name.parse().ok()
}

#[cfg(test)]
mod tests;
