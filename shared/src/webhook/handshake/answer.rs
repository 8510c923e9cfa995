//! What is sent back with status 200. Whatever is echoed travels as plain text that no browser runs.

use crate::webhook::scheme::{Reply, Scheme};

/// An answer with status 200, in place of an event's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Sent with `nosniff`: a browser must not make more of it.
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub(crate) fn text(body: String) -> Self {
        Self::of("text/plain", body)
    }

    pub(crate) fn json(body: String) -> Self {
        Self::of("application/json", body)
    }

    fn of(content_type: &'static str, body: String) -> Self {
        Self {
            content_type,
            headers: vec![("x-content-type-options", "nosniff".to_owned())],
            body,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// What the vendor wants to read when its event is queued; `None` where it takes any 2xx.
pub fn reply(scheme: &Scheme) -> Option<Answer> {
    match scheme.reply {
        Reply::Accepted => None,
        Reply::Empty => Some(Answer::text(String::new())),
        Reply::AdyenAccepted => Some(Answer::text("[accepted]".to_owned())),
        Reply::EmptyTwiml => Some(Answer::of("text/xml", "<Response/>".to_owned())),
        Reply::SalesforceAck => Some(Answer::of("text/xml", SALESFORCE_ACK.to_owned())),
    }
}

const SALESFORCE_ACK: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
    r#"<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>"#,
    r#"</soapenv:Body></soapenv:Envelope>"#,
);
