//! Reading templates: the project's own whole, and small ones for each rule.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::template::{QueueTrigger, Redrive, Route, Template};
use crate::testing::{SMALL, project_template};

fn parse(text: &str) -> anyhow::Result<Template> {
    Template::parse(text, &BTreeMap::new(), "http://queues")
}

fn error(text: &str) -> String {
    format!("{:#}", parse(text).unwrap_err())
}

/// A template of one function with these properties.
fn function(properties: &str) -> String {
    format!(
        "Parameters:\n  Stage: {{ Type: String, Default: dev, AllowedValues: [dev, prod] }}\n\
         Conditions:\n  IsProd: !Equals [!Ref Stage, prod]\n\
         Mappings:\n  Size: {{ dev: {{ memory: 64 }}, prod: {{ memory: 512 }} }}\n\
         Resources:\n  Q: {{ Type: AWS::SQS::Queue }}\n  F:\n    Type: AWS::Serverless::Function\n    \
         Metadata: {{ BuildProperties: {{ Binary: f }} }}\n    Properties: {{ {properties} }}\n"
    )
}

fn variable(value: &str) -> String {
    let template = parse(&function(&format!(
        "Environment: {{ Variables: {{ X: {value} }} }}"
    )))
    .unwrap();
    template.function("f").unwrap().env["X"].clone()
}

#[test]
fn the_projects_template_is_read_whole() {
    let template = parse(&project_template()).unwrap();
    let binaries: Vec<_> = template
        .functions
        .iter()
        .map(|function| function.binary.as_str())
        .collect();
    for binary in [
        "auth",
        "tenants",
        "users",
        "integrations",
        "audit",
        "webhooks",
        "webhook-worker",
    ] {
        assert!(binaries.contains(&binary), "{binary} of {binaries:?}");
    }
    let auth = template.function("auth").unwrap();
    assert_eq!((auth.memory_mb, auth.timeout_s), (1024, 10));
    assert!(auth.routes.contains(&Route {
        method: "GET".to_owned(),
        path: "/health".to_owned()
    }));
    assert_eq!(auth.env["PORTICO_PLATFORM_TABLE"], "PlatformTable");
    assert_eq!(auth.env["PORTICO_ENVIRONMENT"], "dev");
    let worker = template.function("webhook-worker").unwrap();
    let trigger = |queue: &str, batch_size| QueueTrigger {
        queue: queue.to_owned(),
        batch_size,
        report_batch_item_failures: true,
    };
    let triggers = [
        trigger("EventsQueue", 10),
        trigger("OrderedEventsQueue.fifo", 1),
    ];
    assert_eq!(worker.queues, triggers);
    assert_eq!(
        worker.env["PORTICO_EVENTS_QUEUE_URL"],
        "http://queues/000000000000/EventsQueue"
    );
    let events = template
        .tables
        .iter()
        .find(|table| table.logical_id == "EventsTable")
        .unwrap();
    assert_eq!(events.indexes[0].name, "by_time");
    assert_eq!(events.ttl.as_deref(), Some("expires_at"));
    let queue = template
        .queues
        .iter()
        .find(|queue| queue.logical_id == "EventsQueue")
        .unwrap();
    let redrive = queue.redrive.clone().unwrap();
    assert_eq!(redrive.queue, "EventsDeadLetterQueue");
    let ordered = template
        .queues
        .iter()
        .find(|queue| queue.logical_id == "OrderedEventsQueue.fifo")
        .unwrap();
    assert_eq!(ordered.attributes["FifoQueue"], "true");
    assert_eq!(
        worker.env["PORTICO_ORDERED_EVENTS_QUEUE_URL"],
        "http://queues/000000000000/OrderedEventsQueue.fifo"
    );
}

#[test]
fn a_queue_keeps_its_attributes_and_its_dead_letter_queue() {
    let template = parse(SMALL).unwrap();
    let work = template
        .queues
        .iter()
        .find(|queue| queue.logical_id == "Work")
        .unwrap();
    assert_eq!(work.attributes["VisibilityTimeout"], "60");
    assert_eq!(
        work.redrive,
        Some(Redrive {
            queue: "Dead".to_owned(),
            max_receive_count: 3
        })
    );
}

