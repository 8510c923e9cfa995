//! A signed event as API Gateway hands it to the receiver: Stripe's scheme, a body of 2 KB.

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::webhook::{
    presets,
    sign::{Outgoing, sign},
};

pub(crate) const SECRET: &str = "whsec_bench";
const BODY_LEN: usize = 2_048;

/// The event for the endpoint with this URL, signed at this time.
pub(crate) fn event(url: &str, now_s: i64) -> anyhow::Result<Value> {
    let path = url
        .find("/hooks/")
        .and_then(|at| url.get(at..))
        .context("an endpoint's URL has /hooks/")?;
    let address = path.trim_start_matches("/hooks/");
    let body = body();
    let scheme = presets::find("stripe").context("stripe is a scheme")?;
    let outgoing = Outgoing {
        id: "evt_bench",
        timestamp_unix_s: now_s,
        method: "POST",
        url,
        body: body.as_bytes(),
    };
    let mut headers = json!({
        "accept": "*/*; q=0.5, application/xml",
        "cache-control": "no-cache",
        "content-length": body.len().to_string(),
        "content-type": "application/json; charset=utf-8",
        "host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "x-amzn-trace-id": "Root=1-6b0408c0-382eb57a0ddacd42f40736ea",
        "x-forwarded-for": "198.51.100.87",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    if let Some(headers) = headers.as_object_mut() {
        for (name, value) in sign(scheme, SECRET.as_bytes(), &outgoing)? {
            headers.insert(name.to_lowercase(), Value::from(value));
        }
    }
    Ok(json!({
        "version": "2.0",
        "routeKey": "ANY /hooks/{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "198.51.100.87",
                "userAgent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            },
            "requestId": "CgZ_kMkpkfgX3g4=",
            "routeKey": "ANY /hooks/{proxy+}",
            "stage": "$default",
            "time": "23/Nov/2026:09:34:56 +0000",
            "timeEpoch": 1_795_426_496_606_i64,
        },
        "pathParameters": { "proxy": address },
        "body": body,
        "isBase64Encoded": false,
    }))
}

fn body() -> String {
    let lines: Vec<Value> = (0..)
        .scan(0, |len, at| {
            let line =
                json!({ "id": format!("il_{at:04}"), "amount": 4_900 + at, "currency": "eur" });
            *len += line.to_string().len() + 1;
            (*len < BODY_LEN - 100).then_some(line)
        })
        .collect();
    json!({ "id": "evt_bench", "object": "event", "type": "invoice.paid", "data": { "lines": lines } })
        .to_string()
}
