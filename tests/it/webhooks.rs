//! The receiver and the worker: from a vendor's POST to an event that was applied once.

use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::harness::{Client, Endpoint, Stack, text};

/// Where to, with which headers, with which body.
type Sent<'a> = (&'a str, &'a [(String, String)], &'a [u8]);

async fn events(owner: &Client) -> Vec<Value> {
    owner.get("/v1/events?limit=100").await.status(200)["data"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_signed_event_of_each_vendor_is_queued_and_applied() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for scheme in ["stripe", "github", "slack", "standardwebhooks"] {
        let endpoint = Endpoint::create(&owner, scheme).await;
        let accepted = stack.send(&endpoint, "evt_first").await.status(202);
        assert_eq!(stack.queued("EventsQueue"), 1);
        stack.drain().await;
        let event = owner
            .get(&format!("/v1/events/{}", text(&accepted["id"])))
            .await
            .status(200);
        assert_eq!(
            (&event["state"], &event["scheme"]),
            (&json!("processed"), &json!(scheme))
        );
        assert_eq!(event["attempts"][0]["outcome"], "processed");
        assert!(
            event["payload"].is_object() && event["type"].is_string(),
            "{event}"
        );
    }
}

#[tokio::test]
async fn forged_stale_and_misaddressed_requests_get_one_answer_and_change_nothing() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let body = br#"{"id":"evt_1","type":"x"}"#;
    let good = endpoint.sign("evt_1", stack.now_s(), body);
    let stale = endpoint.sign("evt_1", stack.now_s() - 301, body);
    let future = endpoint.sign("evt_1", stack.now_s() + 310, body);
    let elsewhere = format!("{}/hooks/{}", stack.platform.url(), "0".repeat(40));
    let mut twice = good.clone();
    twice.extend(good.clone());
    let requests: [Sent<'_>; 6] = [
        (&endpoint.url, &good, br#"{"id":"evt_2","type":"x"}"#),
        (&endpoint.url, &stale, body),
        (&endpoint.url, &future, body),
        (&endpoint.url, &[], body),
        (&endpoint.url, &twice, body),
        (&elsewhere, &good, body),
    ];
    let mut answers = Vec::new();
    for (url, headers, body) in requests {
        let mut problem = stack
            .post_raw(url, headers, body)
            .await
            .problem(401, "not-verified");
        problem["request_id"] = json!(null);
        problem["instance"] = json!(null);
        answers.push(problem);
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
    assert_eq!(stack.queued("EventsQueue"), 0);
}

#[tokio::test]
async fn an_oversized_body_is_refused_and_a_large_one_survives() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let huge = vec![b'x'; 4 * 1_024 * 1_024 + 1];
    stack
        .send_body(&endpoint, "evt_huge", &huge)
        .await
        .problem(413, "too-large");
    // Hexadecimal noise compresses to half: two parts in the table, one message on the queue.
    let noise: String = (0..12_000_u64)
        .map(|at| shared::seal::sha256_hex(&at.to_be_bytes()))
        .collect();
    let large = json!({ "id": "evt_large", "type": "x", "noise": noise }).to_string();
    let accepted = stack
        .send_body(&endpoint, "evt_large", large.as_bytes())
        .await
        .status(202);
    stack.drain().await;
    let event = owner
        .get(&format!("/v1/events/{}", text(&accepted["id"])))
        .await
        .status(200);
    assert_eq!(
        (&event["state"], &event["payload"]["noise"]),
        (&json!("processed"), &json!(noise))
    );
}

#[tokio::test]
async fn a_vendor_that_sends_an_event_again_gets_a_yes_and_no_second_effect() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    for _ in 0..3 {
        stack.send(&endpoint, "evt_same").await.status(202);
        stack.advance_s(1);
    }
    stack.drain().await;
    let events = events(&owner).await;
    let (applied, dropped): (Vec<_>, Vec<_>) = events
        .iter()
        .partition(|event| event["state"] == "processed");
    assert_eq!((applied.len(), dropped.len()), (1, 2));
    assert_eq!(
        (&applied[0]["duplicates"], &applied[0]["attempt_count"]),
        (&json!(2), &json!(1))
    );
    for event in dropped {
        assert_eq!(event["state"], "ignored");
        let path = format!("/v1/events/{}", text(&event["id"]));
        let told = &owner.get(&path).await.status(200)["attempts"][0]["detail"];
        assert_eq!(
            told,
            &json!(format!("a duplicate of {}", text(&applied[0]["id"])))
        );
    }
}

#[tokio::test]
async fn every_job_may_run_twice() {
    let stack = Stack::with(Redeliver::Always).await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "standardwebhooks").await;
    for at in 0..5 {
        stack
            .send(&endpoint, &format!("msg_{at}"))
            .await
            .status(202);
    }
    stack.drain().await;
    let events = events(&owner).await;
    assert_eq!(events.len(), 5);
    for event in events {
        assert_eq!(
            (&event["state"], &event["attempt_count"]),
            (&json!("processed"), &json!(1))
        );
    }
}

#[tokio::test]
async fn two_endpoints_and_two_tenants_do_not_share_a_vendors_event_id() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    for owner in [&acme, &acme, &blue] {
        let endpoint = Endpoint::create(owner, "stripe").await;
        stack.send(&endpoint, "evt_same").await.status(202);
    }
    stack.drain().await;
    assert_eq!(
        (events(&acme).await.len(), events(&blue).await.len()),
        (2, 1)
    );
}

