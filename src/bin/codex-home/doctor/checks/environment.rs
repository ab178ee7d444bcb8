//! What differs between this shell and the gateway, and how the last starts went.

use std::path::Path;

use codex_home::display::plain_text;
use codex_home::settings::lexically_normal;

use super::Checks;

impl Checks<'_> {
    pub(super) fn environment(&mut self) {
        let findings = self.findings;
        if !findings.only_here.is_empty() {
            let names = findings.only_here.join("`, `");
            let text =
                format!("`{names}` is set here but not in the gateway's service, so the launcher there lacks it");
            let help = match &findings.settings_of_service {
                Some(file) => format!("set it in `{}`", self.path(file)),
                None => "set it in the settings file".to_owned(),
            };
            self.warn("variables-only-here", text, help);
        }
        if !findings.login_variables.is_empty() {
            let names = findings.login_variables.join("`, `");
            let text = format!(
                "`{names}` is set here: if codex uses it, no home matters, and the homes were judged accordingly"
            );
            self.warn("login-in-environment", text, "if the gateway does not have it, unset it and run this again");
        }
    }

    /// The service's OpenClaw is not the one that was examined.
    pub(super) fn service(&mut self) {
        let openclaw = &self.findings.openclaw;
        let Some(file) = &openclaw.service.file else { return };
        for (name, ours) in [("OPENCLAW_STATE_DIR", &openclaw.state), ("OPENCLAW_CONFIG_PATH", &openclaw.config_file)] {
            let value = openclaw.service.env.get(name);
            let Some(theirs) = value.map(|path| lexically_normal(Path::new(path.trim()))) else { continue };
            if ours.as_deref() != Some(&theirs) && theirs.is_absolute() {
                let (file, shown) = (self.path(file), self.path(&theirs));
                let text =
                    format!("the gateway's service (`{file}`) has `{name}={shown}`, which is not what was examined");
                self.warn("service-elsewhere", text, format!("run `{name}={} codex-home doctor`", self.word(&theirs)));
            }
        }
    }

    pub(super) fn journal(&mut self) {
        let starts = &self.findings.starts;
        let failed: Vec<_> = starts.iter().filter_map(|start| Some((&start.time, start.error.as_ref()?))).collect();
        match (starts.len(), failed.last()) {
            (0, None) => {}
            (1, None) => self.ok("journal", "the last start succeeded"),
            (count, None) => self.ok("journal", format!("the last {count} starts succeeded")),
            (count, Some((time, error))) => {
                let time = plain_text(time.get(..16).unwrap_or(time).replace('T', " "));
                let failed = failed.len();
                let text = format!(
                    "{failed} of the last {count} starts failed, the latest at {time} UTC: {}",
                    plain_text(error)
                );
                self.warn("journal", text, "run `codex-home log`");
            }
        }
    }
}
