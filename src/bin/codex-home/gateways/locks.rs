//! OpenClaw's locks. They tell that a process is a gateway, and its configuration even if its title hides `--profile`.
//!
//! `<temporary directory>/openclaw-<uid>/gateway.<hash>.lock` (2026.4.21 to 2026.7.1), from 2026.9.6 `<state>/tmp/openclaw-<uid>/…`.

use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset};
use codex_home::fs;
use serde::Deserialize;

use super::process::Process;
use crate::disk;

/// The largest lock that is read, in bytes.
const LIMIT: u64 = 64 << 10;
/// The most locks of one directory that are looked at.
const LOCKS: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    pid: u32,
    created_at: DateTime<FixedOffset>,
    config_path: PathBuf,
}

/// Returns the configuration of a gateway by the newest of this user's locks in these directories.
pub fn configuration(process: &Process, directories: &[PathBuf], uid: u32) -> Option<PathBuf> {
    // A gateway that was killed leaves its lock, and another process may get its id.
    let is_its = |lock: &Lock| {
        let since = i64::try_from(process.since).unwrap_or_default();
        lock.pid == process.pid && lock.created_at.timestamp() + 1 >= since
    };
    let locks =
        directories.iter().flat_map(|directory| disk::list(&directory.join(format!("openclaw-{uid}")), LOCKS).0);
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    let locks = locks.filter(is_lock).filter_map(|path| read(&path, uid)).filter(is_its);
    locks.max_by_key(|lock| lock.created_at).map(|lock| lock.config_path)
}

fn read(path: &Path, uid: u32) -> Option<Lock> {
    let is_ours = fs::stat(path).is_ok_and(|stat| stat.uid == uid);
    let bytes = disk::read(path, LIMIT).ok()?.filter(|_| is_ours)?;
    serde_json::from_slice(&bytes).ok().filter(|lock: &Lock| lock.config_path.is_absolute())
}
