//! The command line as a person types it.

use clap::{CommandFactory as _, Parser as _};

use crate::cli::{Cli, Command};

fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("cargo local").chain(words.iter().copied()))
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_command_the_platform_runs_with_its_defaults() {
    let cli = parse(&[]).unwrap();
    assert!(cli.command.is_none() && !cli.run.memory);
    assert_eq!(
        (cli.run.port, cli.run.data.to_str()),
        (9000, Some(".portico"))
    );
}

#[test]
fn memory_and_a_data_directory_exclude_each_other() {
    assert!(parse(&["--memory", "--port", "0"]).unwrap().run.memory);
    assert!(parse(&["--memory", "--data", "x"]).is_err());
}

#[test]
fn a_reset_takes_its_own_directory() {
    let Some(Command::Reset(reset)) = parse(&["reset", "--data", "x"]).unwrap().command else {
        panic!("reset was not understood");
    };
    assert_eq!(reset.data.to_str(), Some("x"));
}
