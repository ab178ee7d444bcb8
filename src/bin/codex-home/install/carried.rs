//! Settings of the launcher that `install` sets so that OpenClaw keeps its codex. `uninstall` restores them.

use std::path::Path;

use codex_home::display::{cause, shell_word};
use codex_home::invocation::Invocation;
use codex_home::settings::{Key, Settings, Source};
use serde::{Deserialize, Serialize};

use crate::config::edit::{Edit, apply, remove_if_blank};
use crate::disk;
use crate::error::CliError;
use crate::printer::Printer;

/// One setting that was set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carried {
    /// The key.
    pub key: String,
    /// The value that was set; of a list, all of them.
    pub value: Vec<String>,
    /// The value before; `None` if there was none.
    pub previous: Option<Vec<String>>,
    /// Whether there was no settings file.
    pub made_file: bool,
}

impl Carried {
    /// Returns a setting that is to be set; `None` if the value is not UTF-8.
    pub fn new(key: Key, value: &[&Path], settings: &Settings) -> Option<Self> {
        let value: Option<Vec<_>> = value.iter().map(|path| path.to_str().map(str::to_owned)).collect();
        let made_file = settings.file.as_deref().is_some_and(|file| !disk::is_there(file));
        Some(Self { key: key.name().to_owned(), value: value?, previous: in_file(settings, key), made_file })
    }

    fn key(&self) -> Option<Key> {
        [Key::Codex, Key::Search].into_iter().find(|key| key.name() == self.key)
    }

    /// Returns the command that sets it.
    pub fn command(&self) -> String {
        let words = self.value.iter().map(|value| shell_word(Path::new(value), None));
        let words: Vec<_> = ["codex-home config set".to_owned(), self.key.clone()].into_iter().chain(words).collect();
        words.join(" ")
    }

    /// Sets it, for starts with this environment.
    pub fn set(&self, start: &Invocation) -> Result<(), CliError> {
        let Some(key) = self.key() else { return Ok(()) };
        apply(start, &Edit::Set(key, self.value.clone())).map(drop)
    }

    /// Puts the previous value back, unless the setting was changed since; returns whether it is in place.
    pub fn put_back(&self, start: &Invocation, printer: &Printer) -> Result<bool, CliError> {
        let Some(key) = self.key() else { return Ok(false) };
        let (settings, _) = Settings::read(start);
        let now = in_file(&settings, key);
        if now.as_ref() == Some(&self.value) {
            let edit = match &self.previous {
                Some(previous) => Edit::Set(key, previous.clone()),
                None => Edit::Unset(self.key.clone()),
            };
            apply(start, &edit)?;
        } else if now != self.previous {
            return Ok(false);
        }
        if let Some(file) = settings.file.as_deref().filter(|file| self.made_file && disk::is_there(file))
            && let Err(error) = remove_if_blank(file)
        {
            printer.remark(&format!("`{}` cannot be removed: {}", printer.path(file), cause(&error)));
        }
        Ok(true)
    }
}

/// Returns the value of a key in the file.
fn in_file(settings: &Settings, key: Key) -> Option<Vec<String>> {
    let text = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    match key {
        _ if settings.source(key) != Source::File => None,
        Key::Codex => settings.codex.as_ref().map(|path| vec![text(path)]),
        Key::Search => Some(settings.search.iter().map(text).collect()),
        _ => None,
    }
}