#[test]
fn globals_lie_below_a_functions_own_values() {
    let text = format!(
        "Globals: {{ Function: {{ Timeout: 7, MemorySize: 64, Environment: {{ Variables: {{ A: low, B: low }} }} }} }}\n{}",
        function("MemorySize: 256, Environment: { Variables: { B: high } }")
    );
    let template = parse(&text).unwrap();
    let function = template.function("f").unwrap();
    assert_eq!((function.timeout_s, function.memory_mb), (7, 256));
    assert_eq!(
        (function.env["A"].as_str(), function.env["B"].as_str()),
        ("low", "high")
    );
}

#[test]
fn intrinsic_functions_have_local_values() {
    assert_eq!(variable("!Ref Q"), "http://queues/000000000000/Q");
    assert_eq!(variable("{ Ref: Q }"), "http://queues/000000000000/Q");
    assert_eq!(
        variable("!GetAtt Q.Arn"),
        "arn:aws:sqs:us-east-1:000000000000:Q"
    );
    assert_eq!(variable("{ 'Fn::GetAtt': [Q, QueueName] }"), "Q");
    assert_eq!(
        variable("!Sub '${AWS::Region}/${Stage}/${Q.QueueName}/${!Kept}'"),
        "us-east-1/dev/Q/${Kept}"
    );
    assert_eq!(variable("!Sub ['${Word}!', { Word: !Ref Stage }]"), "dev!");
    assert_eq!(variable("!Join ['-', [a, !Ref Stage]]"), "a-dev");
    assert_eq!(variable("!If [IsProd, yes, no]"), "no");
    assert_eq!(variable("!Select [1, !Split [',', 'a,b']]"), "b");
    assert_eq!(variable("!FindInMap [Size, !Ref Stage, memory]"), "64");
}

#[test]
fn a_value_that_is_no_value_is_left_out() {
    let text = function("Environment: { Variables: { X: !If [IsProd, a, !Ref 'AWS::NoValue'] } }");
    assert!(parse(&text).unwrap().function("f").unwrap().env.is_empty());
}

#[test]
fn a_parameter_can_be_given_but_only_one_that_exists_and_is_allowed() {
    let text = function("Environment: { Variables: { X: !If [IsProd, a, b] } }");
    let given = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let template = Template::parse(&text, &given("Stage", "prod"), "").unwrap();
    assert_eq!(template.function("f").unwrap().env["X"], "a");
    let unknown = Template::parse(&text, &given("Stagee", "prod"), "").unwrap_err();
    assert_eq!(unknown.to_string(), "the template has no parameter Stagee");
    let refused = Template::parse(&text, &given("Stage", "test"), "").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the parameter Stage must be one of dev, prod, got \"test\""
    );
}

#[test]
fn a_resource_whose_condition_does_not_hold_is_not_there() {
    let text = function("Timeout: 3") + "  Extra: { Type: AWS::SQS::Queue, Condition: IsProd }\n";
    assert_eq!(parse(&text).unwrap().queues.len(), 1);
}

#[test]
fn what_is_not_known_is_refused_by_its_name() {
    let resource = "Resources: { Bucket: { Type: AWS::S3::Bucket } }";
    assert!(
        error(resource).starts_with(
            "Bucket: the local platform does not know the resource type AWS::S3::Bucket"
        )
    );
    assert_eq!(
        error(&function("SnapStart: {}")),
        "F (AWS::Serverless::Function): the property SnapStart is not known to the local platform"
    );
    let event = function("Events: { E: { Type: S3, Properties: {} } }");
    assert!(error(&event).contains("Events.E: the local platform does not know the event type S3"));
    let policy = function("Policies: [{ DynamoDBCrudPolicy: { TableName: T } }]");
    assert!(error(&policy).contains("only policies with a Statement are known"));
    let intrinsic = function("Environment: { Variables: { X: !Cidr [a] } }");
    assert!(
        error(&intrinsic).contains("F.Environment.Variables.X: Fn::Cidr"),
        "{}",
        error(&intrinsic)
    );
    let reference = function("Environment: { Variables: { X: !Ref Nobody } }");
    assert!(error(&reference).contains("Nobody is no parameter and no resource"));
}

