//! The personal home, and the homes that hosts inject.

use codex_home::decide::Decision;
use codex_home::failure::Failure;
use codex_home::home::auth::Login;
use codex_home::home::{AUTH_FILE, Kind};
use codex_home::reason::Reason;
use codex_home::settings::Key;

use super::{Checks, Status};
use crate::disk;
use crate::doctor::app_server::{AppServerCommand, Configured};
use crate::doctor::homes::{HomeFiles, JudgedHome};
use crate::hosts;
use crate::openclaw::Purpose;
use crate::openclaw::config::CLI_KEY;
use crate::openclaw::version::Version;

/// The command that logs OpenClaw 2026.8.1 and later in.
const OPENCLAW_LOGIN: &str = "openclaw models auth login --provider openai";

impl Checks<'_> {
    pub(super) fn personal_home(&mut self) {
        const ID: &str = "personal-home";
        let findings = self.findings;
        let personal = &findings.personal;
        let home = personal.home.as_deref().map(|home| format!("`{}`", self.path(home)));
        let home = home.unwrap_or_else(|| "your own home".to_owned());
        let reason = personal.reason();
        match personal.login {
            Login::Usable(_) => {
                let account = personal.account.as_ref().map(|account| format!(", account {account}"));
                self.ok(ID, format!("{home} can log in: {reason}{}", account.unwrap_or_default()));
            }
            Login::NotJudged(_) => self.ok(ID, format!("{home} cannot be judged from its files: {reason}")),
            Login::Broken(_) => {
                let help = personal.help.clone().unwrap_or_else(|| "run `codex login`".to_owned());
                self.warn(ID, format!("{home} cannot log in: {reason}"), help);
            }
        }
        self.files(&findings.personal_files);
    }

    /// Files that other users could read, and logins that codex could not renew.
    fn files(&mut self, files: &HomeFiles) {
        let open: Vec<_> = files.all.iter().filter(|file| file.mode & 0o077 != 0).collect();
        // A home that other users cannot enter protects its files.
        let is_closed = files
            .all
            .first()
            .is_some_and(|home| home.mode & 0o077 == 0 || disk::is_behind_closed_directory(&home.path));
        if let (Some(first), false) = (open.first(), is_closed) {
            let readable = open.iter().skip(1).filter(|file| file.mode & 0o044 != 0);
            let readable: Vec<_> = readable.map(|file| self.path(&file.path)).collect();
            let and_read = if readable.is_empty() {
                String::new()
            } else {
                format!(", and read `{}` there", readable.join("`, `"))
            };
            let shown = self.path(&first.path);
            let text = format!("other users may look into `{shown}` (mode {:03o}){and_read}", first.mode);
            self.warn("open-to-others", text, format!("run `chmod go= {}`", self.word(&first.path)));
        }
        let Some(auth) = files.renewed() else { return };
        let (shown, word) = (self.path(&auth.path), self.word(&auth.path));
        if auth.links > 1 {
            let text = format!("`{shown}` has a second hard link: codex loses the login when it renews it");
            let help = format!("run `find ~ -samefile {word}`, and remove the other one");
            self.warn("login-not-renewable", text, help);
        } else if !auth.is_writable {
            let text = format!("`{shown}` is read-only: codex loses the login when it renews it");
            self.warn("login-not-renewable", text, format!("run `chmod u+w {word}`"));
        }
    }

    pub(super) fn homes(&mut self) {
        let findings = self.findings;
        for home in findings.homes.iter().filter(|home| home.is_used != Some(false)) {
            let before = self.all.len();
            self.symlinked_bridge(home);
            self.stale_auth_file(home);
            if findings.problems.is_empty() {
                self.home(home);
            }
            if self.all.len() == before {
                self.fine(home);
            }
            if home.inspection.kind != Kind::Personal {
                self.files(&home.files);
            }
        }
        for home in findings.homes.iter().filter(|home| home.is_used == Some(false)) {
            self.ok("homes", format!("`{}` is left over: this OpenClaw does not use it", self.path(&home.path)));
        }
    }

    /// OpenClaw 2026.4.20–4.22: `Private secret file … must not be a symlink.`, before it starts anything.
    fn symlinked_bridge(&mut self, home: &JudgedHome) {
        let writes = self.findings.openclaw.version.as_ref().is_none_or(|version| version.writes_bridges());
        let is_bridge = matches!(home.purpose, Some(Purpose::HarnessAuth | Purpose::CliAuth | Purpose::AcpAuth));
        for link in home.symlinks.iter().filter(|_| writes && is_bridge) {
            let text = format!(
                "`{}` is a symlink: OpenClaw 2026.4.20 to 2026.4.22 then fails before it starts anything",
                self.path(link)
            );
            self.fail("linked-bridge", text, format!("run `rm {}`", self.word(link)));
        }
    }

    /// OpenClaw 2026.8.1 and later: `A Codex auth file exists at …`, before it starts anything.
    fn stale_auth_file(&mut self, home: &JudgedHome) {
        let has_own_login = self.findings.openclaw.is(Version::has_own_login);
        if home.purpose != Some(Purpose::Agent) || !home.has_auth || !has_own_login {
            return;
        }
        let (auth, old) = (home.path.join(AUTH_FILE), home.path.join("auth.json.old"));
        let text = format!(
            "`{}` exists: OpenClaw 2026.8.1 and later never read it, and fail over it if they have no login of their own",
            self.path(&auth)
        );
        let help = format!("run `{OPENCLAW_LOGIN}`, then `mv {} {}`", self.word(&auth), self.word(&old));
        self.fail("stale-auth-file", text, help);
    }

    fn home(&mut self, home: &JudgedHome) {
        let findings = self.findings;
        let is_cli = home.purpose == Some(Purpose::CliAuth);
        let is_launcher = self.runs_launcher(home);
        if home.purpose.is_some() && !is_cli && findings.command.starts_nothing() {
            self.without_a_start(home);
            return;
        }
        let launcher = findings.launcher.as_ref().map(|launcher| self.word(&launcher.stable)).unwrap_or_default();
        let completes = findings.openclaw.is(Version::borrows_id_token);
        let install = |would: &str| match (is_cli, completes) {
            (true, _) => format!("run `openclaw config set {CLI_KEY} {launcher}`: the launcher would {would}"),
            (false, true) => "run `codex login`: this OpenClaw takes what is missing from `~/.codex`".to_owned(),
            (false, false) => format!("run `codex-home install`: the launcher would {would}"),
        };
        match &home.start.decision {
            Decision::Keep { reason, .. } => self.kept(home, reason),
            Decision::Refuse(failure @ Failure::NoUsableHome(_)) if is_launcher => {
                self.failure("home-refused", Status::Fail, failure);
            }
            // The check `codex` says why nothing is started.
            _ if is_launcher => {}
            Decision::Redirect(redirect) => {
                let to = self.path(&redirect.shown);
                self.cannot_log_in(home, install(&format!("use `{to}` instead")));
            }
            Decision::Repair(_) => self.cannot_log_in(home, install("repair it")),
            Decision::Refuse(failure @ Failure::NoUsableHome(_)) => {
                let help = codex_home::describe::help(failure, self.person_home);
                self.cannot_log_in(home, help);
            }
            Decision::Refuse(_) if home.is_broken_bridge() => {
                self.cannot_log_in(home, "make codex available, then run `codex-home install`".to_owned());
            }
            Decision::Refuse(_) => {}
        }
    }

    /// Returns what OpenClaw runs in a home.
    fn configured(&self, home: &JudgedHome) -> &Configured {
        // `codex exec` has a command of its own.
        let is_cli = home.purpose == Some(Purpose::CliAuth);
        if is_cli { &self.findings.cli_command } else { &self.findings.command }
    }

    /// Returns whether OpenClaw is known to run the launcher in a home.
    fn runs_launcher(&self, home: &JudgedHome) -> bool {
        let configured = self.configured(home);
        configured.is_launcher() && configured.is_certain()
    }

    /// A home of an OpenClaw that starts no codex.
    fn without_a_start(&mut self, home: &JudgedHome) {
        let shown = self.path(&home.path);
        if matches!(home.purpose, Some(Purpose::HarnessAuth | Purpose::Agent)) {
            let text = format!("`{shown}` is not used: OpenClaw starts no codex");
            self.known("homes", self.findings.command.known, Status::Ok, text, None);
        } else if home.is_broken_bridge() {
            let text = format!("`{shown}` cannot log in: {}; what is run there is not known", home.inspection.reason());
            self.add("home-cannot-log-in", Status::Unknown, text, None);
        }
    }

    fn cannot_log_in(&mut self, home: &JudgedHome, help: String) {
        const ID: &str = "home-cannot-log-in";
        let findings = self.findings;
        let is_cli = home.purpose == Some(Purpose::CliAuth);
        let configured = self.configured(home);
        let mut text = format!("`{}` cannot log in: {}", self.path(&home.path), home.inspection.reason());
        if is_cli && !findings.openclaw.readable_config().is_some_and(|config| config.uses_cli) {
            text.push_str("; no agent is configured to use it (`codex-cli`)");
            self.add(ID, Status::Warn, text, Some(format!("if one does, {help}")));
            return;
        }
        // A script may use another home, or bring a login.
        if let AppServerCommand::Wrapper(_, wrapper) = &configured.command
            && !wrapper.only_starts_codex()
        {
            text.push_str("; whether the script that OpenClaw runs uses it is not known");
            self.add(ID, Status::Unknown, text, proof(home));
            return;
        }
        // Whether that stops the bot depends on what OpenClaw runs, and on whether this OpenClaw uses the home.
        if configured.is_certain() && home.is_used.is_some() {
            self.fail(ID, text, help);
            return;
        }
        text.push_str(match home.is_used {
            Some(_) => "; what OpenClaw runs there is not known",
            None => "; whether this OpenClaw uses it is not known",
        });
        self.unknown(ID, text, Some(format!("if the bot does not answer, {help}")));
    }

    /// A home that is kept although it cannot log in, and that no host logs in later.
    fn kept(&mut self, home: &JudgedHome, why: &Reason) {
        const ID: &str = "home-left-alone";
        let inspection = &home.inspection;
        let is_broken = matches!(inspection.login, Login::Broken(_));
        // In these the host logs in after the start, or the person does.
        let is_logged_in_later = matches!(home.purpose, Some(Purpose::Agent | Purpose::CodingAgent));
        if is_logged_in_later {
            return;
        }
        let shown = self.path(&home.path);
        if inspection.kind == Kind::Bridge && matches!(inspection.login, Login::NotJudged(_)) {
            let text = format!("`{shown}` is left as it is, and whether codex can log in there is not known: {why}");
            self.add(ID, Status::Unknown, text, proof(home));
            return;
        }
        if !is_broken {
            return;
        }
        if home.is_broken_bridge() {
            let text = format!("`{shown}` cannot log in ({}) and is left as it is: {why}", inspection.reason());
            self.add(ID, Status::Unknown, text, proof(home));
            return;
        }
        let Some(risk) = hosts::risk(&home.path, inspection.kind) else { return };
        let text = format!("`{shown}` cannot log in and is left as it is: {}", inspection.reason());
        let listed = self.findings.settings.bridges.iter().map(ToString::to_string);
        let bridges: Vec<_> = listed.chain([home.path.to_string_lossy().into_owned()]).collect();
        let help =
            format!("to have it treated as a bridge, {}; what that risks: {risk}", self.set(Key::Bridges, &bridges));
        self.warn(ID, text, help);
    }

    /// Adds the line about a home that nothing is wrong with, or that the launcher handles.
    fn fine(&mut self, home: &JudgedHome) {
        let shown = self.path(&home.path);
        let reason = home.inspection.reason();
        let text = match (&home.start.decision, &home.inspection.login) {
            // The check `codex` says why nothing is started.
            (Decision::Refuse(_), _) => return,
            (Decision::Redirect(redirect), _) => {
                format!("`{shown}` is redirected to `{}`: {reason}", self.path(&redirect.shown))
            }
            (Decision::Repair(_), _) => format!("`{shown}` is repaired when codex starts there: {reason}"),
            (Decision::Keep { .. }, Login::Usable(_)) => format!("`{shown}` can log in: {reason}"),
            (Decision::Keep { reason, .. }, _) => format!("`{shown}` is left as it is: {reason}"),
        };
        self.ok("homes", text);
    }
}

/// Returns how to find out whether codex is logged in with this home. `verify` starts no `codex exec`.
fn proof(home: &JudgedHome) -> Option<String> {
    (home.purpose != Some(Purpose::CliAuth)).then(|| "run `codex-home verify`".to_owned())
}
