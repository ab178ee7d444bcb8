//! A decision in words: a chat line, terminal lines, JSON.
//!
//! Pure. A text names the path, the cause and the command that repairs it, and contains none of
//! [`TRIGGER_WORDS`](crate::display::TRIGGER_WORDS).

use std::path::Path;

use nix::errno::Errno;
use serde_json::{Value, json};
use tracing::Level;

use crate::codex::locations::INSTALL;
use crate::decide::{Decision, Redirect, Repair};
use crate::display::{defuse, plain_text, shell_word, short_path, tail};
use crate::failure::{Failure, NoUsableHome, UnusableHome};
use crate::home::auth::Login;
use crate::home::repaired::IdTokenFrom;
use crate::home::{AUTH_FILE, Kind};
use crate::launch::{DEPTH, GUARD_VARIABLE};
use crate::observe::Observed;
use crate::reason::ReasonCode;
use crate::settings::{FILE_VARIABLE, FileProblem, Key};

/// The longest chat line, in characters. A chat window shows that much without folding it.
const LIMIT: usize = 400;
/// The most searched directories that a message names.
const SEARCHED: usize = 4;

impl Observed {
    /// Returns the home in which codex is started; `None` if codex is not started, or would find no home itself.
    #[must_use]
    pub fn home_of<'a>(&'a self, decision: &'a Decision) -> Option<&'a Path> {
        match decision {
            Decision::Keep { .. } => self.codex_home.as_deref().or(self.default_home.as_deref()),
            Decision::Redirect(redirect) => Some(&redirect.to),
            Decision::Repair(repair) => Some(&repair.home),
            Decision::Refuse(_) => None,
        }
    }
}

impl Observed {
    /// Returns the personal home if it can log in and `CODEX_HOME`, which names no host's home, may be set by mistake.
    fn usable_instead(&self) -> Option<&Path> {
        let personal = self.personal.as_ref().filter(|_| self.kind == Some(Kind::Other))?;
        let is_hosts = self.codex_home.iter().flatten().any(|part| part.to_string_lossy().starts_with(".openclaw"));
        let config = personal.config.as_ref().ok()?;
        let is_usable = matches!(personal.home.login_under(config), Login::Usable(_));
        (is_usable && !is_hosts).then_some(personal.home.path.as_path())
    }
}

/// Returns the messages about a start, each with its level. A refusal is not among them; it is reported separately.
#[must_use]
pub fn messages(observed: &Observed, decision: &Decision) -> Vec<(Level, String)> {
    let mut messages = Vec::new();
    let settings = &observed.settings;
    let short = |path: &Path| short_path(path, settings.person_home.as_deref());
    if let (true, Some(file)) = (settings.file_is_missing, &settings.file) {
        messages.push((Level::WARN, format!("`{FILE_VARIABLE}` names `{}`, and there is no such file", short(file))));
    }
    for skipped in observed.codex.iter().flat_map(|codex| &codex.skipped) {
        messages.push((Level::WARN, format!("skipped `{}`: {}", short(&skipped.path), skipped.unfit)));
    }
    let noun = match observed.kind {
        Some(Kind::Bridge) => "bridge",
        Some(Kind::Personal) => "personal home",
        _ => "home",
    };
    match decision {
        Decision::Redirect(redirect) => redirected(redirect, noun, &short, &mut messages),
        Decision::Repair(repair) => messages.push((Level::INFO, repaired(repair, &short))),
        Decision::Keep { reason, is_doubtful } => {
            let home = observed.codex_home.as_deref().map(|home| format!("{noun} `{}`", short(home)));
            let home = home.as_deref().unwrap_or("the default home");
            let level = match (is_doubtful, reason.code) {
                (true, _) => Level::WARN,
                (_, ReasonCode::NotUnderstood | ReasonCode::MaySignOut | ReasonCode::ProfileSelected) => Level::INFO,
                _ => Level::DEBUG,
            };
            let mut text = format!("leaving {home} as it is: {reason:#}");
            if *is_doubtful && let Some(usable) = observed.usable_instead() {
                text.push_str(&format!(
                    "; if `CODEX_HOME` is set by mistake, run `unset CODEX_HOME`: `{}` can log in",
                    short(usable)
                ));
            }
            messages.push((level, text));
        }
        Decision::Refuse(_) => {}
    }
    for (_, text) in &mut messages {
        *text = defuse(text);
    }
    messages
}

