//! The codex that would be started: here, and by the gateway.

use std::path::{Path, PathBuf};

use codex_home::codex::Codex;
use codex_home::codex::locations::INSTALL;
use codex_home::display::plain_text;
use codex_home::settings::Key;

use super::{Checks, Status};
use crate::codex::{Gate, at, gate, passes, stable};

/// Returns the version with a space before it; nothing if it is not known.
fn version_of(codex: &Codex) -> String {
    codex.version().map(|version| format!(" {}", plain_text(version))).unwrap_or_default()
}

/// Returns the npm package that holds a codex, if one does.
fn package(codex: &Codex) -> Option<PathBuf> {
    codex.path.ancestors().find(|path| path.ends_with("@openai/codex")).map(Path::to_owned)
}

impl Checks<'_> {
    pub(super) fn codex(&mut self) {
        let findings = self.findings;
        let codex = match &findings.codex {
            Ok(codex) => codex,
            // Only the codex that the gateway finds counts.
            Err(_) if findings.codex_of_gateway.is_ok() && findings.codex_known.is_certain() => return,
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
    }

    fn codex_writable_by_others(&mut self) {
        let findings = self.findings;
        let Some((path, owner)) = &findings.codex_writable_by_others else { return };
        let (shown, word) = (self.path(path), self.word(path));
        let uid = findings.start.uid;
        let (text, help) = if [0, uid].contains(owner) {
            let sudo = if *owner == uid { "" } else { "sudo " };
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

    /// Whether OpenClaw accepts the version of the codex that the gateway would start.
    pub(super) fn codex_gate(&mut self) {
        const ID: &str = "codex-gate";
        let findings = self.findings;
        let launchers = findings.codex_of_gateway.as_ref().ok();
        let Some((openclaw, codex)) =
            findings.openclaw.version.as_ref().zip(findings.codex_of_openclaw.as_ref().or(launchers))
        else {
            return;
        };
        let Some(minimum) = openclaw.lowest_codex().filter(|_| !findings.command.starts_nothing()) else { return };
        let needs = if openclaw.is_beyond_known() {
            format!("OpenClaw {openclaw}, which is newer than this program, needs at least codex {minimum}")
        } else {
            format!("OpenClaw {openclaw} needs codex {minimum} or later")
        };
        let is_here = findings.codex.as_ref().is_ok_and(|here| here.path == codex.path);
        let which =
            if is_here { "this one".to_owned() } else { format!("the gateway's, `{}`,", self.path(&codex.path)) };
        // A codex that is found here, and with a service's usual PATH, is the gateway's too.
        let known = match findings.codex_of_openclaw {
            Some(_) => findings.command.known,
            None => self.codex_known(),
        };
        match gate(codex, Some(openclaw)) {
            Gate::Passes => {
                self.known(ID, known, Status::Ok, format!("{needs}, and {which} is{}", version_of(codex)), None);
            }
            Gate::Fails(_) => {
                let here = findings.codex.as_ref().ok().filter(|here| !is_here && passes(here, Some(openclaw)));
                let set = here.and_then(|here| self.stable_codex(here)).and_then(|stable| self.set_codex(&stable));
                let update = || codex.update(self.person_home).map(|command| format!("run `{command}`"));
                let help = set.or_else(update).unwrap_or_else(|| "update codex as it was installed".to_owned());
                let text = format!("{needs}, and {which} is{}", version_of(codex));
                let is_started = findings.command.is_launcher() || findings.codex_of_openclaw.is_some();
                let status = if is_started { Status::Fail } else { Status::Warn };
                self.known(ID, known, status, text, Some(help));
            }
            Gate::Unknown(_) => {
                let text = format!("{needs}, and the version of {} is not known", which.trim_end_matches(','));
                let help = format!("run `{} --version`", self.word(&codex.program));
                self.add(ID, Status::Unknown, text, Some(help));
            }
        }
    }

    pub(super) fn codex_under_service(&mut self) {
        const ID: &str = "codex-under-service";
        let findings = self.findings;
        let gateway = &findings.openclaw.gateway;
        let known = findings.codex_known;
        let which = match (gateway.pid, &gateway.service) {
            (Some(pid), _) => format!("the running gateway (process {pid})"),
            (None, Some(service)) => format!("the gateway's service (`{}`)", self.path(&service.file)),
            (None, None) => "the gateway".to_owned(),
        };
        let (codex, other) = match (&findings.codex, &findings.codex_of_gateway) {
            (Ok(codex), _) => (codex, &findings.codex_of_gateway),
            (Err(_), Ok(other)) => {
                let found = format!("{which} finds codex{}, `{}`", version_of(other), self.path(&other.path));
                self.known(ID, known, Status::Ok, found, None);
                return;
            }
            (Err(_), Err(_)) => return,
        };
        let path = self.path(&codex.path);
        let stable = self.stable_codex(codex);
        match other {
            Ok(other) if other.path == codex.path => {
                self.known(ID, known, Status::Ok, format!("{which} finds the same codex"), None);
            }
            Ok(other) => {
                let root = package(other).unwrap_or_else(|| other.path.clone());
                let set = stable.and_then(|stable| self.set_codex(&stable));
                let help = set.unwrap_or_else(|| format!("update or remove `{}`", self.path(&root)));
                let (other, version) = (self.path(&other.path), version_of(other));
                let text = format!("{which} finds another codex, `{other}`{version}, not `{path}`");
                self.known(ID, known, Status::Warn, text, Some(help));
            }
            Err(_) => {
                let set = stable.and_then(|stable| self.set_codex(&stable));
                let help = set.unwrap_or_else(|| format!("run `{INSTALL}`"));
                let text = format!("{which} finds no codex that it can start");
                self.known(ID, known, self.fail_if_launcher_runs(), text, Some(help));
            }
        }
    }

    /// Returns the advice to name this codex in the settings, if the gateway could start it and OpenClaw would accept it.
    pub(super) fn set_codex(&self, codex: &Path) -> Option<String> {
        let findings = self.findings;
        let found = at(codex, &findings.start, &findings.settings)?;
        let is_enough = passes(&found, findings.openclaw.version.as_ref());
        is_enough.then(|| self.set(Key::Codex, &[codex.to_string_lossy().into_owned()]))
    }

    /// Returns a path to a codex that an upgrade does not remove: itself, or a symlink to it in an installer's directory.
    fn stable_codex(&self, codex: &Codex) -> Option<PathBuf> {
        let findings = self.findings;
        let paths: Vec<_> = [&codex.path].into_iter().chain(&findings.codex_links).cloned().collect();
        stable(codex, &paths, &findings.start, &findings.settings)
    }
}
