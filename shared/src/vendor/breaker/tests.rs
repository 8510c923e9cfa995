//! The breaker against its promises: a table of resilience4j's documented defaults, and properties.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::vendor::breaker::{Admission, Breaker, Idle, Mark, Phase, Report, Rules, Trip, later};

/// The defaults in resilience4j's documentation ("CircuitBreaker", "Create and configure"), in our words.
const RESILIENCE4J: Rules = Rules {
    window_calls: 100,
    window_age: SignedDuration::from_hours(24),
    minimum_calls: 100,
    failure_percent: 50,
    slow_percent: 100,
    slow_after: Duration::from_secs(60),
    open_for: SignedDuration::from_secs(60),
    open_for_at_most: SignedDuration::from_secs(60),
    probe_lease: SignedDuration::from_secs(60),
    ramp: SignedDuration::from_secs(60),
    trial_calls: 10,
    minimum_sources: 1,
};

/// What happens, the calls in their order, and the state after them.
type Row = (&'static str, &'static [(usize, Mark)], &'static str);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn told(breaker: &Breaker, rules: &Rules, now: Timestamp, source: u16, marks: &[Mark]) -> Breaker {
    let report = Report {
        era: breaker.era,
        source,
        marks,
    };
    breaker
        .report(rules, now, report)
        .unwrap_or_else(|| breaker.clone())
}

fn fed(rules: &Rules, letters: &[(usize, Mark)]) -> Breaker {
    let mut breaker = Breaker::default();
    for (count, mark) in letters {
        for _ in 0..*count {
            breaker = told(&breaker, rules, at(0), 1, &[*mark]);
        }
    }
    breaker
}

fn name(breaker: &Breaker) -> &'static str {
    breaker.name(&RESILIENCE4J, at(0))
}

#[test]
fn the_documented_defaults_of_resilience4j_hold() {
    use Mark::{Failed, FailedSlow, Fine, Slow};
    let table: [Row; 12] = [
        ("no calls", &[], "closed"),
        ("99 failures are too few calls", &[(99, Failed)], "closed"),
        ("100 failures", &[(100, Failed)], "open"),
        (
            "50 of 100 is the threshold",
            &[(50, Fine), (50, Failed)],
            "open",
        ),
        (
            "49 of 100 is below it",
            &[(51, Fine), (49, Failed)],
            "closed",
        ),
        (
            "only the last 100 count",
            &[(49, Failed), (100, Fine), (49, Failed)],
            "closed",
        ),
        (
            "old successes fall out",
            &[(300, Fine), (50, Failed)],
            "open",
        ),
        (
            "old successes, one failure less",
            &[(300, Fine), (49, Failed)],
            "closed",
        ),
        ("99 slow of 100", &[(1, Fine), (99, Slow)], "closed"),
        ("all 100 slow", &[(100, Slow)], "open"),
        (
            "slow and failed count as both",
            &[(50, FailedSlow), (50, Slow)],
            "open",
        ),
        (
            "slow calls are no failures",
            &[(1, Fine), (49, Failed), (50, Slow)],
            "closed",
        ),
    ];
    for (what, calls, expected) in table {
        assert_eq!(name(&fed(&RESILIENCE4J, calls)), expected, "{what}");
    }
    let rules = RESILIENCE4J;
    assert_eq!(rules.mark(false, Duration::from_secs(60)), Fine);
    assert_eq!(rules.mark(false, Duration::from_millis(60_001)), Slow);
    assert_eq!(rules.mark(true, Duration::from_millis(60_001)), FailedSlow);
}

#[test]
fn an_open_breaker_waits_sixty_seconds_and_does_not_move_by_itself() {
    let open = fed(&RESILIENCE4J, &[(100, Mark::Failed)]);
    let admit = |now| open.admit(&RESILIENCE4J, now, 0, Idle::Yes);
    assert_eq!(admit(at(0)), Admission::Refuse { until: at(60) });
    assert_eq!(
        admit(later(at(60), SignedDuration::from_millis(-1))),
        Admission::Refuse { until: at(60) }
    );
    // Only a call makes it half-open: resilience4j's automatic transition is off by default.
    assert!(matches!(admit(at(3_600)), Admission::Probe { .. }));
    assert_eq!(open.name(&RESILIENCE4J, at(3_600)), "open");
}

#[test]
fn ten_trial_calls_decide_whether_it_stays_closed() {
    for (failed, expected) in [(4, "returning"), (5, "open"), (9, "open")] {
        let open = fed(&RESILIENCE4J, &[(100, Mark::Failed)]);
        let probing = probe(&open, &RESILIENCE4J, at(60)).unwrap();
        let mut back = probing
            .probed(&RESILIENCE4J, at(61), probing.era, Mark::Fine)
            .unwrap();
        for trial in 0..9 {
            let mark = if trial >= 9 - failed {
                Mark::Failed
            } else {
                Mark::Fine
            };
            back = told(&back, &RESILIENCE4J, at(61), 1, &[mark]);
        }
        assert_eq!(back.name(&RESILIENCE4J, at(61)), expected, "{failed}");
    }
}

