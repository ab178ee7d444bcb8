//! `codex-home config set` and `unset`: change one key of the settings file, and nothing else in it.
//!
//! Comments and order are kept. What would be written is checked by the launcher's own parser first.

use std::path::{Path, PathBuf};

use codex_home::codex;
use codex_home::describe;
use codex_home::display::{cause, plain_text, shell_word, short_path};
use codex_home::failure::Failure;
use codex_home::fs;
use codex_home::invocation::Invocation;
use codex_home::settings::{FileProblem, Key, Settings, check_for};
use nix::errno::Errno;
use serde_json::{Value, json};
use toml_edit::{Array, DocumentMut, Item, RawString};

use crate::disk;
use crate::error::{CliError, CliResult};
use crate::printer::Printer;
use crate::write;

/// The largest file that is changed, in bytes: what the launcher reads.
const LIMIT: u64 = codex_home::settings::FILE_LIMIT;
/// The exit code if the settings are wrong, as the launcher has it.
const INVALID: u8 = 78;

/// A change of one key.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Set it to these values; more than one make a list.
    Set(Key, Vec<String>),
    /// Remove it, also if it is no key of ours.
    Unset(String),
}

impl Edit {
    fn name(&self) -> &str {
        match self {
            Self::Set(key, _) => key.name(),
            Self::Unset(name) => name,
        }
    }

    /// Returns the item to write, `None` to write none.
    fn item(&self, person_home: Option<&Path>) -> Result<Option<Item>, CliError> {
        match self {
            Self::Unset(_) => Ok(None),
            Self::Set(key, values) => item(*key, values, person_home).map(Some),
        }
    }
}

/// The settings file as it is.
struct Place {
    /// As it is named.
    named: PathBuf,
    /// The file to replace: where a symlink leads.
    real: PathBuf,
    /// Its text; empty if there is none.
    text: String,
    /// The mode that it gets.
    mode: u32,
}

/// Makes the change, and reports it.
pub fn run(invocation: &Invocation, edit: &Edit, json: bool, printer: &mut Printer) -> CliResult {
    let change = apply(invocation, edit)?;
    report(invocation, edit, &change, json, printer)
}

/// Makes the change.
///
/// # Errors
/// Why it was not made.
pub fn apply(invocation: &Invocation, edit: &Edit) -> Result<Change, CliError> {
    let (settings, problems) = Settings::read(invocation);
    let Some(named) = settings.file.clone() else {
        // Without a file the first problem, if there is one, is the name of the file.
        return Err(problems.into_iter().next().map_or_else(super::no_place, CliError::from));
    };
    let person_home = settings.person_home.as_deref();
    let item = edit.item(person_home)?;
    let is_symlink = disk::is_symlink(&named);
    let place = if is_symlink { named.parent().unwrap_or(&named) } else { &named };
    write::refuse_if_owned_by_other_user(&[place], invocation.uid)?;
    let written = |error: &std::io::Error| not_written(&named, error, person_home);
    let real = if is_symlink { fs::canonicalize(&named) } else { Some(named.clone()) };
    let real = real.ok_or_else(|| unusable(&named, FileProblem::Dangling, person_home))?;
    if is_symlink && disk::owned_by_other_user(&real, invocation.uid) {
        let [link, target] = [&named, &real].map(|path| short_path(path, person_home));
        let message = format!("`{link}` leads to `{target}`, a file of another user");
        let help = format!("run `ls -l {}`, and change it where it is made", shell_word(&named, person_home));
        return Err(CliError::new(message, help));
    }
    refuse_open_directory(&real, &named, invocation.uid, person_home)?;
    let lock = write::lock(&real).map_err(|error| written(&error))?;
    let place = Place::read(named.clone(), real, invocation.uid, person_home)?;
    let (text, previous) = place.edited(edit, item, person_home)?;
    let is_changed = text != place.text;
    if is_changed {
        write::replace(&place.real, text.as_bytes(), place.mode, &lock).map_err(|error| written(&error))?;
    }
    Ok(Change { place, text, previous, is_changed })
}

