//! One home, described: what it is, whether it can log in, and what repairs it.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use codex_home::advice::{NAME_PERSONAL_HOME, OPENCLAW_LOGIN, login_command};
use codex_home::codex;
use codex_home::display::shell_word;
use codex_home::fs::Directory;
use codex_home::home::auth::{Login, LoginKind, Named};
use codex_home::home::claims::Id;
use codex_home::home::repaired;
use codex_home::home::{AUTH_FILE, CONFIG_FILE, Fact, Home, Kind};
use codex_home::invocation::Invocation;
use codex_home::observe;
use codex_home::platform::Os;
use codex_home::reason::{Reason, ReasonCode};
use codex_home::request::Overrides;
use codex_home::settings::Settings;

/// What is said about one home.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its path; `None` if this user has no personal home that could be found.
    pub home: Option<PathBuf>,
    /// Whose home it is.
    pub kind: Kind,
    /// Whether codex would send a credential from here.
    pub login: Login,
    /// Which login it holds: `chatgpt`, `api-key`, `other`, `keyring` or `none`.
    pub holds: &'static str,
    /// The account, shortened.
    pub account: Option<Id>,
    /// Whether the launcher would repair its `auth.json`.
    pub repairable: bool,
    /// What a person should know about a login that works.
    pub remarks: Vec<String>,
    /// What repairs it, if it needs that.
    pub help: Option<String>,
}

impl Inspection {
    /// Inspects the home at `path`, an absolute one.
    #[must_use]
    pub fn of(path: &Path, invocation: &Invocation, settings: &Settings) -> Self {
        let kind = observe::kind(path, settings);
        let mut home = observe::home(path, invocation.now, invocation.uid);
        if matches!(kind, Kind::Bridge | Kind::Other) {
            home.judge_for(|| codex::find(invocation, settings).ok()?.version());
        }
        let login = home.login(&Overrides::default());
        Self {
            kind,
            holds: holds(&home, &login),
            account: home.owners().and_then(|owners| owners.account.one().cloned()),
            repairable: kind == Kind::Bridge && is_repairable(&home, &login, invocation.now, settings),
            remarks: remarks(&home, &login),
            help: help(&home, kind, &login, settings, invocation),
            login,
            home: Some(home.path),
        }
    }

    /// Inspects the personal home.
    #[must_use]
    pub fn of_personal(invocation: &Invocation, settings: &Settings) -> Self {
        settings.personal_home.as_deref().map_or_else(
            || Self {
                home: None,
                kind: Kind::Personal,
                login: Login::Broken(ReasonCode::NoPersonalHome.into()),
                holds: "none",
                account: None,
                repairable: false,
                remarks: Vec::new(),
                help: Some(NAME_PERSONAL_HOME.to_owned()),
            },
            |path| Self { kind: Kind::Personal, ..Self::of(path, invocation, settings) },
        )
    }

    /// Returns why it can or cannot log in.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        self.login.reason()
    }
}

fn is_repairable(home: &Home, login: &Login, now: DateTime<Utc>, settings: &Settings) -> bool {
    let is_in_order = matches!(&home.directory, Fact::Seen(directory) if directory.not_writable.is_none())
        && home.own_config(&Overrides::default()).is_ok();
    matches!(login, Login::Broken(_)) && is_in_order && home.repaired(now, settings.person_home.as_deref()).is_ok()
}

/// What is true of a login that works and will not always.
fn remarks(home: &Home, login: &Login) -> Vec<String> {
    let (Login::Usable(_), Some(auth)) = (login, home.auth()) else { return Vec::new() };
    let mut remarks = Vec::new();
    if auth.owners.account == Named::Several {
        remarks
            .push("`account_id` and the tokens name different accounts, which codex 0.156 and later refuse".to_owned());
    }
    if auth.kind == LoginKind::Chatgpt && !auth.has_refresh_token {
        let end = auth.access_token_end.map(|end| format!(" at {}", end.format("%Y-%m-%d %H:%M UTC")));
        remarks.push(format!("it cannot be renewed, and ends{}", end.unwrap_or_default()));
    }
    remarks
}

