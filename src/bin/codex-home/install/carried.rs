//! The launcher's setting `codex`, which `install` sets so that OpenClaw keeps its codex. `uninstall` removes it.
//!
//! It is one setting for every gateway of the user, so it stays as long as the receipt of another gateway has it.

use std::path::Path;

use codex_home::display::{cause, shell_word};
use codex_home::invocation::Invocation;
use codex_home::settings::{Key, Settings};
use serde::{Deserialize, Serialize};

use crate::config::edit::{Edit, apply, remove_if_blank};
use crate::disk;
use crate::error::CliError;
use crate::printer::Printer;

/// The setting. There was none before, because a setting of the person's is never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The value that was set.
    pub codex: String,
    /// Whether there was no settings file.
    made_file: bool,
}

impl Carried {
    /// Returns the setting that is to be set; `None` if the path is not UTF-8.
    pub fn new(codex: &Path, settings: &Settings) -> Option<Self> {
        let made_file = settings.file.as_deref().is_some_and(|file| !disk::is_there(file));
        Some(Self { codex: codex.to_str()?.to_owned(), made_file })
    }

    /// Returns the command that sets it.
    pub fn command(&self) -> String {
        format!("codex-home config set codex {}", shell_word(Path::new(&self.codex), None))
    }

    /// Sets it, for starts with this environment.
    pub fn set(&self, start: &Invocation) -> Result<(), CliError> {
        apply(start, &Edit::Set(Key::Codex, vec![self.codex.clone()])).map(drop)
    }

    /// Removes it, unless it was changed since; returns whether there is none.
    pub fn remove(&self, start: &Invocation, printer: &Printer) -> Result<bool, CliError> {
        // A variable hides what the file says.
        let (settings, problems) = Settings::read(&start.with_var(Key::Codex.variable(), None));
        if !problems.is_empty() {
            return Ok(false);
        }
        match settings.codex.as_deref() {
            Some(now) if now == Path::new(&self.codex) => {
                apply(start, &Edit::Unset(Key::Codex.name().to_owned()))?;
            }
            Some(_) => return Ok(false),
            None => {}
        }
        if let Some(file) = settings.file.as_deref().filter(|file| self.made_file && disk::is_there(file))
            && let Err(error) = remove_if_blank(file)
        {
            printer.remark(&format!("`{}` cannot be removed: {}", printer.path(file), cause(&error)));
        }
        Ok(true)
    }
}
