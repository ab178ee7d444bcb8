//! Compares our reading of each start in the `--help` of real codex with codex's own.
//!
//! It is unsafe if codex reads the words of a judged start in another way, because a home may then be chosen for a start that ends
//! its login.

use std::path::PathBuf;
use std::{env, fs};

use codex_home::request::{Request, without_values};

use crate::judge::{Codex, Probe, UNSAFE};
use crate::support::{Case, Need, case, npm, run, versions};

/// The variable that names a directory. The content of the pages is written there, to a file for each version.
const PAGES: &str = "CODEX_HOME_SHIM_HELP";

/// Subcommands of judged subcommands that use the login in the same way.
const NESTED: [&str; 3] = ["exec fork", "exec resume", "exec review"];
/// Options that we deliberately do not know, so that such a start passes through. They end a login, start no server, or name the
/// client.
const NOT_READ: [&str; 3] = ["--startup-sign-out", "--print-startup-config", "--startup-client-info"];
/// Starts in which an option takes one value and we take all that follow. No subcommand can follow there.
const TAKES_ONE: [&str; 2] = ["exec fork --image", "exec resume --image"];
/// Names of options that end or make a login.
const ABOUT_LOGINS: [&str; 5] = ["sign-out", "sign-in", "logout", "log-out", "login"];

pub fn cases() -> Vec<Case> {
    let of = |version| {
        case(format!("codex {version}: each start in its --help is read as codex reads it"), move || {
            every_page(&Codex { version, binary: npm::codex(version).unwrap() });
        })
        .needs(Need::Deep)
        .needs(Need::Codex)
    };
    versions::codex().map(of).into()
}

/// The content of all pages.
#[derive(Default)]
struct Found {
    /// Each start and option, and our reading.
    lines: Vec<String>,
    wrong: Vec<String>,
}

fn every_page(codex: &Codex) {
    let (probe, mut found) = (Probe::new(), Found::default());
    fs::create_dir(probe.home()).unwrap();
    walk(&probe, codex, &[], &mut found);
    // The few options of the oldest release are a sign of life.
    assert!(found.lines.len() > 50, "{:?}", found.lines);
    if let Some(directory) = env::var_os(PAGES).map(PathBuf::from) {
        fs::write(directory.join(codex.version), found.lines.join("\n") + "\n").unwrap();
    }
    assert!(found.wrong.is_empty(), "{}", found.wrong.join("\n"));
}

/// Reads the page of a start, and those of the subcommands on it.
fn walk(probe: &Probe, codex: &Codex, words: &[String], found: &mut Found) {
    let mut command = probe.person.command(&codex.binary);
    command.env("CODEX_HOME", probe.home()).args(words).arg("--help");
    let page = run(&mut command).stdout;
    let (start, is_judged) = (words.join(" "), is_judged(words));
    let named = |what: &str| format!("codex {start} {what}").replace("  ", " ");
    found.lines.push(format!("{}: {}", named("").trim(), if is_judged { "judged" } else { "passed through" }));
    for (name, takes) in options(&page) {
        if matches!(name, "--help" | "--version") {
            continue;
        }
        let ours = reads(name);
        let value = (takes != "no value").then(|| "key=value".to_owned());
        let is_read = self::is_judged(&[words, &[name.to_owned()], value.as_slice()].concat());
        let what = if is_read { "judged" } else { "passed through" };
        found.lines.push(format!("{} ({takes}): {what}", named(name)));
        if !is_judged {
            continue;
        }
        if ABOUT_LOGINS.iter().any(|word| name.contains(word)) && is_read {
            found.wrong.push(format!("{UNSAFE}`{}` is judged, and may be about a login", named(name)));
        }
        if ours == "unknown" && !NOT_READ.contains(&name) {
            found.wrong.push(format!("`{}` is not in the table, so such a start is passed through", named(name)));
        }
        if ours != "unknown" && ours != takes && !TAKES_ONE.contains(&&*format!("{start} {name}")) {
            found.wrong.push(format!("{UNSAFE}`{}` takes {takes}, and we read {ours}", named(name)));
        }
    }
    for name in commands(&page) {
        let words = [words, &[name.to_owned()]].concat();
        if is_judged && !start.is_empty() && self::is_judged(&words) && !NESTED.contains(&&*words.join(" ")) {
            found.wrong.push(format!("{UNSAFE}`{}` is a subcommand, and we judge it as a prompt", named(name)));
        }
        walk(probe, codex, &words, found);
    }
}

fn is_judged(words: &[String]) -> bool {
    let args: Vec<_> = words.iter().map(Into::into).collect();
    matches!(Request::parse(&args), Request::Judged(_))
}

/// Returns how many values we take for those of an option.
fn reads(name: &str) -> &'static str {
    // Words that are not values are shown.
    match without_values(&[name, "exec", "exec"].map(str::to_owned)).as_slice() {
        [first, ..] if first != name => "unknown",
        [_, second, _] if second == "exec" => "no value",
        [_, _, third] if third == "exec" => "one value",
        _ => "many values",
    }
}

/// Returns the options on a page, and how many values each takes.
fn options(page: &str) -> impl Iterator<Item = (&str, &'static str)> {
    // Columns further right are explanations.
    let lines = page.lines().filter(|line| line.len() - line.trim_start().len() < 8);
    lines.filter_map(|line| {
        let line = Some(line.trim_start()).filter(|line| line.starts_with('-'))?;
        let long = if line.starts_with("--") { line } else { line.split_once(", ")?.1 };
        let (name, value) = long.split_once([' ', '[', '=']).unwrap_or((long, ""));
        let takes = match value {
            "" => "no value",
            value if value.trim_end().ends_with("...") => "many values",
            _ => "one value",
        };
        name.starts_with("--").then_some((name, takes))
    })
}

/// Returns the subcommands on a page.
fn commands(page: &str) -> impl Iterator<Item = &str> {
    let listed = page.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let lines = listed.lines().filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    lines.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help")
}
