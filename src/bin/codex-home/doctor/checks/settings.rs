//! Our settings, and the launcher itself.

use codex_home::settings::FILE_VARIABLE;

use super::{Checks, Status};

impl Checks<'_> {
    pub(super) fn settings(&mut self) {
        let findings = self.findings;
        for problem in &findings.problems {
            self.failure("settings", Status::Fail, problem);
        }
        if let (true, Some(file)) = (findings.settings.file_is_missing, &findings.settings.file) {
            let text = format!("`{FILE_VARIABLE}` names `{}`, and there is no such file", self.path(file));
            self.warn("settings-file", text, format!("create that file, or unset `{FILE_VARIABLE}`"));
        }
    }

    pub(super) fn launcher(&mut self) {
        match &self.findings.launcher {
            Some(launcher) if launcher.is_setuid => {
                let text =
                    format!("the launcher `{}` is setuid or setgid: it starts nothing", self.path(&launcher.path));
                self.fail("launcher", text, format!("run `chmod ug-s {}`", self.word(&launcher.path)));
            }
            Some(launcher) => {
                self.ok("launcher", format!("the launcher is `{}`", self.path(&launcher.stable)));
            }
            None => {
                let text = "the launcher `codex-home-shim` is neither beside this program nor on PATH";
                self.fail("launcher", text, "reinstall codex-home-shim");
            }
        }
    }
}
