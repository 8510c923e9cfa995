//! The second wall: with the types taken away, a tenant's credentials still reach nobody else's rows.

use std::collections::BTreeMap;

use local::{
    fault::{Answer, Fault},
    template::{RoleSpec, table_arn},
};
use serde_json::{Value, json};

use crate::harness::{Client, Endpoint, Stack, text};

pub(crate) const TABLES: [&str; 5] = [
    "PlatformTable",
    "DirectoryTable",
    "EventsTable",
    "AuditTable",
    "EphemeralTable",
];

/// What a function gets from STS.
struct Keys {
    id: String,
    token: String,
}

fn signed(key: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20200101/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// AssumeRole as the function would ask for it; the answer's text.
async fn assume(stack: &Stack, binary: &str, role: &str, more: &[(&str, &str)]) -> (u16, String) {
    let fixed = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
    ];
    let form: Vec<_> = fixed.iter().chain(more).copied().collect();
    let form: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace('*', "%2A")))
        .collect();
    let request = stack
        .http()
        .post(stack.platform.sts_url())
        .header("authorization", signed(&format!("LOCAL-{binary}")))
        .body(form.join("&"));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn for_tenant(tenant: &str) -> [(&str, &str); 3] {
    [
        ("RoleSessionName", tenant),
        ("Tags.member.1.Key", "tenant_id"),
        ("Tags.member.1.Value", tenant),
    ]
}

fn within<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_default();
    rest.split_once('<').map_or("", |(text, _)| text)
}

async fn keys_of(stack: &Stack, binary: &str, role: &str, tenant: &str) -> Keys {
    let (status, xml) = assume(stack, binary, role, &for_tenant(tenant)).await;
    assert_eq!(status, 200, "{xml}");
    Keys {
        id: within(&xml, "AccessKeyId").to_owned(),
        token: within(&xml, "SessionToken").to_owned(),
    }
}

/// A bare call to the tables; `Ok`, or the code of its error.
async fn call(stack: &Stack, keys: &Keys, operation: &str, body: &Value) -> Result<Value, String> {
    let request = stack
        .http()
        .post(stack.platform.dynamodb_url())
        .header("authorization", signed(&keys.id))
        .header("x-amz-security-token", &keys.token)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-date", "20200101T000000Z")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .body(body.to_string());
    let answer = request.send().await.unwrap();
    let is_success = answer.status().is_success();
    let text_of = answer.text().await.unwrap();
    let body: Value = serde_json::from_str(&text_of)
        .unwrap_or_else(|_| panic!("{operation} {body} answered {text_of}"));
    match is_success {
        true => Ok(body),
        false => Err(text(&body["__type"]).rsplit('#').next().unwrap().to_owned()),
    }
}