/// Removes the settings file if nothing is in it.
///
/// # Errors
/// The system's.
pub fn remove_if_blank(file: &Path) -> std::io::Result<()> {
    let lock = write::lock(file)?;
    let is_blank =
        !disk::is_symlink(file) && fs::read(file, LIMIT).is_ok_and(|read| read.bytes.trim_ascii().is_empty());
    let removed = if is_blank { write::remove(file) } else { Ok(()) };
    drop(lock);
    removed
}

impl Place {
    fn read(named: PathBuf, real: PathBuf, uid: u32, person_home: Option<&Path>) -> Result<Self, CliError> {
        let unusable = |problem| unusable(&named, problem, person_home);
        if !disk::is_there(&real) {
            return Ok(Self { named, real, text: String::new(), mode: 0o600 });
        }
        let file = fs::read(&real, LIMIT).map_err(|error| unusable(error.into()))?;
        if file.stat.is_writable_by_others(uid) {
            return Err(unusable(FileProblem::WritableByOthers(real)));
        }
        // Root's file may be the settings of every user.
        let mode = if uid == 0 { file.stat.mode & 0o777 } else { 0o600 };
        let text = String::from_utf8(file.bytes).map_err(|_| unusable(FileProblem::NotUtf8))?;
        Ok(Self { named, real, text, mode })
    }

    /// Returns the text after the change, and the value before.
    fn edited(
        &self,
        edit: &Edit,
        item: Option<Item>,
        person_home: Option<&Path>,
    ) -> Result<(String, Option<Item>), CliError> {
        let (mark, text) = match self.text.strip_prefix('\u{feff}') {
            Some(text) => ("\u{feff}", text),
            None => ("", self.text.as_str()),
        };
        let mut document: DocumentMut = text.parse().map_err(|_| {
            let problem = check_for(text, person_home).err();
            unusable(&self.named, problem.unwrap_or(FileProblem::NotUtf8), person_home)
        })?;
        let previous = document.get(edit.name()).cloned();
        let is_same = match (&previous, &item) {
            (Some(previous), Some(item)) => plain(previous) == plain(item),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return Ok((self.text.clone(), previous));
        }
        match item {
            Some(item) => set(&mut document, edit.name(), item),
            None => unset(&mut document, edit.name()),
        }
        let mut edited = document.to_string();
        if text.contains("\r\n") && !edited.contains("\r\n") {
            edited = edited.replace('\n', "\r\n");
        }
        // A key less makes nothing worse, and several wrong ones are removed one after the other.
        if let (Edit::Set(..), Err(problem)) = (edit, check_for(&edited, person_home)) {
            return Err(still_invalid(&self.named, &document, &problem, person_home));
        }
        Ok((format!("{mark}{edited}"), previous))
    }
}

/// Sets a key; a comment behind the value stays.
fn set(document: &mut DocumentMut, name: &str, mut item: Item) {
    match document.get_mut(name) {
        Some(old) => {
            if let (Some(old), Some(new)) = (old.as_value(), item.as_value_mut()) {
                *new.decor_mut() = old.decor().clone();
            }
            *old = item;
        }
        None => {
            document.insert(name, item);
        }
    }
}

/// Removes a key; the comments above it go to what follows.
fn unset(document: &mut DocumentMut, name: &str) {
    let next = document.iter().map(|(key, _)| key.to_owned()).skip_while(|key| key != name).nth(1);
    let text = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().to_owned();
    let Some((key, _)) = document.remove_entry(name) else { return };
    let comments = text(key.leaf_decor().prefix());
    match next.and_then(|next| document.key_mut(&next)) {
        Some(mut next) => {
            let prefix = comments + &text(next.leaf_decor().prefix());
            next.leaf_decor_mut().set_prefix(prefix);
        }
        None => {
            let trailing = comments + document.trailing().as_str().unwrap_or_default();
            document.set_trailing(trailing);
        }
    }
}