fn redirected(redirect: &Redirect, noun: &str, short: &impl Fn(&Path) -> String, messages: &mut Vec<(Level, String)>) {
    let (from, to) = (short(&redirect.from), short(&redirect.shown));
    let broken = format!("{noun} `{from}`: {:#}", redirect.broken);
    match &redirect.exception {
        None => messages.push((Level::INFO, format!("using `{to}`: {broken}"))),
        Some(reason) => messages.push((Level::WARN, format!("using `{to}` because {reason:#}; {broken}"))),
    }
    if redirect.login_at_risk {
        let text = format!(
            "`{to}/{AUTH_FILE}` cannot be replaced (read-only, or hard-linked): codex loses this login when it renews it"
        );
        messages.push((Level::WARN, text));
    }
}

fn repaired(repair: &Repair, short: &impl Fn(&Path) -> String) -> String {
    let from = match repair.repaired.id_token {
        IdTokenFrom::Itself => "its own `id_token`",
        IdTokenFrom::AccessToken => "the claims of its own `access_token`",
    };
    format!("repaired `{}/{AUTH_FILE}` from {from}: {:#}", short(&repair.home), repair.broken)
}

/// Returns what is wrong, in one or two parts.
#[must_use]
pub fn problem(failure: &Failure, person_home: Option<&Path>) -> Vec<String> {
    parts(failure, person_home, usize::MAX, false)
}

/// Returns what is wrong. No path is longer than `path_limit` characters, and the text is terse if there is no room.
fn parts(failure: &Failure, person_home: Option<&Path>, path_limit: usize, is_terse: bool) -> Vec<String> {
    let short = |path: &Path| tail(&short_path(path, person_home), path_limit);
    match failure {
        Failure::Privileged => {
            vec![
                "the launcher is setuid, setgid or has file capabilities, and does not use them for its caller"
                    .to_owned(),
            ]
        }
        Failure::Setting { name, cause } => vec![format!("`{name}`: {}", plain_text(cause))],
        Failure::SettingsFile { path, problem } => vec![format!("`{}`: {problem}", short(path))],
        Failure::NoUsableHome(homes) => no_usable_home(homes, &short, is_terse),
        Failure::CodexSetting { file, skipped } => {
            let name = match file {
                Some(file) => format!("`{}` in `{}`", Key::Codex.name(), short(file)),
                None => format!("`{}`", Key::Codex.variable()),
            };
            vec![format!("{name} is `{}`: {}", short(&skipped.path), skipped.unfit)]
        }
        Failure::CodexNotFound { searched, skipped, .. } => {
            let mut places: Vec<_> =
                searched.iter().take(SEARCHED).map(|directory| format!("`{}`", short(directory))).collect();
            let more = searched.len().saturating_sub(SEARCHED);
            if more > 0 {
                places.push(format!("{more} more directories on PATH"));
            }
            let installers = "the usual places of installers";
            let places = if places.is_empty() {
                installers.to_owned()
            } else {
                format!("{} or {installers}", places.join(", "))
            };
            let not_found = format!("codex is not found in {places}");
            let skipped = skipped.first().map(|one| format!("skipped `{}`: {}", short(&one.path), one.unfit));
            [not_found].into_iter().chain(skipped).collect()
        }
        Failure::Loop { codex, launcher } => {
            let launcher = launcher.as_deref().map_or_else(|| "codex-home-shim".to_owned(), short);
            vec![format!("`{}` starts this launcher (`{launcher}`) again, so that no codex ever starts", short(codex))]
        }
        Failure::TooDeep { codex } => {
            vec![format!(
                "{DEPTH} starts of this launcher are above this one; the last of them started `{}`",
                short(codex)
            )]
        }
        Failure::Exec { codex, errno, is_there } => {
            let remark = match errno {
                Errno::ENOENT if *is_there => " (the interpreter it names is missing)",
                Errno::ENOEXEC => " (it is not a program for this machine)",
                Errno::E2BIG => " (arguments and environment are too long)",
                Errno::ETXTBSY => " (it is being written)",
                _ => "",
            };
            vec![format!("`{}` cannot be executed: {}{remark}", short(codex), errno.desc().to_lowercase())]
        }
    }
}

