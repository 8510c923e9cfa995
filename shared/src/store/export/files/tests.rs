//! How lines are cut into files.

use proptest::prelude::*;

use super::{FILE_LEN, files_of};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn files_hold_all_lines_in_order_and_within_their_length(lens in prop::collection::vec(1_usize..FILE_LEN, 0..12)) {
        let lines: Vec<String> = lens.iter().map(|len| "x".repeat(*len)).collect();
        let files = files_of(&lines);
        prop_assert!(files.concat() == lines);
        for file in files {
            let len: usize = file.iter().map(|line| line.len() + 1).sum();
            prop_assert!(!file.is_empty() && (file.len() == 1 || len <= FILE_LEN + 1));
        }
    }
}