/// Returns the values as the launcher's parser takes them for this key: text, a switch, or a list.
fn item(key: Key, values: &[String], person_home: Option<&Path>) -> Result<Item, CliError> {
    let check = |item: Item| {
        let mut document = DocumentMut::new();
        document.insert(key.name(), item.clone());
        check_for(&document.to_string(), person_home).map(|()| item)
    };
    let invalid = |cause: &str| {
        let shown = values.iter().map(|value| format!("`{}`", plain_text(value))).collect::<Vec<_>>().join(", ");
        let message = format!("`{}` cannot be {shown}: {cause}", key.name());
        CliError::Other { message, help: "run `codex-home config set --help`".to_owned(), code: INVALID }
    };
    let is_list = check(toml_edit::value(Array::new())).is_ok();
    let checked = match (values, is_list) {
        (_, true) => check(toml_edit::value(values.iter().collect::<Array>())),
        ([value], false) => check(toml_edit::value(value)).or_else(|problem| match value.as_str() {
            "1" | "true" | "on" => check(toml_edit::value(true)),
            "0" | "false" | "off" => check(toml_edit::value(false)),
            _ => Err(problem),
        }),
        _ => return Err(invalid("expected one value")),
    };
    checked.map_err(|problem| match problem {
        FileProblem::Invalid { cause, .. } => invalid(&cause),
        problem => invalid(&problem.to_string()),
    })
}

/// Returns a value without its decoration, as JSON has it.
fn plain(item: &Item) -> Value {
    let value = |value: &toml_edit::Value| match value {
        toml_edit::Value::String(text) => Value::from(text.value().as_str()),
        toml_edit::Value::Boolean(switch) => Value::from(*switch.value()),
        toml_edit::Value::Integer(number) => Value::from(*number.value()),
        other => Value::from(other.to_string().trim()),
    };
    match item.as_array() {
        Some(array) => array.iter().map(value).collect(),
        None => item.as_value().map_or_else(|| Value::from(item.to_string().trim()), value),
    }
}

/// What was changed.
pub struct Change {
    place: Place,
    text: String,
    previous: Option<Item>,
    is_changed: bool,
}

fn report(invocation: &Invocation, edit: &Edit, change: &Change, json: bool, printer: &mut Printer) -> CliResult {
    let key = Key::ALL.into_iter().find(|key| key.name() == edit.name());
    let wins = key.map(Key::variable).filter(|name| invocation.var(name).is_some());
    let document: DocumentMut = change.text.trim_start_matches('\u{feff}').parse().unwrap_or_default();
    let value = document.get(edit.name());
    if json {
        printer.json(&json!({
            "file": change.place.named.to_string_lossy(),
            "key": edit.name(),
            "previous": change.previous.as_ref().map(plain),
            "value": value.map(plain),
            "changed": change.is_changed,
            "overridden_by": wins,
        }))?;
        return Ok(0);
    }
    let file = printer.path(&change.place.named);
    let name = plain_text(edit.name());
    printer.line(match (value, change.is_changed) {
        (Some(value), true) => format!("`{name}` is {} in `{file}`", plain_text(plain(value).to_string())),
        (Some(value), false) => {
            format!("`{name}` is {} already; nothing was changed", plain_text(plain(value).to_string()))
        }
        (None, true) => format!("`{name}` is no longer set in `{file}`"),
        (None, false) => format!("`{name}` is not set; nothing was changed"),
    })?;
    let person_home = invocation.person_home();
    if let Err(problem) = check_for(&change.text, person_home.as_deref())
        && let CliError::Other { message, help, .. } =
            still_invalid(&change.place.named, &document, &problem, person_home.as_deref())
    {
        printer.remark(&format!("{message}\n  help: {help}"));
    }
    if let (0, Some(user)) = (invocation.uid, invocation.var("SUDO_USER").filter(|user| *user != "root")) {
        printer
            .remark(&format!("these are root's settings: run it without `sudo` for those of `{}`", plain_text(user)));
    }
    if let Some(variable) = wins {
        printer.remark(&format!("`{variable}` is set here, and wins over the file"));
    }
    if key == Some(Key::Codex) {
        let (settings, _) = Settings::read(invocation);
        if let Err(failure @ Failure::CodexSetting { .. }) = codex::find(invocation, &settings) {
            let problem = describe::problem(&failure, settings.person_home.as_deref()).join("; ");
            printer.remark(&format!("{problem}\n  help: run `codex-home config unset {name}`"));
        }
    }
    Ok(0)
}

