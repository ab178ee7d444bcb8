//! `codex-home config`: where the settings are, what is in force, and whether it is right.

use codex_home::failure::Failure;
use codex_home::invocation::Invocation;
use codex_home::settings::{FILE_VARIABLE, Journal, Key, Settings, Source};
use serde_json::{Map, Value, json};

use crate::cli::Config;
use crate::screen::{BAD, Ended, GOOD, Screen, Trouble, painted};

/// Shows what was asked for.
pub fn run(invocation: &Invocation, command: Config, json: bool, screen: &mut Screen) -> Ended {
    let (settings, problems) = Settings::gather(invocation);
    match command {
        Config::Path => path(&settings, json, screen),
        Config::Show => show(&settings, &problems, json, screen),
        Config::Check => check(&settings, &problems, json, screen),
    }
}

/// The code that the launcher would end with.
fn code(problems: &[Failure]) -> u8 {
    problems.first().map_or(0, Failure::exit_code)
}

fn path(settings: &Settings, json: bool, screen: &mut Screen) -> Ended {
    let file = settings.file.as_ref().map(|file| file.to_string_lossy().into_owned());
    if json {
        screen.json(&json!({ "file": file }))?;
        return Ok(0);
    }
    let Some(file) = file else {
        let message = "no place for a settings file is known: this user has no home directory that could be found";
        return Err(Trouble::new(message, format!("set `{FILE_VARIABLE}` to an absolute path")));
    };
    // For a program too: as it is.
    screen.line(file)?;
    Ok(0)
}

/// The value of a key as JSON has it.
fn value(settings: &Settings, key: Key) -> Value {
    let path = |path: &std::path::PathBuf| Value::from(path.to_string_lossy());
    match key {
        Key::Codex => settings.codex.as_ref().map_or(Value::Null, path),
        Key::PersonalHome => settings.personal_home.as_ref().map_or(Value::Null, path),
        Key::Strategy => settings.strategy.name().into(),
        Key::Bridges => settings.bridges.iter().map(ToString::to_string).collect(),
        Key::Leave => settings.leave.iter().map(ToString::to_string).collect(),
        Key::NpmNative => settings.npm_native.into(),
        Key::Journal => match &settings.journal {
            Journal::Default => true.into(),
            Journal::Off => false.into(),
            Journal::File(file) => path(file),
        },
    }
}

/// A value as text has it.
fn shown(value: &Value, screen: &Screen) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.starts_with('/') => screen.path(text.as_ref()),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(|value| shown(value, screen)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn show(settings: &Settings, problems: &[Failure], json: bool, screen: &mut Screen) -> Ended {
    let file = settings.file.as_ref();
    if json {
        let of = |key: Key| {
            let (source, line) = match settings.source(key) {
                Source::Default => ("default", None),
                Source::File(line) => ("file", Some(line)),
                Source::Variable => ("environment", None),
            };
            json!({
                "value": value(settings, key),
                "source": source,
                "line": line,
                "variable": key.variable(),
            })
        };
        let values: Map<String, Value> = Key::ALL.into_iter().map(|key| (key.name().to_owned(), of(key))).collect();
        screen.json(&json!({
            "file": file.map(|file| file.to_string_lossy()),
            "settings": values,
            "problems": problems.iter().map(Failure::message).collect::<Vec<_>>(),
        }))?;
        return Ok(code(problems));
    }
    let rows = Key::ALL.into_iter().map(|key| {
        let from = match (settings.source(key), file) {
            (Source::File(line), Some(file)) => format!("{}:{line}", screen.path(file)),
            (Source::Variable, _) => key.variable().to_owned(),
            _ => "default".to_owned(),
        };
        vec![key.name().to_owned(), shown(&value(settings, key), screen), from]
    });
    let rows = rows.collect();
    screen.table(&["key", "value", "from"], rows)?;
    say(problems, screen)
}

fn check(settings: &Settings, problems: &[Failure], json: bool, screen: &mut Screen) -> Ended {
    if json {
        let problem = |failure: &Failure| json!({"reason": failure.reason().id(), "message": failure.message(), "help": failure.help()});
        screen.json(&json!({
            "file": settings.file.as_ref().map(|file| file.to_string_lossy()),
            "missing": settings.file_is_missed,
            "right": problems.is_empty(),
            "problems": problems.iter().map(problem).collect::<Vec<_>>(),
        }))?;
        return Ok(code(problems));
    }
    if let (true, Some(file)) = (settings.file_is_missed, &settings.file) {
        let file = screen.path(file);
        screen.aside(&format!("`{FILE_VARIABLE}` names `{file}`, and there is no such file"));
    }
    if problems.is_empty() {
        screen.line(format!("{} the settings are right", painted(GOOD, "✓")))?;
    }
    say(problems, screen)
}

/// Everything that is wrong, a few lines each.
fn say(problems: &[Failure], screen: &mut Screen) -> Ended {
    for problem in problems {
        screen.line(format!("{} {problem}", painted(BAD, "✗")))?;
    }
    Ok(code(problems))
}
