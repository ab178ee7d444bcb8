//! The program that OpenClaw runs as codex.

use std::path::Path;

use codex_home::display::plain_text;
use codex_home::settings::Key;

use super::{Checks, Status};
use crate::disk;
use crate::doctor::app_server::{AppServerCommand, VARIABLE};
use crate::doctor::homes::JudgedHome;
use crate::doctor::wrapper::Wrapper;
use crate::openclaw::version::Version;

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
        let install = self.installation();
        let status = match (is_needed, &install) {
            (true, _) => Status::Fail,
            (false, Some(_)) => Status::Warn,
            (false, None) => Status::Ok,
        };
        let by = if configured.is_by_variable { VARIABLE } else { "appServer.command" };
        match &configured.command {
            // `openclaw-config` reports it.
            AppServerCommand::Unknown => {}
            AppServerCommand::Nothing { why, plugin_off } => {
                let status = if plugin_off.is_some() { Status::Warn } else { Status::Ok };
                let text = format!("OpenClaw starts no codex: {why}");
                self.known(ID, known, status, text, plugin_off.map(plugin_on));
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
                self.unknown(ID, text, None);
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
                match findings.own_way() {
                    // The person chose this codex, and OpenClaw logs it in.
                    Some(_) => self.known(ID, known, Status::Ok, text, None),
                    None => self.known(ID, known, status, text, install),
                }
            }
        }
    }

    /// Returns how to make OpenClaw run the right program; `None` if the launcher would leave everything alone there.
    fn installation(&self) -> Option<String> {
        let text = match &self.findings.openclaw.version {
            Some(_) if self.findings.own_way().is_some() => {
                "run `openclaw config unset plugins.entries.codex.config.appServer.command`"
            }
            Some(version) if version.needs_launcher() => "run `codex-home install`",
            Some(_) => return None,
            None => "run `openclaw --version`: the launcher is for 2026.4.20 and 2026.4.21",
        };
        Some(text.to_owned())
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
        let mut text =
            format!("OpenClaw runs `{}`, {}", self.path(path), plain_text(wrapper.description(self.person())));
        if findings.openclaw.is(Version::has_own_login) {
            text.push_str("; OpenClaw 2026.8.1 and later accept no script there");
        }
        let version = findings.openclaw.version.as_ref();
        let status = match &wrapper.missing {
            Some(_) => Status::Fail,
            // It may well log codex in, and what works is left alone.
            None if version.is_none_or(Version::needs_launcher) && !wrapper.only_starts_codex() => Status::Unknown,
            None => Status::Warn,
        };
        let settings = self.settings_of(wrapper).filter(|_| version.is_some() && findings.own_way().is_none());
        let lost = if settings.is_some() { wrapper.losses() } else { wrapper.lost(&findings.settings) };
        let mut help = match self.installation() {
            None => {
                format!("see that `{}` still does what you want: this OpenClaw logs codex in itself", self.path(path))
            }
            Some(help) if version.is_none() || findings.own_way().is_some() => help,
            Some(help) if lost.is_empty() => format!("{help}: the launcher does the same if that is right"),
            Some(help) => format!("{help}, which names what of it would be lost"),
        };
        help.extend(settings.map(|settings| format!("; before that {settings}")));
        // If what OpenClaw runs is not certain, the line says how to find out already.
        if status == Status::Unknown && findings.command.is_certain() {
            help = format!("run `codex-home verify`; if codex is not logged in, {help}");
        }
        self.known(ID, findings.command.known, status, text, Some(help));
    }

    /// Returns the home directory of a script that the gateway runs.
    fn person(&self) -> Option<&Path> {
        self.findings.settings.person_home.as_deref()
    }

    /// Returns the settings with which the launcher does what a wrapper does, if a dry run shows that they do.
    fn settings_of(&self, wrapper: &Wrapper) -> Option<String> {
        let findings = self.findings;
        let home = wrapper
            .directory(self.person())
            .filter(|home| findings.settings.personal_home.as_ref() != Some(home) && disk::is_directory(home));
        let home = home.map(|home| home.to_string_lossy().into_owned());
        let home = home.map(|home| self.set(Key::PersonalHome, &[home]));
        // What becomes codex by way of another program is not codex.
        let program = wrapper.program.as_deref().map(Path::new);
        let named = |path: &&Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("codex"));
        let codex = program.filter(|path| path.is_absolute()).filter(named).and_then(|path| self.set_codex(path));
        match (home, codex) {
            (Some(home), Some(codex)) => Some(format!("{home} and {codex}")),
            (home, codex) => home.or(codex),
        }
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
