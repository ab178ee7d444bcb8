//! The options of codex's command line.

use std::ffi::OsStr;

use super::{not_judged, not_understood};
use crate::reason::Reason;

/// How many values an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    One,
    /// All that follow, up to the next option: `-i a.png b.png`.
    Many,
}

/// The options of every judged subcommand, in any supported version. A start with any other option is not judged, because it
/// could end a login, as `app-server --startup-sign-out` (0.169) does.
const OPTIONS: &[(&str, char, Takes)] = {
    use Takes::{Many, Nothing, One};
    const NONE: char = '\0';
    &[
        ("config", 'c', One),
        ("enable", NONE, One),
        ("disable", NONE, One),
        ("strict-config", NONE, Nothing),
        ("model", 'm', One),
        ("profile", 'p', One),
        ("sandbox", 's', One),
        ("cd", 'C', One),
        ("add-dir", NONE, One),
        ("image", 'i', Many),
        ("ask-for-approval", 'a', One),
        ("oss", NONE, Nothing),
        ("local-provider", NONE, One),
        ("full-auto", NONE, Nothing),
        ("approve-for-me", NONE, Nothing),
        ("yolo", NONE, Nothing),
        ("dangerously-bypass-approvals-and-sandbox", NONE, Nothing),
        ("dangerously-bypass-hook-trust", NONE, Nothing),
        ("search", NONE, Nothing),
        ("no-alt-screen", NONE, Nothing),
        ("no-daemon", NONE, Nothing),
        ("worktree", NONE, Nothing),
        ("trust", NONE, Nothing),
        ("remote", NONE, One),
        ("remote-auth-token-env", NONE, One),
        // app-server
        ("listen", NONE, One),
        ("stdio", NONE, Nothing),
        ("remote-control", NONE, Nothing),
        ("analytics-default-enabled", NONE, Nothing),
        ("code-mode-host", NONE, One),
        ("cloud-skills-snapshot", NONE, One),
        ("ws-auth", NONE, One),
        ("ws-token-file", NONE, One),
        ("ws-token-sha256", NONE, One),
        ("ws-shared-secret-file", NONE, One),
        ("ws-issuer", NONE, One),
        ("ws-audience", NONE, One),
        ("ws-max-clock-skew-seconds", NONE, One),
        // exec, resume, review, fork
        ("skip-git-repo-check", NONE, Nothing),
        ("ephemeral", NONE, Nothing),
        ("ignore-user-config", NONE, Nothing),
        ("ignore-rules", NONE, Nothing),
        ("json", NONE, Nothing),
        ("experimental-json", NONE, Nothing),
        ("output-schema", NONE, One),
        ("output-last-message", 'o', One),
        ("color", NONE, One),
        ("thread-source", NONE, One),
        ("cyber-access-program", NONE, One),
        ("last", NONE, Nothing),
        ("all", NONE, Nothing),
        ("include-non-interactive", NONE, Nothing),
        ("uncommitted", NONE, Nothing),
        ("base", NONE, One),
        ("commit", NONE, One),
        ("title", NONE, One),
    ]
};

pub(super) fn is_option(arg: &OsStr) -> bool {
    let bytes = arg.as_encoded_bytes();
    bytes.len() > 1 && bytes.starts_with(b"-")
}

/// An option as it was given.
pub(super) struct Given<'a> {
    /// How many values it takes.
    pub takes: Takes,
    /// Its long name.
    pub name: &'static str,
    /// The value attached to it: `--name=value`, `-nvalue`.
    pub attached: Option<&'a str>,
}

/// Returns the option that `arg` is; `None` if it is none.
pub(super) fn option(arg: &OsStr) -> Result<Option<Given<'_>>, Reason> {
    if !is_option(arg) {
        return Ok(None);
    }
    let arg = arg.to_str().ok_or_else(not_understood)?;
    if matches!(arg, "-h" | "--help" | "-V" | "--version") {
        return Err(not_judged());
    }
    if let Some(long) = arg.strip_prefix("--") {
        let (name, attached) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let known = OPTIONS.iter().find(|(long, ..)| *long == name);
        let (name, _, takes) = known.ok_or_else(not_understood)?;
        return Ok(Some(Given { takes: *takes, name, attached }));
    }
    // Both `-cfoo=1` and `-c=foo=1`. Every short option of codex takes a value.
    let mut chars = arg.chars();
    let short = chars.nth(1);
    let rest = chars.as_str();
    let known = OPTIONS.iter().find(|(_, letter, _)| Some(*letter) == short);
    let (name, _, takes) = known.ok_or_else(not_understood)?;
    let attached = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest));
    Ok(Some(Given { takes: *takes, name, attached }))
}

/// The subcommands of codex.
const SUBCOMMANDS: [&str; 8] = ["app-server", "exec", "e", "resume", "review", "fork", "login", "status"];
/// The placeholder of a value.
const HIDDEN: &str = "…";

/// Returns codex's arguments without any value, because a value may be a secret: only the names of known options and subcommands.
#[must_use]
pub fn without_values(args: &[String]) -> Vec<String> {
    let mut takes = Takes::Nothing;
    let mut shown = Vec::with_capacity(args.len());
    for arg in args {
        let text = match option(OsStr::new(arg)) {
            Ok(Some(given)) => {
                takes = if given.attached.is_none() { given.takes } else { Takes::Nothing };
                let name =
                    if arg.starts_with("--") { format!("--{}", given.name) } else { arg.chars().take(2).collect() };
                if given.attached.is_some() { format!("{name}={HIDDEN}") } else { name }
            }
            Err(_) => {
                takes = Takes::Nothing;
                HIDDEN.to_owned()
            }
            Ok(None) if takes == Takes::Nothing && SUBCOMMANDS.contains(&arg.as_str()) => arg.clone(),
            Ok(None) => {
                takes = if takes == Takes::Many { Takes::Many } else { Takes::Nothing };
                HIDDEN.to_owned()
            }
        };
        shown.push(text);
    }
    shown
}
