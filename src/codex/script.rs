//! What the text of a script says: its interpreter, what a shim of pnpm or asdf leads to, and what it starts.
//!
//! Pure but for the looks at the programs that a script names. A text that is not understood says nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::{Unfit, path_directories};
use crate::fs;
use crate::invocation::Invocation;

/// Returns the script that a shim made by `cmd-shim` starts, with the `NODE_PATH` that it exports: pnpm's on all systems, npm's on
/// Windows. `directory` is the shim's. The scripts of npm 11 and pnpm 9 to 12; any other script is a person's own, and may do more.
pub(super) fn shim_target(text: &str, directory: &Path) -> Option<(PathBuf, Option<String>)> {
    let is_shim = text.contains("\"$basedir/node\" ]") || text.contains("exec node  \"$basedir");
    if !is_shim || !text.contains("\nbasedir=") {
        return None;
    }
    let lines = || text.lines().rev().map(str::trim);
    // `exec node  "$basedir_abs"/'../global/v11/…/codex.js' "$@"`, from pnpm 11 on followed by `# cmd-shim-target=/…/codex.js`.
    let executed = lines().filter_map(|line| line.strip_prefix("exec ")).find_map(|line| {
        let words = shlex::split(line)?;
        let target = words.get(1)?;
        let below = ["$basedir/", "$basedir_abs/"].iter().find_map(|base| target.strip_prefix(base));
        match below {
            Some(below) => Some(directory.join(below)),
            None => Some(PathBuf::from(target)).filter(|target| target.is_absolute()),
        }
    });
    let target =
        executed.or_else(|| lines().find_map(|line| line.strip_prefix("# cmd-shim-target=")).map(PathBuf::from))?;
    // The first of two: the second has the caller's behind it.
    let exported = text.lines().find_map(|line| line.trim().strip_prefix("export NODE_PATH="));
    let node_path = exported.and_then(|value| shlex::split(value)?.into_iter().next());
    Some((lexically_resolved(&target), node_path))
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

/// Returns the versions of nodejs that a shim of asdf chooses from; `None` if it is not one.
pub(super) fn asdf_versions(text: &str) -> Option<Vec<&str>> {
    let is_shim = text.contains("asdf exec") || text.contains("/asdf exec");
    is_shim
        .then(|| text.lines().filter_map(|line| line.strip_prefix("# asdf-plugin: nodejs ")).map(str::trim).collect())
}

/// Returns what `#!` names: the interpreter, and the program that `env` is to look for.
fn interpreters(head: &[u8]) -> Option<(PathBuf, Option<&[u8]>)> {
    let line = head.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let mut words = line.split(|b| b" \t\r".contains(b)).filter(|word| !word.is_empty());
    let interpreter = PathBuf::from(OsStr::from_bytes(words.next()?));
    let is_env = interpreter.file_name().is_some_and(|name| name == "env");
    let program = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='));
    Some((interpreter, program.filter(|_| is_env)))
}

/// Checks that the interpreter of a script is there; anything else has none.
pub(super) fn check_interpreter(head: &[u8], invocation: &Invocation) -> Result<(), Unfit> {
    let Some((interpreter, program)) = interpreters(head) else { return Ok(()) };
    if interpreter.is_absolute() && fs::is_absent(&interpreter) {
        return Err(Unfit::NoInterpreter(interpreter));
    }
    match program.map(OsStr::from_bytes) {
        Some(program) if is_missing(program, invocation) => Err(Unfit::NoInterpreter(program.into())),
        _ => Ok(()),
    }
}

/// Checks that what a shell script becomes is there. Only a script with a single `exec`, which neither changes PATH nor reads
/// other scripts, tells.
pub(super) fn check_manager(text: &str, invocation: &Invocation) -> Result<(), Unfit> {
    const SHELL: [&str; 3] = ["command", "exec", "builtin"];
    let lines = || text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let is_plain = |line: &str| {
        let reads = [". ", "source ", "eval "].iter().any(|word| line.starts_with(word));
        !reads && !line.contains("PATH=") && !line.contains("path=(")
    };
    let mut executed = lines().filter_map(|line| line.strip_prefix("exec "));
    let (Some(line), None) = (executed.next(), executed.next()) else { return Ok(()) };
    if !lines().all(is_plain) {
        return Ok(());
    }
    let Some(program) = shlex::split(line).and_then(|words| words.into_iter().next()) else { return Ok(()) };
    let is_literal = !program.starts_with('-') && !program.contains(['$', '`', '=', '~', '*', '{']);
    if is_literal && !SHELL.contains(&program.as_str()) && is_missing(OsStr::new(&program), invocation) {
        return Err(Unfit::NoManager(program.into()));
    }
    Ok(())
}

/// Returns whether it was seen that a program is not there; a name without a slash is looked for on PATH.
pub(super) fn is_missing(program: &OsStr, invocation: &Invocation) -> bool {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return path.is_absolute() && fs::is_absent(path);
    }
    let has_path = invocation.var("PATH").is_some();
    has_path && path_directories(invocation).iter().all(|directory| fs::is_absent(&directory.join(program)))
}

/// Returns whether a script starts this launcher: by its name, or by the one that it was started with.
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
        !is_part(before) && !is_part(text.get(at + word.len()))
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
