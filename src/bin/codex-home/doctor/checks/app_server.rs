//! What OpenClaw runs as codex.

use std::path::Path;

use codex_home::display::plain_text;

use super::{Checks, Status};
use crate::doctor::app_server::AppServerCommand;
use crate::doctor::homes::JudgedHome;
use crate::doctor::wrapper::Wrapper;
use crate::openclaw::config::KEY;

const ID: &str = "app-server-command";

impl Checks<'_> {
    pub(super) fn app_server_command(&mut self) {
        let findings = self.findings;
        if !findings.openclaw.is_there() {
            return;
        }
        let is_needed = findings.homes.iter().any(JudgedHome::needs_launcher);
        let status = if is_needed { Status::Fail } else { Status::Warn };
        let install = Some(self.installation().to_owned());
        match &findings.command {
            // `openclaw-config` reports it.
            AppServerCommand::Unknown => {}
            AppServerCommand::Unset if findings.own_way().is_some() => self.ok(ID, "OpenClaw runs its own codex"),
            AppServerCommand::Unset => {
                self.add(ID, status, "OpenClaw runs codex itself, without the launcher", install);
            }
            AppServerCommand::Variable(text) => {
                let text = format!(
                    "`appServer.command` is `{}`, which depends on the gateway's environment and was not resolved",
                    plain_text(text)
                );
                self.warn(ID, text, format!("run `openclaw config get {KEY}`"));
            }
            AppServerCommand::Relative(text) => {
                let text = format!(
                    "`appServer.command` is `{}`, which OpenClaw does not expand: it must be an absolute path",
                    plain_text(text)
                );
                self.add(ID, Status::Fail, text, install);
            }
            AppServerCommand::Missing(path) => {
                let text = format!("`appServer.command` is `{}`, and there is no such program", self.path(path));
                self.add(ID, Status::Fail, text, install);
            }
            AppServerCommand::Launcher { path, is_versioned: false } => {
                self.ok(ID, format!("OpenClaw runs the launcher, `{}`", self.path(path)));
            }
            AppServerCommand::Launcher { path, is_versioned: true } => self.versioned_launcher(path),
            AppServerCommand::Wrapper(path, wrapper) => self.wrapper(path, wrapper),
            AppServerCommand::Program(path) => {
                self.add(ID, status, format!("OpenClaw runs `{}`, without the launcher", self.path(path)), install);
            }
        }
    }

    /// Returns how to make OpenClaw run what it should.
    fn installation(&self) -> &'static str {
        if self.findings.own_way().is_some() {
            "run `openclaw config unset plugins.entries.codex.config.appServer.command`"
        } else {
            "run `codex-home install`"
        }
    }

    fn versioned_launcher(&mut self, path: &Path) {
        let text = format!("OpenClaw runs the launcher as `{}`, a path that the next upgrade removes", self.path(path));
        let has_stable_path = self.findings.launcher.as_ref().is_some_and(|launcher| launcher.stable != path);
        let help = if has_stable_path {
            "run `codex-home install`"
        } else {
            "put a symlink to it on PATH, then run `codex-home install`"
        };
        self.warn(ID, text, help);
    }

    fn wrapper(&mut self, path: &Path, wrapper: &Wrapper) {
        let findings = self.findings;
        let mut text = format!("OpenClaw runs `{}`, {}", self.path(path), plain_text(wrapper.description()));
        if findings.version.as_ref().is_some_and(|version| version.has_own_login()) {
            text.push_str("; OpenClaw 2026.8.1 and later accept no script there");
        }
        let mut help = self.installation().to_owned();
        if findings.own_way().is_none() {
            help.push_str(": the launcher does the same if that is right");
            let is_default = ["$HOME/.codex", "${HOME}/.codex", "~/.codex", ""];
            if let Some(home) = wrapper.home.as_deref().filter(|home| !is_default.contains(home))
                && findings.settings.personal_home.as_deref() != Some(Path::new(home))
            {
                let home = plain_text(home);
                help.push_str(&format!("; for its home set `personal_home = \"{home}\"` in the settings"));
            }
            if let Some(program) = wrapper.program.as_deref().filter(|program| program.starts_with('/')) {
                help.push_str(&format!("; for its codex set `codex = \"{}\"`", plain_text(program)));
            }
        }
        self.warn(ID, text, help);
    }

    pub(super) fn app_server_args(&mut self) {
        let findings = self.findings;
        if let (true, Some(reason)) = (findings.command.is_launcher(), &findings.passed_through) {
            let text =
                format!("with the configured `appServer.args` the launcher passes every start through: {reason}");
            let help = "run `openclaw config unset plugins.entries.codex.config.appServer.args`";
            self.warn("app-server-args", text, help);
        }
    }
}
