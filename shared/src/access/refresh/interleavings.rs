//! Every interleaving of tabs, lost replies, waits and a thief, up to a depth: all of them, not a sample. Of two runs
//! that lead to the same world one goes on.
//!
//! The row is the store's (a rotation is one conditional update, so each step is atomic); the tokens and the
//! decision on one that is not current are the code's own.

use std::collections::{BTreeSet, HashSet};

use aws_lc_rs::hmac;

use super::*;
use crate::{access::Role, id::IdGen};

/// Tabs that share one storage of the browser, so that each reads what another has stored.
const TABS: usize = 2;

/// Steps of each run; `PORTICO_REFRESH_DEPTH` explores deeper.
const DEPTH: usize = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// The tab sends the token that it has read and hears the answer.
    Refresh(usize),
    /// As above, and the answer is lost.
    Lost(usize),
    /// The tab reads the browser's storage anew.
    Read(usize),
    /// The thief copies what is in the browser's storage now.
    Steal,
    ThiefRefreshes,
    /// Longer than the grace.
    Wait,
}

#[derive(Clone)]
struct World {
    key: hmac::Key,
    session: Option<Session>,
    now: Timestamp,
    stored: RefreshToken,
    tabs: [RefreshToken; TABS],
    thief: Option<RefreshToken>,
    /// All successors that were given out, by the token that asked.
    given: BTreeSet<(String, String)>,
    thief_asked: bool,
    thief_served: bool,
    waited_with_lost_reply: bool,
    /// The chain moved on twice within the grace: no client does, whose access token lives for 600 seconds.
    hurried: bool,
}

impl World {
    fn new() -> Self {
        let ids = IdGen::default();
        let now = Timestamp::from_second(1_000).unwrap();
        let token = RefreshToken::first(ids.make(now), ids.make(now), ids.make(now));
        let session = Session {
            id: token.session,
            user: token.user,
            role: Role::User,
            epoch: 0,
            refresh_hash: token.hash(),
            previous_hash: None,
            rotated_at: now,
            created_at: now,
            expires_at: 1_000_000,
            ends_at: 1_000_000,
            sso: None,
            is_browser: false,
        };
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]),
            session: Some(session),
            now,
            stored: token.clone(),
            tabs: [token.clone(), token],
            thief: None,
            given: BTreeSet::new(),
            thief_asked: false,
            thief_served: false,
            waited_with_lost_reply: false,
            hurried: false,
        }
    }

    /// What `sign_in::refresh` does, with the conditional update of `Db::rotate` in its place.
    fn refresh(&mut self, token: &RefreshToken) -> Option<RefreshToken> {
        let next = token.successor(&self.key);
        let session = self.session.as_mut()?;
        let (now_s, hash) = (self.now.as_second(), token.hash());
        let holds =
            session.refresh_hash == hash && session.expires_at > now_s && session.ends_at > now_s;
        if holds {
            let is_soon = self.now.duration_since(session.rotated_at) <= GRACE;
            self.hurried |= is_soon && session.previous_hash.is_some();
            session.previous_hash = Some(hash.clone());
            session.refresh_hash = next.hash();
            session.rotated_at = self.now;
        } else {
            match not_current(session, &hash, self.now) {
                NotCurrent::Expired => return None,
                NotCurrent::Reused => {
                    self.session = None;
                    return None;
                }
                NotCurrent::AskedAgain => {}
            }
        }
        self.given.insert((hash, next.hash()));
        Some(next)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Refresh(tab) => {
                let token = self.tabs[tab].clone();
                if let Some(next) = self.refresh(&token) {
                    self.tabs[tab] = next.clone();
                    self.stored = next;
                }
            }
            Step::Lost(tab) => {
                let token = self.tabs[tab].clone();
                self.refresh(&token);
            }
            Step::Read(tab) => self.tabs[tab] = self.stored.clone(),
            Step::Steal => self.thief = Some(self.stored.clone()),
            Step::ThiefRefreshes => {
                self.thief_asked = true;
                if let Some(token) = self.thief.clone()
                    && let Some(next) = self.refresh(&token)
                {
                    self.thief = Some(next);
                    self.thief_served = true;
                }
            }
            Step::Wait => {
                let behind = self.session.as_ref().is_some_and(|session| {
                    session.refresh_hash != self.stored.hash()
                        || self
                            .tabs
                            .iter()
                            .any(|tab| tab.hash() != session.refresh_hash)
                });
                self.waited_with_lost_reply |= behind;
                self.now += GRACE + SignedDuration::from_secs(1);
            }
        }
    }

    /// What must hold after each step of every run.
    fn check(&self, run: &[Step]) {
        // One successor for each token: the chain never forks.
        let mut of = std::collections::HashMap::new();
        for (token, next) in &self.given {
            let first = of.entry(token).or_insert(next);
            assert_eq!(*first, next, "two successors of one token: {run:?}");
        }
        let successors: HashSet<&String> = self.given.iter().map(|(_, next)| next).collect();
        assert_eq!(
            successors.len(),
            of.len(),
            "two parents of one token: {run:?}"
        );
        // Without a thief, and without a wait while a reply was missing, nobody is signed out.
        if !self.thief_asked && !self.waited_with_lost_reply && !self.hurried {
            assert!(
                self.session.is_some(),
                "an honest browser lost its session: {run:?}"
            );
        }
    }

    /// After a theft, as soon as both have asked and the grace is over, at most one line goes on; and once the one
    /// that is behind asks, none does.
    fn check_thief(&self, run: &[Step]) {
        if !self.thief_served {
            return;
        }
        let mut later = self.clone();
        later.now += GRACE + SignedDuration::from_secs(1);
        let thief = later.thief.clone().map(|token| later.refresh(&token));
        let thief_goes_on = matches!(thief, Some(Some(_)));
        later.now += GRACE + SignedDuration::from_secs(1);
        let stored = later.stored.clone();
        let victim_goes_on = later.refresh(&stored).is_some();
        assert!(
            !(thief_goes_on && victim_goes_on),
            "thief and victim both go on: {run:?}"
        );
        if thief_goes_on {
            assert!(
                later.session.is_none(),
                "the victim's token did not end it: {run:?}"
            );
        }
    }
}

