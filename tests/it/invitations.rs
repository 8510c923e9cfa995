//! Invitations, and people who are members of several tenants.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, PASSWORD, Stack, text};

async fn invite(owner: &Client, email: &str, role: &str) -> Value {
    let new = json!({ "email": email, "role": role });
    owner.post("/v1/tenant/invitations", new).await.status(201)
}

async fn accept(stack: &Stack, more: Value) -> Answer {
    let path = "/v1/auth/invitations/accept";
    stack.anonymous().post(path, more).await
}

fn client(stack: &Stack, signed_in: &Value) -> Client {
    stack.client(signed_in["access_token"].as_str())
}

#[tokio::test]
async fn a_new_person_accepts_once_and_is_signed_in_with_a_verified_address() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = invite(&owner, "Grace@x.example", "admin").await;
    assert_eq!(made["state"], "pending");
    let letters = stack.letters("grace@x.example").await;
    assert_eq!(letters.len(), 1);
    assert!(text(&letters[0]["subject"]).contains("acme"));
    let token = stack.mailed("grace@x.example", "invitation").await;
    let missing = accept(&stack, json!({ "token": token })).await;
    let errors = missing.problem(422, "invalid-request")["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 2);
    let given = json!({ "token": token, "name": "Grace", "password": PASSWORD });
    let signed_in = accept(&stack, given.clone()).await.status(200);
    assert_eq!(signed_in["user"]["role"], "admin");
    let grace = client(&stack, &signed_in);
    let memberships = grace.get("/v1/auth/memberships").await.status(200);
    assert_eq!(memberships["email_verified"], true);
    accept(&stack, given).await.problem(401, "unauthenticated");
    let list = owner.get("/v1/tenant/invitations").await.status(200);
    assert_eq!(list["data"][0]["state"], "accepted");
    assert_eq!(list["data"][0]["accepted_by"], signed_in["user"]["id"]);
    let entries = owner
        .get("/v1/audit?action=invitation.accepted")
        .await
        .status(200);
    assert_eq!(entries["data"][0]["actor"], signed_in["user"]["id"]);
}

#[tokio::test]
async fn a_known_person_joins_with_their_own_password_and_switches() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let max = stack.member(&acme, "user", "max@x.example").await;
    invite(&blue, "max@x.example", "user").await;
    let token = stack.mailed("max@x.example", "invitation").await;
    let wrong = json!({ "token": token, "password": "not the password" });
    accept(&stack, wrong).await.problem(422, "invalid-request");
    let right = json!({ "token": token, "password": PASSWORD });
    let joined = accept(&stack, right).await.status(200);
    let there = client(&stack, &joined);
    assert_eq!(there.get("/v1/tenant").await.status(200)["name"], "blue");
    let memberships = max.get("/v1/auth/memberships").await.status(200);
    assert_eq!(memberships["data"].as_array().unwrap().len(), 2);
    let to = json!({ "tenant_id": joined["tenant"]["id"] });
    let switched = max.post("/v1/auth/switch-tenant", to).await.status(200);
    let there = client(&stack, &switched);
    assert_eq!(there.get("/v1/tenant").await.status(200)["name"], "blue");
    // The present session goes on, in its own tenant.
    assert_eq!(max.get("/v1/tenant").await.status(200)["name"], "acme");
}

#[tokio::test]
async fn nobody_switches_to_a_tenant_that_is_not_theirs_or_has_suspended_them() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let tenant = blue.get("/v1/tenant").await.status(200)["id"].clone();
    let to = json!({ "tenant_id": tenant });
    acme.post("/v1/auth/switch-tenant", to.clone())
        .await
        .problem(404, "not-found");
    invite(&blue, "owner@acme.example", "user").await;
    let token = stack.mailed("owner@acme.example", "invitation").await;
    let joined = accept(&stack, json!({ "token": token, "password": PASSWORD })).await;
    let user = text(&joined.status(200)["user"]["id"]);
    blue.post(&format!("/v1/users/{user}:suspend"), json!({}))
        .await
        .status(200);
    acme.post("/v1/auth/switch-tenant", to)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn an_account_that_somebody_made_in_anothers_name_reaches_no_tenant_that_adds_them() {
    let stack = Stack::start().await;
    let blue = stack.tenant("blue").await;
    let thief = stack.register("mine", "victim@x.example").await.status(201);
    let thief = client(&stack, &thief);
    let new = json!({ "email": "victim@x.example", "name": "V", "role": "admin" });
    blue.post("/v1/users", new).await.status(201);
    let tenant = blue.get("/v1/tenant").await.status(200)["id"].clone();
    let login = json!({ "email": "victim@x.example", "password": PASSWORD, "tenant_id": tenant });
    let refused = stack.anonymous().post("/v1/auth/login", login).await;
    refused.problem(403, "not-allowed");
    let to = json!({ "tenant_id": tenant });
    thief
        .post("/v1/auth/switch-tenant", to)
        .await
        .problem(403, "not-allowed");
    let memberships = thief.get("/v1/auth/memberships").await.status(200);
    let rows = memberships["data"].as_array().unwrap();
    let open: Vec<&Value> = rows.iter().map(|row| &row["is_open"]).collect();
    assert!(open.contains(&&json!(false)) && open.contains(&&json!(true)));
}

