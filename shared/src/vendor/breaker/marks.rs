//! The sliding window of a breaker: the last calls in their order, a letter each, oldest first. It never
//! holds more than the window's calls.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::vendor::breaker::{Rules, Trip};

/// How one call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Fine,
    Slow,
    Failed,
    FailedSlow,
}

impl Mark {
    pub(crate) fn is_bad(self) -> bool {
        self.has_failed() || self.is_slow()
    }

    fn has_failed(self) -> bool {
        matches!(self, Self::Failed | Self::FailedSlow)
    }

    fn is_slow(self) -> bool {
        matches!(self, Self::Slow | Self::FailedSlow)
    }

    fn letter(self) -> char {
        match self {
            Self::Fine => '.',
            Self::Slow => 's',
            Self::Failed => 'f',
            Self::FailedSlow => 'x',
        }
    }

    fn of(letter: char) -> Self {
        match letter {
            's' => Self::Slow,
            'f' => Self::Failed,
            'x' => Self::FailedSlow,
            _ => Self::Fine,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks {
    runs: VecDeque<Run>,
}

/// Calls that were reported together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    at_s: i64,
    source: u16,
    letters: String,
}

#[derive(Debug, Default)]
struct Tally {
    calls: usize,
    failed: usize,
    slow: usize,
}

impl Marks {
    pub(crate) fn push(&mut self, rules: &Rules, now: Timestamp, source: u16, marks: &[Mark]) {
        let at_s = now.as_second();
        let letters = marks.iter().map(|mark| mark.letter());
        match self.runs.back_mut() {
            Some(run) if run.at_s == at_s && run.source == source => run.letters.extend(letters),
            Some(_) | None => self.runs.push_back(Run {
                at_s,
                source,
                letters: letters.collect(),
            }),
        }
        let oldest = at_s - rules.window_age.as_secs();
        while self.runs.front().is_some_and(|run| run.at_s < oldest) {
            self.runs.pop_front();
        }
        let mut surplus = self.len().saturating_sub(rules.window_calls);
        while let Some(run) = self.runs.front_mut().filter(|_| surplus > 0) {
            if run.letters.len() <= surplus {
                surplus -= run.letters.len();
                self.runs.pop_front();
            } else {
                run.letters.drain(..surplus);
                surplus = 0;
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.letters.len()).sum()
    }

    pub(crate) fn has_bad(&self) -> bool {
        self.all().any(|(_, mark)| mark.is_bad())
    }

    /// Whether the window is reason to open.
    pub(crate) fn trip(&self, rules: &Rules, minimum_calls: usize) -> Option<Trip> {
        if self.len() < minimum_calls.max(1) {
            return None;
        }
        let mut sources: BTreeMap<u16, Tally> = BTreeMap::new();
        for (source, mark) in self.all() {
            // The probe of a shared breaker stands for nobody.
            let source = if rules.minimum_sources > 1 { source } else { 0 };
            let tally = sources.entry(source).or_default();
            tally.calls += 1;
            tally.failed += usize::from(mark.has_failed());
            tally.slow += usize::from(mark.is_slow());
        }
        if rules.minimum_sources > 1 {
            let of = sources.len();
            let in_trouble = |tally: &&Tally| tally.trip(rules).is_some();
            let troubled = sources.values().filter(in_trouble).count();
            let is_many = troubled >= rules.minimum_sources && troubled * 2 >= of;
            return is_many.then_some(Trip::Sources { troubled, of });
        }
        sources.values().find_map(|tally| tally.trip(rules))
    }

    fn all(&self) -> impl Iterator<Item = (u16, Mark)> {
        self.runs.iter().flat_map(|run| {
            run.letters
                .chars()
                .map(|letter| (run.source, Mark::of(letter)))
        })
    }
}

impl Tally {
    fn trip(&self, rules: &Rules) -> Option<Trip> {
        let percent = |part: usize| u8::try_from(part * 100 / self.calls.max(1)).unwrap_or(100);
        let reaches = |part: usize, least: u8| part * 100 >= usize::from(least) * self.calls;
        if reaches(self.failed, rules.failure_percent) {
            let percent = percent(self.failed);
            return Some(Trip::Failures { percent });
        }
        if reaches(self.slow, rules.slow_percent) {
            let percent = percent(self.slow);
            return Some(Trip::SlowCalls { percent });
        }
        None
    }
}
