//! WHAT IS RIGHT AND WHAT IS NOT: what was looked at → lines, each with what mends it.
//!
//! Pure: the same [`Seen`], the same lines. The ids are a public contract: they are added, never renamed.

use std::path::{Path, PathBuf};

use codex_home::home::Kind;
use codex_home::home::auth::Usable;
use codex_home::settings::plain;
use codex_home::words::{plain_text, shell_word, short_path};
use semver::Version as Number;

use super::look::{Command, Home, Seen};
use crate::hosts;
use crate::openclaw::MadeFor;
use crate::openclaw::config::{Includes, KEY};
use crate::openclaw::version::{Version, passes};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is right.
    Ok,
    /// Somebody should look at it.
    Warn,
    /// Something does not work.
    Fail,
}

impl Status {
    /// As it is written in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub id: &'static str,
    /// How it is.
    pub status: Status,
    /// In words.
    pub text: String,
    /// What mends it.
    pub help: Option<String>,
}

/// How somebody logs OpenClaw 2026.8.1 and later in.
const LOGIN: &str = "openclaw models auth login --provider openai";

/// Every line, the worst first.
///
/// In the paths `tilde` is written as `~`; for programs it is `None`.
pub fn all(seen: &Seen, tilde: Option<&Path>) -> Vec<Check> {
    let mut checks = Checks { seen, tilde, all: Vec::new() };
    checks.settings();
    checks.own_way();
    checks.openclaw();
    checks.app_server();
    checks.launcher();
    checks.codex();
    checks.personal();
    checks.homes();
    checks.environment();
    checks.service();
    checks.journal();
    let mut all = checks.all;
    all.sort_by_key(|check| std::cmp::Reverse(check.status));
    all
}

/// What OpenClaw offers by itself, in words; `None` where it offers nothing.
pub fn own_way(seen: &Seen) -> Option<&'static str> {
    seen.version.as_ref().and_then(Version::own_way)
}

struct Checks<'a> {
    seen: &'a Seen,
    tilde: Option<&'a Path>,
    all: Vec<Check>,
}

