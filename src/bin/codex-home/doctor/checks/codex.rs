//! The codex that would be started: here, and by the gateway's service.

use codex_home::codex::Codex;
use codex_home::display::plain_text;
use semver::Version as Number;

use super::{Checks, Status};
use crate::openclaw::version::is_accepted;

/// Returns the version with a space before it; nothing if it is not known.
fn version_of(codex: &Codex) -> String {
    codex.version().map(|version| format!(" {}", plain_text(version))).unwrap_or_default()
}

impl Checks<'_> {
    pub(super) fn codex(&mut self) {
        let findings = self.findings;
        let codex = match &findings.codex {
            Ok(codex) => codex,
            Err(failure) => {
                // Without the launcher, OpenClaw may bring its own.
                let is_fatal = findings.command.is_launcher() || !findings.openclaw.is_there();
                self.failure("codex", if is_fatal { Status::Fail } else { Status::Warn }, failure);
                return;
            }
        };
        let text = format!("codex{} is `{}`, found by {}", version_of(codex), self.path(&codex.path), codex.found_by);
        self.ok("codex", text);
        for skipped in &codex.skipped {
            let text = format!("another codex is skipped, `{}`: {}", self.path(&skipped.path), skipped.unfit);
            self.warn("codex-skipped", text, skipped.help(self.person_home, false));
        }
        self.codex_writable_by_others();
        self.codex_minimum(codex);
    }

    fn codex_writable_by_others(&mut self) {
        let findings = self.findings;
        let Some((path, owner)) = &findings.codex_writable_by_others else { return };
        let (shown, word) = (self.path(path), self.word(path));
        let (text, help) = if [0, findings.uid].contains(owner) {
            let sudo = if *owner == findings.uid { "" } else { "sudo " };
            (
                format!("other users may write to `{shown}`, and so replace the codex that is started"),
                format!("run `{sudo}chmod go-w {word}`"),
            )
        } else {
            (
                format!("`{shown}` belongs to another user, who may replace the codex that is started"),
                format!("run `sudo chown \"$(id -un)\" {word}`, or install a codex of your own"),
            )
        };
        self.warn("codex-writable-by-others", text, help);
    }

    /// Whether OpenClaw accepts its version.
    fn codex_minimum(&mut self, codex: &Codex) {
        const ID: &str = "codex-gate";
        let Some(openclaw) = &self.findings.version else { return };
        let Some(minimum) = openclaw.lowest_codex() else { return };
        let needs = if openclaw.is_beyond_known() {
            format!("OpenClaw {openclaw}, which is newer than this program, needs at least codex {minimum}")
        } else {
            format!("OpenClaw {openclaw} needs codex {minimum} or later")
        };
        match codex.version().as_deref().map(Number::parse) {
            Some(Ok(version)) if is_accepted(&version, &minimum) => {
                self.ok(ID, format!("{needs}, and this one is{}", version_of(codex)));
            }
            Some(Ok(_)) => {
                let help = match codex.update(self.person_home) {
                    Some(command) => format!("run `{command}`"),
                    None => {
                        "update codex as it was installed, or set `codex` in the settings to a later one".to_owned()
                    }
                };
                let text = format!("{needs}, and this one is{}", version_of(codex));
                self.add(ID, self.fail_if_launcher_runs(), text, Some(help));
            }
            _ => {
                let text = format!("{needs}, and the version of this one is not known");
                self.warn(ID, text, format!("run `{} --version`", self.word(&codex.path)));
            }
        }
    }

    pub(super) fn codex_under_service(&mut self) {
        const ID: &str = "codex-under-service";
        let findings = self.findings;
        let Ok(codex) = &findings.codex else { return };
        let service = match &findings.openclaw.service.file {
            Some(file) => format!("the gateway's service (`{}`)", self.path(file)),
            None => "a gateway that runs as a service".to_owned(),
        };
        let settings = match &findings.settings_of_service {
            Some(file) => format!("in `{}`", self.path(file)),
            None => "in the settings".to_owned(),
        };
        let path = self.path(&codex.path);
        let help = format!("set `codex = \"{path}\"` {settings}");
        match &findings.codex_of_service {
            Ok(other) if other.path == codex.path => self.ok(ID, format!("{service} finds the same codex")),
            Ok(other) => {
                let (other, version) = (self.path(&other.path), version_of(other));
                self.warn(ID, format!("{service} finds another codex, `{other}`{version}, not `{path}`"), help);
            }
            Err(_) => {
                self.add(ID, self.fail_if_launcher_runs(), format!("{service} finds no codex on its PATH"), Some(help));
            }
        }
    }
}
