//! The personal home, and the other files that a redirect to it depends on.

use std::path::Path;

use nix::errno::Errno;
use nix::unistd::AccessFlags;

use super::place::{Place, not_read};
use super::{CONFIG_LIMIT, Layers, Observed};
use crate::display::plain_text;
use crate::fs::{self, Directory};
use crate::home::config::{CATALOG_KEY, Config};
use crate::home::{AUTH_FILE, Fact, Home, INSTALLATION_ID_FILE};
use crate::reason::{Reason, ReasonCode};
use crate::request::Judged;

/// The personal home, with what else codex needs to work there.
#[derive(Clone, Debug)]
pub struct Personal {
    /// Its files.
    pub home: Home,
    /// Its configuration under every layer.
    pub config: Result<Config, Reason>,
    /// Why codex cannot use a file that the configuration names, if there is one.
    pub unusable_file: Option<Reason>,
    /// Why codex cannot read and write `installation_id`, if it cannot.
    pub installation_id: Option<Reason>,
    /// Why codex would lose the login, if the login must be renewed now and the renewed one could not be kept.
    pub not_renewable: Option<Reason>,
}

impl Personal {
    pub(super) fn read(place: &Place, observed: &Observed, layers: &Layers, judged: &Judged) -> Self {
        let home = place.read(observed.now, observed.uid);
        let config = layers.merge(&home, &judged.overrides);
        let person_home = observed.settings.person_home.as_deref();
        let unusable_file = config.as_ref().ok().and_then(|config| unusable_file(config, person_home));
        let (installation_id, not_renewable) = match &place.directory {
            Ok(directory) => (installation_id(directory), not_renewable(&home, directory)),
            Err(_) => (None, None),
        };
        Self { config, unusable_file, installation_id, not_renewable, home }
    }
}

/// Returns the first file that the configuration names and codex cannot use: missing, blank, or a catalogue without models.
fn unusable_file(config: &Config, person_home: Option<&Path>) -> Option<Reason> {
    config.files.iter().find_map(|(key, path)| {
        let path = match (path.strip_prefix("~"), person_home) {
            (Ok(below), Some(home)) => home.join(below),
            _ => path.clone(),
        };
        let is_usable = fs::read(&path, CONFIG_LIMIT).is_ok_and(|file| match *key {
            CATALOG_KEY => has_models(&file.bytes),
            _ => !file.bytes.trim_ascii().is_empty(),
        });
        let detail = || format!("`{key}` in its config.toml names `{}`, which codex cannot use", plain_text(&path));
        (!is_usable).then(|| Reason::new(ReasonCode::ConfigFileMissing, detail()))
    })
}

/// Returns whether a model catalogue has a model. The required fields of a model differ between versions.
fn has_models(catalog: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(catalog).ok();
    value.as_ref().and_then(|value| value.get("models")?.as_array()).is_some_and(|models| !models.is_empty())
}

fn installation_id(directory: &Directory) -> Option<Reason> {
    match directory.access(INSTALLATION_ID_FILE, AccessFlags::R_OK | AccessFlags::W_OK) {
        Ok(()) | Err(Errno::ENOENT) => None,
        Err(Errno::EACCES | Errno::EPERM | Errno::EROFS) => Some(ReasonCode::InstallationIdUnusable.into()),
        Err(errno) => Some(not_read(ReasonCode::InstallationIdUnusable, "`installation_id`", errno)),
    }
}

/// Returns why a login that codex renews when it starts could not be kept. codex 0.118–0.169 loses it if the file is not
/// writable; 0.169 also if the file has a second hard link, is a mount point, or its directory is not writable.
fn not_renewable(home: &Home, directory: &Directory) -> Option<Reason> {
    let Fact::Seen(file) = &home.auth else { return None };
    if !file.auth.renewed_at_start {
        return None;
    }
    let because = |detail: &str| {
        Some(Reason::new(ReasonCode::LoginNotRenewable, format!("its login must be renewed now, and {detail}")))
    };
    if file.stat.links > 1 {
        return because("auth.json has a second hard link");
    }
    if directory.access(AUTH_FILE, AccessFlags::W_OK).is_err() {
        return because("auth.json cannot be written");
    }
    match directory.is_replaceable(AUTH_FILE) {
        Ok(true) => None,
        Ok(false) => because("auth.json is a mount point, or its directory cannot be written"),
        Err(_) => because("it could not be found out whether a renewed one could be kept"),
    }
}
