//! Duties on a timer: each has its turn when it is due, one at a time, from the place where it was.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use shared::{
    App,
    schedule::{Duty, Rest, Turn, tick},
};

use crate::harness::Stack;

const EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Walks to place 3, a step a turn.
const WALK: Duty = Duty {
    name: "walk",
    every: SignedDuration::from_mins(10),
    run: |_, turn| Box::pin(async move { step(&turn) }),
};

fn step(turn: &Turn) -> anyhow::Result<Rest> {
    let at: u32 = turn.place.as_deref().unwrap_or("0").parse()?;
    Ok(if at == 3 {
        Rest::Done
    } else {
        Rest::More((at + 1).to_string())
    })
}

/// The names of the duties that had a turn.
async fn ran(app: &App, duties: &[Duty]) -> Vec<&'static str> {
    let ended = tick(app, duties).await.unwrap();
    ended.iter().map(|end| end.duty).collect()
}

#[tokio::test]
async fn a_duty_has_its_turn_when_it_is_due_and_not_before() {
    let stack = Stack::start().await;
    let app = stack.app("scheduler").await;
    let duty = Duty {
        name: "idle",
        every: SignedDuration::from_mins(5),
        run: |_, _| Box::pin(async { Ok(Rest::Done) }),
    };
    let mut turns = Vec::new();
    for minute in 0..=10 {
        if !ran(&app, &[duty]).await.is_empty() {
            turns.push(minute);
        }
        stack.advance_s(60);
    }
    assert_eq!(turns, [0, 5, 10]);
}

#[tokio::test]
async fn what_is_left_goes_on_at_the_next_tick_from_its_place() {
    let stack = Stack::start().await;
    let app = stack.app("scheduler").await;
    for _ in 0..4 {
        assert_eq!(ran(&app, &[WALK]).await, ["walk"]);
    }
    assert!(ran(&app, &[WALK]).await.is_empty());
    stack.advance_s(600);
    assert_eq!(ran(&app, &[WALK]).await, ["walk"]);
}

#[tokio::test]
async fn ticks_at_one_time_give_a_duty_one_turn() {
    static TURNS: AtomicUsize = AtomicUsize::new(0);
    let duty = Duty {
        name: "count",
        every: EVERY,
        run: |_, _| {
            TURNS.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(Rest::Done) })
        },
    };
    let stack = Stack::start().await;
    let app = stack.app("scheduler").await;
    let duties = [duty];
    let ticks = (0..8).map(|_| tick(&app, &duties));
    for ended in futures_util::future::join_all(ticks).await {
        ended.unwrap();
    }
    assert_eq!(TURNS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_duty_that_fails_or_panics_takes_no_turn_from_the_others() {
    let stack = Stack::start().await;
    let app = stack.app("scheduler").await;
    let fails = Duty {
        name: "fails",
        every: EVERY,
        run: |_, _| Box::pin(async { anyhow::bail!("no luck") }),
    };
    let panics = Duty {
        name: "panics",
        every: EVERY,
        run: |_, _| Box::pin(async { panic!("no luck at all") }),
    };
    let error = tick(&app, &[fails, panics, WALK]).await.unwrap_err();
    assert_eq!(error.to_string(), "fails: no luck; panics: panicked");
    // The failed are due at once, the other goes on where it was.
    let error = tick(&app, &[fails, WALK]).await.unwrap_err();
    assert_eq!(error.to_string(), "fails: no luck");
    for _ in 0..2 {
        assert_eq!(ran(&app, &[WALK]).await, ["walk"]);
    }
    assert!(ran(&app, &[WALK]).await.is_empty());
}

#[tokio::test]
async fn a_turn_that_died_is_taken_over_when_its_lease_has_lapsed() {
    let stack = Stack::start().await;
    let app = stack.app("scheduler").await;
    ran(&app, &[WALK]).await;
    let dies = Duty {
        run: |_, _| Box::pin(std::future::pending()),
        ..WALK
    };
    let duties = [dies];
    // Begun and abandoned, as when Lambda ends an instance.
    let mut turn = Box::pin(tick(&app, &duties));
    while !leased(&stack).await {
        assert!(futures_util::poll!(&mut turn).is_pending());
    }
    drop(turn);
    assert!(ran(&app, &[WALK]).await.is_empty());
    stack.advance_s(91);
    for _ in 0..3 {
        assert_eq!(ran(&app, &[WALK]).await, ["walk"]);
    }
    assert!(ran(&app, &[WALK]).await.is_empty());
}

/// Whether the walk's turn is taken.
async fn leased(stack: &Stack) -> bool {
    let client = crate::documents::dynamodb(stack);
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let row = client
        .get_item()
        .table_name("PlatformTable")
        .key("pk", text("P#DUTIES"))
        .key("sk", text("DUTY#walk"))
        .send()
        .await
        .unwrap();
    row.item.is_some_and(|row| row.contains_key("lease_ms"))
}

#[tokio::test]
async fn the_template_ticks_the_scheduler_each_minute() {
    let stack = Stack::start().await;
    let function = stack.platform.template().function("scheduler").unwrap();
    assert_eq!(function.schedules[0].every.as_secs(), 60);
    // Below the lease of a duty.
    assert!(function.timeout_s < 90);
    stack.tick().await;
}
