//! The command line, colours and tables.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::pty::{Winsize, openpty};

use crate::doctor::Patient;
use crate::log::{STARTS, with_journal};
use crate::man::commands;
use crate::support::openclaw::Release;
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, case, forking};
use crate::{ask, codex_home};

/// The output of a command in a terminal of this width.
pub fn in_a_terminal(command: &mut Command, columns: u16) -> String {
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    command.env("TERM", "xterm-256color").stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(terminal.slave.try_clone().unwrap());
    let mut child = {
        let _alone = forking();
        command.spawn().unwrap()
    };
    // This process must not hold the other end.
    command.stdout(Stdio::null());
    drop(terminal.slave);
    let mut printed = Vec::new();
    // A terminal whose other end is closed is an error on Linux and an end on macOS.
    let _ = File::from(terminal.master).read_to_end(&mut printed);
    child.wait().unwrap();
    String::from_utf8(printed).unwrap()
}

pub fn cases() -> Vec<Case> {
    vec![
        case("every command has a help, and wrong arguments end with 2", || {
            let person = Fixture::new();
            for command in commands().iter().filter(|command| *command != "help") {
                for help in ["--help", "-h"] {
                    let finished = ask(&person, &mut codex_home(&person, &[command, help]));
                    assert_eq!(finished.code, Some(0));
                    assert!(finished.stdout.contains(&format!("Usage: codex-home {command}")), "{}", finished.stdout);
                }
            }
            for args in [&["inspekt"][..], &["log", "-n", "many"], &["explain", "exec"], &[]] {
                let finished = ask(&person, &mut codex_home(&person, args));
                assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{args:?}");
            }
        }),
        case("what is asked for by another name is answered with a command", || {
            let person = Fixture::new();
            for (asked, meant) in [
                ("status", "did you mean `codex-home doctor`?"),
                ("fix", "did you mean `codex-home doctor`?"),
                ("repair", "did you mean `codex-home doctor`?"),
                ("version", "did you mean `codex-home --version`?"),
                ("explane", "a similar subcommand exists: 'explain'"),
            ] {
                let finished = ask(&person, &mut codex_home(&person, &[asked]));
                assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{asked}");
                assert!(finished.stderr.contains(meant), "{}", finished.stderr);
            }
        }),
        case("explain: what is no id of a reason is told where the ids are, and how to name a home", || {
            let person = Fixture::new();
            for asked in ["redirect", "~/.codex"] {
                let finished = ask(&person, &mut codex_home(&person, &["explain", asked]));
                assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{asked}");
                for tip in ["/docs/failure-modes.md#by-id\n", "tip: for a home, run `codex-home explain --home DIR`\n"]
                {
                    assert!(finished.stderr.contains(tip), "{}", finished.stderr);
                }
            }
        }),
        case("every command's help ends with an example that is a valid command line, and an address", || {
            let person = Fixture::new();
            for command in commands().iter().filter(|command| *command != "help") {
                let help = ask(&person, &mut codex_home(&person, &[command, "--help"])).stdout;
                let example = help.lines().find_map(|line| line.strip_prefix("Example: codex-home ")).unwrap();
                assert!(example.starts_with(command.as_str()), "{example}");
                let page = help.split("/blob/main/").nth(1).unwrap().trim();
                let (page, anchor) = page.split_once('#').unwrap_or((page, ""));
                let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
                let anchors = text
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-"));
                assert!(
                    anchor.is_empty() || anchors.collect::<Vec<_>>().iter().any(|a| a == anchor),
                    "{page}#{anchor}"
                );
            }
        }),
        case("there is colour in a terminal and none in a pipe, unless the environment says otherwise", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            let inspect = || codex_home(&person, &["inspect"]);
            assert!(in_a_terminal(&mut inspect(), 100).contains("\u{1b}["));
            assert!(!in_a_terminal(inspect().env("NO_COLOR", "1"), 100).contains('\u{1b}'));
            assert!(!ask(&person, inspect().env("TERM", "xterm-256color")).stdout.contains('\u{1b}'));
            assert!(ask(&person, inspect().env("CLICOLOR_FORCE", "1")).stdout.contains("\u{1b}["));
        }),
        case("the name of a gateway cannot move the cursor or begin a line", || {
            let patient = Patient::installed(Release::April);
            let name = ".openclaw-w\u{1b}[2J\r\nfirst: run `x`\u{202e}\u{7}";
            let state = patient.person.home().join(name);
            fs::create_dir(&state).unwrap();
            fs::write(state.join("openclaw.json"), "{}").unwrap();
            let moves = |c: char| (c.is_control() && !matches!(c, '\n' | '\u{1b}')) || c == '\u{202e}';
            for args in [
                &["doctor", "--all"][..],
                &["verify"],
                &["install"],
                &["uninstall"],
                &["explain"],
                &["report"],
                &["doctor", "--profile", "none"],
                &["verify", "--profile", "none"],
            ] {
                let mut command = codex_home(&patient.person, args);
                let finished = ask(&patient.person, command.env("PATH", patient.path()).env("CLICOLOR_FORCE", "1"));
                for text in [finished.stdout, finished.stderr] {
                    let is_plain =
                        !text.contains(moves) && !text.contains("\u{1b}[2J") && !text.contains("\nfirst: run `x`");
                    assert!(is_plain, "{args:?}: {text:?}");
                }
            }
            let value = patient.json(&mut patient.doctor());
            assert_eq!(value["gateways"][1]["gateway"]["state"].as_str(), state.to_str());
        }),
        case("sentences fit their terminal, and in a pipe each is one line", || {
            let person = with_journal(&STARTS.replace("/bridge", &format!("/{}", "x".repeat(300))));
            for line in in_a_terminal(&mut codex_home(&person, &["log"]), 80).lines() {
                assert!(line.trim_end().chars().count() <= 80, "{line}");
            }
            assert_eq!(ask(&person, &mut codex_home(&person, &["log"])).stdout.lines().count(), 6);
        }),
    ]
}