fn no_usable_home(homes: &NoUsableHome, short: &impl Fn(&Path) -> String, is_terse: bool) -> Vec<String> {
    let text = |home: &UnusableHome| format!("{} `{}`: {:#}", home.kind.name(), short(&home.path), home.reason);
    let personal = match &homes.personal {
        Ok(home) => text(home),
        Err(reason) => format!("{} home: {reason:#}", Kind::Personal.name()),
    };
    let mut bridge = format!("no usable Codex home: {}", text(&homes.bridge));
    // The first reason already implies that there is nothing to repair it from.
    if homes.repair.code != ReasonCode::NotRepairable && homes.repair.code != homes.bridge.reason.code {
        if is_terse {
            bridge.push_str(&format!("; not repaired ({})", homes.repair.code));
        } else {
            bridge.push_str(&format!("; not repaired: {:#}", homes.repair));
        }
    }
    vec![bridge, personal]
}

/// Returns what to do: one command, or one thing to set.
#[must_use]
pub fn help(failure: &Failure, person_home: Option<&Path>) -> String {
    match failure {
        Failure::Privileged => "run `chmod ug-s` and `setcap -r` on the launcher".to_owned(),
        Failure::Setting { name, .. } => format!("correct `{name}`, or unset it in the environment of the gateway"),
        Failure::SettingsFile { path, problem } => settings_help(path, problem, person_home),
        Failure::NoUsableHome(homes) => homes.help.clone(),
        Failure::CodexSetting { skipped, .. } if skipped.is_repaired_in_place() => skipped.help(person_home, true),
        Failure::CodexSetting { file: Some(_), .. } => {
            "run `codex-home config unset codex`, or set it to the absolute path of codex".to_owned()
        }
        Failure::CodexSetting { file: None, .. } => {
            format!("set `{}` to the absolute path of codex, or unset it", Key::Codex.variable())
        }
        Failure::CodexNotFound { skipped, settings_file, .. } => {
            if let Some(first) = skipped.first() {
                return first.help(person_home, true);
            }
            // An SDK's `env` replaces the environment; such a start still reads the file.
            let variable = format!("`{}`", Key::Codex.variable());
            let places = match settings_file {
                Some(file) => format!("`codex` in `{}` or {variable}", short_path(file, person_home)),
                None => variable,
            };
            format!("run `{INSTALL}`, or set {places} to the absolute path of codex")
        }
        Failure::Loop { .. } => format!("set `{}` to the absolute path of the real codex", Key::Codex.variable()),
        Failure::TooDeep { .. } => format!(
            "set `{}` to the absolute path of the real codex; if it is that already, run `unset {GUARD_VARIABLE}` and start \
             the gateway again",
            Key::Codex.variable()
        ),
        Failure::Exec { errno: Errno::ETXTBSY, .. } => "send the message again once codex is updated".to_owned(),
        Failure::Exec { errno: Errno::E2BIG, .. } => "make the environment of the gateway smaller".to_owned(),
        Failure::Exec { .. } => format!("reinstall codex, or set `{}` to another one", Key::Codex.variable()),
    }
}

