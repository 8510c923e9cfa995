//! Names, URLs and handles read back what they wrote, and refuse the rest.

use proptest::prelude::*;

use super::*;

#[test]
fn queue_url_is_read_by_its_path_whatever_the_host() {
    for host in ["127.0.0.1:9324", "localhost", "sqs.example.test:80"] {
        let name = QueueName::parse("orders").unwrap();
        assert_eq!(QueueName::from_url(&name.url(host)).unwrap(), name);
    }
}

#[test]
fn queue_url_of_another_account_is_no_such_queue() {
    let error = QueueName::from_url("http://localhost/111111111111/orders").unwrap_err();
    assert_eq!(error.kind, ErrorKind::QueueDoesNotExist);
}

#[test]
fn queue_url_without_a_path_is_an_invalid_address() {
    for url in ["orders", "http://localhost", "http://localhost/orders"] {
        let error = QueueName::from_url(url).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidAddress, "{url}");
    }
}

#[test]
fn queue_names_are_limited_in_characters_and_length() {
    let longest = "a".repeat(80);
    for name in ["a", "A-b_9", "a.fifo", longest.as_str()] {
        assert!(QueueName::parse(name).is_ok(), "{name}");
    }
    let too_long = "a".repeat(81);
    for name in ["", ".fifo", "a.b", "a b", "ä", too_long.as_str()] {
        assert!(QueueName::parse(name).is_err(), "{name}");
    }
}

#[test]
fn arn_of_another_region_is_refused() {
    let name = QueueName::parse("orders.fifo").unwrap();
    assert_eq!(QueueName::from_arn(&name.arn()).unwrap(), name);
    assert!(QueueName::from_arn("arn:aws:sqs:eu-west-1:000000000000:orders").is_err());
}

#[test]
fn receipt_handle_of_another_queue_is_refused() {
    let handle = ReceiptHandle {
        queue: 1,
        message: 2,
        receive_count: 3,
    };
    let error = ReceiptHandle::parse(&handle.encode(), 2).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ReceiptHandleIsInvalid);
}

proptest! {
    #[test]
    fn every_receipt_handle_reads_back(queue: i64, message: i64, receive_count: i64) {
        let handle = ReceiptHandle { queue, message, receive_count };
        prop_assert_eq!(ReceiptHandle::parse(&handle.encode(), queue).unwrap(), handle);
    }

    #[test]
    fn text_that_no_receive_issued_is_refused(text in ".{0,40}") {
        prop_assume!(!text.starts_with("cmVjZWlwdD"));
        prop_assert!(ReceiptHandle::parse(&text, 1).is_err());
    }
}
