//! What OpenClaw runs as codex.

use std::path::Path;

use codex_home::display::plain_text;

use super::{Checks, Status};
use crate::doctor::app_server::{AppServerCommand, VARIABLE};
use crate::doctor::homes::JudgedHome;
use crate::doctor::wrapper::Wrapper;

const ID: &str = "app-server-command";

impl Checks<'_> {
    pub(super) fn app_server_command(&mut self) {
        let findings = self.findings;
        if !findings.openclaw.is_there() {
            return;
        }
        let configured = &findings.command;
        let known = configured.known;
        let is_needed = findings.homes.iter().any(JudgedHome::needs_launcher);
        let status = if is_needed { Status::Fail } else { Status::Warn };
        let install = Some(self.installation().to_owned());
        let by = if configured.is_by_variable { VARIABLE } else { "appServer.command" };
        match &configured.command {
            // `openclaw-config` reports it.
            AppServerCommand::Unknown => {}
            AppServerCommand::PluginOff(setting) => {
                let text = format!("OpenClaw starts no codex: its codex plugin is off (`{setting}`)");
                self.known(ID, known, Status::Warn, text, Some(plugin_on(setting)));
            }
            AppServerCommand::Connects(address) => {
                let text = format!("OpenClaw starts no codex: it connects to `{}`", plain_text(address));
                self.known(ID, known, Status::Ok, text, None);
            }
            AppServerCommand::Unset if findings.own_way().is_some() => {
                self.known(ID, known, Status::Ok, "OpenClaw runs its own codex", None);
            }
            AppServerCommand::Unset => {
                self.known(ID, known, status, "OpenClaw runs codex itself, without the launcher", install);
            }
            AppServerCommand::Variable(text) => {
                let text = format!(
                    "`appServer.command` is `{}`, which depends on the gateway's environment and was not resolved",
                    plain_text(text)
                );
                self.unknown(ID, text);
            }
            AppServerCommand::Relative(text) => {
                let text = format!(
                    "`{by}` is `{}`, which OpenClaw does not expand: it must be an absolute path",
                    plain_text(text)
                );
                self.known(ID, known, Status::Fail, text, install);
            }
            AppServerCommand::Missing(path) => {
                let text = format!("`{by}` is `{}`, and there is no such program", self.path(path));
                self.known(ID, known, Status::Fail, text, install);
            }
            AppServerCommand::Launcher { path, is_versioned: false } => {
                let by = if configured.is_by_variable { format!(" (`{VARIABLE}`)") } else { String::new() };
                let text = format!("OpenClaw runs the launcher, `{}`{by}", self.path(path));
                self.known(ID, known, Status::Ok, text, None);
            }
            AppServerCommand::Launcher { path, is_versioned: true } => self.versioned_launcher(path),
            AppServerCommand::Wrapper(path, wrapper) => self.wrapper(path, wrapper),
            AppServerCommand::Program(path) => {
                let text = format!("OpenClaw runs `{}`, without the launcher", self.path(path));
                self.known(ID, known, status, text, install);
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
        self.known(ID, self.findings.command.known, Status::Warn, text, Some(help.to_owned()));
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
        self.known(ID, findings.command.known, Status::Warn, text, Some(help));
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

/// Returns how to turn the codex plugin on, if this setting turns it off.
fn plugin_on(setting: &str) -> String {
    match setting {
        "plugins.allow" => "if OpenClaw is to use codex, add `codex` to `plugins.allow`".to_owned(),
        "plugins.deny" => "if OpenClaw is to use codex, remove `codex` from `plugins.deny`".to_owned(),
        setting => format!("if OpenClaw is to use codex, run `openclaw config set {setting} true`"),
    }
}
