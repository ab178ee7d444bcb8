//! Receipts: the configuration before `install`, for each configuration file.
//!
//! In `codex-home-shim/install.json` of the person's default state directory, whatever `XDG_STATE_HOME` is, because `uninstall` may
//! run in another shell. Replaced by a rename or not at all, and readable by its owner only.

use std::io;
use std::path::{Path, PathBuf};

use codex_home::display::cause;
use codex_home::fs::canonicalize;
use codex_home::invocation::Invocation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::carried::Carried;
use super::tree;
use crate::openclaw::config::{KEY, at};
use crate::{disk, write};

/// The largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// One for each configuration file.
    installs: Vec<Receipt>,
}

/// What `install` set in one configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// The configuration file.
    pub config: PathBuf,
    /// The value that was set.
    pub installed: String,
    /// The value before; `None` if there was none.
    pub previous: Option<String>,
    /// The outermost setting around the value that was absent, if one was and that is known.
    pub absent: Option<String>,
    /// Whether there was no configuration file.
    pub made_file: bool,
    /// The target of the configuration file, if it was a symlink.
    pub link: Option<PathBuf>,
    /// The settings that OpenClaw itself changed.
    pub changed: Vec<String>,
    /// The launcher's own setting that was set.
    pub carried: Option<Carried>,
}

/// Returns the path of the receipts; `None` if no state directory is known.
pub fn path(invocation: &Invocation) -> Option<PathBuf> {
    let usual = invocation.with_var("XDG_STATE_HOME", None);
    Some(usual.state_directory()?.join("codex-home-shim").join("install.json"))
}

/// Returns a path without symlinks above its last component, so that two spellings of one file are equal.
///
/// A symlink in the last component stays, because OpenClaw replaces such a symlink by a file.
pub fn spelled(file: &Path) -> PathBuf {
    let directory = file.parent().and_then(canonicalize);
    directory.zip(file.file_name()).map_or_else(|| file.to_owned(), |(directory, name)| directory.join(name))
}

impl Receipt {
    /// Returns whether the configuration file still has what was set.
    pub fn is_in_place(&self) -> bool {
        let root = tree::read(&self.config);
        root.is_some_and(|root| at(&root, KEY).and_then(Value::as_str) == Some(&self.installed))
    }
}

impl Receipts {
    /// Reads the receipts; there are none if there is no file.
    ///
    /// # Errors
    /// Why the file cannot be read. It is then not overwritten either.
    pub fn read(path: &Path, uid: u32) -> Result<Self, String> {
        let Some(bytes) = disk::read(path, LIMIT)? else { return Ok(Self::default()) };
        // `uninstall` makes OpenClaw run the program that this file names.
        if disk::writable_by_others(path, uid) {
            return Err("other users may write to it".to_owned());
        }
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    /// Returns the receipt for a configuration file.
    pub fn of(&self, config: &Path) -> Option<&Receipt> {
        let config = spelled(config);
        self.installs.iter().find(|receipt| spelled(&receipt.config) == config)
    }

    /// Returns the receipts for other configuration files.
    pub fn others(&self, config: &Path) -> impl Iterator<Item = &Receipt> {
        let config = spelled(config);
        self.installs.iter().filter(move |receipt| spelled(&receipt.config) != config)
    }

    /// Returns the setting `codex` that an `install` made, if it is this codex.
    pub fn carried(&self, codex: &Path) -> Option<&Carried> {
        self.installs
            .iter()
            .filter_map(|receipt| receipt.carried.as_ref())
            .find(|carried| Path::new(&carried.codex) == codex)
    }

    /// Returns the receipts with this one, which replaces any for the same configuration file.
    #[must_use]
    pub fn with(self, receipt: Receipt) -> Self {
        let mut without = self.without(&receipt.config);
        without.installs.push(receipt);
        without
    }

    /// Returns the receipts without the one for a configuration file.
    #[must_use]
    pub fn without(mut self, config: &Path) -> Self {
        let config = spelled(config);
        self.installs.retain(|receipt| spelled(&receipt.config) != config);
        self
    }

    /// Changes the receipts under a lock, and removes the file if none remains.
    ///
    /// Reads them again, because another `install` may have added one during the ten seconds that OpenClaw takes.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn change(path: &Path, uid: u32, change: impl FnOnce(Self) -> Self) -> Result<(), String> {
        let text = |error: io::Error| cause(&error);
        let lock = write::lock(path).map_err(text)?;
        let receipts = change(Self::read(path, uid)?);
        if receipts.installs.is_empty() {
            return write::remove(path).map_err(text);
        }
        let mut bytes = serde_json::to_vec_pretty(&receipts).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        write::replace(path, &bytes, 0o600, &lock).map_err(text)
    }
}
