//! The configuration around the homes: codex's system-wide files and, for starts that obey it, a project's.

use std::path::{Path, PathBuf};

use crate::display::plain_text;
use crate::fs::{self, ReadError};
use crate::home::config::{Config, ConfigFile, Layer, Requirements};
use crate::home::{Fact, Home};
use crate::invocation::Invocation;
use crate::observe::CONFIG_LIMIT;
use crate::reason::{Reason, ReasonCode};
use crate::request::{Judged, Overrides, SIGN_OUT_KEYS, Subcommand};
use crate::settings::Settings;

/// The common ending of the two preferences that codex reads on macOS, `config_toml_base64` and `requirements_toml_base64`. It is
/// ASCII in XML and in binary property lists.
const PREFERENCE_KEYS: &[u8] = b"_toml_base64";

/// The configuration around the homes. Anything unknown in it permits neither a redirect nor a repair.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The directory of the first three.
    pub directory: PathBuf,
    /// `/etc/codex/config.toml`, the lowest layer.
    pub config: Fact<ConfigFile>,
    /// `/etc/codex/managed_config.toml`, the highest layer.
    pub managed: Fact<ConfigFile>,
    /// `/etc/codex/requirements.toml` (codex 0.169).
    pub requirements: Fact<Requirements>,
    /// Managed preferences of macOS: [`Fact::Absent`] or [`Fact::Unknown`].
    pub preferences: Fact<()>,
    /// Why a project's configuration may sign out the home, if this start obeys projects.
    pub project: Option<Reason>,
}

impl Layers {
    /// Reads the layers.
    pub(super) fn read(invocation: &Invocation, settings: &Settings, judged: &Judged) -> Self {
        let etc = Path::new(invocation.platform.etc_codex);
        // One call on a machine without system-wide configuration.
        let is_absent = matches!(fs::stat(etc), Err(ReadError::Absent));
        let file = |path: &Path| if is_absent { Fact::Absent } else { file(path) };
        let requirements = match file(&etc.join("requirements.toml")) {
            Fact::Seen(file) => match Requirements::of(&file) {
                Ok(requirements) => Fact::Seen(requirements),
                Err(reason) => Fact::Unusable(about(&etc.join("requirements.toml"), &reason.to_string())),
            },
            Fact::Absent => Fact::Absent,
            Fact::Unusable(reason) => Fact::Unusable(reason),
            Fact::Unknown(reason) => Fact::Unknown(reason),
        };
        let heeds_projects = !matches!(judged.subcommand, Subcommand::AppServer | Subcommand::LoginStatus);
        Self {
            directory: etc.to_owned(),
            config: file(&etc.join("config.toml")),
            managed: file(&etc.join("managed_config.toml")),
            requirements,
            preferences: preferences(invocation, settings),
            project: if heeds_projects { project(invocation, judged) } else { None },
        }
    }

    /// Returns the configuration of a home under all layers.
    ///
    /// # Errors
    /// [`ReasonCode::LayerUnknown`] if a layer could not be judged, or why codex cannot load the configuration.
    pub(crate) fn merge(&self, home: &Home, overrides: &Overrides) -> Result<Config, Reason> {
        if let Some(reason) = self.unknown().or(self.unusable()) {
            return Err(reason.clone());
        }
        let own = match &home.config {
            Fact::Seen(_) if overrides.ignores_config => None,
            Fact::Seen(file) => Some(Layer::File(file, &home.path)),
            Fact::Absent => None,
            Fact::Unusable(reason) | Fact::Unknown(reason) => return Err(reason.clone()),
        };
        let below = self.config.seen().map(|file| Layer::File(file, &self.directory));
        let above = self.managed.seen().map(|file| Layer::File(file, &self.directory));
        Config::of(below.into_iter().chain(own).chain([Layer::Argv(overrides)]).chain(above))
    }

    /// Returns the files that codex cannot load, which an administrator can correct.
    pub(crate) fn unusable_files(&self) -> Vec<PathBuf> {
        let files = [
            (self.config.unusable(), "config.toml"),
            (self.managed.unusable(), "managed_config.toml"),
            (self.requirements.unusable(), "requirements.toml"),
        ];
        files.iter().filter(|(reason, _)| reason.is_some()).map(|(_, name)| self.directory.join(name)).collect()
    }

    /// Assumes that layers that codex cannot load are absent.
    pub(crate) fn forget(&mut self) {
        fn known<T>(fact: &mut Fact<T>) {
            if matches!(fact, Fact::Unusable(_)) {
                *fact = Fact::Absent;
            }
        }
        known(&mut self.config);
        known(&mut self.managed);
        known(&mut self.requirements);
    }

    /// Returns why it is not known what a layer says, if it is not. codex may be able to read that layer.
    pub(crate) fn unknown(&self) -> Option<&Reason> {
        let Self { config, managed, requirements, preferences, .. } = self;
        config.unknown().or(managed.unknown()).or(requirements.unknown()).or(preferences.unknown())
    }

