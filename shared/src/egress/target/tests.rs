//! Spellings of URLs that have fooled somebody's parser, one by one.

use proptest::prelude::*;

use super::{Reach, Target, UrlError};

const REFUSED: &[(&str, UrlError)] = &[
    // Schemes.
    ("", UrlError::Scheme),
    ("vendor.example", UrlError::Scheme),
    ("//vendor.example/", UrlError::Scheme),
    ("https:/vendor.example", UrlError::Scheme),
    ("https:vendor.example", UrlError::Scheme),
    ("ftp://vendor.example", UrlError::Scheme),
    ("file:///etc/passwd", UrlError::Scheme),
    ("gopher://vendor.example", UrlError::Scheme),
    ("unix:///var/run/docker.sock", UrlError::Scheme),
    ("http+unix://%2Fvar%2Frun%2Fdocker.sock", UrlError::Scheme),
    ("javascript://vendor.example", UrlError::Scheme),
    ("data://vendor.example", UrlError::Scheme),
    // Characters that parsers drop, fold or read as another.
    (" https://vendor.example", UrlError::Character),
    ("https://vendor.example ", UrlError::Character),
    ("https://ven\tdor.example", UrlError::Character),
    (
        "https://vendor.example/a\r\nHost: inner",
        UrlError::Character,
    ),
    ("https://vendor.example/\0", UrlError::Character),
    ("https://vendor.example\\@127.0.0.1/", UrlError::Character),
    ("https:\\\\127.0.0.1\\", UrlError::Character),
    ("https://vendor.example/#@127.0.0.1", UrlError::Character),
    ("https://vendor.example#@127.0.0.1/", UrlError::Character),
    ("https://①②⑦.⓪.⓪.①/", UrlError::Character),
    ("https://127。0。0。1/", UrlError::Character),
    ("https://１２７.0.0.1/", UrlError::Character),
    ("https://vendоr.example/", UrlError::Character),
    ("https://vendor\u{200b}.example/", UrlError::Character),
    ("https://ⅼocalhost/", UrlError::Character),
    // User names.
    ("https://good@127.0.0.1/", UrlError::UserInfo),
    ("https://good.example:pw@127.0.0.1/", UrlError::UserInfo),
    ("https://good.example:443@127.0.0.1:80/", UrlError::UserInfo),
    ("https://@vendor.example/", UrlError::UserInfo),
    ("https://a@b@vendor.example/", UrlError::UserInfo),
    // Numbers in place of an address.
    ("https://2130706433/", UrlError::Address),
    ("https://0/", UrlError::Address),
    ("https://0x7f000001/", UrlError::Address),
    ("https://0X7F.1/", UrlError::Address),
    ("https://017700000001/", UrlError::Address),
    ("https://0177.0.0.1/", UrlError::Address),
    ("https://0x7f.0.0.1/", UrlError::Address),
    ("https://127.1/", UrlError::Address),
    ("https://127.0.1/", UrlError::Address),
    ("https://127.0.0.01/", UrlError::Address),
    ("https://127.0.0.0x1/", UrlError::Address),
    ("https://127.0.0.1.2/", UrlError::Address),
    ("https://256.0.0.1/", UrlError::Address),
    ("https://1.1.1.4294967297/", UrlError::Address),
    ("https://vendor.1/", UrlError::Address),
    ("https://vendor.0x7f/", UrlError::Address),
    ("https://127.0.0.1./", UrlError::Host),
    // IPv6.
    ("https://[fe80::1%25eth0]/", UrlError::Address),
    ("https://[fe80::1%eth0]/", UrlError::Address),
    ("https://[::1/", UrlError::Port),
    ("https://::1/", UrlError::Port),
    ("https://[127.0.0.1]/", UrlError::Address),
    ("https://[vendor.example]/", UrlError::Address),
    ("https://[]/", UrlError::Address),
    ("https://[::1]x/", UrlError::Address),
    ("https://x[::1]/", UrlError::Host),
    ("https://[v1.a]/", UrlError::Address),
    // Hosts.
    ("https://", UrlError::Host),
    ("https:///127.0.0.1", UrlError::Host),
    ("https://?x", UrlError::Host),
    ("https://vendor.example./", UrlError::Host),
    ("https://localhost./", UrlError::Host),
    ("https://.vendor.example/", UrlError::Host),
    ("https://vendor..example/", UrlError::Host),
    ("https://-vendor.example/", UrlError::Host),
    ("https://vendor%2eexample/", UrlError::Host),
    ("https://%6c%6f%63%61%6chost/", UrlError::Host),
    ("https://127.0.0.1%00.vendor.example/", UrlError::Host),
    ("https://vendor.example,127.0.0.1/", UrlError::Host),
    ("https://vendor.example;127.0.0.1/", UrlError::Host),
    ("https://vendor.example&127.0.0.1/", UrlError::Host),
    ("https://*.example/", UrlError::Host),
    ("https://xn--/", UrlError::Host),
    // Ports.
    ("https://vendor.example:/", UrlError::Port),
    ("https://vendor.example:0/", UrlError::Port),
    ("https://vendor.example:0443/", UrlError::Port),
    ("https://vendor.example:65536/", UrlError::Port),
    ("https://vendor.example:+443/", UrlError::Port),
    ("https://vendor.example:-1/", UrlError::Port),
    ("https://vendor.example:443:80/", UrlError::Port),
    ("https://vendor.example:443%2f/", UrlError::Port),
    ("https://[::1]:/", UrlError::Port),
];

