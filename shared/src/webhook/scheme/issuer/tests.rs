//! Which keys a request may name. Every spelling here was once accepted by somebody's verifier.

use crate::webhook::scheme::Issuer;

#[test]
fn a_certificate_lies_on_the_vendors_own_host() {
    for (issuer, url) in [
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem",
        ),
        (
            Issuer::AwsSns,
            "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123.pem",
        ),
        (
            Issuer::AwsSns,
            "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        ),
        (
            Issuer::PayPal,
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42",
        ),
        (
            Issuer::PayPal,
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42",
        ),
        (Issuer::Google, "6f8d2a"),
    ] {
        assert!(issuer.may_have(url), "{url}");
    }
    for (issuer, url) in [
        (Issuer::AwsSns, "http://sns.us-east-1.amazonaws.com/x.pem"),
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com.evil.test/x.pem",
        ),
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com@evil.test/x.pem",
        ),
        (
            Issuer::AwsSns,
            "https://evil.test/sns.us-east-1.amazonaws.com/x.pem",
        ),
        (Issuer::AwsSns, "https://sns.evil.test.amazonaws.com/x.pem"),
        (
            Issuer::AwsSns,
            "https://s3.amazonaws.com/bucket/sns.us-east-1.amazonaws.com.pem",
        ),
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com:8443/x.pem",
        ),
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com/?Action=x.pem",
        ),
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com/%2e%2e/x.pem",
        ),
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com/../x.pem",
        ),
        (Issuer::AwsSns, "https://sns.us-east-1.amazonaws.com/x"),
        (Issuer::AwsSns, "https://SNS.us-east-1.amazonaws.com/x.pem"),
        (
            Issuer::AwsSns,
            "https://sns.us-east-1.amazonaws.com\\@evil.test/x.pem",
        ),
        (
            Issuer::PayPal,
            "https://api.paypal.com.evil.test/v1/notifications/certs/C",
        ),
        (
            Issuer::PayPal,
            "https://api.paypal.com@evil.test/v1/notifications/certs/C",
        ),
        (
            Issuer::PayPal,
            "http://api.paypal.com/v1/notifications/certs/C",
        ),
        (Issuer::PayPal, "https://api.paypal.com/v1/oauth2/token"),
        (
            Issuer::PayPal,
            "https://api.paypal.com/v1/notifications/certs/../../x",
        ),
        (Issuer::AtlassianInstall, ""),
        (Issuer::AtlassianInstall, "../admin"),
        (Issuer::AtlassianInstall, "a/b"),
        (Issuer::Plaid, "a?b"),
        (Issuer::Google, "a b"),
    ] {
        assert!(!issuer.may_have(url), "{url}");
    }
}
