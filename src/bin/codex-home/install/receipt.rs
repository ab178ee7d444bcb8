//! THE RECEIPT: what `appServer.command` was before we set it, per configuration file.
//!
//! In `codex-home-shim/install.json` of the state directory. Written whole or not at all, and readable by its owner alone.
#![expect(clippy::disallowed_methods, reason = "this room keeps our own receipt, and writes nothing else")]

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;
use codex_home::words::cause;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::disk::{self, Unread};

/// The largest receipt that is read.
const LIMIT: u64 = 1 << 20;

/// Everything we have set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// One a configuration file.
    installs: Vec<Receipt>,
}

/// What we have set in one configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The configuration file.
    pub config: PathBuf,
    /// What we set.
    pub installed: String,
    /// What it was before; `None` where it was absent.
    pub previous: Option<String>,
}

/// Where the receipts are; `None` where no state directory is known.
pub fn place(invocation: &Invocation) -> Option<PathBuf> {
    Some(invocation.state_directory()?.join("codex-home-shim").join("install.json"))
}

impl Receipts {
    /// Reads them; none where there is no file.
    ///
    /// # Errors
    /// Why the file cannot be read: what is in there must not be written over.
    pub fn read(place: &Path) -> Result<Self, String> {
        match disk::read(place, LIMIT) {
            // `uninstall` has OpenClaw start what stands there.
            Ok(_) if disk::is_open_to_others(place) => Err("others may write it".to_owned()),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
            Err(Unread::Missing) => Ok(Self::default()),
            Err(unread) => Err(unread.to_string()),
        }
    }

    /// The one for a configuration file.
    pub fn of(&self, config: &Path) -> Option<&Receipt> {
        self.installs.iter().find(|receipt| receipt.config == config)
    }

    /// The same with this one in place of any for its configuration file.
    #[must_use]
    pub fn with(self, receipt: Receipt) -> Self {
        let mut without = self.without(&receipt.config);
        without.installs.push(receipt);
        without
    }

    /// The same without the one for a configuration file.
    #[must_use]
    pub fn without(mut self, config: &Path) -> Self {
        self.installs.retain(|receipt| receipt.config != config);
        self
    }

    /// Changes what is there now, and removes the file where nothing remains.
    ///
    /// What somebody else has kept since we read is kept: OpenClaw takes ten seconds in between.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn change(place: &Path, change: impl FnOnce(Self) -> Self) -> Result<(), String> {
        let said = |error: io::Error| cause(&error);
        let directory = place.parent().unwrap_or(place);
        if !disk::is_directory(directory) {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(said)?;
        }
        // Held for as long as it takes to write a few lines.
        let directory = File::open(directory).map_err(said)?;
        let _lock = Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, errno)| said(errno.into()))?;
        change(Self::read(place)?).try_write(place).map_err(said)
    }

    fn try_write(&self, place: &Path) -> io::Result<()> {
        if self.installs.is_empty() {
            return match fs::remove_file(place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        // A new file in place of the old one: whoever is killed here leaves one of the two.
        let fresh = place.with_extension(format!("{}.new", std::process::id()));
        // Of somebody who was killed, and whose number we have now.
        let _ = fs::remove_file(&fresh);
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&fresh, place)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        written
    }
}
