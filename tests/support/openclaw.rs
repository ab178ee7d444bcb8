//! OpenClaw as it lies on a disk: its package, its configuration, and the homes it makes for codex, release by release.
//! The files of each were read off the releases (see `docs/design.md`); nothing of OpenClaw runs here.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::fixture::lay_home;
use super::{Fixture, auth};

/// A release whose lay-out differs from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 2026.4.21: file bridges under each agent.
    April,
    /// 2026.5.2: `<agentDir>/codex-home`, login over RPC; `HOME` inside it.
    May,
    /// 2026.7.1: the same without that `HOME`; `homeScope`.
    July,
    /// 2026.8.2: logins in memory only; `~/.codex-coding-agent`.
    August,
    /// 2026.9.6: the same; the plugin is a package of its own.
    September,
}

impl Release {
    /// Every release, in its order.
    pub const ALL: [Release; 5] = [Release::April, Release::May, Release::July, Release::August, Release::September];

    /// As its package has it.
    pub fn version(self) -> &'static str {
        match self {
            Release::April => "2026.4.21",
            Release::May => "2026.5.2",
            Release::July => "2026.7.1",
            Release::August => "2026.8.2",
            Release::September => "2026.9.6",
        }
    }

    /// What it starts codex with if nothing is configured.
    pub fn args(self) -> &'static [&'static str] {
        if self >= Release::August {
            &["-c", r#"cli_auth_credentials_store="ephemeral""#, "app-server", "--listen", "stdio://"]
        } else {
            &["app-server", "--listen", "stdio://"]
        }
    }
}

/// One OpenClaw, laid out.
pub struct OpenClaw {
    pub release: Release,
    /// Its state directory.
    pub state: PathBuf,
    /// The directory of agent `main`.
    pub agent: PathBuf,
    /// Its package.
    pub package: PathBuf,
    /// The path of its command.
    pub bin: PathBuf,
    /// Every home in the state directory, sorted.
    pub homes: Vec<PathBuf>,
}

impl OpenClaw {
    /// Lays a release in the fixture's home: the package as `npm i -g --prefix ~/.npm-global` leaves it, with a command that only
    /// says that it was run; the state directory after some use; no configuration.
    pub fn lay(fixture: &Fixture, release: Release) -> OpenClaw {
        let home = fixture.home();
        let package = home.join(".npm-global/lib/node_modules/openclaw");
        lay_package(&package, release.version());
        let bin = home.join(".npm-global/bin");
        fs::create_dir_all(&bin).unwrap();
        symlink("../lib/node_modules/openclaw/openclaw.mjs", bin.join("openclaw")).unwrap();

        let state = home.join(".openclaw");
        let agent = state.join("agents/main/agent");
        private(&agent.join("sessions"));
        write(&agent.join("auth-profiles.json"), &json!({"version": 1, "profiles": {}}));
        let mut homes = Vec::new();
        if release == Release::April {
            for bridge in [fixture.bridge(), fixture.cli_bridge()] {
                homes.push(lay_home(bridge, &issue_70511()));
            }
        } else {
            let codex_home = agent.join("codex-home");
            private(&codex_home.join("sessions"));
            fs::write(codex_home.join("installation_id"), "0f0f\n").unwrap();
            if release == Release::May {
                private(&codex_home.join("home"));
            }
            homes.push(codex_home);
            let acpx = state.join("acpx/codex-home");
            private(&acpx);
            homes.push(acpx);
        }
        if release >= Release::August {
            private(&home.join(".codex-coding-agent"));
        }
        homes.sort();
        OpenClaw { release, state, agent, package, bin, homes }
    }

    /// Writes `openclaw.json`.
    pub fn configure(&self, json5: &str) -> PathBuf {
        let path = self.state.join("openclaw.json");
        fs::write(&path, json5).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes an `openclaw.json` whose codex is `app_server`.
    pub fn configure_app_server(&self, app_server: &Value) -> PathBuf {
        let config = json!({"plugins": {"entries": {"codex": {"enabled": true, "config": {"appServer": app_server}}}}});
        self.configure(&format!("// mine\n{config:#}\n"))
    }

    /// A PATH on which its command is found, and what a system has.
    pub fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.bin.display())
    }
}

/// What 2026.4.21 wrote into each bridge (openclaw/openclaw#70511).
fn issue_70511() -> Vec<u8> {
    use super::tokens::{ACCOUNT, access_token};
    auth::issue_70511(&access_token(ACCOUNT, "bridge"), "rt.bridge-canary-0123456789")
}

/// A package of OpenClaw, whose command says that it was run and fails.
pub fn lay_package(package: &Path, version: &str) {
    fs::create_dir_all(package).unwrap();
    write(
        &package.join("package.json"),
        &json!({"name": "openclaw", "version": version, "bin": {"openclaw": "openclaw.mjs"}}),
    );
    let command = package.join("openclaw.mjs");
    super::write_executable(&command, "#!/bin/sh\necho 'openclaw was run' >&2\nexit 70\n");
}

/// A codex of this version, as Homebrew leaves it, with a link in `~/.local/bin`; its real path.
pub fn lay_codex(fixture: &Fixture, version: &str) -> PathBuf {
    let codex = fixture.root().join("brew/Cellar/codex").join(version).join("bin/codex");
    fs::create_dir_all(codex.parent().unwrap()).unwrap();
    super::write_executable(&codex, "#!/bin/sh\necho 'codex was run' >&2\nexit 70\n");
    let bin = fixture.home().join(".local/bin");
    fs::create_dir_all(&bin).unwrap();
    let _ = fs::remove_file(bin.join("codex"));
    symlink(&codex, bin.join("codex")).unwrap();
    codex
}

fn private(directory: &Path) {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).unwrap();
}

fn write(path: &Path, value: &Value) {
    fs::write(path, format!("{value:#}\n")).unwrap();
}
