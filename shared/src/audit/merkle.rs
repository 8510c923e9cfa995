//! The Merkle tree of RFC 6962 section 2.1, over the leaves of one log. Nothing here does I/O.
//!
//! A [`Part`] is a run of leaves with the peaks of the tree before it: enough for the root and for
//! every proof that touches only these leaves, however long the log is.

use aws_lc_rs::digest::{Context, SHA256};

pub type Hash = [u8; 32];

/// The hash of a leaf's content. The prefixes keep leaves and nodes apart.
pub fn leaf(content: &[u8]) -> Hash {
    sha256(&[&[0], content])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// SHA-256 over the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    hash
}

/// The roots of the complete subtrees of a tree of `size` leaves, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks {
    pub size: u64,
    pub hashes: Vec<Hash>,
}

impl Peaks {
    /// `None` unless there is one hash for each bit of `size`.
    pub fn new(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        let fits = usize::try_from(size.count_ones()) == Ok(hashes.len());
        fits.then_some(Self { size, hashes })
    }

    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            if let Some(left) = self.hashes.pop() {
                hash = node(&left, &hash);
            }
            size >>= 1;
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The tree's root; of no leaves, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.hashes.iter().rev();
        let last = peaks.next().copied();
        let root = last.map(|last| peaks.fold(last, |right, left| node(left, &right)));
        root.unwrap_or_else(|| sha256(&[]))
    }

    /// The peak that covers the leaves from `low` to `high`, if one does.
    fn covering(&self, low: u64, high: u64) -> Option<Hash> {
        let mut start = 0;
        let mut bits = (0..u64::BITS).rev().filter(|bit| self.size >> bit & 1 == 1);
        self.hashes.iter().find_map(|hash| {
            let end = start + (1 << bits.next()?);
            let found = (start == low && end == high).then_some(*hash);
            start = end;
            found
        })
    }
}

/// Leaves of a log after its first `before.size`.
pub struct Part<'a> {
    pub before: &'a Peaks,
    pub leaves: &'a [Hash],
}

impl Part<'_> {
    fn size(&self) -> u64 {
        self.before.size + u64::try_from(self.leaves.len()).unwrap_or(0)
    }

    /// The hash over the leaves from `low` to `high`; `None` if that needs leaves that are not here.
    fn hash(&self, low: u64, high: u64) -> Option<Hash> {
        if let Some(peak) = self.before.covering(low, high) {
            return Some(peak);
        }
        if high - low == 1 {
            let at = usize::try_from(low.checked_sub(self.before.size)?).ok()?;
            return self.leaves.get(at).copied();
        }
        let middle = low + split(high - low);
        Some(node(&self.hash(low, middle)?, &self.hash(middle, high)?))
    }

    /// The audit path of the leaf at `index` (RFC 6962 section 2.1.1), from the leaf upwards.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        let mut path = Vec::new();
        let (mut low, mut high) = (0, self.size());
        if index >= high {
            return None;
        }
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                path.push(self.hash(middle, high)?);
                high = middle;
            } else {
                path.push(self.hash(low, middle)?);
                low = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// That the tree of `old` leaves is a part of this one (RFC 6962 section 2.1.2).
    pub fn consistency(&self, old: u64) -> Option<Vec<Hash>> {
        if old == 0 || old > self.size() {
            return None;
        }
        let mut proof = Vec::new();
        self.subproof(old, 0, self.size(), true, &mut proof)?;
        Some(proof)
    }

    fn subproof(
        &self,
        old: u64,
        low: u64,
        high: u64,
        is_whole: bool,
        proof: &mut Vec<Hash>,
    ) -> Option<()> {
        if old == high {
            if !is_whole {
                proof.push(self.hash(low, high)?);
            }
            return Some(());
        }
        let middle = low + split(high - low);
        if old <= middle {
            self.subproof(old, low, middle, is_whole, proof)?;
            proof.push(self.hash(middle, high)?);
        } else {
            self.subproof(old, middle, high, false, proof)?;
            proof.push(self.hash(low, middle)?);
        }
        Some(())
    }
}

/// The largest power of two below `count`, which is 2 at least.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// The root that an audit path leads to (RFC 9162 section 2.1.3.2).
pub fn root_of_inclusion(index: u64, size: u64, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    let (mut at, mut last) = (index, size.checked_sub(1)?);
    if index > last {
        return None;
    }
    let mut root = leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node(sibling, &root);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            root = node(&root, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Whether a consistency proof leads from one root to the other (RFC 9162 section 2.1.4.2).
pub fn is_consistent(old: u64, new: u64, old_root: Hash, new_root: Hash, proof: &[Hash]) -> bool {
    if old == new {
        return old_root == new_root && proof.is_empty();
    }
    if old == 0 || old > new {
        return false;
    }
    let mut steps = proof.iter();
    let first = if old.is_power_of_two() {
        Some(&old_root)
    } else {
        steps.next()
    };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut from, mut to) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from = node(step, &from);
            to = node(step, &to);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            to = node(&to, step);
        }
        at >>= 1;
        last >>= 1;
    }
    from == old_root && to == new_root && last == 0
}

#[cfg(test)]
mod tests;
