//! Pages: every style leads to the next one, and never away from the base URL.

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::vendor::{
    Connector, connector,
    connector::Object,
    page::{PageError, VendorPage},
};

fn object<'a>(connector: &'a Connector, name: &str) -> &'a Object {
    connector.objects.get(name).unwrap()
}

fn page(
    vendor: &str,
    name: &str,
    path: &str,
    link: Option<&str>,
    body: &Value,
) -> Result<VendorPage, PageError> {
    let connector = connector(vendor).unwrap();
    let mut headers = HeaderMap::new();
    if let Some(link) = link {
        headers.insert("link", link.parse().unwrap());
    }
    let base_url = connector
        .base_url
        .as_deref()
        .unwrap_or("https://acme.my.salesforce.com");
    let body = body.to_string();
    object(connector, name).page(connector, base_url, path, &headers, body.as_bytes())
}

#[test]
fn every_style_leads_to_the_next_page_and_ends() {
    let users = json!({ "data": [{ "id": "usr_1" }], "next_cursor": "7" });
    let next = page(
        "directory",
        "users",
        "/v1/users?limit=100&cursor=3",
        None,
        &users,
    );
    assert_eq!(next.unwrap().next.unwrap(), "/v1/users?limit=100&cursor=7");
    let users = json!({ "data": [], "next_cursor": null });
    assert_eq!(
        page("directory", "users", "/v1/users", None, &users)
            .unwrap()
            .next,
        None
    );

    let customers = json!({ "data": [{ "id": "cus_1" }, { "id": "cus_2" }], "has_more": true });
    let next = page(
        "stripe",
        "customers",
        "/v1/customers?limit=100",
        None,
        &customers,
    );
    assert_eq!(
        next.unwrap().next.unwrap(),
        "/v1/customers?limit=100&starting_after=cus_2"
    );
    let customers = json!({ "data": [{ "id": "cus_1" }], "has_more": false });
    assert_eq!(
        page("stripe", "customers", "/v1/customers", None, &customers)
            .unwrap()
            .next,
        None
    );

    let issues = json!([{ "id": 1, "title": "T" }]);
    let link = "<https://api.github.com/issues?page=1>; rel=\"prev\", <https://api.github.com/issues?page=3>; rel=\"next\"";
    let found = page("github", "issues", "/issues", Some(link), &issues).unwrap();
    assert_eq!(found.next.unwrap(), "/issues?page=3");
    assert_eq!(found.items[0].id, "1");
    assert_eq!(
        page("github", "issues", "/issues", None, &issues)
            .unwrap()
            .next,
        None
    );

    let contacts = json!({ "records": [], "nextRecordsUrl": "/services/data/v61.0/query/01g-200" });
    let next = page(
        "salesforce",
        "contacts",
        "/services/data/v61.0/query",
        None,
        &contacts,
    );
    assert_eq!(
        next.unwrap().next.unwrap(),
        "/services/data/v61.0/query/01g-200"
    );
}

#[test]
fn no_page_leads_away_from_the_base_url_or_in_circles() {
    let issues = json!([]);
    for link in [
        "<https://evil.example/issues>; rel=\"next\"",
        "<http://api.github.com/issues>; rel=\"next\"",
        "<https://api.github.com@evil.example/issues>; rel=\"next\"",
        "<https://api.github.com.evil.example/issues>; rel=\"next\"",
        "<//evil.example/issues>; rel=\"next\"",
        "<issues?page=2>; rel=\"next\"",
    ] {
        let refused = page("github", "issues", "/issues", Some(link), &issues);
        assert_eq!(refused, Err(PageError::Elsewhere), "{link}");
    }
    let same = "<https://api.github.com/issues?page=2>; rel=\"next\"";
    let refused = page("github", "issues", "/issues?page=2", Some(same), &issues);
    assert_eq!(refused, Err(PageError::Standstill));
}

#[test]
fn what_is_no_page_counts_for_nothing() {
    let no_list = page("stripe", "customers", "/", None, &json!({ "data": {} }));
    assert_eq!(no_list, Err(PageError::NoList("/data".to_owned())));
    let no_id = json!({ "data": [{ "id": "cus_1" }, { "email": "a" }] });
    let no_id = page("stripe", "customers", "/", None, &no_id);
    assert_eq!(no_id, Err(PageError::NoId("/id".to_owned())));
    let connector = connector("stripe").unwrap();
    let broken = object(connector, "customers").page(
        connector,
        "https://a",
        "/",
        &HeaderMap::new(),
        b"{\"da",
    );
    assert_eq!(broken, Err(PageError::NotJson));
}

#[test]
fn an_item_is_read_into_our_fields_and_written_back_to_the_vendors() {
    let connector = connector("hubspot").unwrap();
    let contacts = object(connector, "contacts");
    let item = json!({
        "id": 7, "updatedAt": "2026-01-02T03:04:05Z", "properties": { "email": "a@x.example", "firstname": "A" },
    });
    let read = contacts.item(&item).unwrap();
    assert_eq!((read.id.as_str(), read.is_deleted), ("7", false));
    assert_eq!(
        read.updated_at,
        Some("2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap())
    );
    assert_eq!(read.fields["last_name"], Value::Null);
    let mut fields = read.fields.clone();
    fields.insert("unknown".to_owned(), json!(1));
    let body = contacts.body(&fields);
    let expected =
        json!({ "properties": { "email": "a@x.example", "firstname": "A", "lastname": null } });
    assert_eq!(body, expected);
}

#[test]
fn a_first_page_asks_for_what_changed_where_the_vendor_can_tell() {
    let since = Some("2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap());
    let first = |vendor: &str, name: &str| {
        let connector = connector(vendor).unwrap();
        object(connector, name)
            .first_page(connector, since, 100)
            .unwrap()
    };
    assert_eq!(
        first("directory", "users"),
        "/v1/users?limit=100&updated_since=2026-01-02T03%3A04%3A05Z"
    );
    assert_eq!(
        first("hubspot", "contacts"),
        "/crm/v3/objects/contacts?limit=100"
    );
}
