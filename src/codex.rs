//! WHICH CODEX: the one the settings name, else the first on PATH that is not this program.
//!
//! Reads directories that may hold a codex and nothing else; runs nothing to find out.
#![expect(clippy::disallowed_methods, reason = "this is the room that looks for codex on the disk")]

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::failure::Failure;
use crate::home::FileId;
use crate::invocation::Invocation;
use crate::settings::Settings;
use crate::words::{cause, short_path};

/// The variable that names the codex to start.
const SETTING: &str = "CODEX_HOME_SHIM_CODEX";
/// How many of the directories that were looked into a message names.
const SHOWN: usize = 4;

/// The codex to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codex {
    /// Its path, links resolved; also what it is to see as its own name.
    pub path: PathBuf,
}

/// Finds codex.
///
/// # Errors
/// [`Failure::CodexSetting`] where the settings name one that cannot be started: there is no silent fallback.
/// [`Failure::CodexNotFound`] where there is none on PATH.
pub fn find(invocation: &Invocation, settings: &Settings) -> Result<Codex, Failure> {
    let this = invocation.program.as_deref().and_then(|path| Some(FileId::from(&fs::metadata(path).ok()?)));
    let home = settings.person_home.as_deref();
    if let Some(path) = &settings.codex {
        return candidate(path, this).map_err(|unfit| Failure::CodexSetting {
            name: SETTING,
            path: short_path(path, home),
            cause: unfit.to_string(),
            is_there: !matches!(unfit, Unfit::Missing),
        });
    }
    let directories: Vec<_> = std::env::split_paths(invocation.var("PATH").unwrap_or_default())
        // A relative entry, or an empty one, means another program in every directory.
        .filter(|directory| directory.is_absolute())
        .collect();
    directories.iter().find_map(|directory| candidate(&directory.join("codex"), this).ok()).ok_or_else(|| {
        let mut looked: Vec<_> =
            directories.iter().take(SHOWN).map(|directory| format!("`{}`", short_path(directory, home))).collect();
        match directories.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => looked.push(format!("{more} more directories on PATH")),
            _ if looked.is_empty() => looked.push("PATH, which names no directory".to_owned()),
            _ => {}
        }
        Failure::CodexNotFound { looked: looked.join(", ") }
    })
}

/// Why a file is not a codex that can be started.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("there is no such file")]
    Missing,
    #[error("it cannot be looked at: {0}")]
    Unreachable(String),
    #[error("that is not a file")]
    NotAFile,
    #[error("that file is not executable")]
    NotExecutable,
    #[error("that is this launcher")]
    Ourselves,
}

fn candidate(path: &Path, this: Option<FileId>) -> Result<Codex, Unfit> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unfit::Missing,
        _ => Unfit::Unreachable(cause(&error)),
    })?;
    if !metadata.is_file() {
        return Err(Unfit::NotAFile);
    }
    if access(path, AccessFlags::X_OK).is_err() {
        return Err(Unfit::NotExecutable);
    }
    if Some(FileId::from(&metadata)) == this {
        return Err(Unfit::Ourselves);
    }
    Ok(Codex { path: name_for_exec(path) })
}

/// The path to execute and to pass as `argv[0]`: the real one. Where a link named `codex` leads to a program of another
/// name (the shims of volta and mise, a multi-call binary), that program goes by the name it is called, and keeps it.
fn name_for_exec(path: &Path) -> PathBuf {
    let is_codex = |name: Option<&OsStr>| name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"codex"));
    match fs::canonicalize(path) {
        Ok(real) if is_codex(real.file_name()) || !is_codex(path.file_name()) => real,
        _ => path.to_owned(),
    }
}
