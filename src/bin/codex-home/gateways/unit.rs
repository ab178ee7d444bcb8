//! Reads the files of a systemd unit, if systemd does not answer.
//!
//! Knows the few lines that matter here. A value that cannot be resolved is not known, and its variable counts as assumed.

use std::path::Path;

use super::known::Known;
use super::service::{Service, read};
use crate::disk;

/// Parses the file of a unit and its drop-ins. `home` is what `%h` stands for.
pub fn parse(mut service: Service, texts: &[String], home: Option<&Path>) -> Service {
    let mut environment_files = Vec::new();
    for text in texts {
        // A backslash continues a line.
        for line in text.replace("\\\n", " ").lines().map(str::trim) {
            let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
                continue;
            };
            match key {
                "Environment" if value.is_empty() => {
                    service.environment = Service::new(&service.file, true).environment
                }
                "Environment" => {
                    let words = shlex::split(value).unwrap_or_default();
                    let words: Vec<_> = words.iter().map(|word| specified(word, home)).collect();
                    for word in &words {
                        match word {
                            Ok(word) => assign(&mut service, [word.as_str()].into_iter()),
                            Err(word) => doubt(&mut service, word),
                        }
                    }
                }
                "UnsetEnvironment" => value.split_whitespace().for_each(|name| service.environment.unset(name)),
                "PassEnvironment" if !value.is_empty() => service.environment.others = Known::Assumed,
                "EnvironmentFile" if value.is_empty() => environment_files.clear(),
                "EnvironmentFile" => environment_files.push(specified(value.trim_start_matches('-'), home)),
                "ExecStart" => {
                    let words = shlex::split(value.trim_start_matches(['-', '@', ':', '+', '!'])).unwrap_or_default();
                    service.program =
                        words.iter().map(|word| specified(word, home).unwrap_or_else(|word| word)).collect();
                }
                "User" => service.user = Some(value.to_owned()).filter(|user| !user.is_empty()),
                _ => {}
            }
        }
    }
    for file in environment_files {
        match file {
            Ok(file) => environment_file(&mut service, Path::new(&file)),
            Err(_) => service.environment.doubt(),
        }
    }
    service
}

/// Sets the variables of `NAME=value` words.
pub fn assign<'a>(service: &mut Service, words: impl Iterator<Item = &'a str>) {
    for (name, value) in words.filter_map(|word| word.split_once('=')) {
        service.environment.set(name, value, Known::Read);
    }
}

/// Sets a variable to an unresolved value.
fn doubt(service: &mut Service, word: &str) {
    if let Some((name, value)) = word.split_once('=') {
        service.environment.set(name, value, Known::Assumed);
    }
}

/// Sets the variables of an environment file, which override those of the unit. An unreadable file may have set any variable.
pub fn environment_file(service: &mut Service, file: &Path) {
    let Some(text) = read(file) else {
        if disk::is_there(file) {
            service.environment.doubt();
        }
        return;
    };
    for line in text.replace("\\\n", "").lines().map(str::trim) {
        let is_comment = line.starts_with(['#', ';']);
        let Some((name, value)) = line.split_once('=').filter(|_| !is_comment) else { continue };
        let value = shlex::split(value).map_or_else(|| value.to_owned(), |words| words.join(" "));
        service.environment.set(name.trim(), value, Known::Read);
    }
}

/// Returns a word with its specifiers resolved, or the word itself if a specifier is unknown here.
fn specified(word: &str, home: Option<&Path>) -> Result<String, String> {
    let mut resolved = String::new();
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            resolved.push(c);
            continue;
        }
        match (chars.next(), home) {
            (Some('%'), _) => resolved.push('%'),
            (Some('h'), Some(home)) => resolved.push_str(&home.to_string_lossy()),
            _ => return Err(word.to_owned()),
        }
    }
    Ok(resolved)
}