impl Checks<'_> {
    fn say(&mut self, id: &'static str, status: Status, text: impl Into<String>, help: Option<String>) {
        self.all.push(Check { id, status, text: text.into(), help });
    }

    fn ok(&mut self, id: &'static str, text: impl Into<String>) {
        self.say(id, Status::Ok, text, None);
    }

    fn warn(&mut self, id: &'static str, text: impl Into<String>, help: impl Into<String>) {
        self.say(id, Status::Warn, text, Some(help.into()));
    }

    fn fail(&mut self, id: &'static str, text: impl Into<String>, help: impl Into<String>) {
        self.say(id, Status::Fail, text, Some(help.into()));
    }

    /// A path in a sentence.
    fn path(&self, path: &Path) -> String {
        short_path(path, self.tilde)
    }

    /// A path in a command.
    fn word(&self, path: &Path) -> String {
        shell_word(path, self.tilde)
    }

    fn settings(&mut self) {
        let seen = self.seen;
        for problem in &seen.problems {
            let message = problem.to_string();
            let text = message.split("\n  help: ").next().unwrap_or_default().replace("\n  ", "; ");
            self.fail("settings", text, problem.help());
        }
        let Some(file) = &seen.settings.file else { return };
        let file = self.path(file);
        if seen.settings.file_is_missed {
            let text = format!("`CODEX_HOME_SHIM_CONFIG` names `{file}`, and there is no such file");
            self.warn("settings-file", text, "make that file, or unset the variable");
        }
    }

    fn own_way(&mut self) {
        let seen = self.seen;
        let (Some(version), Some(way)) = (&seen.version, own_way(seen)) else { return };
        let scope = seen.openclaw.read_config().and_then(|config| config.home_scope.as_deref());
        match scope {
            Some("user") if version.has_broken_home_scope() => {
                let text = format!("`homeScope: \"user\"` does not work in OpenClaw {version}");
                self.fail("openclaw-own-way", text, "update OpenClaw");
            }
            Some("user") => {
                self.ok("openclaw-own-way", "OpenClaw shares your own home by itself (`homeScope: \"user\"`)");
            }
            _ if matches!(seen.command, Command::Unset) => {
                let text = format!("OpenClaw {version} needs no launcher to log in");
                self.say("openclaw-own-way", Status::Ok, text, Some(format!("where it does not: {way}")));
            }
            _ => {
                let text = format!("OpenClaw {version} has a way of its own to log codex in, which is the better one");
                self.warn("openclaw-own-way", text, way);
            }
        }
    }

    fn openclaw(&mut self) {
        let seen = self.seen;
        let openclaw = &seen.openclaw;
        let state = openclaw.state.as_deref().map(|state| self.path(state)).unwrap_or_default();
        match (&openclaw.package, &seen.version) {
            _ if !openclaw.is_there() => {
                let text = "OpenClaw is not found: no `openclaw` on PATH, no package, no state directory";
                self.warn("openclaw", text, "where it keeps its state elsewhere, set `OPENCLAW_STATE_DIR`");
            }
            (Some(package), Some(version)) => {
                let text = format!("OpenClaw {version} in `{}`, its state in `{state}`", self.path(&package.root));
                self.ok("openclaw", text);
            }
            (Some(package), None) => {
                let version = plain_text(package.version.as_ref());
                let text = format!("OpenClaw in `{}` has version `{version}`, which is none", self.path(&package.root));
                self.warn("openclaw", text, "reinstall OpenClaw");
            }
            (None, _) => {
                let text =
                    format!("OpenClaw has state in `{state}`, and its package is not found: its version is not known");
                self.warn("openclaw", text, "run this where `openclaw` is on PATH");
            }
        }
        let Some(file) = openclaw.config_file.as_deref() else { return };
        let shown = self.path(file);
        match &openclaw.config {
            Err(cause) => {
                let text = format!("`{shown}` cannot be used: {}", plain_text(cause.as_ref()));
                self.fail(
                    "openclaw-config",
                    text,
                    format!("correct `{}`, then run `openclaw config validate`", self.word(file)),
                );
            }
            Ok(Some(config)) if config.includes == Includes::OnTheWay => {
                let text = format!(
                    "`{shown}` takes in other files (`$include`), which were not followed: what it says about codex may not be all"
                );
                self.warn("openclaw-config", text, format!("run `openclaw config get {KEY}`"));
            }
            Ok(_) => {}
        }
        for unseen in &openclaw.unseen {
            self.warn(
                "openclaw-unseen",
                format!("not looked at: {}", plain_text(unseen.as_ref())),
                "see `codex-home inspect DIR`",
            );
        }
        let scope = openclaw.read_config().and_then(|config| config.home_scope.as_deref());
        if let (Some(_), Some(version)) = (scope, &seen.version)
            && !version.has_home_scope()
        {
            let text = format!(
                "`appServer.homeScope` is set, which OpenClaw {version} does not know: its gateway does not start"
            );
            let help = "run `openclaw config unset plugins.entries.codex.config.appServer.homeScope`";
            self.fail("home-scope", text, help);
        }
    }

    fn app_server(&mut self) {
        const ID: &str = "app-server-command";
        let seen = self.seen;
        if !seen.openclaw.is_there() {
            return;
        }
        let has_own_way = own_way(seen).is_some();
        let status = if seen.homes.iter().any(needs_launcher) { Status::Fail } else { Status::Warn };
        let install = || {
            Some(if has_own_way {
                "run `openclaw config unset plugins.entries.codex.config.appServer.command`".to_owned()
            } else {
                "run `codex-home install`".to_owned()
            })
        };
        match &seen.command {
            // Said already.
            Command::Unknown => {}
            Command::Unset if has_own_way => self.ok(ID, "OpenClaw starts its own codex"),
            Command::Unset => {
                self.say(ID, status, "OpenClaw starts codex itself, without the launcher", install());
            }
            Command::Variable(text) => {
                let text = format!(
                    "`appServer.command` is `{}`, which depends on the gateway's environment and was not followed",
                    plain_text(text.as_ref())
                );
                self.warn(ID, text, format!("run `openclaw config get {KEY}`"));
            }
            Command::Relative(text) => {
                let text = format!(
                    "`appServer.command` is `{}`, and OpenClaw takes it as it is: it must be an absolute path",
                    plain_text(text.as_ref())
                );
                self.say(ID, Status::Fail, text, install());
            }
            Command::Missing(path) => {
                let text = format!("`appServer.command` is `{}`, and there is no such program", self.path(path));
                self.say(ID, Status::Fail, text, install());
            }
            Command::Launcher { path, is_versioned: false } => {
                self.ok(ID, format!("OpenClaw starts the launcher, `{}`", self.path(path)));
            }
            Command::Launcher { path, is_versioned: true } => {
                let text = format!(
                    "OpenClaw starts the launcher by `{}`, a path that the next upgrade takes away",
                    self.path(path)
                );
                let is_mended = seen.launcher.as_ref().is_some_and(|launcher| launcher.stable != *path);
                let help = if is_mended {
                    "run `codex-home install`"
                } else {
                    "put a link to it on PATH, then run `codex-home install`"
                };
                self.warn(ID, text, help);
            }
            Command::Wrapper(path, wrapper) => {
                let mut text =
                    format!("OpenClaw starts `{}`, {}", self.path(path), plain_text(wrapper.told().as_ref()));
                if seen.version.as_ref().is_some_and(|version| version.has_own_login()) {
                    text.push_str("; OpenClaw from 2026.8.1 on does not accept scripts there");
                }
                let mut help = install().unwrap_or_default();
                if !has_own_way {
                    help.push_str(", which does what it does where that is right");
                    let is_default = ["$HOME/.codex", "${HOME}/.codex", "~/.codex", ""];
                    if let Some(home) = wrapper.home.as_deref().filter(|home| !is_default.contains(home)) {
                        let is_same = self.seen.settings.personal_home.as_deref() == Some(Path::new(home));
                        if !is_same {
                            help.push_str(&format!(
                                "; for its home set `personal_home = \"{}\"` in the settings",
                                plain_text(home.as_ref())
                            ));
                        }
                    }
                    if let Some(program) = wrapper.program.as_deref().filter(|program| program.starts_with('/')) {
                        help.push_str(&format!("; for its codex set `codex = \"{}\"`", plain_text(program.as_ref())));
                    }
                }
                self.say(ID, Status::Warn, text, Some(help));
            }
            Command::Program(path) => {
                self.say(ID, status, format!("OpenClaw starts `{}`, without the launcher", self.path(path)), install());
            }
        }
        if let (Command::Launcher { .. }, Some(because)) = (&seen.command, &seen.passed_on) {
            let text =
                format!("with the configured `appServer.args` the launcher passes the start on as it comes: {because}");
            self.warn(
                "app-server-args",
                text,
                "run `openclaw config unset plugins.entries.codex.config.appServer.args`",
            );
        }
    }

    fn launcher(&mut self) {
        let seen = self.seen;
        match &seen.launcher {
            Some(launcher) if launcher.lends_rights => {
                let text =
                    format!("the launcher `{}` is setuid or setgid: it starts nothing", self.path(&launcher.path));
                self.fail("launcher", text, format!("run `chmod ug-s {}`", self.word(&launcher.path)));
            }
            Some(launcher) => {
                let version = launcher.version.map(|version| format!(" {version}")).unwrap_or_default();
                self.ok("launcher", format!("the launcher{version} is `{}`", self.path(&launcher.stable)));
            }
            None => {
                let text = "the launcher `codex-home-shim` is neither beside this program nor on PATH";
                self.fail("launcher", text, "reinstall codex-home-shim");
            }
        }
    }

    fn codex(&mut self) {
        let seen = self.seen;
        let is_ours = matches!(seen.command, Command::Launcher { .. });
        let codex = match &seen.codex {
            Ok(codex) => codex,
            Err(failure) => {
                let message = failure.to_string();
                let text = message.split("\n  help: ").next().unwrap_or_default().to_owned();
                // Without the launcher in between OpenClaw may bring its own.
                let status = if is_ours || !seen.openclaw.is_there() { Status::Fail } else { Status::Warn };
                self.say("codex", status, text, Some(failure.help()));
                return;
            }
        };
        let version = codex.version();
        let shown = version.as_deref().map(|version| format!(" {}", plain_text(version.as_ref()))).unwrap_or_default();
        let found = codex.found_by.name();
        self.ok("codex", format!("codex{shown} is `{}`, found by {found}", self.path(&codex.path)));
        for one in &codex.passed_over {
            let help = "run `chmod go-w` on it, or take its directory off PATH".to_owned();
            self.say("codex-passed-over", Status::Warn, format!("another codex is passed over: {one}"), Some(help));
        }
        if let (Some(openclaw), Some(lowest)) =
            (&seen.version, seen.version.as_ref().and_then(|version| version.lowest_codex()))
        {
            let beyond = if openclaw.is_beyond_known() { " or more" } else { "" };
            match version.as_deref().map(Number::parse) {
                Some(Ok(version)) if passes(&version, &lowest) => {
                    self.ok(
                        "codex-gate",
                        format!("OpenClaw {openclaw} takes codex {lowest}{beyond} at least, and this one is{shown}"),
                    );
                }
                Some(Ok(_)) => {
                    let text =
                        format!("OpenClaw {openclaw} takes codex {lowest}{beyond} at least, and this one is{shown}");
                    let status = if is_ours { Status::Fail } else { Status::Warn };
                    self.say(
                        "codex-gate",
                        status,
                        text,
                        Some("run `npm i -g @openai/codex`, or set `codex = …` to a later one".to_owned()),
                    );
                }
                _ => {
                    let text = format!(
                        "OpenClaw {openclaw} takes codex {lowest}{beyond} at least, and the version of this one is not known"
                    );
                    self.warn("codex-gate", text, format!("run `{} --version`", self.word(&codex.path)));
                }
            }
        }
        let service = match &seen.openclaw.service.file {
            Some(file) => format!("the gateway's service (`{}`)", self.path(file)),
            None => "a gateway that runs as a service".to_owned(),
        };
        let word = self.word(&codex.path);
        let help = format!(
            "set `codex = \"{}\"` in the settings; `codex-home config path` says where",
            self.path(&codex.path)
        );
        match &seen.codex_of_service {
            Ok(other) if other.path == codex.path => {
                self.ok("codex-under-service", format!("{service} would find the same codex"));
            }
            Ok(other) => {
                let version =
                    other.version().map(|version| format!(" {}", plain_text(version.as_ref()))).unwrap_or_default();
                let text =
                    format!("{service} would find another codex, `{}`{version}, not `{word}`", self.path(&other.path));
                self.warn("codex-under-service", text, help);
            }
            Err(_) => {
                let text = format!("{service} would find no codex on its PATH");
                let status = if is_ours { Status::Fail } else { Status::Warn };
                self.say("codex-under-service", status, text, Some(help));
            }
        }
    }

    fn personal(&mut self) {
        let seen = self.seen;
        let personal = &seen.personal;
        let home = personal
            .home
            .as_deref()
            .map_or_else(|| "your own home".to_owned(), |home| format!("`{}`", self.path(home)));
        match personal.usable {
            Usable::Yes => {
                let account = personal.account.as_ref().map(|account| format!(", account {account}"));
                self.ok(
                    "personal-home",
                    format!("{home} can log in: {}{}", personal.because, account.unwrap_or_default()),
                );
            }
            Usable::Unknown => self.ok("personal-home", format!("{home}: its files cannot tell: {}", personal.because)),
            Usable::No => {
                let text = format!("{home} cannot log in: {}", personal.because);
                let help = personal.help.clone().unwrap_or_else(|| "run `codex login`".to_owned());
                self.warn("personal-home", text, help);
            }
        }
        self.files(&seen.personal_files);
    }

    /// What others could read, and what the next renewal could not write.
    fn files(&mut self, files: &[super::look::File]) {
        let open: Vec<_> = files.iter().filter(|file| file.access.mode & 0o077 != 0).collect();
        // Whoever cannot enter a home cannot read what is in it.
        let is_closed = files.first().is_some_and(|home| home.access.mode & 0o077 == 0);
        if let (Some(file), false) = (open.first(), is_closed) {
            let text = format!("others may look into `{}` (mode {:03o})", self.path(&file.path), file.access.mode);
            let readable: Vec<_> = open
                .iter()
                .skip(1)
                .filter(|file| file.access.mode & 0o044 != 0)
                .map(|file| self.path(&file.path))
                .collect();
            let also = if readable.is_empty() {
                String::new()
            } else {
                format!(", and read `{}` there", readable.join("`, `"))
            };
            self.warn("open-to-others", format!("{text}{also}"), format!("run `chmod 700 {}`", self.word(&file.path)));
        }
        for file in files.iter().filter(|file| file.is_renewed) {
            let shown = self.path(&file.path);
            let word = self.word(&file.path);
            if file.access.links > 1 {
                let text = format!("`{shown}` has a second hard link: codex loses the login when it renews it");
                self.warn(
                    "login-not-renewable",
                    text,
                    format!("run `find ~ -samefile {word}`, and remove the other one"),
                );
            } else if !file.access.is_writable {
                let text = format!("`{shown}` is read-only: codex loses the login when it renews it");
                self.warn("login-not-renewable", text, format!("run `chmod u+w {word}`"));
            }
        }
    }

    fn homes(&mut self) {
        let seen = self.seen;
        let is_ours = matches!(seen.command, Command::Launcher { .. });
        let mut fine = 0;
        for home in seen.homes.iter().filter(|home| home.is_used != Some(false)) {
            let before = self.all.len();
            self.home(home, is_ours);
            fine += usize::from(self.all.len() == before);
            if home.inspection.kind != Kind::Personal {
                self.files(&home.files);
            }
        }
        if fine > 0 {
            let what = if fine == 1 { "1 home needs nothing".to_owned() } else { format!("{fine} homes need nothing") };
            self.ok("homes", what);
        }
    }

    fn home(&mut self, home: &Home, is_ours: bool) {
        let seen = self.seen;
        let shown = self.path(&home.path);
        // OpenClaw 2026.4.20–4.22: `Private secret file … must not be a symlink.`, before it starts anything.
        let writes = seen.version.as_ref().is_none_or(|version| version.writes_bridges());
        let is_bridge = matches!(home.made_for, Some(MadeFor::HarnessAuth | MadeFor::CliAuth | MadeFor::AcpAuth));
        if writes && is_bridge {
            for link in &home.links {
                let text = format!(
                    "`{}` is a link: OpenClaw 2026.4.20 to 2026.4.22 then fails before it starts anything",
                    self.path(link)
                );
                self.fail("linked-bridge", text, format!("run `rm {}`", self.word(link)));
            }
        }
        // OpenClaw 2026.8.1 and later: `A Codex auth file exists at …`, before it starts anything.
        let is_stale = home.made_for == Some(MadeFor::Agent) && home.has_auth;
        if is_stale && seen.version.as_ref().is_some_and(|version| version.has_own_login()) {
            let auth = home.path.join("auth.json");
            let aside = home.path.join("auth.json.old");
            let text = format!(
                "`{}` is there: OpenClaw from 2026.8.1 on never reads it, and without a login of its own fails over it before it starts anything",
                self.path(&auth)
            );
            self.fail(
                "stale-auth-file",
                text,
                format!("run `{LOGIN}`, then `mv {} {}`", self.word(&auth), self.word(&aside)),
            );
        }
        if !seen.problems.is_empty() {
            return;
        }
        match (&home.refusal, home.verdict.0) {
            (Some(failure), _) if is_ours => {
                let text = failure.to_string();
                let text = text.split("\n  help: ").next().unwrap_or_default().replace("\n  ", "; ");
                self.fail("home-refused", text, failure.help());
            }
            (_, "redirect" | "repair" | "refuse") if !is_ours => {
                let text = format!("`{shown}` cannot log in: {}", home.inspection.because);
                let does = home.verdict.0;
                let help = match &home.refusal {
                    Some(failure) => failure.help(),
                    None => format!("run `codex-home install`: the launcher would {does} it"),
                };
                self.fail("home-cannot-log-in", text, help);
            }
            (_, "trust") => self.left_alone(home),
            _ => {}
        }
    }

    /// A home that cannot log in, and that nobody logs in later.
    fn left_alone(&mut self, home: &Home) {
        let inspection = &home.inspection;
        let is_expected =
            inspection.usable != Usable::No || matches!(inspection.kind, Kind::Personal | Kind::LeftAlone);
        // In these the host logs in after the start, or the person does.
        let is_logged_in_later = matches!(home.made_for, Some(MadeFor::Agent | MadeFor::CodingAgent));
        if is_expected || is_logged_in_later {
            return;
        }
        let Some(risk) = hosts::risk(&home.path, inspection.kind) else { return };
        let shown = self.path(&home.path);
        let text = format!("`{shown}` cannot log in and is left alone: {}", inspection.because);
        let help = format!(
            "`bridges = [\"{shown}\"]` in the settings would have it treated as a bridge; what that risks: {risk}"
        );
        self.warn("home-left-alone", text, help);
    }

    fn environment(&mut self) {
        let seen = self.seen;
        if !seen.only_here.is_empty() {
            let names = seen.only_here.join("`, `");
            let text =
                format!("`{names}` is set here, and not in the gateway's service: the launcher there does not see it");
            let help = "set it in the settings file; `codex-home config path` says where";
            self.warn("variables-only-here", text, help);
        }
        if !seen.logins.is_empty() {
            let names = seen.logins.join("`, `");
            let text = format!(
                "`{names}` is set here: where codex goes by it no home matters, and the homes were looked at so"
            );
            self.warn("login-in-environment", text, "unset it and look again, if the gateway does not have it");
        }
    }

    /// Where the service's OpenClaw is not the one that was looked at.
    fn service(&mut self) {
        let openclaw = &self.seen.openclaw;
        let Some(file) = &openclaw.service.file else { return };
        for (name, ours) in [("OPENCLAW_STATE_DIR", &openclaw.state), ("OPENCLAW_CONFIG_PATH", &openclaw.config_file)] {
            let Some(theirs) = openclaw.service.env.get(name).map(|path| plain(Path::new(path.trim()))) else {
                continue;
            };
            if ours.as_deref() != Some(&theirs) && theirs.is_absolute() {
                let (file, shown) = (self.path(file), self.path(&theirs));
                let text =
                    format!("the gateway's service (`{file}`) has `{name}={shown}`, which is not what was looked at");
                self.warn("service-elsewhere", text, format!("run `{name}={} codex-home doctor`", self.word(&theirs)));
            }
        }
    }

    fn journal(&mut self) {
        let starts = &self.seen.starts;
        let refused: Vec<_> = starts.iter().filter_map(|start| Some((&start.time, start.error.as_ref()?))).collect();
        let count = starts.len();
        match refused.last() {
            None if count == 0 => {}
            None if count == 1 => self.ok("journal", "the last start went through".to_owned()),
            None => self.ok("journal", format!("the last {count} starts went through")),
            Some((time, error)) => {
                let time = plain_text(time.get(..16).unwrap_or(time).replace('T', " ").as_ref());
                let (of, error) = (refused.len(), plain_text(error.as_str().as_ref()));
                let text =
                    format!("{of} of the last {count} starts came to nothing, the last one at {time} UTC: {error}");
                self.warn("journal", text, "run `codex-home log`");
            }
        }
    }
}

/// Whether the launcher would do something about a home that is in use.
pub fn needs_launcher(home: &Home) -> bool {
    home.is_used != Some(false) && matches!(home.verdict.0, "redirect" | "repair")
}

/// The homes to be shown first: those in use, then what is left over.
pub fn in_order(homes: &[Home]) -> Vec<&Home> {
    let mut homes: Vec<_> = homes.iter().collect();
    homes.sort_by_key(|home| home.is_used == Some(false));
    homes
}

/// Where the launcher would have codex log in, in a table.
pub fn would(home: &Home, shown: impl Fn(&PathBuf) -> String) -> String {
    match (&home.outcome, home.verdict.0) {
        _ if home.is_used == Some(false) => "left over: this OpenClaw does not use it".to_owned(),
        (Err(failure), _) => format!("nothing is started ({})", failure.reason()),
        (Ok(_), "trust") => "left as it is".to_owned(),
        (Ok(_), "repair") => "its auth.json is completed".to_owned(),
        (Ok(outcome), _) => outcome.home.as_ref().map_or_else(String::new, |home| format!("{} instead", shown(home))),
    }
}
