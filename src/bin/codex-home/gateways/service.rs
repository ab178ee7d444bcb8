//! Services that start gateways: their files, and the environment that they set.

use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;

use super::environment::Environment;
use super::known::Known;
use super::process::runs_gateway;
use super::{launchd, systemd};
use crate::disk;

/// The largest file of a service that is read, in bytes.
const LIMIT: u64 = 1 << 20;
/// The most files of one directory that are looked at.
const FILES: usize = 1024;

/// The programs that start containers.
const CONTAINERS: &str =
    "docker docker-compose podman podman-compose nerdctl systemd-nspawn distrobox lxc-start apptainer";

/// A service that starts a gateway.
#[derive(Clone, Debug)]
pub struct Service {
    pub file: PathBuf,
    /// Its command line.
    pub program: Vec<String>,
    /// The environment that it sets.
    pub environment: Environment,
    /// The user it runs as, if it names one.
    pub user: Option<String>,
    /// When its file was last changed, in seconds since 1970.
    pub since: i64,
    /// Whether it belongs to the system. Without a user it then runs as root.
    pub is_system: bool,
}

impl Service {
    /// Returns an empty service.
    pub fn new(file: &Path, is_system: bool) -> Self {
        let environment = Environment::new(Known::Read);
        let since = changed(file);
        Self { file: file.to_owned(), program: Vec::new(), environment, user: None, since, is_system }
    }

    /// Returns whether it starts a container. Its own environment and paths mean nothing there.
    pub fn starts_container(&self) -> bool {
        let program = self.program.iter().map(|word| Path::new(word).file_name().unwrap_or_default());
        let mut program = program.skip_while(|name| *name == "env" || *name == "sudo");
        program.next().is_some_and(|name| CONTAINERS.split(' ').any(|container| name == container))
    }

    /// Returns whether it starts a gateway, and not another of OpenClaw's services.
    fn is_gateway(&self) -> bool {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let kind = self.environment.text("OPENCLAW_SERVICE_KIND");
        kind == Some("gateway")
            || kind.is_none() && (name.contains("gateway") || runs_gateway(self.program.iter().map(String::as_str)))
    }
}

/// Returns every service of this machine that starts a gateway: systemd's units, launchd's property lists.
pub fn find(invocation: &Invocation, home: Option<&Path>) -> Vec<Service> {
    let mut services = systemd::find(invocation, home);
    services.extend(launchd::find(home));
    services.retain(Service::is_gateway);
    services
}

/// Returns the files in these directories with one of these prefixes and this suffix. If directories share a name, the first one
/// wins.
pub fn files(directories: &[PathBuf], beginnings: &[&str], ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for directory in directories {
        for path in disk::list(directory, FILES).0 {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_named = name.ends_with(ending) && beginnings.iter().any(|beginning| name.starts_with(beginning));
            if is_named && !files.iter().any(|file| file.file_name() == path.file_name()) {
                files.push(path);
            }
        }
    }
    files
}

/// Returns when a file was last changed, in seconds since 1970.
pub fn changed(file: &Path) -> i64 {
    let seconds = |stat: codex_home::fs::Stat| stat.changed.iter().step_by(2).copied().max().unwrap_or_default();
    codex_home::fs::stat(file).map(seconds).unwrap_or_default()
}

/// Returns the text of a service's file, if it can be read.
pub fn read(file: &Path) -> Option<String> {
    let bytes = disk::read(file, LIMIT).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
