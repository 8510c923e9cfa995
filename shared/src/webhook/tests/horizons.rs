//! A vendor's event is remembered for longer than the vendor repeats it, or than a person may by hand.

use crate::webhook::presets;

/// Hours for which vendors say that they repeat an event, by their own documentation where it names a
/// time, else by what they are known to do; the longest that their settings allow.
const REPEATED_FOR_H: &[(&str, u64)] = &[
    ("adyen_platform", 30 * 24),
    ("adyen_standard", 7 * 24),
    ("asana", 24),
    ("aws_sns", 23 * 24),
    ("calendly", 24),
    ("clerk", 28),
    ("docusign", 15 * 24),
    ("github", 3 * 24),
    ("gocardless", 24),
    ("google_pubsub", 31 * 24),
    ("hubspot", 24),
    ("linear", 8),
    ("mailgun", 8),
    ("monday", 1),
    ("paddle", 3 * 24),
    ("paypal", 3 * 24),
    ("plaid", 24),
    ("razorpay", 24),
    ("sendgrid", 24),
    ("shopify", 48),
    ("slack", 1),
    ("square", 24),
    ("standardwebhooks", 76),
    ("stripe", 3 * 24),
    ("typeform", 10),
    ("xero", 24),
    ("zoom", 2),
];

/// For vendors that have published nothing: twice the three days that are usual.
const UNKNOWN_H: u64 = 6 * 24;

#[test]
fn an_event_is_remembered_for_longer_than_it_is_repeated() {
    for scheme in presets::all() {
        // Its requests are equal on purpose, and each is an event.
        if scheme.dedupe_days == 0 {
            continue;
        }
        let of = REPEATED_FOR_H.iter().find(|(name, _)| scheme.name == *name);
        let repeated_h = of.map_or(UNKNOWN_H, |(_, hours)| *hours);
        let remembered_h = u64::from(scheme.dedupe_days) * 24;
        assert!(
            remembered_h > repeated_h,
            "{} is remembered for {remembered_h} h and repeated for {repeated_h} h",
            scheme.name
        );
    }
}

#[test]
fn every_vendor_of_the_table_is_there() {
    for (name, _) in REPEATED_FOR_H {
        assert!(presets::find(name).is_some(), "no scheme {name}");
    }
}
