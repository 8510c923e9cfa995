//! What a whole run of these tests sees: what each function may call and does call, and how each route is answered.
//! `tests/seen.rs` judges it after the run. Of a run that a filter cuts short nothing is kept.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Write,
    path::Path,
    sync::{LazyLock, Mutex, PoisonError},
};

use local::{
    registry::{FUNCTIONS, Registry},
    template::{Effect, FunctionSpec, Statement, Template},
    witness::{Sight, Witness},
};

use crate::{routes, wall};

/// Actions of Lambda's poller, with the function's role:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const POLLER: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];

/// What DynamoDB does with a table's own key in the name of its caller:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html>
const VIA_DYNAMODB: [&str; 3] = ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"];

static SIGHTINGS: LazyLock<Option<Sightings>> = LazyLock::new(Sightings::of_a_whole_run);

struct Sightings {
    routes: BTreeSet<String>,
    written: Mutex<(File, BTreeSet<String>)>,
}

/// Whom a platform tells what happens on it.
pub(crate) fn witness() -> Witness {
    match LazyLock::force(&SIGHTINGS) {
        None => Witness::default(),
        Some(sightings) => Witness::new(|sight| sightings.see(sight)),
    }
}

/// What the template allows, and what AWS does in a function's name.
pub(crate) fn started(template: &Template) {
    if let Some(sightings) = &*SIGHTINGS {
        for function in &template.functions {
            sightings.may(&function.binary, &function.statements);
            sightings.polls(function);
        }
        for role in &template.roles {
            let role_of = format!("{}/tenant", wall::binary(role));
            sightings.may(&role_of, &role.statements);
        }
    }
}

/// Goes with its platform, and keeps which functions would have called KMS.
pub(crate) struct Keys(pub(crate) Registry);

impl Drop for Keys {
    fn drop(&mut self) {
        let Some(sightings) = &*SIGHTINGS else {
            return;
        };
        for (binary, _) in FUNCTIONS {
            for operation in self.0.calls(binary).keys() {
                if let Some(action) = operation.strip_prefix("KMS.") {
                    sightings.keep(&format!("call {binary} kms:{action} MasterKey itself"));
                }
            }
        }
    }
}

impl Sightings {
    /// `None` where an argument chooses some of the tests.
    fn of_a_whole_run() -> Option<Self> {
        let mut arguments = std::env::args().skip(1);
        if arguments.any(|argument| !argument.starts_with('-') || argument.starts_with("--skip")) {
            return None;
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seen.txt");
        let file = File::create(path).expect("the record of a run is made");
        let sightings = Self {
            routes: routes::in_code(),
            written: Mutex::new((file, BTreeSet::new())),
        };
        for route in &sightings.routes {
            sightings.keep(&format!("route {route}"));
        }
        Some(sightings)
    }

    fn see(&self, sight: Sight<'_>) {
        match sight {
            Sight::Call { role, need } => {
                // A sender may be verified by its domain, so the policy names no identity, but the address.
                let resource = match need.action.as_str() {
                    "ses:SendEmail" => "identity/*",
                    _ => name(&need.resource),
                };
                self.keep(&format!("call {role} {} {resource}", need.action));
            }
            Sight::Answer {
                method,
                path,
                status,
            } => {
                if let Some(route) = self.route(method, path) {
                    self.keep(&format!("answer {} {route}", status.as_u16()));
                }
            }
        }
    }

    fn may(&self, role: &str, statements: &[Statement]) {
        let allows = statements.iter();
        for statement in allows.filter(|statement| statement.effect == Effect::Allow) {
            for (action, resource) in pairs(statement) {
                let way = way(statement);
                self.keep(&format!("may {role} {action} {}{way}", name(resource)));
                if action.starts_with("dynamodb:") {
                    for action in VIA_DYNAMODB {
                        self.keep(&format!("call {role} {action} MasterKey via-dynamodb"));
                    }
                }
            }
        }
    }

    fn polls(&self, function: &FunctionSpec) {
        for trigger in &function.queues {
            for action in POLLER {
                let (binary, queue) = (&function.binary, &trigger.queue);
                self.keep(&format!("call {binary} {action} {queue}"));
            }
        }
    }

    /// The most literal of the routes that fit.
    fn route(&self, method: &str, path: &str) -> Option<&str> {
        let path: Vec<&str> = path.split('/').collect();
        let fitting = self.routes.iter().filter_map(|route| {
            let (of, pattern) = route.split_once(' ')?;
            (of == method).then_some(())?;
            let pattern: Vec<&str> = pattern.split('/').collect();
            (pattern.len() == path.len()).then_some(())?;
            let mut literals = 0;
            for (pattern, found) in pattern.iter().zip(&path) {
                literals += literal(pattern, found)?;
            }
            Some((literals, route.as_str()))
        });
        fitting.max().map(|(_, route)| route)
    }

    /// Each line once, at once: a run may end anywhere.
    fn keep(&self, line: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, lines) = &mut *written;
        if lines.insert(line.to_owned()) {
            writeln!(file, "{line}").expect("the record of a run is written");
        }
    }
}

/// How much of a pattern's segment is literal, if it fits: `{id}:verb` has six characters of it.
fn literal(pattern: &str, found: &str) -> Option<usize> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return (pattern == found).then_some(pattern.len());
    };
    let (_, after) = rest.split_once('}')?;
    let variable = found.strip_prefix(before)?.strip_suffix(after)?;
    (!variable.is_empty()).then_some(before.len() + after.len())
}

fn pairs(statement: &Statement) -> impl Iterator<Item = (&str, &str)> {
    let resources = statement.resources.iter().map(String::as_str);
    resources.flat_map(|resource| {
        let actions = statement.actions.iter();
        actions.map(move |action| (action.as_str(), resource))
    })
}

/// By which of its conditions a statement on the key is meant.
fn way(statement: &Statement) -> &'static str {
    let Some(condition) = &statement.condition else {
        return "";
    };
    let equals = &condition["StringEquals"];
    let service = equals["kms:ViaService"].as_str();
    if service.is_some_and(|service| service.starts_with("dynamodb.")) {
        " via-dynamodb"
    } else if equals["kms:EncryptionContext:purpose"].is_string() {
        " itself"
    } else {
        // A sender's address, or the keys of rows: conditions that a call has met when it is seen.
        ""
    }
}

/// The end of an ARN: `EventsTable/index/by_time`.
fn name(resource: &str) -> &str {
    let end = resource.rsplit(':').next().unwrap_or(resource);
    ["table/", "key/"]
        .iter()
        .find_map(|kind| end.strip_prefix(kind))
        .unwrap_or(end)
}

#[test]
fn an_answer_belongs_to_the_most_literal_route() {
    let sightings = Sightings {
        routes: routes::in_code(),
        written: Mutex::new((File::open("/dev/null").unwrap(), BTreeSet::new())),
    };
    let route = |method, path| sightings.route(method, path).unwrap_or("none");
    assert_eq!(route("GET", "/v1/events/ledger"), "GET /v1/events/ledger");
    assert_eq!(route("GET", "/v1/events/evt_1"), "GET /v1/events/{id}");
    assert_eq!(
        route("POST", "/v1/events/evt_1:replay"),
        "POST /v1/events/{id}:replay"
    );
    assert_eq!(route("POST", "/v1/events:replay"), "POST /v1/events:replay");
    assert_eq!(route("GET", "/v1/events/evt_1/none"), "none");
}
