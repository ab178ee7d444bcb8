//! launchd's property lists, and the environment files that OpenClaw puts beside them.
//!
//! Since 2026.5 an agent starts `/bin/sh <label>-env-wrapper.sh <label>.env node … gateway`: its environment is in that file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::known::Known;
use super::service::{Service, files, read};

/// The prefixes of OpenClaw's property lists.
const NAMES: [&str; 3] = ["ai.openclaw", "com.openclaw", "openclaw"];

/// The keys of a property list that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PropertyList {
    program: Option<String>,
    #[serde(default)]
    program_arguments: Vec<String>,
    #[serde(default)]
    environment_variables: BTreeMap<String, String>,
    user_name: Option<String>,
}

/// Returns the agents of this user and of all users, and the daemons.
pub fn find(home: Option<&Path>) -> Vec<Service> {
    let own = home.map(|home| home.join("Library/LaunchAgents"));
    let agents: Vec<_> = own.into_iter().chain([PathBuf::from("/Library/LaunchAgents")]).collect();
    let daemons = [PathBuf::from("/Library/LaunchDaemons")];
    let agents = files(&agents, &NAMES, ".plist").into_iter().map(|file| (file, false));
    let daemons = files(&daemons, &NAMES, ".plist").into_iter().map(|file| (file, true));
    agents.chain(daemons).filter_map(|(file, is_system)| parse(&file, &read(&file)?, is_system)).collect()
}

/// Parses a property list; `None` if it is none.
pub fn parse(file: &Path, text: &str, is_system: bool) -> Option<Service> {
    let list: PropertyList = plist::from_bytes(text.as_bytes()).ok()?;
    let mut service = Service { user: list.user_name, ..Service::new(file, is_system) };
    for (name, value) in list.environment_variables {
        service.environment.set(name, value, Known::Read);
    }
    let mut words = list.program_arguments;
    if words.is_empty() {
        words.extend(list.program);
    }
    let is_environment = |word: &String| Path::new(word).extension().is_some_and(|extension| extension == "env");
    if let Some(at) = words.iter().position(is_environment) {
        let program = words.split_off(at + 1);
        match words.get(at).and_then(|file| read(Path::new(file))) {
            Some(text) => {
                for (name, value) in exports(&text) {
                    service.environment.set(name, value, Known::Read);
                }
            }
            None => service.environment.doubt(),
        }
        words = program;
    }
    service.program = words;
    Some(service)
}

/// Returns the variables of a file of `export NAME='value'`.
fn exports(text: &str) -> Vec<(String, String)> {
    let words = shlex::split(text).unwrap_or_default();
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
