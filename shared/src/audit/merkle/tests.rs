//! Roots and proofs against the definition in RFC 6962, for every split of every small tree.

use proptest::prelude::*;

use crate::audit::merkle::{
    Hash, Part, Peaks, is_consistent, leaf, node, root_of_inclusion, sha256,
};

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|at| leaf(&at.to_be_bytes())).collect()
}

fn peaks(leaves: &[Hash]) -> Peaks {
    let mut peaks = Peaks::default();
    for leaf in leaves {
        peaks.push(*leaf);
    }
    peaks
}

/// RFC 6962 section 2.1, word for word.
fn defined(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        many => {
            let mut middle = 1;
            while middle * 2 < many.len() {
                middle *= 2;
            }
            node(&defined(&many[..middle]), &defined(&many[middle..]))
        }
    }
}

#[test]
fn the_root_is_the_defined_one_and_known_values_hold() {
    for count in 0..70 {
        let all = leaves(count);
        assert_eq!(peaks(&all).root(), defined(&all));
    }
    // The empty tree and the empty leaf, as the test data of certificate-transparency has them.
    let hex = |hash: Hash| crate::seal::encode_hex(&hash);
    assert_eq!(
        hex(peaks(&[]).root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        hex(leaf(b"")),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
}

proptest! {
    #[test]
    fn a_leaf_of_the_part_is_proved_and_no_other(
        before in 0_u64..130, count in 1_u64..70, at in 0_u64..70, flip in 0_usize..256,
    ) {
        let all = leaves(before + count);
        let split = usize::try_from(before).unwrap();
        let known = peaks(&all[..split]);
        let part = Part { before: &known, leaves: &all[split..] };
        let index = before + at % count;
        let path = part.inclusion(index).unwrap();
        let own = all[usize::try_from(index).unwrap()];
        let root = peaks(&all).root();
        prop_assert_eq!(root_of_inclusion(index, before + count, own, &path), Some(root));
        let mut other = own;
        other[flip / 8] ^= 1 << (flip % 8);
        prop_assert_ne!(root_of_inclusion(index, before + count, other, &path), Some(root));
        if let Some(next) = (index + 1 < before + count).then_some(index + 1) {
            prop_assert_ne!(root_of_inclusion(next, before + count, own, &path), Some(root));
        }
    }

    #[test]
    fn an_older_tree_is_proved_to_be_a_part_and_an_altered_one_is_not(
        old in 1_u64..130, more in 0_u64..70, flip in 0_usize..256,
    ) {
        let all = leaves(old + more);
        let split = usize::try_from(old).unwrap();
        let known = peaks(&all[..split]);
        let part = Part { before: &known, leaves: &all[split..] };
        let proof = part.consistency(old).unwrap();
        let (from, to) = (known.root(), peaks(&all).root());
        prop_assert!(is_consistent(old, old + more, from, to, &proof));
        let mut other = from;
        other[flip / 8] ^= 1 << (flip % 8);
        prop_assert!(!is_consistent(old, old + more, other, to, &proof));
    }
}