#[test]
fn a_condition_that_the_local_check_could_not_honour_is_refused() {
    let of = |condition: &str| {
        let statement = format!(
            "{{ Effect: Allow, Action: 'dynamodb:GetItem', Resource: '*', Condition: {condition} }}"
        );
        error(&function(&format!(
            "Policies: [{{ Statement: [{statement}] }}]"
        )))
    };
    let operator = of("{ Bool: { 'aws:SecureTransport': 'true' } }");
    assert!(
        operator.contains("the operator Bool is not known"),
        "{operator}"
    );
    let key = of("{ StringEquals: { 'aws:SourceVpc': 'v' } }");
    assert!(key.contains("the key aws:SourceVpc is not known"), "{key}");
}

#[test]
fn a_tables_own_policy_speaks_of_that_table() {
    let policy =
        "{ Statement: [{ Effect: Deny, Principal: '*', Action: 'dynamodb:Scan', Resource: '*' }] }";
    let table = |policy: &str| {
        let keys = "AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }], KeySchema: [{ AttributeName: pk, KeyType: HASH }]";
        let policy = format!("ResourcePolicy: {{ PolicyDocument: {policy} }}");
        format!(
            "Resources:\n  T: {{ Type: AWS::DynamoDB::Table, Properties: {{ {keys}, {policy} }} }}\n"
        )
    };
    let template = parse(&table(policy)).unwrap();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/T";
    assert_eq!(
        template.tables[0].policy[0].resources,
        [arn.to_owned(), format!("{arn}/index/*")]
    );
    let other = error(&table(&policy.replace("'*', Action", "somebody, Action")));
    assert!(other.contains("Principal must be \"*\""), "{other}");
}

#[test]
fn two_functions_cannot_share_a_route() {
    let event = "Events: { E: { Type: HttpApi, Properties: { Method: get, Path: /a } } }";
    let other = "  G:\n    Type: AWS::Serverless::Function\n    Metadata: { BuildProperties: { Binary: g } }\n";
    let text = format!("{}{other}    Properties: {{ {event} }}\n", function(event));
    assert_eq!(error(&text), "G: the route GET /a already belongs to F");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(noise in ".{0,40}", at in 0..SMALL.len()) {
        let mut text = SMALL.to_owned();
        if text.is_char_boundary(at) {
            text.insert_str(at, &noise);
        }
        let _ = parse(&text);
    }
}

#[test]
fn a_timer_is_a_rate_in_minutes_hours_or_days() {
    let with = |schedule: &str| {
        let text = format!(
            "Resources:\n  ClockFunction:\n    Type: AWS::Serverless::Function\n    Metadata: {{ BuildProperties: {{ Binary: clock }} }}\n    Properties:\n      Events:\n        Tick: {{ Type: Schedule, Properties: {{ Schedule: {schedule:?} }} }}\n"
        );
        Template::parse(&text, &BTreeMap::new(), "")
    };
    let template = with("rate(2 hours)").unwrap();
    let schedule = &template.functions[0].schedules[0];
    assert_eq!(schedule.rule, "ClockFunctionTick");
    assert_eq!(schedule.every.as_secs(), 7_200);
    for (wrong, said) in [
        ("cron(0 10 * * ? *)", "only rate(…) is known"),
        ("rate(0 minutes)", "a rate must be at least 1"),
        ("rate(1 week)", "minutes, hours or days"),
    ] {
        let error = format!("{:#}", with(wrong).unwrap_err());
        assert!(error.contains(said), "{error}");
    }
}
