//! OUR OWN FILE: `codex-home-shim/config.toml` → its entries, and what is wrong with it.
//!
//! Reads that one file and nothing else. It names a program to run, so one that others may write is not taken.
#![expect(clippy::disallowed_methods, reason = "the settings file is read here, and only here")]

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::Uid;
use toml::de::{DeTable, DeValue};

use super::Key;
use crate::words::{cause, plain_text, position, shell_word};

/// The largest file that is read, in bytes.
pub const LIMIT: u64 = 64 << 10;
/// The bits by which somebody else may write.
const OTHERS_MAY_WRITE: u32 = 0o022;
/// The bit by which others may add to a directory, and not take away or replace.
const STICKY: u32 = 0o1000;
/// How alike a key must be to one of ours to be taken for it, between 0 and 1.
const ALIKE: f64 = 0.5;

/// Why the file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The system does not let us.
    #[error("it cannot be read: {0}")]
    Denied(String),
    /// A link whose target is gone: a file that somebody meant to be there.
    #[error("it is a link to nothing")]
    Dangling,
    /// A directory, a FIFO, a device.
    #[error("it is not a regular file")]
    NotRegular,
    /// More than [`LIMIT`].
    #[error("it is larger than 64 KiB")]
    TooLarge,
    /// Not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Somebody else's.
    #[error("{} belongs to another user, and it names a program to run", if *.0 { "its directory" } else { "it" })]
    Foreign(bool),
    /// Somebody else may change it; whether that is by way of its directory.
    #[error("{} may be written by others, and it names a program to run", if *.0 { "its directory" } else { "it" })]
    Writable(bool),
    /// A link to where somebody else may put another file.
    #[error("it is a link into a directory that others may write, and it names a program to run")]
    Astray,
}

impl Unfit {
    /// What to do about it.
    #[must_use]
    pub fn help(&self, path: &Path, person_home: Option<&Path>) -> String {
        let directory = path.parent().unwrap_or(path);
        let word = |is_directory: bool| shell_word(if is_directory { directory } else { path }, person_home);
        match self {
            Self::Denied(_) => format!("run `chmod u+r {}`", word(false)),
            Self::Writable(is_directory) => format!("run `chmod go-w {}`", word(*is_directory)),
            Self::Foreign(is_directory) => format!("run `chown \"$(id -u)\" {}`", word(*is_directory)),
            Self::Astray => format!("put the file itself in place of the link {}", word(false)),
            Self::Dangling | Self::NotRegular => format!("move {} away", word(false)),
            Self::TooLarge | Self::NotUtf8 => format!("correct {}", word(false)),
        }
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Denied(cause(&error))
    }
}

/// Reads the file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, Unfit> {
    // One call where there is nothing, and a link to nothing is something.
    let is_link = match fs::read_link(path).map_err(|error| error.kind()) {
        Err(ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        link => link.is_ok(),
    };
    // Opened so that a FIFO does not wait for a writer.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unfit::Dangling,
        _ => error.into(),
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Unfit::NotRegular);
    }
    belongs_to_us(&metadata, false)?;
    // The directory that it was named in, where another file could be put in its place.
    let directory: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    belongs_to_us(&fs::metadata(directory)?, true)?;
    if is_link {
        let real = fs::canonicalize(path)?;
        // Where nobody can take away what is another's a file of ours stays: `/nix/store`.
        let is_kept = |metadata: &Metadata| metadata.mode() & STICKY != 0;
        let directory = real.parent().map(fs::metadata).transpose()?;
        let is_safe = |metadata: &Metadata| is_kept(metadata) || belongs_to_us(metadata, true).is_ok();
        if !directory.as_ref().is_some_and(is_safe) {
            return Err(Unfit::Astray);
        }
    }
    let text = read_text(&mut file)?;
    Ok(Some(text))
}

fn belongs_to_us(metadata: &Metadata, is_directory: bool) -> Result<(), Unfit> {
    if metadata.uid() != 0 && metadata.uid() != Uid::effective().as_raw() {
        return Err(Unfit::Foreign(is_directory));
    }
    if metadata.mode() & OTHERS_MAY_WRITE != 0 { Err(Unfit::Writable(is_directory)) } else { Ok(()) }
}

fn read_text(file: &mut File) -> Result<String, Unfit> {
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Unfit::TooLarge);
    }
    String::from_utf8(bytes).map_err(|_| Unfit::NotUtf8)
}

/// A value, as far as its type goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// An array of strings.
    Texts(Vec<String>),
    /// A boolean.
    Bool(bool),
    /// What no key of ours is, in words.
    Other(&'static str),
}

/// One key of ours, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// Its value.
    pub value: Value,
    /// Where the value stands: line and column, both from 1.
    pub at: (usize, usize),
    /// The line of the key.
    pub line: usize,
}

/// Something that is wrong with the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where: line and column, both from 1.
    pub at: (usize, usize),
    /// What.
    pub cause: String,
}

/// Reads the text of a settings file: the keys that are ours, and everything that is not right. Any text has an answer.
#[must_use]
pub fn parse(text: &str) -> (Vec<Entry>, Vec<Wrong>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let wrong = errors.iter().map(|error| {
            let at = position(text, error.span().map_or(0, |span| span.start));
            let message = error.message().lines().next().unwrap_or_default();
            Wrong { at, cause: format!("this is not TOML: {}", plain_text(message.as_ref())) }
        });
        return (Vec::new(), wrong.collect());
    }
    let (mut entries, mut wrong) = (Vec::new(), Vec::new());
    for (name, value) in table.get_ref() {
        let name_at = position(text, name.span().start);
        match Key::ALL.into_iter().find(|key| key.name() == name.get_ref()) {
            Some(key) => entries.push(Entry {
                key,
                value: Value::of(value.get_ref()),
                at: position(text, value.span().start),
                line: name_at.0,
            }),
            None => wrong.push(Wrong { at: name_at, cause: unknown(name.get_ref()) }),
        }
    }
    (entries, wrong)
}

/// A key that is none of ours, and the one that was probably meant.
fn unknown(name: &str) -> String {
    let alike = Key::ALL.map(|key| (strsim::jaro_winkler(&name.to_ascii_lowercase(), key.name()), key.name()));
    let nearest = alike.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(alike, _)| *alike > ALIKE);
    let shown: String = plain_text(name.as_ref()).chars().take(40).collect();
    match nearest {
        Some((_, nearest)) => format!("`{shown}` is no setting; the nearest is `{nearest}`"),
        None => {
            format!("`{shown}` is no setting; there are {}", Key::ALL.map(|key| format!("`{}`", key.name())).join(", "))
        }
    }
}

impl Value {
    fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Boolean(switch) => Self::Bool(*switch),
            DeValue::Array(values) => {
                let texts = values.iter().map(|value| value.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map_or(Self::Other("an array of other things"), Self::Texts)
            }
            DeValue::Integer(_) | DeValue::Float(_) => Self::Other("a number"),
            DeValue::Datetime(_) => Self::Other("a time"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }
}