/// Every call that names rows, over the partition `pk` of a table; of `own` where a call can name several.
fn calls(table: &str, pk: &str, own: &str) -> Vec<(&'static str, Value)> {
    let key = |pk: &str| match table {
        "DirectoryTable" => json!({ "pk": { "S": pk } }),
        _ => json!({ "pk": { "S": pk }, "sk": { "S": "TENANT" } }),
    };
    let (theirs, ours) = (key(pk), key(own));
    let set = json!({ "#a": "a" });
    let one = json!({ ":a": { "S": "1" } });
    let read = json!({ "TableName": table, "Key": theirs });
    let put = json!({ "TableName": table, "Item": theirs });
    let update = json!({ "TableName": table, "Key": theirs, "UpdateExpression": "SET #a = :a",
        "ExpressionAttributeNames": set, "ExpressionAttributeValues": one });
    let query = |index: Option<&str>, name: &str| {
        let mut query = json!({ "TableName": table, "KeyConditionExpression": "#p = :p",
            "ExpressionAttributeNames": { "#p": name }, "ExpressionAttributeValues": { ":p": { "S": pk } } });
        if let Some(index) = index {
            query["IndexName"] = json!(index);
        }
        query
    };
    let sql = |text: &str| {
        text.replace("TABLE", &format!("\"{table}\""))
            .replace("PK", pk)
    };
    let statement = |text: &str| json!({ "Statement": sql(text) });
    let select = "SELECT * FROM TABLE WHERE pk = 'PK'";
    vec![
        ("GetItem", read.clone()),
        ("PutItem", put.clone()),
        ("UpdateItem", update.clone()),
        ("DeleteItem", read.clone()),
        ("Query", query(None, "pk")),
        ("Query", query(Some("by_time"), "list_pk")),
        ("Query", query(Some("by_minute"), "minute")),
        (
            "Query",
            json!({ "TableName": table, "KeyConditionExpression": format!("pk = :o AND pk = :p"),
            "ExpressionAttributeValues": { ":o": { "S": own }, ":p": { "S": pk } } }),
        ),
        (
            "Query",
            json!({ "TableName": table, "KeyConditions": { "pk": {
            "ComparisonOperator": "EQ", "AttributeValueList": [{ "S": pk }] } } }),
        ),
        ("Scan", json!({ "TableName": table })),
        (
            "Scan",
            json!({ "TableName": table, "IndexName": "by_time" }),
        ),
        (
            "BatchGetItem",
            json!({ "RequestItems": { table: { "Keys": [ours, theirs] } } }),
        ),
        (
            "BatchWriteItem",
            json!({ "RequestItems": { table: [{ "PutRequest": { "Item": theirs } }] } }),
        ),
        (
            "BatchWriteItem",
            json!({ "RequestItems": { table: [{ "DeleteRequest": { "Key": theirs } }] } }),
        ),
        (
            "TransactGetItems",
            json!({ "TransactItems": [{ "Get": { "TableName": table, "Key": ours } }, { "Get": read }] }),
        ),
        (
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Put": { "TableName": table, "Item": ours } }, { "Put": put }] }),
        ),
        (
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Update": update }] }),
        ),
        (
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Delete": read }] }),
        ),
        (
            "TransactWriteItems",
            json!({ "TransactItems": [{ "ConditionCheck": {
            "TableName": table, "Key": theirs, "ConditionExpression": "attribute_exists(pk)" } }] }),
        ),
        ("ExecuteStatement", statement(select)),
        (
            "ExecuteStatement",
            statement("INSERT INTO TABLE VALUE {'pk': 'PK', 'sk': 'x'}"),
        ),
        (
            "ExecuteStatement",
            statement("UPDATE TABLE SET a = '1' WHERE pk = 'PK' AND sk = 'TENANT'"),
        ),
        (
            "ExecuteStatement",
            statement("DELETE FROM TABLE WHERE pk = 'PK' AND sk = 'TENANT'"),
        ),
        (
            "BatchExecuteStatement",
            json!({ "Statements": [statement(select)] }),
        ),
        (
            "ExecuteTransaction",
            json!({ "TransactStatements": [statement(select)] }),
        ),
        (
            "ExportTableToPointInTime",
            json!({ "TableArn": table_arn(table), "S3Bucket": "b" }),
        ),
        ("DescribeTable", json!({ "TableName": table })),
        ("DeleteTable", json!({ "TableName": table })),
    ]
}

/// The binary whose role it is.
pub(crate) fn binary(role: &RoleSpec) -> String {
    let name = role.logical_id.strip_suffix("TenantRole").unwrap();
    let letters = name.chars().enumerate().flat_map(|(at, letter)| {
        let dash = (at > 0 && letter.is_ascii_uppercase()).then_some('-');
        dash.into_iter().chain([letter.to_ascii_lowercase()])
    });
    letters.collect()
}

async fn id_of(tenant: &Client) -> String {
    text(&tenant.get("/v1/tenant").await.status(200)["id"])
}

