//! Which new passwords are taken.

use super::*;

fn refuses(password: &str) -> bool {
    check(
        &Secret::new(password.to_owned()),
        "adalovelace@acme.example",
        "/password",
    )
    .is_err()
}

#[test]
fn the_list_is_sorted_and_holds_what_the_length_rule_lets_through() {
    let lines: Vec<&str> = COMMON.lines().collect();
    assert!(lines.len() > 2_000 && lines.is_sorted());
    assert!(lines.iter().all(|line| line.chars().count() >= 10));
}

#[test]
fn passwords_that_are_tried_first_are_refused() {
    for password in [
        "1234567890",
        "qwertyuiop",
        "Password123",
        "PASSWORD123!!",
        "barcelona1",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "9876543210",
        "abcdefghijklm",
        "adalovelace",
        "AdaLovelace99",
        "adalovelace@acme.example",
    ] {
        assert!(refuses(password), "{password}");
    }
}

#[test]
fn long_passwords_of_ones_own_are_taken() {
    for password in [
        "correct horse battery",
        "not the password",
        "another password",
        "t7#kPq0z!Lm2",
        "ein ganz eigener Satz",
        "пароль для примера",
    ] {
        assert!(!refuses(password), "{password}");
    }
}
