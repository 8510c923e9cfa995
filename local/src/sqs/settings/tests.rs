//! Queue attributes: ranges, kinds and the policies.

use super::*;

fn attributes(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn create(name: &str, list: &[(&str, &str)]) -> Result<Settings, ErrorKind> {
    Settings::create(&QueueName::parse(name).unwrap(), &attributes(list))
        .map_err(|error| error.kind)
}

#[test]
fn numbers_are_accepted_at_both_ends_of_their_range_and_refused_beyond() {
    for (name, low, high) in [
        ("DelaySeconds", 0_i64, 900_i64),
        ("MaximumMessageSize", 1_024, 1_048_576),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("VisibilityTimeout", 0, 43_200),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ] {
        for inside in [low, high] {
            assert!(
                create("q", &[(name, &inside.to_string())]).is_ok(),
                "{name} {inside}"
            );
        }
        for outside in [(low - 1).to_string(), (high + 1).to_string(), String::new()] {
            assert_eq!(
                create("q", &[(name, &outside)]),
                Err(ErrorKind::InvalidAttributeValue),
                "{name} {outside}"
            );
        }
    }
}

#[test]
fn fifo_attribute_and_fifo_name_must_agree() {
    assert!(create("q.fifo", &[("FifoQueue", "true")]).is_ok());
    assert_eq!(create("q.fifo", &[]), Err(ErrorKind::InvalidParameterValue));
    assert_eq!(
        create("q", &[("FifoQueue", "true")]),
        Err(ErrorKind::InvalidParameterValue)
    );
    assert_eq!(
        create("q", &[("FifoQueue", "false")]),
        Err(ErrorKind::InvalidAttributeValue)
    );
}

#[test]
fn fifo_only_attributes_are_unknown_to_a_standard_queue() {
    for name in [
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "FifoThroughputLimit",
    ] {
        assert_eq!(
            create("q", &[(name, "true")]),
            Err(ErrorKind::InvalidAttributeName),
            "{name}"
        );
    }
}

#[test]
fn throughput_per_group_needs_deduplication_per_group() {
    let alone = [
        ("FifoQueue", "true"),
        ("FifoThroughputLimit", "perMessageGroupId"),
    ];
    assert_eq!(
        create("q.fifo", &alone),
        Err(ErrorKind::InvalidAttributeValue)
    );
    let both = [
        ("FifoQueue", "true"),
        ("FifoThroughputLimit", "perMessageGroupId"),
        ("DeduplicationScope", "messageGroup"),
    ];
    assert!(create("q.fifo", &both).is_ok());
}

#[test]
fn redrive_policy_counts_may_be_text_and_read_back_as_numbers() {
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"5"}"#;
    let settings = create("q", &[("RedrivePolicy", policy)]).unwrap();
    let read_back = settings
        .attributes()
        .into_iter()
        .find(|(name, _)| *name == "RedrivePolicy");
    assert_eq!(read_back.unwrap().1, policy.replace("\"5\"", "5"));
    assert_eq!(
        settings
            .with(&attributes(&[("RedrivePolicy", "")]))
            .unwrap()
            .redrive,
        None
    );
}

#[test]
fn redrive_policy_counts_are_limited() {
    for count in ["0", "1001", "\"many\"", "null"] {
        let policy = format!(
            r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":{count}}}"#
        );
        assert_eq!(
            create("q", &[("RedrivePolicy", &policy)]),
            Err(ErrorKind::InvalidParameterValue),
            "{count}"
        );
    }
}

#[test]
fn redrive_allow_policy_names_the_queues_it_admits() {
    let policy = r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:us-east-1:000000000000:a"]}"#;
    let settings = create("dead", &[("RedriveAllowPolicy", policy)]).unwrap();
    let allow = settings.redrive_allow.as_ref().unwrap();
    assert!(allow.allows(&QueueName::parse("a").unwrap()));
    assert!(!allow.allows(&QueueName::parse("b").unwrap()));
    let empty = r#"{"redrivePermission":"byQueue","sourceQueueArns":[]}"#;
    assert!(create("dead", &[("RedriveAllowPolicy", empty)]).is_err());
}