/// Where we differ on purpose: resilience4j lets ten calls through at once to a vendor that may be
/// down still, and we let one.
#[test]
fn a_failed_probe_opens_it_again_for_longer() {
    let rules = Rules::CONNECTION;
    let mut breaker = fed(&rules, &[(10, Mark::Failed)]);
    let mut now = at(0);
    for wait in [30, 60, 120, 240, 480, 600, 600] {
        let until = later(now, SignedDuration::from_secs(wait));
        let refused = breaker.admit(&rules, now, 0, Idle::Yes);
        assert_eq!(refused, Admission::Refuse { until });
        now = until;
        let probing = probe(&breaker, &rules, now).unwrap();
        breaker = probing
            .probed(&rules, now, probing.era, Mark::Failed)
            .unwrap();
    }
}

#[test]
fn a_probe_whose_instance_died_is_made_again_and_its_late_answer_counts_for_nothing() {
    let rules = Rules::CONNECTION;
    let open = fed(&rules, &[(10, Mark::Failed)]);
    let first = probe(&open, &rules, at(30)).unwrap();
    assert_eq!(probe(&first, &rules, at(59)), None);
    let second = probe(&first, &rules, at(60)).unwrap();
    assert_eq!(second.probed(&rules, at(61), first.era, Mark::Fine), None);
    let closed = second
        .probed(&rules, at(61), second.era, Mark::Fine)
        .unwrap();
    assert_eq!(closed.name(&rules, at(61)), "returning");
    assert_eq!(closed.name(&rules, at(101)), "closed");
    assert_eq!(
        closed.probed(&rules, at(62), second.era, Mark::Failed),
        None
    );
}

#[test]
fn it_returns_in_steps() {
    let rules = Rules::CONNECTION;
    let open = fed(&rules, &[(10, Mark::Failed)]);
    let probing = probe(&open, &rules, at(30)).unwrap();
    let back = probing
        .probed(&rules, at(30), probing.era, Mark::Fine)
        .unwrap();
    for (second, share) in [(30, 8), (40, 4), (50, 2), (60, 1), (70, 1)] {
        let passed = (0..1_000_u32)
            .filter(|step| {
                let draw = step * (u32::MAX / 1_000);
                back.admit(&rules, at(second), draw, Idle::No) == Admission::Pass
            })
            .count();
        assert!(passed.abs_diff(1_000 / share) <= 1, "{second}: {passed}");
        // A connection of few calls is not held up.
        assert_eq!(
            back.admit(&rules, at(second), u32::MAX, Idle::Yes),
            Admission::Pass
        );
    }
}

#[test]
fn a_reset_closes_it_and_forgets_what_was_under_way() {
    let rules = Rules::CONNECTION;
    let open = fed(&rules, &[(10, Mark::Failed)]);
    let reset = open.reset();
    assert_eq!(
        reset.admit(&rules, at(1), u32::MAX, Idle::No),
        Admission::Pass
    );
    let late = Report {
        era: 0,
        source: 1,
        marks: &[Mark::Failed; 50],
    };
    assert_eq!(reset.report(&rules, at(1), late), None);
}

#[test]
fn old_calls_do_not_count() {
    let rules = Rules::CONNECTION;
    let uneasy = fed(&rules, &[(9, Mark::Failed)]);
    let long_after = told(&uneasy, &rules, at(601), 1, &[Mark::Failed]);
    assert_eq!(long_after.name(&rules, at(601)), "closed");
    let soon_after = told(&uneasy, &rules, at(600), 1, &[Mark::Failed]);
    assert_eq!(soon_after.name(&rules, at(600)), "open");
}

#[test]
fn one_tenant_cannot_open_a_vendors_breaker_for_the_others() {
    let rules = Rules::HOST;
    let mut breaker = Breaker::default();
    for _ in 0..100 {
        breaker = told(&breaker, &rules, at(0), 7, &[Mark::Failed; 10]);
    }
    assert_eq!(breaker.name(&rules, at(0)), "closed");
    // Two more who fail are three, and no fewer than half of those who call.
    for source in [8, 9] {
        breaker = told(&breaker, &rules, at(0), source, &[Mark::Failed; 10]);
    }
    assert!(matches!(
        breaker.phase,
        Phase::Open {
            trip: Trip::Sources { troubled: 3, of: 3 },
            ..
        }
    ));
    // Three who fail among seven who do not open nothing.
    let mut breaker = Breaker::default();
    for source in 1..=10 {
        let mark = if source <= 7 {
            Mark::Fine
        } else {
            Mark::Failed
        };
        breaker = told(&breaker, &rules, at(0), source, &[mark; 10]);
    }
    assert_eq!(breaker.name(&rules, at(0)), "closed");
}

