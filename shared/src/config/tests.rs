//! What a function reads out of its environment.

use super::Config;

#[test]
fn a_queue_is_found_by_the_name_at_the_end_of_its_arn() {
    let vars = [
        (
            "PORTICO_EVENTS_QUEUE_URL",
            "http://sqs/000000000000/EventsQueue",
        ),
        (
            "PORTICO_JOBS_QUEUE_URL",
            "http://sqs/000000000000/JobsQueue",
        ),
        ("PORTICO_PUBLIC_URL", "http://sqs/000000000000/OtherQueue"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::from_vars(vars.into());
    let found = |arn| config.queue_url(arn);
    assert_eq!(
        found("arn:aws:sqs:us-east-1:000000000000:JobsQueue"),
        Some("http://sqs/000000000000/JobsQueue")
    );
    for arn in ["arn:aws:sqs:us-east-1:000000000000:OtherQueue", "Queue", ""] {
        assert_eq!(found(arn), None, "{arn}");
    }
}