#[tokio::test]
async fn a_poisoned_event_is_retried_dies_with_its_reason_and_comes_back() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let fault = Fault::on("TransactWriteItems", Answer::InternalError).containing("evt_poison");
    let fault = stack.faults().add(fault);
    let accepted = stack.send(&endpoint, "evt_poison").await.status(202);
    let path = format!("/v1/events/{}", text(&accepted["id"]));
    stack.drain().await;
    let event = owner.get(&path).await.status(200);
    assert_eq!(
        (&event["state"], &event["attempts"][0]["outcome"]),
        (&json!("retrying"), &json!("retry"))
    );
    assert_eq!(event["payload"]["id"], "evt_poison");
    for _ in 1..8 {
        stack.advance_s(900);
        stack.drain().await;
    }
    let owner = stack.again("acme").await;
    let event = owner.get(&path).await.status(200);
    assert_eq!(
        (&event["state"], &event["attempt_count"]),
        (&json!("dead"), &json!(8))
    );
    let reason = text(&event["attempts"][7]["detail"]);
    assert!(reason.contains("the store did not answer"), "{reason}");
    assert_eq!(
        (
            stack.queued("EventsQueue"),
            stack.queued("EventsDeadLetterQueue")
        ),
        (0, 1)
    );
    stack.faults().remove(fault);
    owner
        .post(&format!("{path}:replay"), json!({}))
        .await
        .status(202);
    assert_eq!(owner.get(&path).await.status(200)["state"], "queued");
    stack.drain().await;
    assert_eq!(owner.get(&path).await.status(200)["state"], "processed");
    // What the vendor sends again after the replay is a duplicate like any other.
    let repeat = text(&stack.send(&endpoint, "evt_poison").await.status(202)["id"]);
    stack.drain().await;
    let repeat = owner.get(&format!("/v1/events/{repeat}")).await.status(200);
    assert_eq!(repeat["state"], "ignored");
    assert!(path.ends_with(repeat["duplicate_of"].as_str().unwrap()));
}

#[tokio::test]
async fn a_body_that_is_not_the_json_it_says_is_dead_at_once() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let accepted = stack
        .send_body(&endpoint, "x", b"{\"id\": not json")
        .await
        .status(202);
    stack.drain().await;
    let event = owner
        .get(&format!("/v1/events/{}", text(&accepted["id"])))
        .await
        .status(200);
    assert_eq!(
        (&event["state"], &event["attempt_count"]),
        (&json!("dead"), &json!(1))
    );
    assert!(text(&event["attempts"][0]["detail"]).contains("declared as JSON"));
    assert_eq!(event["payload"], "{\"id\": not json");
    assert_eq!(stack.queued("EventsDeadLetterQueue"), 1);
    // A replay looks at the body again.
    let path = format!("/v1/events/{}", text(&accepted["id"]));
    owner
        .post(&format!("{path}:replay"), json!({}))
        .await
        .status(202);
    stack.drain().await;
    let event = owner.get(&path).await.status(200);
    assert_eq!(
        (&event["state"], &event["attempt_count"]),
        (&json!("dead"), &json!(2))
    );
}

#[tokio::test]
async fn a_lost_answer_of_the_store_does_not_apply_twice() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let fault = Fault::on("TransactWriteItems", Answer::LostAnswer)
        .containing("evt_lost")
        .times(3);
    stack.faults().add(fault);
    stack.send(&endpoint, "evt_lost").await.status(202);
    stack.drain().await;
    stack.advance_s(900);
    stack.drain().await;
    let owner = stack.again("acme").await;
    let events = events(&owner).await;
    assert_eq!(
        (events.len(), &events[0]["state"]),
        (1, &json!("processed"))
    );
}

#[tokio::test]
async fn a_queue_that_fails_is_not_answered_with_a_yes() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    stack
        .faults()
        .add(Fault::on("SendMessage", Answer::InternalError));
    let answer = stack.send(&endpoint, "evt_1").await;
    answer.problem(503, "unavailable");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn slack_is_answered_with_its_challenge_only_when_it_signs() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "slack").await;
    let body = br#"{"type":"url_verification","challenge":"3eZbrw1aB10ABC"}"#;
    let answer = stack.send_body(&endpoint, "x", body).await;
    assert_eq!(
        (answer.code.as_u16(), answer.body.as_str()),
        (200, "3eZbrw1aB10ABC")
    );
    stack
        .post_raw(&endpoint.url, &[], body)
        .await
        .problem(401, "not-verified");
    assert_eq!(stack.queued("EventsQueue"), 0);
}

#[tokio::test]
async fn a_message_that_is_no_job_ends_in_the_dead_letter_queue() {
    let stack = Stack::start().await;
    let client = crate::documents::sqs(&stack);
    let queue = client
        .get_queue_url()
        .queue_name("EventsQueue")
        .send()
        .await
        .unwrap();
    let send = client.send_message().queue_url(queue.queue_url().unwrap());
    send.message_body(r#"{"job":"from.an.old.deploy"}"#)
        .send()
        .await
        .unwrap();
    stack.drain().await;
    assert_eq!(
        (
            stack.queued("EventsQueue"),
            stack.queued("EventsDeadLetterQueue")
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn a_job_that_comes_back_too_often_after_it_was_done_is_dropped() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    // The store applies the event and its answers get lost, eight times.
    let fault = Fault::on("TransactWriteItems", Answer::LostAnswer).containing("evt_lost");
    stack.faults().add(fault);
    stack.send(&endpoint, "evt_lost").await.status(202);
    for _ in 0..8 {
        stack.drain().await;
        stack.advance_s(900);
    }
    let owner = stack.again("acme").await;
    let events = events(&owner).await;
    assert_eq!(
        (events.len(), &events[0]["state"]),
        (1, &json!("processed"))
    );
    assert_eq!(
        (
            stack.queued("EventsQueue"),
            stack.queued("EventsDeadLetterQueue")
        ),
        (0, 0)
    );
}