fn settings_help(path: &Path, problem: &FileProblem, person_home: Option<&Path>) -> String {
    let word = |path: &Path| shell_word(path, person_home);
    // If other users own or can write the directory, its mode or owner must change.
    let is_ours = |of: &Path| of == path || of.ends_with("codex-home-shim");
    match problem {
        FileProblem::WritableByOthers(of) | FileProblem::NotOwned(of) if !is_ours(of) => {
            format!("move `{}` into a directory of your own", word(path))
        }
        FileProblem::Denied(_) => format!("run `chmod u+r {}`", word(path)),
        FileProblem::WritableByOthers(path) => format!("run `chmod go-w {}`", word(path)),
        FileProblem::NotOwned(path) => format!("run `sudo chown \"$(id -un)\" {}`", word(path)),
        FileProblem::Dangling | FileProblem::NotRegular => format!("move `{}` away", word(path)),
        FileProblem::TooLarge | FileProblem::NotUtf8 => format!("correct `{}`", word(path)),
        FileProblem::Invalid { .. } => "correct that line, then run `codex-home config check`".to_owned(),
    }
}

/// Returns the failure as one line of at most 400 characters, for a chat window.
#[must_use]
pub fn chat_line(failure: &Failure, person_home: Option<&Path>) -> String {
    chat_line_about(failure, person_home, None)
}

/// Returns the same line for a reader who may be another user than `user`, whose `~` it speaks of.
#[must_use]
pub fn chat_answer(failure: &Failure, person_home: Option<&Path>, user: &str) -> String {
    let whose = person_home.map(|home| format!("`~` is `{}` of {user}", plain_text(home)));
    chat_line_about(failure, person_home, whose)
}

fn chat_line_about(failure: &Failure, person_home: Option<&Path>, whose: Option<String>) -> String {
    let text = |(path_limit, is_terse)| {
        let mut parts = parts(failure, person_home, path_limit, is_terse);
        let help = help(failure, person_home);
        let has_tilde = parts.iter().chain([&help]).any(|part| part.contains("`~"));
        parts.extend(whose.clone().filter(|_| has_tilde));
        parts.push(help);
        defuse(&parts.join("; "))
    };
    let fits = |text: &String| text.chars().count() <= LIMIT;
    let whole = [(usize::MAX, false), (80, false), (48, false)];
    // The cause is worth more than the bridge's path, which is in the data beside it.
    let shortest = whose.is_some().then_some((24, false));
    let widths = whole.into_iter().chain(shortest).chain([(80, true), (48, true), (24, true)]);
    widths.map(text).find(fits).unwrap_or_else(|| {
        // The path in the command alone exceeds the limit of the whole message.
        text((24, true)).chars().take(LIMIT - 1).chain(['…']).collect()
    })
}

/// Returns the failure as a few lines for a terminal: what is wrong, and the help.
#[must_use]
pub fn terminal(failure: &Failure, person_home: Option<&Path>) -> String {
    let mut lines = problem(failure, person_home);
    lines.push(format!("help: {}", help(failure, person_home)));
    defuse(&lines.join("\n  "))
}

/// Returns `error.data` of the answer to a JSON-RPC host.
#[must_use]
pub fn data(failure: &Failure, person_home: Option<&Path>) -> Value {
    let home = |home: &UnusableHome| {
        json!({
            "home": home.path.to_string_lossy(),
            "kind": home.kind.name(),
            "usable": home.login.name(),
            "reason": home.reason.code.id(),
            "detail": defuse(&home.reason.to_string()),
        })
    };
    let (bridge, personal) = match failure {
        Failure::NoUsableHome(homes) => (home(&homes.bridge), homes.personal.as_ref().map_or(Value::Null, home)),
        _ => (Value::Null, Value::Null),
    };
    json!({
        "source": "codex-home-shim",
        "reason": failure.code().id(),
        "bridge": bridge,
        "personal": personal,
        "help": defuse(&help(failure, person_home)),
    })
}