#[test]
fn ambiguous_spellings_are_refused() {
    let parse = |text: &str| Target::parse(text).map(drop);
    let wrong: Vec<_> = REFUSED
        .iter()
        .filter(|(text, expected)| parse(text) != Err(*expected))
        .map(|(text, _)| (text, parse(text)))
        .collect();
    assert_eq!(wrong, []);
}

#[test]
fn a_long_url_or_name_is_refused() {
    let long = |len: usize| format!("https://vendor.example/{}", "a".repeat(len - 23));
    assert!(Target::parse(&long(2_048)).is_ok());
    assert_eq!(Target::parse(&long(2_049)), Err(UrlError::TooLong));
    let label = |len: usize| format!("https://{}.example/", "a".repeat(len));
    assert!(Target::parse(&label(63)).is_ok());
    assert_eq!(Target::parse(&label(64)), Err(UrlError::Host));
    let name = format!("https://{}example/", "a.".repeat(124));
    assert_eq!(Target::parse(&name), Err(UrlError::Host));
}

#[test]
fn https_on_port_443_reaches_the_public() {
    for text in [
        "https://vendor.example",
        "https://vendor.example/",
        "https://vendor.example:443/a/b?c=d&e=@f:g",
        "HTTPS://Vendor.EXAMPLE/Path",
        "https://vendor.example/a@b/%2e%2e/c",
        "https://xn--bcher-kva.example/",
        "https://my_bucket.vendor.example/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://internal.vendor.example/",
        // Where these lead is decided after their addresses are known.
        "https://localtest.me/",
        "https://127.0.0.1.nip.io/",
    ] {
        let target = Target::parse(text).unwrap();
        assert_eq!(target.reach, Reach::Public, "{text}");
        assert_eq!(target.url.scheme(), "https", "{text}");
    }
}

#[test]
fn everything_else_reaches_the_allow_list_only() {
    for text in [
        "http://vendor.example/",
        "http://vendor.example:443/",
        "https://vendor.example:8443/",
        "https://vendor.example:80/",
        "https://localhost/",
        "https://LOCALHOST/",
        "https://api.localhost/",
        "https://metadata/",
        "https://metadata.google.internal/",
        "https://ip-10-0-0-1.ec2.internal/",
        "https://kubernetes.default.svc/",
        "https://kubernetes.default.svc.cluster.local/",
        "https://redis/",
        "https://router.lan/",
        "https://nas.home.arpa/",
        "http://127.0.0.1:3000/",
        "http://[::1]:3000/",
    ] {
        assert_eq!(
            Target::parse(text).unwrap().reach,
            Reach::AllowListed,
            "{text}"
        );
    }
}

#[test]
fn an_address_in_the_url_is_known_before_any_look_up() {
    for (text, address) in [
        ("https://169.254.169.254/latest", "169.254.169.254"),
        ("https://[::1]/", "::1"),
        ("https://[0:0:0:0:0:ffff:7f00:1]/", "::ffff:127.0.0.1"),
        ("https://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
        ("https://[::127.0.0.1]/", "::127.0.0.1"),
        ("https://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1"),
    ] {
        assert_eq!(
            Target::parse(text).unwrap().address,
            Some(address.parse().unwrap())
        );
    }
    assert_eq!(
        Target::parse("https://vendor.example").unwrap().address,
        None
    );
}

proptest! {
    #[test]
    fn the_host_that_is_checked_is_the_host_that_is_called(text in "https?://[ -~]{0,40}") {
        if let Ok(target) = Target::parse(&text) {
            let called = target.url.host_str().unwrap().trim_matches(['[', ']']);
            prop_assert_eq!(called.parse().ok(), target.address, "{}", text);
            let mut authority = text.split("://").nth(1).unwrap().split(['/', '?']);
            let written = authority.next().unwrap().to_ascii_lowercase();
            if target.address.is_none() {
                let host = written.split(':').next().unwrap();
                prop_assert_eq!(host, called, "{}", text);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = Target::parse(&format!("https://{text}"));
    }
}
