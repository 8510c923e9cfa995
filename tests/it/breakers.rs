//! Breakers over several instances, each an `App` of its own on the same tables.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use local::fault::{Answer, Fault};
use shared::{
    App,
    config::Config,
    id::{ConnectionId, IdGen, TenantId},
    vendor::{Permit, Refused, Rules, Scope, admit, reset, settle, state},
};

use crate::harness::Stack;

const QUICK: Duration = Duration::from_millis(20);

/// One instance that may do everything, as no function of the template has to yet.
async fn instance(stack: &Stack) -> App {
    let mut environment = stack.platform.environment("integrations").unwrap();
    environment.insert("AWS_ACCESS_KEY_ID".to_owned(), "operator".to_owned());
    let clock = stack.platform.clock().shared();
    App::start(Config::from_vars(environment), clock)
        .await
        .unwrap()
}

fn scope() -> Scope {
    let (ids, now) = (IdGen::default(), Timestamp::UNIX_EPOCH);
    let (tenant, connection): (TenantId, ConnectionId) = (ids.make(now), ids.make(now));
    Scope::of_connection(tenant, connection, Rules::CONNECTION)
}

async fn call(app: &App, scope: &Scope, has_failed: bool) -> Result<(), Refused> {
    let permit = admit(app, scope, app.clock.now()).await?;
    settle(app, permit, has_failed, QUICK, app.clock.now()).await;
    Ok(())
}

async fn name(app: &App, scope: &Scope) -> &'static str {
    let breaker = state(app, scope).await.unwrap();
    breaker.name(scope.rules(), app.clock.now())
}

fn calls(app: &App) -> BTreeMap<String, u64> {
    app.calls.counts()
}

#[tokio::test]
async fn a_healthy_vendor_costs_one_read_in_ten_seconds() {
    let stack = Stack::start().await;
    let (app, scope) = (instance(&stack).await, scope());
    for _ in 0..50 {
        call(&app, &scope, false).await.unwrap();
    }
    assert_eq!(calls(&app), [("DynamoDB.GetItem".to_owned(), 1)].into());
    stack.advance_s(11);
    call(&app, &scope, false).await.unwrap();
    assert_eq!(calls(&app), [("DynamoDB.GetItem".to_owned(), 2)].into());
}

#[tokio::test]
async fn what_one_instance_learns_the_others_know_within_ten_seconds() {
    let stack = Stack::start().await;
    let (one, other, scope) = (instance(&stack).await, instance(&stack).await, scope());
    call(&other, &scope, false).await.unwrap();
    let failing = async {
        for _ in 0..30 {
            if call(&one, &scope, true).await.is_err() {
                return true;
            }
        }
        false
    };
    assert!(failing.await);
    assert_eq!(name(&one, &scope).await, "open");
    stack.advance_s(10);
    let refused = call(&other, &scope, false).await.unwrap_err();
    assert!(refused.until > other.clock.now());
}

#[tokio::test]
async fn of_many_instances_one_probes_and_the_vendor_is_let_back_in() {
    let stack = Stack::start().await;
    let scope = scope();
    let apps = join_all((0..6).map(|_| instance(&stack))).await;
    while call(&apps[0], &scope, true).await.is_ok() {}
    stack.advance_s(31);
    let asked = join_all(apps.iter().map(|app| admit(app, &scope, app.clock.now()))).await;
    let permits: Vec<(usize, Permit)> = asked
        .into_iter()
        .enumerate()
        .filter_map(|(at, asked)| Some((at, asked.ok()?)))
        .collect();
    assert_eq!(permits.len(), 1);
    assert_eq!(name(&apps[0], &scope).await, "half_open");
    // The instance that probes dies, and another takes its turn.
    drop(permits);
    stack.advance_s(31);
    call(&apps[1], &scope, false).await.unwrap();
    assert_eq!(name(&apps[0], &scope).await, "returning");
    stack.advance_s(41);
    for app in &apps {
        call(app, &scope, false).await.unwrap();
    }
    assert_eq!(name(&apps[0], &scope).await, "closed");
}

#[tokio::test]
async fn a_reset_by_hand_lets_calls_through_at_once() {
    let stack = Stack::start().await;
    let (app, scope) = (instance(&stack).await, scope());
    while call(&app, &scope, true).await.is_ok() {}
    reset(&app, &scope, app.clock.now()).await.unwrap();
    call(&app, &scope, false).await.unwrap();
    assert_eq!(name(&app, &scope).await, "closed");
}

#[tokio::test]
async fn while_the_table_is_away_calls_pass() {
    let stack = Stack::start().await;
    let (app, scope) = (instance(&stack).await, scope());
    stack
        .faults()
        .add(Fault::on("GetItem", Answer::InternalError));
    stack
        .faults()
        .add(Fault::on("PutItem", Answer::InternalError));
    for _ in 0..30 {
        call(&app, &scope, true).await.unwrap();
    }
    stack.faults().clear();
    stack.advance_s(2);
    while call(&app, &scope, true).await.is_ok() {}
    assert_eq!(name(&app, &scope).await, "open");
}

#[tokio::test]
async fn reports_of_several_instances_at_the_same_time_are_all_counted() {
    let stack = Stack::start().await;
    let scope = scope();
    let apps = join_all((0..4).map(|_| instance(&stack))).await;
    for app in &apps {
        call(app, &scope, false).await.unwrap();
    }
    // Twelve failures, three in each: no instance alone has seen ten calls.
    for _ in 0..3 {
        stack.advance_s(2);
        join_all(apps.iter().map(|app| call(app, &scope, true))).await;
    }
    assert_eq!(name(&apps[0], &scope).await, "open");
}
