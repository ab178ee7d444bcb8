//! The man pages have every command, option, setting and exit code that `--help` has. Whether they are well-formed, `.ci/run`
//! asks `man` and `mandoc`.

use std::fs;
use std::path::Path;

use codex_home::settings::{FILE_VARIABLE, Key, Strategy};

use crate::support::{Case, Fixture, case};
use crate::{ask, codex_home};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man").join(name)).unwrap()
}

fn help(args: &[&str]) -> String {
    let person = Fixture::new();
    ask(&person, &mut codex_home(&person, args)).stdout
}

/// The commands of `codex-home`.
pub fn commands() -> Vec<String> {
    let help = help(&["--help"]);
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Deeper lines are continued text.
    let entries = section.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    entries.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Returns the text of a page without its macros.
fn plain(page: &str) -> String {
    let without = |line: &str| match line.strip_prefix('.') {
        Some(_) => line.split(' ').skip(1).collect::<Vec<_>>().join(" "),
        None => line.to_owned(),
    };
    page.lines().map(without).collect::<Vec<_>>().join(" ")
}

pub fn cases() -> Vec<Case> {
    vec![
        case("codex-home(1) describes every command as its help does, with every option and exit code", || {
            let page = page("codex-home.1");
            let commands = commands();
            assert!(commands.len() >= 9, "{commands:?}");
            for command in &commands {
                assert!(page.contains(&format!(".Cm {command}\n")), "`{command}` is not in the synopsis");
                assert!(page.contains(&format!(".It Cm {command}\n")), "`{command}` is not described");
            }
            for command in commands.iter().filter(|command| *command != "help") {
                let text = help(&[command, "--help"]);
                let about = text.lines().next().unwrap_or_default().replace('`', "");
                let described = page.split_once(&format!(".It Cm {command}\n")).map(|(_, rest)| plain(rest));
                assert!(described.is_some_and(|described| described.starts_with(&about)), "`{command}`: {about}");
                // `--listen` is an argument of codex.
                for option in text.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
                    let option = option.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                    let is_there = matches!(option, "" | "listen") || page.contains(&format!("Fl -{option}"));
                    assert!(is_there, "`{command} --{option}` is not in the page");
                }
                let Some((_, codes)) = text.split_once("Exit codes: ") else { continue };
                let codes = codes.split("\n\n").next().unwrap_or_default();
                let numbers = codes.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
                for code in numbers {
                    let is_there = page.lines().any(|line| {
                        let words = line.strip_prefix(".It ").unwrap_or_default();
                        words.split([' ', ',']).any(|word| word == code)
                    });
                    assert!(is_there, "exit code {code} of `{command}` is not in the page");
                }
            }
        }),
        case("codex-home-shim(1) and codex-home-shim.toml(5) have every setting, strategy and exit code", || {
            let (launcher, settings) = (page("codex-home-shim.1"), page("codex-home-shim.toml.5"));
            for key in Key::ALL {
                let entry = format!(".It Ic {} Pq Ev {}\n", key.name(), key.variable());
                assert!(settings.contains(&entry), "{entry}");
                assert!(launcher.contains(&format!(".It Ev {}\n", key.variable())), "{}", key.variable());
            }
            for strategy in Strategy::ALL {
                assert!(settings.contains(&format!(".It Ql {}\n", strategy.name())), "{}", strategy.name());
            }
            assert!(launcher.contains(FILE_VARIABLE) && settings.contains(FILE_VARIABLE));
            for code in [78, 126, 127] {
                assert!(launcher.contains(&format!(".It {code}\n")), "{code}");
            }
        }),
        case("the example of codex-home-shim.toml(5) is a valid file with every setting", || {
            let page = page("codex-home-shim.toml.5");
            let example = page.split(".Bd -literal -offset indent\n").nth(1).and_then(|rest| rest.split(".Ed").next());
            let example = example.unwrap();
            codex_home::settings::check_for(example, Some(Path::new("/home/you"))).unwrap();
            let keys: Vec<_> = example.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
            assert_eq!(keys, Key::ALL.map(Key::name));
        }),
    ]
}
