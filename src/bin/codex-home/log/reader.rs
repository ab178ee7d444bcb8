//! Reads the lines that are appended to a journal. The journal may be rotated at any time.

use std::path::{Path, PathBuf};

use codex_home::fs::{self, FileId};
use codex_home::journal;
use serde_json::Value;

use crate::disk::{self, Tail};

/// The most bytes of a journal that are read at first. The launcher rotates its journal earlier, but another program may have made
/// it larger than the memory.
const END: u64 = 1 << 20;

/// A journal, and the position in it.
pub struct Reader {
    path: PathBuf,
    position: Option<Position>,
}

#[derive(Clone, Copy)]
struct Position {
    file: FileId,
    offset: u64,
}

impl Reader {
    /// Returns a reader that skips all but the end of the journal.
    pub fn at_end(path: PathBuf) -> Self {
        let stat = fs::stat(&path).ok();
        let position = stat.map(|stat| Position { file: stat.id, offset: stat.size.saturating_sub(END) });
        Self { path, position }
    }

    /// Returns the starts since the last call.
    pub fn read(&mut self) -> Result<Vec<String>, String> {
        let rest = self.rest_of_rotated();
        let mut lines = self.read_file()?;
        lines.splice(..0, rest);
        Ok(lines)
    }

    /// Returns the bytes that were appended since the last call, including those before a rotation.
    fn rest_of_rotated(&self) -> Vec<String> {
        let is_at = |path: &Path| self.position.is_some_and(|position| disk::id(path) == Some(position.file));
        let rotated = journal::rotated(&self.path);
        if !is_at(&self.path) && is_at(&rotated) {
            Self { path: rotated, position: self.position }.read_file().unwrap_or_default()
        } else {
            Vec::new()
        }
    }

    fn read_file(&mut self) -> Result<Vec<String>, String> {
        let offset = |file: FileId, size: u64| match self.position {
            Some(position) if position.file == file && position.offset <= size => position.offset,
            _ => 0,
        };
        let Some(Tail { id, offset, mut bytes }) = disk::read_tail(&self.path, offset)? else { return Ok(Vec::new()) };
        // The last line may be half written.
        bytes.truncate(bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        self.position = Some(Position { file: id, offset: offset + bytes.len() as u64 });
        // The first line may be the end of one that was skipped.
        Ok(String::from_utf8_lossy(&bytes).lines().filter(|line| is_start(line)).map(str::to_owned).collect())
    }
}

/// Returns whether the launcher can have written a line. A full disk or an editor leaves other lines.
fn is_start(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|start| start.is_object())
}
