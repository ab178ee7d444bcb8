//! The man pages say everything that can be said: each command and option of `codex-home`, each setting, each exit code. Whether
//! they are well-formed `.ci/run` asks `man` and `mandoc`.

#![allow(clippy::disallowed_methods, clippy::panic, clippy::unwrap_used, reason = "a test stops where it fails")]

use std::process::Command;

use codex_home::settings::{FILE_VARIABLE, Key, Strategy};

const LAUNCHER: &str = include_str!("../packaging/man/codex-home-shim.1");
const COMMAND: &str = include_str!("../packaging/man/codex-home.1");
const SETTINGS: &str = include_str!("../packaging/man/codex-home-shim.toml.5");

fn help(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_codex-home")).args(args).env_clear().output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The words that stand first in the lines of one section of a help text.
fn first_words(help: &str, section: &str) -> Vec<String> {
    let lines = help
        .lines()
        .skip_while(|line| *line != section)
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '));
    // Deeper lines are text.
    let of_entries = lines.filter(|line| line.starts_with("  ") && !line.starts_with("          "));
    of_entries
        .filter_map(|line| line.split_whitespace().next())
        .map(|word| word.trim_end_matches(',').to_owned())
        .collect()
}

#[test]
fn every_command_is_in_the_page() {
    let commands = first_words(&help(&["--help"]), "Commands:");
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        assert!(COMMAND.contains(&format!(".It Cm {command}\n")), "`{command}` is explained");
        assert!(COMMAND.contains(&format!(".Cm {command}\n")), "`{command}` is in the synopsis");
    }
}

#[test]
fn every_option_is_in_the_page() {
    for command in first_words(&help(&["--help"]), "Commands:").iter().filter(|command| *command != "help") {
        let text = help(&[command, "--help"]);
        let options = text.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
        for option in options {
            let name = option.trim_start_matches("--").trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            // Of an example.
            if matches!(name, "listen" | "") {
                continue;
            }
            assert!(COMMAND.contains(&format!("Fl -{name}")), "`{command} --{name}` is in the page");
        }
    }
}

#[test]
fn every_setting_is_in_both_pages() {
    for key in Key::ALL {
        let entry = format!(".It Ic {} Pq Ev {}\n", key.name(), key.variable());
        assert!(SETTINGS.contains(&entry), "{entry}");
        assert!(LAUNCHER.contains(&format!(".It Ev {}\n", key.variable())), "{}", key.variable());
    }
    for strategy in Strategy::ALL {
        assert!(SETTINGS.contains(&format!(".It Ql {}\n", strategy.name())), "{}", strategy.name());
    }
    assert!(LAUNCHER.contains(FILE_VARIABLE) && SETTINGS.contains(FILE_VARIABLE));
}

#[test]
fn the_example_of_the_readme_is_a_file_that_is_right() {
    let lines = include_str!("../README.md").lines().skip_while(|line| *line != "## Settings");
    let example: Vec<_> =
        lines.skip_while(|line| !line.starts_with("    ")).map_while(|line| line.strip_prefix("    ")).collect();
    let (entries, wrong) = codex_home::settings::parse(&example.join("\n"));
    assert_eq!((entries.len(), wrong.len()), (Key::ALL.len(), 0), "{wrong:?}");
}

#[test]
fn the_example_of_the_page_is_a_file_that_is_right() {
    let example =
        SETTINGS.split(".Bd -literal -offset indent\n").nth(1).and_then(|rest| rest.split(".Ed").next()).unwrap();
    let (entries, wrong) = codex_home::settings::parse(example);
    assert_eq!((entries.len(), wrong.len()), (Key::ALL.len(), 0), "{wrong:?}");
}
