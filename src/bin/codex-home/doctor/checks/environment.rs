//! The differences between this shell and the gateway, and the last starts.

use std::path::Path;

use codex_home::display::plain_text;
use codex_home::settings::Key;

use super::{Checks, Status};

impl Checks<'_> {
    pub(super) fn environment(&mut self) {
        let findings = self.findings;
        if !findings.only_here.is_empty() {
            let names = findings.only_here.join("`, `");
            let text = format!("`{names}` is set here but not for the gateway, so the launcher there lacks it");
            // The other variables have no key: the path of the settings file, and the level of stderr.
            let keys = Key::ALL.into_iter().filter(|key| findings.only_here.iter().any(|name| name == key.variable()));
            let commands: Vec<_> = keys.map(|key| self.set(key, &findings.values_here(key))).collect();
            let help = match commands.as_slice() {
                [] => "set it where the gateway is started".to_owned(),
                commands => commands.join(", and "),
            };
            self.warn("variables-only-here", text, help);
        }
        if findings.settings.person_home.as_deref() == Some(Path::new("/")) {
            let known = findings.openclaw.gateway.known("HOME");
            let text = "`HOME` is `/`, so codex's own home would be `/.codex`: this user has no home directory";
            let help = "set `HOME` where the gateway is started to a directory of its user";
            self.known("home-directory", known, Status::Warn, text, Some(help.to_owned()));
        }
        if !findings.login_variables.is_empty() {
            let names = findings.login_variables.join("`, `");
            let known = findings.openclaw.gateway.known(findings.login_variables.first().copied().unwrap_or_default());
            let (place, help) = match known.is_certain() {
                true => ("for the gateway", "if codex is not meant to use it, unset it where the gateway is started"),
                false => ("here", "if the gateway does not have it, unset it and run this again"),
            };
            let text = format!(
                "`{names}` is set {place}: if codex uses it, no home matters, and the homes were judged accordingly"
            );
            self.warn("login-in-environment", text, help);
        }
    }

    pub(super) fn journal(&mut self) {
        let starts = &self.findings.openclaw.gateway.starts;
        // A successful start shows that earlier failures are over.
        let succeeded = starts.iter().take_while(|start| start.error.is_none()).count();
        match (succeeded, starts.first().and_then(|start| Some((&start.time, start.error.as_ref()?)))) {
            (0, None) => self.never_started(),
            (1, None) => self.ok("journal", "the last start succeeded"),
            (count, None) => self.ok("journal", format!("the last {count} starts succeeded")),
            (_, Some((time, error))) => {
                let time = plain_text(time.get(..16).unwrap_or(time).replace('T', " "));
                let failed = starts.iter().take_while(|start| start.error.is_some()).count();
                let which = match failed {
                    1 => format!("the last start failed, at {time} UTC"),
                    _ => format!("the last {failed} starts failed, the latest at {time} UTC"),
                };
                self.warn("journal", format!("{which}: {}", plain_text(error)), "run `codex-home log`");
            }
        }
    }

    /// The launcher is installed, and OpenClaw has never started it.
    fn never_started(&mut self) {
        let findings = self.findings;
        let Some(journal) = findings.journal.as_deref().filter(|_| findings.command.is_launcher()) else { return };
        let known = findings.command.known.and(findings.openclaw.gateway.known("XDG_STATE_HOME"));
        let text = format!(
            "OpenClaw is to run the launcher, and has never started it since: no start is recorded in `{}`",
            self.path(journal)
        );
        let help = "send the bot a message; if none is recorded then, see that the codex plugin is on (`openclaw plugins \
                    list`) and that the agent uses the codex harness: an old session may keep the harness that it began with";
        let status = if known.is_certain() { Status::Warn } else { Status::Unknown };
        self.add("never-started", status, text, Some(help.to_owned()));
    }
}
