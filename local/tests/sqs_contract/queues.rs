//! Queues: creation, look-up, attributes, tags, lists, purge and deletion.

use aws_sdk_sqs::types::QueueAttributeName as Name;

use crate::harness::{arn, refusal, world};

#[tokio::test]
async fn creating_a_queue_again_with_the_same_attributes_returns_it() {
    let world = world().await;
    let first = world.queue("q", &[(Name::VisibilityTimeout, "2")]).await;
    assert_eq!(
        world.queue("q", &[(Name::VisibilityTimeout, "2")]).await,
        first
    );
    assert_eq!(world.queue("q", &[]).await, first);
}

#[tokio::test]
async fn creating_a_queue_again_with_other_attributes_is_refused() {
    let world = world().await;
    world.queue("q", &[(Name::VisibilityTimeout, "2")]).await;
    let again = world
        .try_queue("q", &[(Name::VisibilityTimeout, "9")])
        .await;
    assert_eq!(again, Err("QueueAlreadyExists".to_owned()));
}

#[tokio::test]
async fn queue_url_is_found_by_name_and_carries_the_callers_host() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let found = world
        .client
        .get_queue_url()
        .queue_name("q")
        .send()
        .await
        .unwrap();
    assert_eq!(found.queue_url(), Some(url.as_str()));
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert!(url.ends_with("/000000000000/q"), "{url}");
}

#[tokio::test]
async fn queue_url_with_another_host_reaches_the_same_queue() {
    let world = world().await;
    world.queue("q", &[]).await;
    world
        .send("http://sqs.example.test/000000000000/q", "x")
        .await;
    assert_eq!(world.counts("q"), (1, 0, 0));
}

#[tokio::test]
async fn missing_queue_is_a_typed_error() {
    let world = world().await;
    let error = world
        .client
        .get_queue_url()
        .queue_name("nope")
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn changed_attributes_are_read_back() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let set = world.client.set_queue_attributes().queue_url(&url);
    set.attributes(Name::VisibilityTimeout, "7")
        .attributes(Name::MessageRetentionPeriod, "60")
        .send()
        .await
        .unwrap();
    let get = world.client.get_queue_attributes().queue_url(&url);
    let out = get
        .attribute_names(Name::VisibilityTimeout)
        .send()
        .await
        .unwrap();
    let attributes = out.attributes().unwrap();
    assert_eq!(attributes.len(), 1);
    assert_eq!(attributes[&Name::VisibilityTimeout], "7");
}

#[tokio::test]
async fn all_attributes_include_counts_and_arn() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let get = world.client.get_queue_attributes().queue_url(&url);
    let out = get.attribute_names(Name::All).send().await.unwrap();
    let attributes = out.attributes().unwrap();
    assert_eq!(attributes[&Name::QueueArn], arn("q"));
    assert_eq!(attributes[&Name::ApproximateNumberOfMessages], "1");
    assert_eq!(attributes[&Name::MaximumMessageSize], "1048576");
    assert_eq!(attributes[&Name::CreatedTimestamp], "1750000000");
}

#[tokio::test]
async fn attribute_out_of_range_is_a_typed_error() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let set = world.client.set_queue_attributes().queue_url(&url);
    let error = set
        .attributes(Name::DelaySeconds, "901")
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_invalid_attribute_value());
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    let tag = world.client.tag_queue().queue_url(&url).tags("a", "1");
    tag.tags("b", "2").send().await.unwrap();
    world
        .client
        .untag_queue()
        .queue_url(&url)
        .tag_keys("a")
        .send()
        .await
        .unwrap();
    let out = world
        .client
        .list_queue_tags()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    let tags = out.tags().unwrap();
    assert_eq!(tags.len(), 1);
    assert_eq!(tags["b"], "2");
}

#[tokio::test]
async fn queues_are_listed_by_prefix_and_in_pages() {
    let world = world().await;
    for name in ["a-1", "a-2", "a-3", "b-1"] {
        world.queue(name, &[]).await;
    }
    let list = || world.client.list_queues().queue_name_prefix("a-");
    assert_eq!(list().send().await.unwrap().queue_urls().len(), 3);
    let first = list().max_results(2).send().await.unwrap();
    assert_eq!(first.queue_urls().len(), 2);
    let token = first.next_token().unwrap();
    let second = list()
        .max_results(2)
        .next_token(token)
        .send()
        .await
        .unwrap();
    assert_eq!(second.queue_urls().len(), 1);
    assert_eq!(second.next_token(), None);
}

#[tokio::test]
async fn purge_empties_a_queue_and_waits_a_minute_for_the_next() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    let purge = || world.client.purge_queue().queue_url(&url).send();
    purge().await.unwrap();
    assert_eq!(world.counts("q"), (0, 0, 0));
    let error = purge().await.unwrap_err();
    assert!(error.into_service_error().is_purge_queue_in_progress());
    world.advance(60);
    purge().await.unwrap();
}

#[tokio::test]
async fn deleted_queue_takes_no_messages_and_frees_its_name_after_a_minute() {
    let world = world().await;
    let url = world.queue("q", &[]).await;
    world.send(&url, "x").await;
    world
        .client
        .delete_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    let send = world
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x");
    let error = send.send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    assert_eq!(world.server.counts("q"), None);
    let too_early = world.try_queue("q", &[]).await;
    assert_eq!(
        too_early,
        Err("AWS.SimpleQueueService.QueueDeletedRecently".to_owned())
    );
    world.advance(60);
    world.queue("q", &[]).await;
    assert_eq!(world.counts("q"), (0, 0, 0));
}

#[tokio::test]
async fn request_without_a_queue_url_names_the_missing_parameter() {
    let world = world().await;
    let refused = refusal(world.client.purge_queue().queue_url("").send().await);
    assert_eq!(refused, "MissingParameter");
}
