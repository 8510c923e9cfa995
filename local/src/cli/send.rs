//! `cargo local send`: posts events as a vendor would, signed by the vendor's scheme.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::Args;
use http::{Method, Request, Uri};
use http_body_util::BodyExt as _;
use shared::webhook::scheme::Scheme;
use shared::webhook::sign::{Dispatch, Outgoing, dispatch};
use shared::webhook::{presets, sample};

use crate::progress::Progress;
use crate::upstream::Upstream;

#[derive(Args, Debug)]
pub(super) struct Send {
    /// The vendor's scheme, for example stripe.
    scheme: String,
    /// The endpoint's URL.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The endpoint's secret.
    #[arg(long, value_name = "SECRET")]
    secret: String,
    /// A body to send instead of a sample.
    #[arg(long, value_name = "FILE")]
    body: Option<std::path::PathBuf>,
    /// How many events; each is a different one unless a body is given.
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// The event's id, so that the same event can be sent again.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

pub(super) async fn run(send: Send) -> anyhow::Result<()> {
    let scheme = find(&send.scheme)?;
    let uri: Uri = send.to.parse().context("--to must be a url")?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let vendor = Upstream::plain(send.to.strip_suffix(path).unwrap_or(&send.to))?;
    let body = match &send.body {
        Some(path) => {
            Some(std::fs::read(path).with_context(|| format!("read {}", path.display()))?)
        }
        None => None,
    };
    let mut refused = 0;
    for _ in 0..send.count {
        let now = jiff::Timestamp::now().as_second();
        let id = match &send.id {
            Some(id) => id.clone(),
            None => format!("evt_{}", uuid::Uuid::new_v4().simple()),
        };
        let body = match &body {
            Some(body) => body.clone(),
            None => sample::body(scheme, &id, now).into_bytes(),
        };
        let outgoing = Outgoing {
            id: &id,
            timestamp_unix_s: now,
            method: "POST",
            url: &send.to,
            body: &body,
        };
        let sent = dispatch(scheme, send.secret.as_bytes(), &outgoing)?;
        let (status, answer) = post(&vendor, sent).await?;
        Progress::stdout().line(format!("{id} {status} {answer}"));
        refused += u32::from(status >= 300);
    }
    if refused > 0 {
        bail!("{refused} of {} were refused", send.count);
    }
    Ok(())
}

pub(super) fn find(name: &str) -> anyhow::Result<&'static Scheme> {
    presets::find(name).with_context(|| {
        let names: Vec<&str> = presets::all().map(|scheme| scheme.name.as_ref()).collect();
        format!("the scheme must be one of {}, got {name}", names.join(", "))
    })
}

async fn post(vendor: &Upstream, sent: Dispatch) -> anyhow::Result<(u16, String)> {
    // The proof may have added to the query.
    let uri: Uri = sent.url.parse().context("the signed url must be a url")?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(Method::POST).uri(path);
    let is_typed = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
    if !sent.headers.iter().any(is_typed) {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let body = Bytes::from(sent.body);
    let answer = vendor.send(request.body(())?.into_parts().0, body).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
