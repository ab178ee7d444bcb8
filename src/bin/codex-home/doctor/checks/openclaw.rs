//! OpenClaw: its installation, its configuration, and what it can do without the launcher.

use codex_home::display::plain_text;

use super::{Checks, Status};
use crate::doctor::app_server::AppServerCommand;
use crate::openclaw::config::{Includes, KEY};

impl Checks<'_> {
    pub(super) fn own_way(&mut self) {
        const ID: &str = "openclaw-own-way";
        let findings = self.findings;
        let (Some(version), Some(way)) = (&findings.openclaw.version, findings.own_way()) else { return };
        let scope = findings.openclaw.readable_config().and_then(|config| config.home_scope.as_deref());
        match scope {
            Some("user") if version.has_broken_home_scope() => {
                let text = format!("`homeScope: \"user\"` does not work in OpenClaw {version}");
                self.fail(ID, text, "update OpenClaw");
            }
            Some("user") => self.ok(ID, "OpenClaw shares your own home itself (`homeScope: \"user\"`)"),
            _ if matches!(findings.command.command, AppServerCommand::Unset) => {
                let text = format!("OpenClaw {version} can log codex in without a launcher");
                self.add(ID, Status::Ok, text, Some(format!("if a login fails, {way}")));
            }
            _ => {
                let text = format!("OpenClaw {version} can log codex in itself, which is better than a launcher");
                self.warn(ID, text, way);
            }
        }
    }

    pub(super) fn openclaw(&mut self) {
        const ID: &str = "openclaw";
        let findings = self.findings;
        let openclaw = &findings.openclaw;
        let state = openclaw.gateway.state.as_deref().map(|state| self.path(state)).unwrap_or_default();
        match (&openclaw.package, &findings.openclaw.version) {
            _ if !openclaw.is_there() => {
                let text = "OpenClaw is not found: no `openclaw` on PATH, no package, no state directory";
                self.warn(ID, text, "if its state directory is elsewhere, set `OPENCLAW_STATE_DIR`");
            }
            (Some(package), Some(version)) if !openclaw.gateway.known.is_certain() => {
                let root = self.path(&package.root);
                let text = format!(
                    "OpenClaw {version} in `{root}`; where it has its state is not known: there is no `{state}`"
                );
                self.unknown(ID, text, None);
            }
            (Some(package), Some(version)) => {
                let root = self.path(&package.root);
                self.ok(ID, format!("OpenClaw {version} in `{root}`, its state in `{state}`"));
            }
            (Some(package), None) => {
                let (root, version) = (self.path(&package.root), plain_text(&package.version));
                let text = format!("OpenClaw in `{root}` has no readable version (`{version}`)");
                self.warn(ID, text, "reinstall OpenClaw");
            }
            (None, _) => {
                let text = format!(
                    "OpenClaw has its state in `{state}`, but its package is not found, so its version is not known"
                );
                self.unknown(ID, text, None);
            }
        }
    }

    pub(super) fn openclaw_config(&mut self) {
        let findings = self.findings;
        let openclaw = &findings.openclaw;
        let Some(file) = openclaw.config_file.as_deref() else { return };
        let shown = self.path(file);
        match &openclaw.config {
            Err(cause) => {
                let text = format!("`{shown}` cannot be used: {}", plain_text(cause));
                let help = format!("correct `{}`, then run `openclaw config validate`", self.word(file));
                self.fail("openclaw-config", text, help);
            }
            Ok(Some(config)) if config.unfollowed == Includes::AroundCodex => {
                let text = format!(
                    "`{shown}` includes other files (`$include`) that could not be followed and may hold more settings for codex"
                );
                let help = format!("run `openclaw config get {KEY}`");
                self.add("openclaw-config", Status::Unknown, text, Some(help));
            }
            Ok(_) => {}
        }
        for unexamined in &openclaw.unexamined {
            let text = format!("not examined: {}", plain_text(unexamined));
            self.warn("openclaw-unseen", text, "run `codex-home inspect DIR` on those homes");
        }
        let scope = openclaw.readable_config().and_then(|config| config.home_scope.as_deref());
        if let (Some(_), Some(version)) = (scope, &findings.openclaw.version)
            && !version.has_home_scope()
        {
            let text = format!(
                "`appServer.homeScope` is set, but OpenClaw {version} does not know it, so its gateway does not start"
            );
            let help = "run `openclaw config unset plugins.entries.codex.config.appServer.homeScope`";
            self.fail("home-scope", text, help);
        }
    }
}
