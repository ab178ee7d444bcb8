//! The paths in settings, in which `*` stands for any characters of a component.
//!
//! Pure. Says which two paths to compare; the caller finds out whether they are one place.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use wildmatch::WildMatchPattern;

/// A path in which `*` stands for any characters except a slash. Nothing else is special.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    place: PathBuf,
    below: Vec<String>,
}

impl Pattern {
    /// Parses an absolute path.
    ///
    /// # Errors
    /// The rule, if a component is `**`, which would seem to stand for several components.
    pub fn new(path: &Path) -> Result<Self, &'static str> {
        let parts: Vec<_> = path.components().map(Component::as_os_str).collect();
        if parts.iter().any(|part| *part == "**") {
            return Err("a path without `**`: `*` stands for characters within one component");
        }
        let is_pattern = |part: &&std::ffi::OsStr| part.as_encoded_bytes().contains(&b'*');
        let fixed = parts.iter().position(is_pattern).unwrap_or(parts.len());
        Ok(Self {
            place: parts.iter().take(fixed).collect(),
            below: parts.iter().skip(fixed).map(|part| part.to_string_lossy().into_owned()).collect(),
        })
    }

    /// Returns the part before any `*`: a place on the disk, which may have other spellings.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Returns whether there is a `*`.
    #[must_use]
    pub const fn has_star(&self) -> bool {
        !self.below.is_empty()
    }

    /// Returns the directory above `path` that has to be [`Pattern::place`]; `None` if the components below it do not match.
    #[must_use]
    pub fn above<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        let mut parts = path.components().rev();
        let matches = self.below.iter().rev().all(|pattern| {
            let part = parts.next().map(|part| part.as_os_str().to_string_lossy());
            part.is_some_and(|part| WildMatchPattern::<'*', '\0'>::new(pattern).matches(&part))
        });
        if matches { path.ancestors().nth(self.below.len()) } else { None }
    }
}

impl fmt::Display for Pattern {
    /// Shows it as it was written, with `~` expanded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.below.iter().fold(self.place.clone(), |path, part| path.join(part));
        write!(f, "{}", path.display())
    }
}