/// Refuses a directory in which the launcher would not trust the file.
fn refuse_open_directory(real: &Path, named: &Path, uid: u32, person_home: Option<&Path>) -> Result<(), CliError> {
    let directory = real.parent().unwrap_or(real);
    let Ok(stat) = fs::stat(directory) else { return Ok(()) };
    let problem = if !stat.is_owned_by(uid) {
        FileProblem::NotOwned(directory.to_owned())
    } else if stat.is_writable_by_others(uid) {
        FileProblem::WritableByOthers(directory.to_owned())
    } else {
        return Ok(());
    };
    Err(unusable(named, problem, person_home))
}

/// Returns the error for a file that is not changed, with the command that repairs it.
fn unusable(file: &Path, problem: FileProblem, person_home: Option<&Path>) -> CliError {
    let word = |path: &Path| shell_word(path, person_home);
    let help = match &problem {
        FileProblem::Dangling => format!("run `rm {}`", word(file)),
        FileProblem::NotRegular | FileProblem::TooLarge | FileProblem::NotUtf8 | FileProblem::Invalid { .. } => {
            let mut aside = file.as_os_str().to_owned();
            aside.push(".broken");
            format!("run `mv {} {}`", word(file), word(Path::new(&aside)))
        }
        FileProblem::Denied(_) | FileProblem::NotOwned(_) | FileProblem::WritableByOthers(_) => {
            let failure = Failure::SettingsFile { path: file.to_owned(), problem: problem.clone() };
            describe::help(&failure, person_home)
        }
    };
    let failure = Failure::SettingsFile { path: file.to_owned(), problem };
    let message = describe::problem(&failure, person_home).join("; ");
    CliError::Other { message, help, code: INVALID }
}

/// Returns the error for a file in which another key is wrong: removing that key repairs the file.
fn still_invalid(file: &Path, document: &DocumentMut, problem: &FileProblem, person_home: Option<&Path>) -> CliError {
    let is_wrong = |(name, item): &(&str, &Item)| {
        let mut alone = DocumentMut::new();
        alone.insert(name, (*item).clone());
        check_for(&alone.to_string(), person_home).is_err()
    };
    match document.iter().find(is_wrong) {
        Some((name, _)) => {
            let failure = Failure::SettingsFile { path: file.to_owned(), problem: problem.clone() };
            let message = describe::problem(&failure, person_home).join("; ");
            let help = format!("run `codex-home config unset {}`", shell_word(Path::new(name), None));
            CliError::Other { message, help, code: INVALID }
        }
        None => unusable(file, problem.clone(), person_home),
    }
}

/// Returns the error for a file that the system does not let us write.
fn not_written(file: &Path, error: &std::io::Error, person_home: Option<&Path>) -> CliError {
    let directory = shell_word(file.parent().unwrap_or(file), None);
    let help = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES) => format!("run `chmod u+rwx {directory}`"),
        Some(Errno::EROFS | Errno::EBUSY) => {
            format!("change it where it is made: it cannot be replaced in `{directory}`")
        }
        _ => format!("run `df {directory}`"),
    };
    CliError::new(format!("`{}` cannot be written: {}", short_path(file, person_home), cause(error)), help)
}