/// All that what happens next, and what is checked, depends on.
type Print = (
    Vec<Option<String>>,
    BTreeSet<(String, String)>,
    i64,
    [bool; 5],
);

impl World {
    fn print(&self) -> Print {
        let session = self.session.as_ref();
        let mut hashes = vec![
            session.map(|session| session.refresh_hash.clone()),
            session.and_then(|session| session.previous_hash.clone()),
            self.thief.as_ref().map(RefreshToken::hash),
            Some(self.stored.hash()),
        ];
        hashes.extend(self.tabs.iter().map(|tab| Some(tab.hash())));
        // No run is long enough for the session's ends: only the time since its rotation counts.
        let since_s = session.map_or(0, |session| {
            self.now.duration_since(session.rotated_at).as_secs()
        });
        let flags = [
            session.is_some(),
            self.thief_asked,
            self.thief_served,
            self.waited_with_lost_reply,
            self.hurried,
        ];
        (hashes, self.given.clone(), since_s, flags)
    }
}

fn explore(world: &World, run: &mut Vec<Step>, depth: usize, seen: &mut HashSet<(usize, Print)>) {
    if depth == 0 || !seen.insert((depth, world.print())) {
        return;
    }
    let tabs = (0..TABS).flat_map(|tab| [Step::Refresh(tab), Step::Lost(tab), Step::Read(tab)]);
    for step in tabs.chain([Step::Steal, Step::ThiefRefreshes, Step::Wait]) {
        if step == Step::ThiefRefreshes && world.thief.is_none() {
            continue;
        }
        let mut next = world.clone();
        next.take(step);
        run.push(step);
        next.check(run);
        next.check_thief(run);
        explore(&next, run, depth - 1, seen);
        run.pop();
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how deep a test looks is its environment's to say"
)]
fn in_every_interleaving_the_chain_is_one_line_and_a_thief_ends_it() {
    let depth = std::env::var("PORTICO_REFRESH_DEPTH").ok();
    let depth = depth.and_then(|depth| depth.parse().ok()).unwrap_or(DEPTH);
    let mut seen = HashSet::new();
    explore(&World::new(), &mut Vec::new(), depth, &mut seen);
    assert!(seen.len() > 1_000, "{}", seen.len());
}