    /// Returns why codex cannot load a layer, if it cannot.
    fn unusable(&self) -> Option<&Reason> {
        self.config.unusable().or(self.managed.unusable()).or(self.requirements.unusable())
    }
}

fn about(path: &Path, cause: &str) -> Reason {
    Reason::new(ReasonCode::LayerUnknown, format!("`{}` could not be judged: {cause}", plain_text(path)))
}

fn file(path: &Path) -> Fact<ConfigFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match fs::read(path, CONFIG_LIMIT) {
        Ok(file) => match ConfigFile::parse(&file.bytes, &name) {
            Ok(file) => Fact::Seen(file),
            Err(reason) => Fact::Unusable(about(path, &reason.to_string())),
        },
        Err(ReadError::Absent) => Fact::Absent,
        Err(ReadError::WrongKind) => Fact::Unusable(about(path, "it is not a regular file")),
        Err(ReadError::TooLarge) => Fact::Unknown(about(path, "it is too large")),
        Err(ReadError::Denied(errno)) => Fact::Unusable(about(path, &errno.desc().to_lowercase())),
        Err(ReadError::Transient(errno)) => Fact::Unknown(about(path, &errno.desc().to_lowercase())),
    }
}

const MAY_HOLD: &str = "it may hold managed preferences of codex";

/// Returns whether a property list may hold managed preferences of codex. Their values are not read: that takes CoreFoundation.
fn preferences(invocation: &Invocation, settings: &Settings) -> Fact<()> {
    let user = invocation.var("USER").unwrap_or_default().to_string_lossy();
    for pattern in invocation.platform.preferences {
        let path = pattern.replace("$USER", &user);
        let path = match (path.strip_prefix("~/"), &settings.person_home) {
            (Some(below), Some(home)) => home.join(below),
            _ => PathBuf::from(path),
        };
        // `*` is this machine's id, which is known only from the names in the directory.
        let paths = match path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('*')) {
            None => vec![path],
            Some((beginning, _)) => {
                let named =
                    |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
                let directory = path.parent().unwrap_or(&path);
                match fs::entries(directory, 1024) {
                    Ok(entries) => entries.into_iter().filter(named).collect(),
                    Err(ReadError::Absent) => Vec::new(),
                    Err(_) => return Fact::Unknown(about(directory, MAY_HOLD)),
                }
            }
        };
        for path in paths {
            match fs::read(&path, CONFIG_LIMIT) {
                Err(ReadError::Absent) => {}
                Ok(file) if !file.bytes.windows(PREFERENCE_KEYS.len()).any(|bytes| bytes == PREFERENCE_KEYS) => {}
                _ => return Fact::Unknown(about(&path, MAY_HOLD)),
            }
        }
    }
    Fact::Absent
}

/// Returns why a project's configuration may sign out the home: a `.codex/config.toml` in or above a directory that codex may work
/// in may force a login, or it is unknown whether one does.
fn project(invocation: &Invocation, judged: &Judged) -> Option<Reason> {
    // codex 0.171 works in a new directory, with the files of the last commit.
    if judged.makes_worktree {
        return forced("`--worktree` makes codex work in a directory that is not known".to_owned());
    }
    let Some(cwd) = (invocation.cwd)() else {
        return forced("the working directory is not known".to_owned());
    };
    // codex 0.118 ignores a `-C` in front of `exec`.
    let named = judged.directories.iter().map(|directory| cwd.join(directory));
    named.chain([cwd.clone()]).find_map(|directory| in_or_above(&directory))
}

fn forced(detail: String) -> Option<Reason> {
    Some(Reason::new(ReasonCode::ForcedByProject, detail))
}

/// Looks from a directory to the root.
///
/// Looks for the words, not for the keys, because the home and the version decide which of these files codex trusts.
fn in_or_above(directory: &Path) -> Option<Reason> {
    let Some(real) = fs::Directory::open(directory).ok().and_then(|directory| directory.real_path()) else {
        return forced(format!("`{}` could not be looked at", plain_text(directory)));
    };
    let spelled = (directory != real).then(|| directory.ancestors());
    // No limit but that of the system, which opens no path of more than a few thousand bytes.
    for directory in real.ancestors().chain(spelled.into_iter().flatten()) {
        let path = directory.join(".codex").join("config.toml");
        // A key may be spelled with escapes.
        let words = SIGN_OUT_KEYS.iter().map(|key| key.as_bytes()).chain([&b"\\u"[..], b"\\U", b"\\x"]);
        let has_word = |bytes: &[u8]| words.clone().any(|word| bytes.windows(word.len()).any(|bytes| bytes == word));
        match fs::read(&path, CONFIG_LIMIT) {
            Err(ReadError::Absent) => {}
            Ok(file) if !has_word(&file.bytes) => {}
            Ok(_) => return forced(format!("`{}` may sign out the home that codex runs in", plain_text(&path))),
            Err(_) => return forced(format!("`{}` could not be read", plain_text(&path))),
        }
    }
    None
}
