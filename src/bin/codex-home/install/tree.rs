//! `openclaw.json` as a tree: the settings around [`KEY`], and other changes. Pure, except for [`read`] and [`backup`].

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::disk;
use crate::openclaw::CONFIG_LIMIT;
use crate::openclaw::config::{KEY, at, parse_file};

/// The number of backups that OpenClaw keeps of its configuration (2026.4.21).
const BACKUPS: usize = 5;

/// Returns the settings of a file, without those that it includes; `None` if there are none that can be read.
pub fn read(file: &Path) -> Option<Value> {
    let text = String::from_utf8(disk::read(file, CONFIG_LIMIT).ok()??).ok()?;
    parse_file(&text).ok()
}

/// Returns [`KEY`] and the settings around it, the outermost first.
fn around() -> Vec<&'static str> {
    let ends = KEY.match_indices('.').map(|(at, _)| at).chain([KEY.len()]);
    ends.filter_map(|end| KEY.get(..end)).collect()
}

/// Returns the outermost setting around [`KEY`] that is absent; `None` if [`KEY`] is there.
pub fn outermost_absent(root: Option<&Value>) -> Option<&'static str> {
    around().into_iter().find(|key| root.and_then(|root| at(root, key)).is_none())
}

/// Returns the setting to remove so that [`KEY`] is absent: the outermost one from `absent` on that holds nothing else.
///
/// Without `absent` the earlier state is not known; an `appServer` that holds nothing else is removed.
pub fn to_remove(root: Option<&Value>, absent: Option<&str>) -> String {
    let first = absent.unwrap_or("plugins.entries.codex.config.appServer");
    let candidates = around().into_iter().skip_while(|key| *key != first);
    let holds_it_alone = |key: &&str| {
        let below = KEY.strip_prefix(key).map(|rest| rest.trim_start_matches('.')).unwrap_or_default();
        let mut value = root.and_then(|root| at(root, key));
        below.split('.').filter(|part| !part.is_empty()).all(|part| {
            let only = value.and_then(Value::as_object).filter(|fields| fields.len() == 1);
            value = only.and_then(|fields| fields.get(part));
            value.is_some()
        })
    };
    candidates.into_iter().find(holds_it_alone).unwrap_or(KEY).to_owned()
}

/// Returns the settings that differ, without [`KEY`] and the settings that only hold it.
pub fn changed(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let without = |root: Option<&Value>| {
        root.cloned().map(|mut root| {
            prune(&mut root, KEY);
            root
        })
    };
    let none = || Value::Object(serde_json::Map::new());
    let mut changed = Vec::new();
    differences(&without(before).unwrap_or_else(none), &without(after).unwrap_or_else(none), "", &mut changed);
    changed
}

/// Removes a setting, and those around it that are then empty.
fn prune(value: &mut Value, key: &str) {
    let Some(fields) = value.as_object_mut() else { return };
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    if let Some(inner) = fields.get_mut(first).filter(|_| !rest.is_empty()) {
        prune(inner, rest);
        if inner.as_object().is_some_and(|inner| !inner.is_empty()) || !inner.is_object() {
            return;
        }
    }
    fields.remove(first);
}

fn differences(before: &Value, after: &Value, key: &str, to: &mut Vec<String>) {
    let (Some(one), Some(other)) = (before.as_object(), after.as_object()) else {
        if before != after {
            to.push(key.to_owned());
        }
        return;
    };
    let mut names: Vec<_> = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))).collect();
    names.sort();
    for name in names {
        let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        match (one.get(name), other.get(name)) {
            (Some(one), Some(other)) => differences(one, other, &key, to),
            _ => to.push(key),
        }
    }
}

/// Returns OpenClaw's newest backup of a configuration in which [`KEY`] is not `installed`.
pub fn backup(file: &Path, installed: &str) -> Option<PathBuf> {
    let named = |ending: String| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let numbered = (1..BACKUPS).map(|number| named(format!(".bak.{number}")));
    let mut all = [named(".bak".to_owned())].into_iter().chain(numbered);
    all.find(|path| read(path).is_some_and(|root| at(&root, KEY).and_then(Value::as_str) != Some(installed)))
}
