//! `$include` in OpenClaw's settings: the files are merged as OpenClaw 2026.4.21 merges them.
//!
//! A file that OpenClaw would refuse, or that cannot be read, is not followed: the `$include` stays where it is.

use std::path::{Path, PathBuf};

use codex_home::fs::canonicalize;
use codex_home::settings::lexically_normal;
use serde_json::{Map, Value};

use super::config::parse_file;
use crate::disk;

/// The key that includes files.
pub const INCLUDE: &str = "$include";
/// The deepest nesting of includes.
const DEPTH: usize = 10;
/// The largest file that is included, in bytes.
const LIMIT: u64 = 2 << 20;

/// Returns the settings with the files that they include.
pub fn follow(root: &Value, path: &Path) -> Value {
    let directory = path.parent().unwrap_or(Path::new("/"));
    Follower { root: directory, visited: vec![path.to_owned()] }.value(root)
}

struct Follower<'a> {
    /// The directory that holds every file that may be included.
    root: &'a Path,
    /// The chain of files that include this one.
    visited: Vec<PathBuf>,
}

impl Follower<'_> {
    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Array(values) => values.iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => {
                let others: Map<_, _> = fields
                    .iter()
                    .filter(|(name, _)| *name != INCLUDE)
                    .map(|(name, value)| (name.clone(), self.value(value)))
                    .collect();
                let Some(files) = fields.get(INCLUDE) else { return Value::Object(others) };
                match self.files(files) {
                    Some(included) if others.is_empty() => included,
                    Some(included @ Value::Object(_)) => merge(included, Value::Object(others)),
                    _ => value.clone(),
                }
            }
            _ => value.clone(),
        }
    }

    /// Returns the content of one file, or of several merged in order.
    fn files(&self, files: &Value) -> Option<Value> {
        match files {
            Value::String(file) => self.file(file),
            Value::Array(files) => files
                .iter()
                .try_fold(Value::Object(Map::new()), |merged, file| Some(merge(merged, self.file(file.as_str()?)?))),
            _ => None,
        }
    }

    fn file(&self, name: &str) -> Option<Value> {
        let directory = self.visited.last()?.parent()?;
        let path = lexically_normal(&directory.join(name));
        let is_inside = path.starts_with(self.root) && canonicalize(&path)?.starts_with(canonicalize(self.root)?);
        if !is_inside || self.visited.contains(&path) || self.visited.len() > DEPTH {
            return None;
        }
        let text = String::from_utf8(disk::read(&path, LIMIT).ok()??).ok()?;
        let mut visited = self.visited.clone();
        visited.push(path);
        Some(Follower { root: self.root, visited }.value(&parse_file(&text).ok()?))
    }
}

/// Merges settings: arrays are joined, objects merged; of anything else the later value counts.
fn merge(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Array(mut one), Value::Array(other)) => {
            one.extend(other);
            Value::Array(one)
        }
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, value) in other {
                let merged = match one.remove(&name) {
                    Some(before) => merge(before, value),
                    None => value,
                };
                one.insert(name, merged);
            }
            Value::Object(one)
        }
        (_, other) => other,
    }
}
