//! The authorization server: what it grants, and what it takes for theft.

use http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

use crate::vendors::oauth::{OAuth, challenge};
use crate::vendors::{CLIENT_ID, CLIENT_SECRET};

fn form(pairs: Value) -> Map<String, Value> {
    let Value::Object(mut form) = pairs else {
        panic!()
    };
    form.insert("client_id".to_owned(), json!(CLIENT_ID));
    form.insert("client_secret".to_owned(), json!(CLIENT_SECRET));
    form
}

fn code(oauth: &mut OAuth) -> String {
    let query = format!(
        "response_type=code&client_id={CLIENT_ID}&redirect_uri=http://a/b&state=s&code_challenge_method=S256&code_challenge={}",
        challenge("v")
    );
    let uri: Uri = format!("/oauth/authorize?{query}").parse().unwrap();
    let back = oauth.authorize(&uri, 0).unwrap();
    back.split(['=', '&']).nth(1).unwrap().to_owned()
}

fn exchange(oauth: &mut OAuth, code: &str, verifier: &str) -> Result<Value, (u16, &'static str)> {
    let form = form(json!({
        "grant_type": "authorization_code", "code": code, "redirect_uri": "http://a/b", "code_verifier": verifier,
    }));
    oauth.token(&HeaderMap::new(), &form, 1)
}

fn refresh(oauth: &mut OAuth, token: &Value) -> Result<Value, (u16, &'static str)> {
    let form = form(json!({ "grant_type": "refresh_token", "refresh_token": token }));
    oauth.token(&HeaderMap::new(), &form, 1)
}

#[test]
fn a_code_works_once_and_with_its_verifier_only() {
    let mut oauth = OAuth::default();
    let first = code(&mut oauth);
    assert_eq!(
        exchange(&mut oauth, &first, "w"),
        Err((400, "invalid_grant"))
    );
    assert_eq!(
        exchange(&mut oauth, &first, "v"),
        Err((400, "invalid_grant"))
    );
    let second = code(&mut oauth);
    assert!(exchange(&mut oauth, &second, "v").is_ok());
    assert_eq!(
        exchange(&mut oauth, &second, "v"),
        Err((400, "invalid_grant"))
    );
}

#[test]
fn a_refresh_token_whose_answer_was_lost_works_again_and_a_stolen_one_ends_the_grant() {
    let mut oauth = OAuth::default();
    let code = code(&mut oauth);
    let first = exchange(&mut oauth, &code, "v").unwrap();
    assert!(oauth.check(first["access_token"].as_str(), 2));
    let lost = refresh(&mut oauth, &first["refresh_token"]).unwrap();
    // The present token goes on, and says nothing of the new one.
    assert!(oauth.check(first["access_token"].as_str(), 2));
    let second = refresh(&mut oauth, &first["refresh_token"]).unwrap();
    // The lost one is nobody's.
    assert!(refresh(&mut oauth, &lost["refresh_token"]).is_err());
    assert!(oauth.check(second["access_token"].as_str(), 2));
    // Used, and then its predecessor again: one of the two is a thief.
    assert!(refresh(&mut oauth, &first["refresh_token"]).is_err());
    assert!(!oauth.check(second["access_token"].as_str(), 2));
    assert!(refresh(&mut oauth, &second["refresh_token"]).is_err());
}
