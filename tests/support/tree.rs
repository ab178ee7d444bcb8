//! A snapshot of a directory tree, to be compared with a later one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A path, with everything that a test may want to find unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits.
    pub mode: u32,
    /// The number of hard links, so that a new link shows.
    pub nlink: u64,
    /// Kind, and what is in it.
    pub content: Content,
}

/// The kind of a path, with its bytes or its target.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory; what is in it has entries of its own.
    Directory,
    /// A regular file's bytes.
    File(Vec<u8>),
    /// A regular file that cannot be read, of which only the mode is compared.
    Unreadable,
    /// The target of a symlink.
    Link(PathBuf),
    /// A socket, FIFO or device.
    Other,
}

impl fmt::Debug for Content {
    // As text, so that a failed comparison is readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Directory => f.write_str("Directory"),
            Content::File(bytes) => write!(f, "File({:?})", String::from_utf8_lossy(bytes)),
            Content::Unreadable => f.write_str("Unreadable"),
            Content::Link(to) => write!(f, "Link({})", to.display()),
            Content::Other => f.write_str("Other"),
        }
    }
}

/// One path as it is now; links are not followed. `None` if there is nothing.
pub fn entry(path: &Path) -> Option<Entry> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let kind = metadata.file_type();
    let content = if kind.is_dir() {
        Content::Directory
    } else if kind.is_file() {
        match fs::read(path) {
            Ok(bytes) => Content::File(bytes),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Content::Unreadable,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    } else if kind.is_symlink() {
        Content::Link(fs::read_link(path).unwrap())
    } else {
        Content::Other
    };
    Some(Entry { mode: metadata.permissions().mode() & 0o7777, nlink: metadata.nlink(), content })
}

/// A whole tree by path relative to `dir`, itself included as the empty path; empty when it is absent.
pub fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![PathBuf::new()];
    while let Some(relative) = ahead.pop() {
        // `join("")` would leave a trailing slash, and a link with one is followed.
        let path = if relative.as_os_str().is_empty() { dir.to_path_buf() } else { dir.join(&relative) };
        let Some(entry) = entry(&path) else { continue };
        let directory = entry.content == Content::Directory;
        found.insert(relative.clone(), entry);
        if directory {
            let children = match fs::read_dir(&path) {
                Ok(children) => children,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            for child in children {
                ahead.push(relative.join(child.unwrap().file_name()));
            }
        }
    }
    found
}

/// Compares two trees entry by entry, so that a difference can be read.
pub fn assert_same(before: &BTreeMap<PathBuf, Entry>, after: &BTreeMap<PathBuf, Entry>) {
    for path in before.keys().chain(after.keys()) {
        assert_eq!(before.get(path), after.get(path), "`{}` has changed", path.display());
    }
}
