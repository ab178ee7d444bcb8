//! `codex-home config`: shows the settings, checks them, and changes one key.

pub mod edit;

use std::path::PathBuf;

use codex_home::describe;
use codex_home::failure::Failure;
use codex_home::invocation::Invocation;
use codex_home::settings::{FILE_VARIABLE, Key, Settings, Source};
use serde_json::{Map, Value, json};

use crate::cli::ConfigCommand;
use crate::error::{CliError, CliResult};
use crate::printer::{BAD, GOOD, Printer, painted};
use edit::Edit;

/// The widest column of values.
const WIDEST: usize = 40;

/// Reads the settings for a command that needs valid ones.
///
/// # Errors
/// The first problem.
pub fn read(invocation: &Invocation) -> Result<Settings, CliError> {
    let (settings, problems) = Settings::read(invocation);
    problems.into_iter().next().map_or(Ok(settings), |problem| Err(problem.into()))
}

/// Carries out the command.
pub fn run(invocation: &Invocation, command: ConfigCommand, json: bool, printer: &mut Printer) -> CliResult {
    let (settings, problems) = Settings::read(invocation);
    match command {
        ConfigCommand::Path => path(&settings, &problems, json, printer),
        ConfigCommand::Show | ConfigCommand::Check if json => print_json(&settings, &problems, printer),
        ConfigCommand::Show => show(&settings, &problems, printer),
        ConfigCommand::Check => check(&settings, &problems, printer),
        ConfigCommand::Set { key, values } => {
            let Some(key) = Key::ALL.into_iter().find(|known| known.name() == key) else { return Ok(2) };
            edit::run(invocation, &Edit::Set(key, values), json, printer)
        }
        ConfigCommand::Unset { key } => edit::run(invocation, &Edit::Unset(key), json, printer),
    }
}

/// Returns the code that the launcher would end with.
fn exit_code(problems: &[Failure]) -> u8 {
    problems.first().map_or(0, Failure::exit_code)
}

fn path(settings: &Settings, problems: &[Failure], json: bool, printer: &mut Printer) -> CliResult {
    if json {
        print_json(settings, problems, printer)?;
        return Ok(0);
    }
    let Some(file) = &settings.file else { return Err(no_place()) };
    // Not shortened, because scripts read this.
    printer.line(file.to_string_lossy())?;
    Ok(0)
}

fn no_place() -> CliError {
    let message = "no place for a settings file is known: this user has no home directory that could be found";
    CliError::new(message, format!("set `{FILE_VARIABLE}` to an absolute path"))
}

/// Returns the value of a key as JSON.
pub fn value(settings: &Settings, key: Key) -> Value {
    let path = |path: &PathBuf| Value::from(path.to_string_lossy());
    match key {
        Key::Codex => settings.codex.as_ref().map_or(Value::Null, path),
        Key::Search => settings.search.iter().map(|path| Value::from(path.to_string_lossy())).collect(),
        Key::PersonalHome => settings.personal_home.as_ref().map_or(Value::Null, path),
        Key::Strategy => settings.strategy.name().into(),
        Key::Bridges => settings.bridges.iter().map(ToString::to_string).collect(),
        Key::Leave => settings.leave.iter().map(ToString::to_string).collect(),
        Key::NpmNative => settings.npm_native.into(),
        Key::Journal => settings.journal.into(),
    }
}

/// Returns a value as text.
fn shown(value: &Value, printer: &Printer) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.starts_with('/') => printer.path(text.as_ref()),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(|value| shown(value, printer)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Prints the settings and what is wrong with them as JSON.
fn print_json(settings: &Settings, problems: &[Failure], printer: &mut Printer) -> CliResult {
    let of = |key: Key| {
        let source = match settings.source(key) {
            Source::Default => "default",
            Source::File => "file",
            Source::Variable => "environment",
        };
        json!({ "value": value(settings, key), "source": source, "variable": key.variable() })
    };
    let values: Map<String, Value> = Key::ALL.into_iter().map(|key| (key.name().to_owned(), of(key))).collect();
    printer.json(&json!({
        "file": settings.file.as_ref().map(|file| file.to_string_lossy()),
        "missing": settings.file_is_missing,
        "settings": values,
        "problems": problems.iter().map(problem).collect::<Vec<_>>(),
    }))?;
    Ok(exit_code(problems))
}

fn show(settings: &Settings, problems: &[Failure], printer: &mut Printer) -> CliResult {
    let rows = Key::ALL.into_iter().map(|key| {
        let from = match (settings.source(key), &settings.file) {
            (Source::File, Some(file)) => printer.path(file),
            (Source::Variable, _) => key.variable().to_owned(),
            _ => "default".to_owned(),
        };
        (key.name(), shown(&value(settings, key), printer), from)
    });
    let rows: Vec<_> = [("key", "value".to_owned(), "from".to_owned())].into_iter().chain(rows).collect();
    let width = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or_default().min(WIDEST);
    for (key, value, from) in rows {
        printer.pasted(&format!("{key:13}  "), 15, &format!("{value:width$}  {from}"))?;
    }
    print(problems, settings, printer)
}

fn check(settings: &Settings, problems: &[Failure], printer: &mut Printer) -> CliResult {
    if let (true, Some(file)) = (settings.file_is_missing, &settings.file) {
        printer.remark(&format!("`{FILE_VARIABLE}` names `{}`, and there is no such file", printer.path(file)));
    }
    if problems.is_empty() {
        printer.line(format!("{} the settings are valid", painted(GOOD, "✓")))?;
    }
    print(problems, settings, printer)
}

/// Returns a problem as JSON, with whole paths.
fn problem(failure: &Failure) -> Value {
    json!({
        "reason": failure.code().id(),
        "message": failure.to_string(),
        "help": describe::help(failure, None),
    })
}

/// Prints every problem, each on a few lines.
fn print(problems: &[Failure], settings: &Settings, printer: &mut Printer) -> CliResult {
    for problem in problems {
        let text = describe::terminal(problem, settings.person_home.as_deref());
        printer.line(format!("{} {text}", painted(BAD, "✗")))?;
    }
    Ok(exit_code(problems))
}
