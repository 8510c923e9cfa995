//! Which problems a route can answer with, for the OpenAPI document. They follow from what the route
//! takes, so handlers do not list them: `default` in a handler's attribute stands for all of these.

use utoipa::openapi::{
    Components, ContentBuilder, Ref, RefOr, ResponseBuilder,
    path::{Operation, ParameterIn, PathItem},
};

/// What a route takes.
struct Facts {
    has_caller: bool,
    has_body: bool,
    has_path: bool,
    has_query: bool,
    has_if_match: bool,
    /// Whether `Idempotency-Key` means something.
    is_keyed: bool,
}

/// Status, what it says, and which routes can answer so.
type Row = (&'static str, &'static str, fn(&Facts) -> bool);

const PROBLEMS: [Row; 10] = [
    ("400", "The body is not JSON", |route| route.has_body),
    ("401", "No credential, or not a good one", |route| {
        route.has_caller || route.has_body || route.has_path
    }),
    ("403", "A permission is missing", |route| route.has_caller),
    ("404", "There is no such resource", |route| route.has_path),
    (
        "409",
        "The present state, or a request with the same key, stands against it",
        |route| route.is_keyed,
    ),
    ("412", "If-Match names another version", |route| {
        route.has_if_match
    }),
    ("413", "The body is too long", |route| {
        route.has_body || route.is_keyed
    }),
    ("415", "The body is not sent as JSON", |route| {
        route.has_body
    }),
    ("422", "Values are missing, unknown or not valid", |route| {
        route.has_body || route.has_query || route.is_keyed
    }),
    ("429", "A limit is reached", |route| {
        route.has_caller || route.has_body
    }),
];

/// Any route may find its dependencies away.
const UNAVAILABLE: (&str, &str) = ("503", "A service that it needs did not answer");

/// Puts the problems of each operation in the place of its `default`.
pub(crate) fn complete(item: &mut PathItem) {
    let methods = [
        (&mut item.get, false),
        (&mut item.put, false),
        (&mut item.post, true),
        (&mut item.delete, false),
        (&mut item.patch, false),
    ];
    for (operation, is_post) in methods {
        if let Some(operation) = operation {
            replace_default(operation, is_post);
        }
    }
}

fn replace_default(operation: &mut Operation, is_post: bool) {
    if operation.responses.responses.remove("default").is_none() {
        return;
    }
    let has_caller = operation.security.is_none();
    let mut facts = Facts {
        has_caller,
        has_body: operation.request_body.is_some(),
        has_path: false,
        has_query: false,
        has_if_match: false,
        is_keyed: is_post && has_caller,
    };
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        match parameter.parameter_in {
            ParameterIn::Path => facts.has_path = true,
            ParameterIn::Query | ParameterIn::QueryString => facts.has_query = true,
            ParameterIn::Header => facts.has_if_match |= parameter.name == "If-Match",
            ParameterIn::Cookie => {}
        }
    }
    let of_route = PROBLEMS.iter().filter(|(_, _, can)| can(&facts));
    let statuses = of_route.map(|(status, ..)| *status);
    for status in statuses.chain([UNAVAILABLE.0]) {
        let shared = RefOr::Ref(Ref::from_response_name(name(status)));
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert(shared);
    }
}

/// What the operations refer to.
pub(crate) fn describe(components: &mut Components) {
    let rows = PROBLEMS.iter().map(|(status, text, _)| (*status, *text));
    for (status, text) in rows.chain([UNAVAILABLE]) {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description(text)
            .content("application/problem+json", content)
            .build();
        components
            .responses
            .insert(name(status), RefOr::T(response));
    }
}

fn name(status: &str) -> String {
    format!("Problem{status}")
}
