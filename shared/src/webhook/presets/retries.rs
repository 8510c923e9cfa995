//! What vendors say they do when an event is not answered with 2xx. Only what they have published, or what a
//! program of theirs shows: a figure from hearsay would be planned on.

/// `None` where nothing published is known.
pub(super) fn of(name: &str) -> Option<&'static str> {
    let text = match name {
        "standardwebhooks" | "standardwebhooks_v1a" => {
            "about ten tries over three days, each waiting 15 to 30 s; 410 ends them"
        }
        "github" => "10 s; never repeated by itself, by hand for three days",
        "intercom" => {
            "5 s, one repetition; paused after 1,000 errors in 15 minutes, suspended after seven days"
        }
        "asana" => "10 s; for 24 hours, each event at most once",
        "customerio" => "waits 4 s",
        "jira_admin" => {
            "waits 30 s on the primary lane; the identifier stays the same over repetitions"
        }
        "zoom" | "slack" | "discord" => "waits 3 s",
        "aws_sns" => "by the subscription's delivery policy, with the time of first publication",
        _ => return None,
    };
    Some(text)
}
