//! The policies of template.yaml, evaluated for each role, action, table, index and kind of key.

use std::collections::BTreeMap;

use local::{
    access::{Access, Need},
    template::{queue_arn, table_arn},
};

use crate::{harness::Stack, wall::TABLES};

const ACTIONS: [&str; 18] = [
    "GetItem",
    "BatchGetItem",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "Query",
    "Scan",
    "PartiQLSelect",
    "PartiQLInsert",
    "PartiQLUpdate",
    "PartiQLDelete",
    "GetRecords",
    "DescribeTable",
    "UpdateTable",
    "DeleteTable",
    "ExportTableToPointInTime",
];

fn resources() -> Vec<String> {
    let indexes = [("EventsTable", "by_time"), ("AuditTable", "by_minute")];
    let indexes = indexes.map(|(table, index)| format!("{}/index/{index}", table_arn(table)));
    TABLES
        .iter()
        .map(|table| table_arn(table))
        .chain(indexes)
        .chain([queue_arn("EventsQueue")])
        .collect()
}

/// The template's policies, evaluated for each action on each table and index with each kind of key.
#[tokio::test]
async fn the_templates_policies_allow_a_tenants_role_its_own_keys_only() {
    let stack = Stack::start().await;
    let template = stack.platform.template();
    let access = Access::new(template);
    let own = "T#ten_0000000000000000000000000a";
    let tags = BTreeMap::from([(
        "tenant_id".to_owned(),
        own.strip_prefix("T#").unwrap().to_owned(),
    )]);
    let kinds: Vec<String> = [
        own,
        &format!("{own}#E#3"),
        &format!("{own}a"),
        &format!("{own} #"),
        "T#ten_0000000000000000000000000b",
        "T#ten_0000000000000000000000000b#E#3",
        "T#",
        "",
        "*",
        "U#usr_1",
        "P#KEYRING",
        "P#DUTIES",
        "MINUTE#1#2",
        "LOGIN#1",
        "HOOK#1",
        "SSO#1",
        "OAUTH#1",
        "A#1",
        "TRY#1",
        "H#1",
    ]
    .map(str::to_owned)
    .into();
    // None at all, each alone, and each beside one of the tenant's own.
    let alone = kinds.iter().map(|kind| Some(vec![kind.clone()]));
    let beside = kinds
        .iter()
        .map(|kind| Some(vec![own.to_owned(), kind.clone()]));
    let keys: Vec<Option<Vec<String>>> = [None].into_iter().chain(alone).chain(beside).collect();
    for role in &template.roles {
        let mut allowed = 0;
        for action in ACTIONS {
            for resource in resources() {
                for leading_keys in &keys {
                    let need = Need {
                        action: format!("dynamodb:{action}"),
                        resource: resource.clone(),
                        leading_keys: leading_keys.clone(),
                    };
                    if access
                        .check_role(&role.arn, "r", &tags, std::slice::from_ref(&need))
                        .is_err()
                    {
                        continue;
                    }
                    allowed += 1;
                    let is_own = |key: &str| key == own || key.starts_with(&format!("{own}#"));
                    let is_platform = resource.ends_with("PlatformTable");
                    let meets_people =
                        ["UsersTenantRole", "AuthTenantRole"].contains(&role.logical_id.as_str());
                    let is_person = |key: &str| {
                        let actions = ["GetItem", "PutItem", "UpdateItem", "DeleteItem"];
                        let moves = actions.contains(&action);
                        meets_people && is_platform && moves && key.starts_with("U#")
                    };
                    let is_try = |key: &str| {
                        let forgets =
                            action == "DeleteItem" && resource.ends_with("EphemeralTable");
                        meets_people && forgets && key.starts_with("TRY#")
                    };
                    let is_look_up = |key: &str| {
                        let moves = ["PutItem", "DeleteItem"].contains(&action);
                        let prefixes = ["LOGIN#", "HOOK#", "SSO#"];
                        resource.ends_with("DirectoryTable")
                            && moves
                            && prefixes.iter().any(|prefix| key.starts_with(prefix))
                    };
                    let named = leading_keys
                        .as_ref()
                        .expect("a call without keys is refused");
                    let is_good = named
                        .iter()
                        .all(|key| is_own(key) || is_person(key) || is_try(key) || is_look_up(key));
                    assert!(is_good, "{} {need:?}", role.logical_id);
                }
            }
        }
        assert!(allowed > 0, "{}", role.logical_id);
        // Without the tag it is nobody's.
        let need = Need {
            action: "dynamodb:Query".to_owned(),
            resource: table_arn("PlatformTable"),
            leading_keys: Some(vec![own.to_owned()]),
        };
        assert!(
            access
                .check_role(&role.arn, "r", &BTreeMap::new(), &[need])
                .is_err()
        );
    }
}

#[tokio::test]
async fn by_itself_no_function_but_the_entrance_changes_a_tenants_rows() {
    let stack = Stack::start().await;
    let template = stack.platform.template();
    let access = Access::new(template);
    let mut found = Vec::new();
    for function in &template.functions {
        for action in ACTIONS {
            for resource in resources() {
                let need = Need {
                    action: format!("dynamodb:{action}"),
                    resource: resource.clone(),
                    leading_keys: Some(vec!["T#ten_0000000000000000000000000b".to_owned()]),
                };
                let table = resource
                    .rsplit(':')
                    .next()
                    .unwrap()
                    .trim_start_matches("table/");
                if table != "EphemeralTable" && access.check(&function.binary, &[need]).is_ok() {
                    found.push(format!("{} {action} {table}", function.binary));
                }
            }
        }
    }
    found.sort();
    let expected = [
        // Gates and API keys, before a caller is known.
        "audit GetItem PlatformTable",
        "auth BatchGetItem PlatformTable",
        "auth GetItem DirectoryTable",
        "auth GetItem PlatformTable",
        "auth PutItem AuditTable",
        "auth PutItem DirectoryTable",
        "auth PutItem PlatformTable",
        "auth Query PlatformTable",
        "integrations GetItem PlatformTable",
        "records GetItem PlatformTable",
        "scheduler Query AuditTable/index/by_minute",
        "tenants BatchGetItem PlatformTable",
        "tenants GetItem PlatformTable",
        "users GetItem PlatformTable",
        "webhooks BatchGetItem PlatformTable",
        "webhooks GetItem DirectoryTable",
        "webhooks GetItem PlatformTable",
    ];
    assert_eq!(found, expected);
}
