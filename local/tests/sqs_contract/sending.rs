//! Sending: digests, attributes, delays, and what a message may not be.

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName as System,
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName as Name,
};

use crate::harness::{refusal, system, text_attribute, world};

#[tokio::test]
async fn message_comes_back_with_its_body_attributes_and_digests() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let bytes = MessageAttributeValue::builder().data_type("Binary");
    let trace = MessageSystemAttributeValue::builder().data_type("String");
    let sent = world
        .client
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .message_attributes("k", text_attribute("String", "v"))
        .message_attributes("n", text_attribute("Number", "42"))
        .message_attributes(
            "bin",
            bytes.binary_value(Blob::new([1, 2, 3])).build().unwrap(),
        )
        .message_system_attributes(
            MessageSystemAttributeNameForSends::AwsTraceHeader,
            trace.string_value("Root=1-abc").build().unwrap(),
        )
        .send()
        .await
        .unwrap();
    // Both computed independently of this server.
    let body_md5 = Some("5d41402abc4b2a76b9719d911017c592");
    let attributes_md5 = Some("3198ec4c41c6f666d206582016be633e");
    assert_eq!(sent.md5_of_message_body(), body_md5);
    assert_eq!(sent.md5_of_message_attributes(), attributes_md5);
    assert!(sent.md5_of_message_system_attributes().is_some());

    let received = world.receive(&url).await;
    let [message] = received.as_slice() else {
        panic!("expected one message, got {received:?}");
    };
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(message.md5_of_body(), body_md5);
    assert_eq!(message.md5_of_message_attributes(), attributes_md5);
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes.len(), 3);
    assert_eq!(attributes["k"].string_value(), Some("v"));
    assert_eq!(
        attributes["bin"].binary_value().unwrap().as_ref(),
        [1, 2, 3]
    );
    let now = world.now().to_string();
    assert_eq!(system(message, &System::ApproximateReceiveCount), Some("1"));
    assert_eq!(system(message, &System::SentTimestamp), Some(now.as_str()));
    assert_eq!(
        system(message, &System::ApproximateFirstReceiveTimestamp),
        Some(now.as_str())
    );
    assert_eq!(system(message, &System::AwsTraceHeader), Some("Root=1-abc"));
}

#[tokio::test]
async fn only_the_attributes_asked_for_are_returned() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let mut send = world
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x");
    for name in ["a.one", "a.two", "b"] {
        send = send.message_attributes(name, text_attribute("String", "v"));
    }
    send.send().await.unwrap();
    let receive = world.client.receive_message().queue_url(&url);
    let out = receive.message_attribute_names("a.*").send().await.unwrap();
    let message = &out.messages()[0];
    let mut names: Vec<_> = message.message_attributes().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["a.one", "a.two"]);
    assert_eq!(message.attributes(), None);
}

#[tokio::test]
async fn delayed_message_arrives_when_its_delay_has_passed() {
    let world = world().await;
    let url = world.queue("q", &[(Name::DelaySeconds, "5")]).await;
    world.send(&url, "by the queue").await;
    let own = world
        .client
        .send_message()
        .queue_url(&url)
        .message_body("its own");
    own.delay_seconds(10).send().await.unwrap();
    assert_eq!(world.counts("q"), (0, 0, 2));
    world.advance_ms(4_999);
    assert!(world.receive_bodies(&url).await.is_empty());
    world.advance_ms(1);
    assert_eq!(world.receive_bodies(&url).await, ["by the queue"]);
    world.advance(5);
    assert_eq!(world.receive_bodies(&url).await, ["its own"]);
}

#[tokio::test]
async fn delay_beyond_fifteen_minutes_is_refused() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let send = || {
        world
            .client
            .send_message()
            .queue_url(&url)
            .message_body("x")
    };
    assert_eq!(
        refusal(send().delay_seconds(901).send().await),
        "InvalidParameterValue"
    );
    assert_eq!(
        refusal(send().delay_seconds(-1).send().await),
        "InvalidParameterValue"
    );
    send().delay_seconds(900).send().await.unwrap();
}

#[tokio::test]
async fn empty_body_is_refused() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let send = world.client.send_message().queue_url(&url).message_body("");
    assert_eq!(refusal(send.send().await), "MissingParameter");
}

#[tokio::test]
async fn character_that_xml_cannot_carry_is_a_typed_error() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let send = world.client.send_message().queue_url(&url);
    let error = send.message_body("bad\u{b}ctl").send().await.unwrap_err();
    assert!(error.into_service_error().is_invalid_message_contents());
}

#[tokio::test]
async fn message_may_have_one_mebibyte_and_not_a_byte_more() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let send = |bytes: usize| {
        let send = world.client.send_message().queue_url(&url);
        send.message_body("x".repeat(bytes)).send()
    };
    send(1_048_576).await.unwrap();
    assert_eq!(refusal(send(1_048_577).await), "InvalidParameterValue");
    assert_eq!(
        world.receive(&url).await[0].body().unwrap().len(),
        1_048_576
    );
}

#[tokio::test]
async fn queue_may_limit_its_messages_further_and_attributes_count() {
    let world = world().await;
    let url = world
        .queue("q", &[(Name::MaximumMessageSize, "1024")])
        .await;
    let send = |bytes: usize| {
        let send = world.client.send_message().queue_url(&url);
        send.message_body("x".repeat(bytes))
            .message_attributes("k", text_attribute("String", "v"))
            .send()
    };
    send(1_024 - 8).await.unwrap();
    assert_eq!(refusal(send(1_024 - 7).await), "InvalidParameterValue");
}

#[tokio::test]
async fn deduplication_id_on_a_standard_queue_is_refused() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let send = world
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x");
    let refused = refusal(send.message_deduplication_id("d").send().await);
    assert_eq!(refused, "InvalidParameterValue");
}
