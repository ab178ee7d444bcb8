//! Reads the text of a script: its interpreter, the target of a shim of pnpm or asdf, and what it starts.
//!
//! Pure, except that it looks at the programs that a script names. Nothing is concluded from a text that is not understood.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::{Unfit, path_directories};
use crate::fs;
use crate::invocation::Invocation;
use crate::platform::Os;

/// Returns the script that a shim made by `cmd-shim` starts, with the `NODE_PATH` that it exports: pnpm's on all systems, npm's on
/// Windows. `directory` is the shim's. The scripts of npm 11 and pnpm 9 to 12; any other script is a person's own, and may do more.
pub(super) fn shim_target(text: &str, directory: &Path) -> Option<(PathBuf, Option<String>)> {
    let is_shim = text.contains("\"$basedir/node\" ]") || text.contains("exec node  \"$basedir");
    let lines = || text.lines().rev().map(str::trim);
    let sets_more = lines().any(|line| line.starts_with("export ") && !line.starts_with("export NODE_PATH="));
    if !is_shim || sets_more || !text.contains("\nbasedir=") {
        return None;
    }
    let resolved = |word: &str| {
        let base = directory.to_string_lossy();
        word.replace("$basedir_abs", &base).replace("$basedir", &base)
    };
    // `exec node  "$basedir_abs"/'../global/v11/…/codex.js' "$@"`, from pnpm 11 on followed by `# cmd-shim-target=/…/codex.js`.
    let mut executed = lines().filter_map(|line| shlex::split(line.strip_prefix("exec ")?));
    let target = match executed.next().as_deref() {
        Some([_, target, arguments]) if arguments == "$@" => Some(PathBuf::from(resolved(target))),
        Some(_) => return None,
        None => lines().find_map(|line| line.strip_prefix("# cmd-shim-target=")).map(PathBuf::from),
    };
    // The first of two lines: the second appends the caller's NODE_PATH.
    let exported = text.lines().find_map(|line| line.trim().strip_prefix("export NODE_PATH="));
    let node_path = exported.and_then(|value| shlex::split(value)?.into_iter().next());
    Some((lexically_resolved(&target?), node_path.map(|value| resolved(&value))))
}

/// Returns the path without `..`, as node resolves the name of a script: symlinks do not count.
fn lexically_resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            part => resolved.push(part),
        }
    }
    resolved
}

/// Returns the version manager that a shim becomes: its last line is `exec asdf exec …` or `exec "/…/nodenv" exec …`.
pub(super) fn manager(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim);
    let last = lines.rev().find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let words = shlex::split(last.strip_prefix("exec ")?)?;
    let [program, word, ..] = words.as_slice() else { return None };
    (word == "exec" && ["asdf", "nodenv"].contains(&name_of(program))).then(|| program.clone())
}

/// Returns the name of a program.
pub(super) fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}

/// Returns the versions of nodejs that a shim of asdf chooses from.
pub(super) fn asdf_versions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("# asdf-plugin: nodejs ")).map(str::trim)
}

/// Checks that the manager of a shim is there. Nothing is concluded about any other script: what a person's own script starts
/// depends on what it does before.
pub(super) fn check_manager(text: &str, invocation: &Invocation) -> Result<(), Unfit> {
    match manager(text) {
        Some(program) if !text.contains("PATH=") && is_missing(OsStr::new(&program), invocation) => {
            Err(Unfit::NoManager(program.into()))
        }
        _ => Ok(()),
    }
}

/// Checks that the interpreter of a script exists; anything else has none.
pub(super) fn check_interpreter(head: &[u8], invocation: &Invocation) -> Result<(), Unfit> {
    let line = head.strip_prefix(b"#!").and_then(|rest| rest.split(|b| *b == b'\n').next());
    let Some(line) = line.map(trimmed) else { return Ok(()) };
    let end = line.iter().position(|b| BLANKS.contains(b)).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at_checked(end).unwrap_or_default();
    let interpreter = Path::new(OsStr::from_bytes(interpreter));
    if interpreter.is_absolute() && fs::program(interpreter) == Ok(false) {
        return Err(Unfit::NoInterpreter(interpreter.to_owned()));
    }
    // With an option or a variable, `env` may look elsewhere. Linux gives it the rest of the line as one word.
    let argument = trimmed(argument);
    let is_name = !argument.is_empty() && !argument.starts_with(b"-") && !argument.contains(&b'=');
    let is_one = invocation.platform.os == Os::Linux || !argument.iter().any(|b| BLANKS.contains(b));
    let is_env = interpreter.file_name().is_some_and(|name| name == "env");
    if is_env && is_name && is_one && is_missing(OsStr::from_bytes(argument), invocation) {
        return Err(Unfit::NoInterpreter(OsStr::from_bytes(argument).into()));
    }
    Ok(())
}

/// The characters that systems take for blanks in the first line of a script. A carriage return is not among them.
const BLANKS: &[u8] = b" \t";

fn trimmed(mut line: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = line
        && BLANKS.contains(first)
    {
        line = rest;
    }
    while let [rest @ .., last] = line
        && BLANKS.contains(last)
    {
        line = rest;
    }
    line
}

/// Returns whether a program was seen to be missing. A name without a slash is looked for on PATH.
pub(super) fn is_missing(program: &OsStr, invocation: &Invocation) -> bool {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return path.is_absolute() && fs::is_absent(path);
    }
    let has_path = invocation.var("PATH").is_some();
    has_path && path_directories(invocation).iter().all(|directory| fs::is_absent(&directory.join(program)))
}

/// Returns whether a script starts this launcher, under its name or the name that this process was started with.
pub(super) fn starts_launcher(text: &[u8], started_as: &[u8]) -> bool {
    let names = [b"codex-home-shim", started_as];
    let names = names.into_iter().filter(|name| !name.is_empty() && !name.starts_with(b"codex.") && *name != b"codex");
    let names: Vec<_> = names.collect();
    let names_us =
        |line: &[u8]| !line.trim_ascii_start().starts_with(b"#") && names.iter().any(|name| has_word(line, name));
    text.split(|b| *b == b'\n').any(names_us)
}

/// Returns whether a script clears the environment, so that no recursion guard survives it.
pub(super) fn clears_environment(text: &[u8]) -> bool {
    [&b"env -i"[..], b"exec -c"].iter().any(|words| has_word(text, words))
}

/// Returns whether `word` stands in `text` as a word of its own.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    let is_part = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
    text.windows(word.len()).enumerate().filter(|(_, window)| *window == word).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let behind = text.get(at + word.len());
        // A directory of that name is another thing.
        !is_part(before) && !is_part(behind) && behind != Some(&b'/')
    })
}

/// Returns `value` before the caller's `NODE_PATH`, as a shim of pnpm exports it.
pub(super) fn node_path(value: &str, invocation: &Invocation) -> OsString {
    let mut joined = OsString::from(value);
    if let Some(own) = invocation.var("NODE_PATH") {
        joined.push(":");
        joined.push(own);
    }
    joined
}