#[tokio::test]
async fn whose_mailbox_it_is_takes_the_account_back_and_the_thief_is_out_everywhere() {
    let stack = Stack::start().await;
    let blue = stack.tenant("blue").await;
    let email = "victim@x.example";
    let thief = stack.register("mine", email).await.status(201);
    let session = client(&stack, &thief);
    // Nor may the thief leave a second factor behind.
    let enrol = json!({ "password": PASSWORD });
    let refused = session.post("/v1/auth/mfa/totp", enrol).await;
    refused.problem(403, "not-allowed");
    let new = json!({ "email": email, "name": "V", "role": "admin" });
    blue.post("/v1/users", new).await.status(201);
    stack.advance_s(1);
    let body = json!({ "email": email });
    let anonymous = stack.anonymous();
    let forgot = anonymous.post("/v1/auth/password/forgot", body).await;
    forgot.status(202);
    let token = stack.mailed(email, "password-reset").await;
    let own = "a whole new sentence";
    let reset = json!({ "token": token, "password": own });
    let reset = anonymous.post("/v1/auth/password/reset", reset).await;
    reset.status(204);
    stack.drain().await;
    stack.advance_s(5);
    session.get("/v1/me").await.problem(401, "unauthenticated");
    let refresh = json!({ "refresh_token": thief["refresh_token"] });
    let refresh = stack.anonymous().post("/v1/auth/refresh", refresh).await;
    refresh.problem(401, "unauthenticated");
    let tenant = blue.get("/v1/tenant").await.status(200)["id"].clone();
    let with =
        |password: &str| json!({ "email": email, "password": password, "tenant_id": tenant });
    let old = stack
        .anonymous()
        .post("/v1/auth/login", with(PASSWORD))
        .await;
    old.problem(401, "unauthenticated");
    let signed_in = stack.anonymous().post("/v1/auth/login", with(own)).await;
    let victim = client(&stack, &signed_in.status(200));
    assert_eq!(victim.get("/v1/tenant").await.status(200)["name"], "blue");
}

#[tokio::test]
async fn a_letter_alone_joins_nobody_to_an_account_whose_password_another_chose() {
    let stack = Stack::start().await;
    let blue = stack.tenant("blue").await;
    let email = "victim@x.example";
    stack.register("mine", email).await.status(201);
    invite(&blue, email, "admin").await;
    let token = stack.mailed(email, "invitation").await;
    let own = json!({ "token": token, "name": "V", "password": "a whole new sentence" });
    let refused = accept(&stack, own).await;
    let problem = refused.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/password");
}

#[tokio::test]
async fn a_further_letter_ends_the_one_before_and_a_withdrawn_invitation_is_over() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = invite(&owner, "g@x.example", "user").await;
    let first = stack.mailed("g@x.example", "invitation").await;
    let path = format!("/v1/tenant/invitations/{}", text(&made["id"]));
    owner
        .post(&format!("{path}:resend"), json!({}))
        .await
        .status(200);
    let second = stack.mailed("g@x.example", "invitation").await;
    assert_ne!(first, second);
    let with = |token: &str| json!({ "token": token, "name": "G", "password": PASSWORD });
    accept(&stack, with(&first))
        .await
        .problem(401, "unauthenticated");
    owner.delete(&path).await.status(204);
    accept(&stack, with(&second))
        .await
        .problem(401, "unauthenticated");
    owner.delete(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days_and_can_be_sent_again() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = invite(&owner, "g@x.example", "user").await;
    let token = stack.mailed("g@x.example", "invitation").await;
    stack.advance_s(7 * 86_400);
    let with = |token: &str| json!({ "token": token, "name": "G", "password": PASSWORD });
    accept(&stack, with(&token))
        .await
        .problem(401, "unauthenticated");
    let owner = stack.again("acme").await;
    let list = owner.get("/v1/tenant/invitations").await.status(200);
    assert_eq!(list["data"][0]["state"], "expired");
    let path = format!("/v1/tenant/invitations/{}:resend", text(&made["id"]));
    owner.post(&path, json!({})).await.status(200);
    let token = stack.mailed("g@x.example", "invitation").await;
    accept(&stack, with(&token)).await.status(200);
    owner.post(&path, json!({})).await.problem(409, "conflict");
}

#[tokio::test]
async fn nobody_invites_to_more_than_they_may_do() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let admin = stack.member(&owner, "admin", "ada@acme.example").await;
    let new = json!({ "email": "g@x.example", "role": "owner" });
    admin
        .post("/v1/tenant/invitations", new)
        .await
        .problem(403, "not-allowed");
    let made = invite(&owner, "g@x.example", "owner").await;
    let path = format!("/v1/tenant/invitations/{}:resend", text(&made["id"]));
    admin
        .post(&path, json!({}))
        .await
        .problem(403, "not-allowed");
}

#[tokio::test]
async fn an_invented_token_is_refused_and_no_token_is_on_a_queue_or_in_a_table() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    invite(&owner, "g@x.example", "user").await;
    let token = stack.mailed("g@x.example", "invitation").await;
    let mut wrong = token.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for token in [wrong.as_str(), "", "piv_", "x"] {
        let given = json!({ "token": token, "name": "G", "password": PASSWORD });
        accept(&stack, given).await.problem(401, "unauthenticated");
    }
    let rows = crate::documents::dynamodb(&stack);
    for table in ["PlatformTable", "DirectoryTable", "EphemeralTable"] {
        let rows = rows.scan().table_name(table).send().await.unwrap();
        assert!(!format!("{rows:?}").contains(&token[60..]));
    }
}

#[tokio::test]
async fn the_letters_are_shown_at_the_local_outbox() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    invite(&owner, "g@x.example", "user").await;
    stack.drain().await;
    let shown = stack.anonymous().get("/local/outbox").await.status(200);
    let letter = shown["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|letter| letter["kind"] == "invitation")
        .unwrap()
        .clone();
    assert_eq!(letter["to"], json!(["g@x.example"]));
    assert!(text(&letter["text"]).contains("/invitations/accept#token=piv_"));
}
