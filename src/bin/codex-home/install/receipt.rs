//! Receipts: the value of `appServer.command` before `install`, for each configuration file.
//!
//! In `codex-home-shim/install.json` of the state directory. Replaced by a rename or not at all, and readable by its owner only.

use std::io;
use std::path::{Path, PathBuf};

use codex_home::display::cause;
use codex_home::invocation::Invocation;
use serde::{Deserialize, Serialize};

use crate::{disk, write};

/// The largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// Every receipt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// One for each configuration file.
    installs: Vec<Receipt>,
}

/// What `install` set in one configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The configuration file.
    pub config: PathBuf,
    /// The value that was set.
    pub installed: String,
    /// The value before; `None` if there was none.
    pub previous: Option<String>,
}

/// Returns the path of the receipts; `None` if no state directory is known.
pub fn path(invocation: &Invocation) -> Option<PathBuf> {
    Some(invocation.state_directory()?.join("codex-home-shim").join("install.json"))
}

impl Receipts {
    /// Reads the receipts; there are none if there is no file.
    ///
    /// # Errors
    /// Why the file cannot be read. It is then not overwritten either.
    pub fn read(path: &Path, uid: u32) -> Result<Self, String> {
        let Some(bytes) = disk::read(path, LIMIT)? else { return Ok(Self::default()) };
        // `uninstall` makes OpenClaw run the program that is named here.
        if disk::writable_by_others(path, uid) {
            return Err("other users may write to it".to_owned());
        }
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    /// Returns the receipt for a configuration file.
    pub fn of(&self, config: &Path) -> Option<&Receipt> {
        self.installs.iter().find(|receipt| receipt.config == config)
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
        self.installs.retain(|receipt| receipt.config != config);
        self
    }

    /// Changes the receipts under a lock, and removes the file if none remains.
    ///
    /// Reads them anew: another `install` may have added one during the ten seconds that OpenClaw takes.
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