/// Returns what repairs a home; `None` if nothing of the person's would.
fn help(home: &Home, kind: Kind, login: &Login, settings: &Settings, invocation: &Invocation) -> Option<String> {
    let Login::Broken(reason) = login else { return None };
    let word = |name: &str| {
        let path = home.path.join(name);
        shell_word(path.components().as_path(), settings.person_home.as_deref())
    };
    let command = login_command(home, settings);
    let log_in = match (home.login_kind(), has_browser(invocation)) {
        (LoginKind::ApiKey, _) => format!("run `{command} --with-api-key`"),
        (_, true) => format!("run `{command}`"),
        (_, false) => format!("run `{command} --device-auth`"),
    };
    Some(match kind {
        Kind::Bridge if is_past_its_end(home, invocation.now) => format!("run `{OPENCLAW_LOGIN}`"),
        Kind::Bridge => "run `codex-home install`: its host writes this home anew at each turn".to_owned(),
        Kind::HostLogin => return None,
        Kind::LeftAlone | Kind::Personal | Kind::Other => match reason.code {
            // A drive that is not mounted, or a directory that was removed.
            ReasonCode::HomeMissing if reason.detail.is_some() => {
                format!("mount what `{0}` leads to, or run `rm {0}`, then {log_in}", word(""))
            }
            ReasonCode::HomeNotDirectory => format!("run `mv {0} {0}.old`, then {log_in}", word("")),
            ReasonCode::HomeNotOwned => format!("run `sudo chown -R \"$(id -un)\" {}`", word("")),
            ReasonCode::HomeNotWritable if reason.detail.is_some() => format!("mount `{}` writable", word("")),
            ReasonCode::HomeUnreadable | ReasonCode::HomeNotWritable => format!("run `chmod u+rwx {}`", word("")),
            ReasonCode::ConfigUnreadable | ReasonCode::ConfigInvalid | ReasonCode::LoginForbidden => {
                format!("correct `{}`", word(CONFIG_FILE))
            }
            ReasonCode::AuthUnreadable => format!("run `chmod u+rw {}`", word(AUTH_FILE)),
            // As `docker -v` makes of a file that was not there.
            ReasonCode::AuthNotRegularFile if is_mounted(home, AUTH_FILE) => {
                format!("end the mount on `{}`, then {log_in}", word(AUTH_FILE))
            }
            ReasonCode::AuthNotRegularFile => format!("run `mv {0} {0}.old`, then {log_in}", word(AUTH_FILE)),
            _ => log_in,
        },
    })
}

/// Returns whether `codex login` could open a browser here: not on Linux without a display, nor over SSH.
fn has_browser(invocation: &Invocation) -> bool {
    let is_set = |names: &[&str]| names.iter().any(|name| invocation.is_not_blank(name));
    let has_display = invocation.platform.os == Os::MacOs || is_set(&["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]);
    has_display && !is_set(&["SSH_CONNECTION"])
}

/// Returns whether a file of a home is a mount point, or in a directory that cannot be written: then it cannot be moved.
fn is_mounted(home: &Home, name: &str) -> bool {
    let directory = Directory::open(&home.path).ok();
    directory.is_some_and(|directory| directory.is_replaceable(name) == Ok(false))
}

/// Returns whether only OpenClaw can renew what a bridge holds.
fn is_past_its_end(home: &Home, now: DateTime<Utc>) -> bool {
    let repaired = home.auth.seen().map(|file| repaired::repair(&file.bytes, now));
    matches!(repaired, Some(Err(reason)) if reason.code == ReasonCode::AccessTokenEnds)
}

/// Which login a home holds, in the words of JSON.
fn holds(home: &Home, login: &Login) -> &'static str {
    if login.reason().code == ReasonCode::KeyringStore {
        return "keyring";
    }
    match home.auth() {
        Some(auth) if !matches!(auth.login, Login::Broken(_)) || auth.owners.account != Named::None => {
            match auth.kind {
                LoginKind::Chatgpt => "chatgpt",
                LoginKind::ApiKey => "api-key",
                LoginKind::Other => "other",
            }
        }
        _ => "none",
    }
}

impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Inspection", 10)?;
        json.serialize_field("home", &self.home.as_deref().map(|home| home.to_string_lossy()))?;
        json.serialize_field("kind", self.kind.name())?;
        json.serialize_field("usable", self.login.name())?;
        json.serialize_field("reason", self.reason().code.id())?;
        json.serialize_field("detail", &self.reason().to_string())?;
        json.serialize_field("login", self.holds)?;
        json.serialize_field("account", &self.account.as_ref().map(ToString::to_string))?;
        json.serialize_field("repairable", &self.repairable)?;
        json.serialize_field("remarks", &self.remarks)?;
        json.serialize_field("help", &self.help)?;
        json.end()
    }
}