#[tokio::test]
async fn no_call_reaches_another_tenants_rows_with_a_tenants_credentials() {
    let stack = Stack::start().await;
    let (acme, globex) = (stack.tenant("acme").await, stack.tenant("globex").await);
    let endpoint = Endpoint::create(&globex, "stripe").await;
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let (own, theirs) = (
        format!("T#{}", id_of(&acme).await),
        format!("T#{}", id_of(&globex).await),
    );
    let roles = &stack.platform.template().roles;
    assert_eq!(roles.len(), 11);
    let mut refused = 0;
    for role in roles {
        let tenant = own.strip_prefix("T#").unwrap();
        let keys = keys_of(&stack, &binary(role), &role.arn, tenant).await;
        for pk in [theirs.clone(), format!("{theirs}#E")] {
            for table in TABLES {
                for (operation, body) in calls(table, &pk, &own) {
                    let outcome = call(&stack, &keys, operation, &body).await;
                    let code = outcome.err();
                    assert_eq!(
                        code.as_deref(),
                        Some("AccessDeniedException"),
                        "{} {operation} {body}",
                        role.logical_id
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 2_500, "{refused}");
    // The same credentials do what they are for.
    let role = roles
        .iter()
        .find(|role| role.logical_id == "UsersTenantRole")
        .unwrap();
    let keys = keys_of(&stack, "users", &role.arn, own.strip_prefix("T#").unwrap()).await;
    let key = json!({ "pk": { "S": own }, "sk": { "S": "TENANT" } });
    let found = call(
        &stack,
        &keys,
        "GetItem",
        &json!({ "TableName": "PlatformTable", "Key": key }),
    )
    .await;
    assert_eq!(found.unwrap()["Item"]["name"]["S"], "acme");
    globex.get("/v1/tenant").await.status(200);
}

#[tokio::test]
async fn a_role_is_taken_on_by_its_function_for_one_tenant_only() {
    let stack = Stack::start().await;
    let tenant = id_of(&stack.tenant("acme").await).await;
    let role = |name: &str| {
        let roles = &stack.platform.template().roles;
        roles
            .iter()
            .find(|role| role.logical_id == name)
            .unwrap()
            .arn
            .clone()
    };
    let users = role("UsersTenantRole");
    let good = for_tenant(&tenant);
    assert_eq!(assume(&stack, "users", &users, &good).await.0, 200);
    for function in ["records", "webhooks", "nobody"] {
        assert_eq!(
            assume(&stack, function, &users, &good).await.0,
            403,
            "{function}"
        );
    }
    assert_eq!(
        assume(&stack, "users", &role("AuditTenantRole"), &good)
            .await
            .0,
        403
    );
    let name = ("RoleSessionName", tenant.as_str());
    let other = "ten_00000000000000000000000000";
    for (what, form) in [
        ("no tag", vec![name]),
        (
            "another tag",
            vec![
                name,
                ("Tags.member.1.Key", "tenant"),
                ("Tags.member.1.Value", &tenant),
            ],
        ),
        (
            "one tag too many",
            [
                &good[..],
                &[("Tags.member.2.Key", "x"), ("Tags.member.2.Value", "y")],
            ]
            .concat(),
        ),
        (
            "another name",
            vec![("RoleSessionName", other), good[1], good[2]],
        ),
        (
            "no tenant",
            vec![
                ("RoleSessionName", "x1"),
                good[1],
                ("Tags.member.1.Value", "x1"),
            ],
        ),
    ] {
        let (status, answer) = assume(&stack, "users", &users, &form).await;
        assert_eq!(
            (status, within(&answer, "Code")),
            (403, "AccessDenied"),
            "{what}"
        );
    }
    let wild = [
        ("RoleSessionName", "ten_x"),
        good[1],
        ("Tags.member.1.Value", "ten_*"),
    ];
    assert_eq!(assume(&stack, "users", &users, &wild).await.0, 400);
}

#[tokio::test]
async fn a_tenants_first_call_of_an_instance_asks_for_credentials_once_for_its_hour() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let assumed = |calls: &BTreeMap<String, u64>| calls.get("STS.AssumeRole").copied().unwrap_or(0);
    let together = async {
        let reads = std::iter::repeat_with(|| owner.get("/v1/users")).take(8);
        for answer in futures_util::future::join_all(reads).await {
            answer.status(200);
        }
    };
    let calls = stack.calls("users", together).await;
    assert_eq!((assumed(&calls), calls["DynamoDB.Query"]), (1, 8));
    stack.advance_s(44 * 60);
    let owner = stack.again("acme").await;
    let calls = stack.calls("users", owner.get("/v1/users")).await;
    assert_eq!(assumed(&calls), 0);
    // Fifteen minutes before their end they are replaced; while STS fails, the old ones serve.
    stack.advance_s(2 * 60);
    let outage = stack
        .faults()
        .add(Fault::on("AssumeRole", Answer::InternalError).by("users"));
    owner.get("/v1/users").await.status(200);
    assert!(stack.faults().hits(outage) > 0);
    stack.faults().remove(outage);
    owner.get("/v1/users").await.status(200);
    stack.advance_s(31);
    let calls = stack.calls("users", owner.get("/v1/users")).await;
    assert_eq!(assumed(&calls), 1);
    let calls = stack.calls("users", owner.get("/v1/users")).await;
    assert_eq!(calls, [("DynamoDB.Query".to_owned(), 1)].into());
}

#[tokio::test]
async fn without_sts_a_tenant_waits_and_nobody_is_served_by_other_means() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let outage = stack
        .faults()
        .add(Fault::on("AssumeRole", Answer::InternalError));
    owner.get("/v1/users").await.problem(503, "unavailable");
    stack.faults().remove(outage);
    owner.get("/v1/users").await.status(200);
    // Credentials that have ended are no better than none.
    let role = stack.platform.template().roles[0].clone();
    let tenant = id_of(&owner).await;
    let keys = keys_of(&stack, &binary(&role), &role.arn, &tenant).await;
    stack.advance_s(3_601);
    let key = json!({ "pk": { "S": format!("T#{tenant}") }, "sk": { "S": "TENANT" } });
    let body = json!({ "TableName": "PlatformTable", "Key": key });
    let outcome = call(&stack, &keys, "GetItem", &body).await;
    assert_eq!(outcome.unwrap_err(), "ExpiredTokenException");
    let forged = Keys {
        token: "forged".to_owned(),
        ..keys
    };
    let outcome = call(&stack, &forged, "GetItem", &body).await;
    assert_eq!(outcome.unwrap_err(), "UnrecognizedClientException");
}