fn probe(breaker: &Breaker, rules: &Rules, now: Timestamp) -> Option<Breaker> {
    match breaker.admit(rules, now, u32::MAX, Idle::No) {
        Admission::Probe { next } => Some(next),
        Admission::Pass | Admission::Refuse { .. } => None,
    }
}

fn mark() -> impl Strategy<Value = Mark> {
    prop::sample::select(vec![Mark::Fine, Mark::Slow, Mark::Failed, Mark::FailedSlow])
}

/// What may happen to a breaker that several instances share.
#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    /// An instance asks; if it becomes the probe, its answer may come later.
    Ask,
    Answer(usize, Mark),
    Report(u64, Vec<Mark>),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..90_i64).prop_map(Step::Wait),
        Just(Step::Ask),
        (0..4_usize, mark()).prop_map(|(which, mark)| Step::Answer(which, mark)),
        (0..3_u64, prop::collection::vec(mark(), 1..20))
            .prop_map(|(age, marks)| Step::Report(age, marks)),
        Just(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_invariants_hold(steps in prop::collection::vec(step(), 1..120)) {
        let rules = Rules::CONNECTION;
        let (mut breaker, mut now) = (Breaker::default(), at(0));
        // Era and end of the lease of each probe that was let through.
        let mut probes: Vec<(u64, Timestamp)> = Vec::new();
        for step in steps {
            let before = breaker.clone();
            match step {
                Step::Wait(seconds) => now = later(now, SignedDuration::from_secs(seconds)),
                Step::Ask => match breaker.admit(&rules, now, 0, Idle::Yes) {
                    Admission::Pass => {
                        let is_closed = matches!(breaker.phase, Phase::Closed { .. });
                        prop_assert!(is_closed);
                    }
                    Admission::Refuse { until } => prop_assert!(until > now),
                    Admission::Probe { next } => {
                        let live = probes.iter().filter(|(era, end)| *era == breaker.era && *end > now);
                        prop_assert_eq!(live.count(), 0);
                        probes.push((next.era, later(now, rules.probe_lease)));
                        breaker = next;
                    }
                },
                Step::Answer(which, mark) => {
                    if let Some((era, _)) = probes.iter().rev().nth(which)
                        && let Some(next) = breaker.probed(&rules, now, *era, mark)
                    {
                        prop_assert_eq!(*era, before.era);
                        prop_assert_eq!(matches!(next.phase, Phase::Open { .. }), mark.is_bad());
                        breaker = next;
                    }
                }
                Step::Report(age, marks) => {
                    let era = breaker.era.saturating_sub(age);
                    let report = Report { era, source: 1, marks: &marks };
                    if let Some(next) = breaker.report(&rules, now, report) {
                        prop_assert_eq!(era, before.era);
                        let was_closed = matches!(before.phase, Phase::Closed { .. });
                        prop_assert!(was_closed);
                        breaker = next;
                    }
                }
                Step::Reset => breaker = breaker.reset(),
            }
            prop_assert!(breaker.era >= before.era);
            if let Phase::Closed { marks, .. } = &breaker.phase {
                prop_assert!(marks.len() <= rules.window_calls);
            }
            if let Phase::Open { until, .. } = &breaker.phase {
                prop_assert!(*until <= later(now, rules.open_for_at_most));
            }
            let text = serde_json::to_string(&breaker).unwrap();
            prop_assert_eq!(serde_json::from_str::<Breaker>(&text).unwrap(), breaker.clone());
        }
    }

    #[test]
    fn it_opens_exactly_when_a_plain_count_of_the_window_says_so(marks in prop::collection::vec(mark(), 1..300)) {
        let rules = Rules { window_age: SignedDuration::from_hours(24), ..Rules::CONNECTION };
        let mut breaker = Breaker::default();
        for (at_call, mark) in marks.iter().enumerate() {
            breaker = told(&breaker, &rules, at(i64::try_from(at_call).unwrap() / 7), 1, &[*mark]);
            let window = &marks[at_call.saturating_sub(rules.window_calls - 1)..=at_call];
            let failed = window.iter().filter(|mark| matches!(mark, Mark::Failed | Mark::FailedSlow)).count();
            let slow = window.iter().filter(|mark| matches!(mark, Mark::Slow | Mark::FailedSlow)).count();
            let is_bad = failed * 2 >= window.len() || slow * 10 >= window.len() * 8;
            let opens = window.len() >= rules.minimum_calls && is_bad;
            prop_assert_eq!(matches!(breaker.phase, Phase::Open { .. }), opens, "call {}", at_call);
            if opens {
                break;
            }
        }
    }
}
