//! Against values that Atlassian's own library made.

use crate::webhook::verify::query_hash::{canonical, of};

#[test]
fn the_hash_is_the_one_of_the_vendors_library() {
    assert_eq!(
        of("POST", "https://hooks.example.test/"),
        "6dfb58321692d08d44565d1331846fc24e7dc08b33259d262f4eff79b21d8e05"
    );
    assert_eq!(
        of("POST", "https://hooks.example.test/hook?a=1&jwt=whatever"),
        "ddb7e59b5fbe1c3783ce154421651a0162281239e8302d6bc21037642332425f"
    );
}

#[test]
fn every_part_is_written_in_one_way() {
    let of = |url: &str| canonical("post", &format!("https://hooks.example.test{url}"));
    assert_eq!(of(""), "POST&/&");
    assert_eq!(of("/hook/"), "POST&/hook&");
    assert_eq!(of("/a&b=c"), "POST&/a%26b=c&");
    assert_eq!(of("?b=2&a=1"), "POST&/&a=1&b=2");
    assert_eq!(of("/p?z=1&z=0&a=b%20c+d"), "POST&/p&a=b%20c%20d&z=0,1");
    assert_eq!(of("/p?a=*~&e="), "POST&/p&a=%2A~&e=");
}
