//! ONE HOME, told: what it is, whether it can log in, and what mends it.
//!
//! Pure but for the look at the home, which is the survey's. For those who explain; a start never comes here.

use std::path::PathBuf;

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use crate::home::auth::{Login, Usable};
use crate::home::claims::Id;
use crate::home::completion::complete;
use crate::home::{Home, Kind};
use crate::plan;
use crate::reason::{Because, Reason};
use crate::settings::Settings;
use crate::start::Overrides;
use crate::survey;

/// What is said about one home.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its path; `None` where this user has no personal home that could be found.
    pub home: Option<PathBuf>,
    /// Whose home it is.
    pub kind: Kind,
    /// Whether codex would send a credential from here.
    pub usable: Usable,
    /// Why.
    pub because: Because,
    /// Which login it holds: `chatgpt`, `api-key`, `other`, `keyring` or `none`.
    pub login: &'static str,
    /// The account, shortened.
    pub account: Option<Id>,
    /// Whether its `auth.json` could be completed.
    pub completable: bool,
    /// What mends it, where it needs mending.
    pub help: Option<String>,
}

impl Inspection {
    /// Inspects the home at `path`, an absolute one.
    #[must_use]
    pub fn of(path: &std::path::Path, settings: &Settings) -> Self {
        let overrides = Overrides::default();
        let kind = survey::kind_of(path, settings, &overrides);
        let now = survey::now();
        let home = survey::home(path, &overrides, now);
        let (usable, because) = home.can_log_in();
        let is_mendable = usable == Usable::No && home.directory.is_ok() && home.config.is_ok();
        let completable = is_mendable && {
            let beside = settings.personal_home.as_deref().filter(|_| kind != Kind::Personal);
            let personal = beside.map(|path| survey::home(path, &overrides, now));
            complete(&home.auth.bytes, personal.as_ref().map(|home| &home.auth.bytes), now).is_ok()
        };
        Self {
            kind,
            usable,
            login: login(&home, because.reason),
            account: home.auth().and_then(|auth| auth.owners.accounts.first().cloned()),
            completable,
            help: (usable == Usable::No).then(|| plan::help_for(&home, kind, because.reason, settings)),
            because,
            home: Some(home.path),
        }
    }

    /// The personal home.
    #[must_use]
    pub fn of_personal(settings: &Settings) -> Self {
        settings.personal_home.as_deref().map_or_else(
            || Self {
                home: None,
                kind: Kind::Personal,
                usable: Usable::No,
                because: Reason::HomeUnknown.into(),
                login: "none",
                account: None,
                completable: false,
                help: Some("set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with".to_owned()),
            },
            |path| Self::of(path, settings),
        )
    }
}

/// Which login a home holds, in the words of JSON.
fn login(home: &Home, reason: Reason) -> &'static str {
    match (reason, home.auth()) {
        (Reason::KeyringStore, _) => "keyring",
        (
            Reason::EphemeralStore
            | Reason::AuthEmpty
            | Reason::AuthNotUtf8
            | Reason::AuthNotJson
            | Reason::NoTokens
            | Reason::NoApiKey
            | Reason::UnknownAuthMode,
            _,
        )
        | (_, None) => "none",
        (_, Some(auth)) => match auth.login {
            Login::Chatgpt => "chatgpt",
            Login::ApiKey => "api-key",
            Login::Other => "other",
        },
    }
}

impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Inspection", 9)?;
        json.serialize_field("home", &self.home.as_deref().map(|home| home.to_string_lossy()))?;
        json.serialize_field("kind", self.kind.name())?;
        json.serialize_field("usable", self.usable.name())?;
        json.serialize_field("reason", self.because.reason.id())?;
        json.serialize_field("detail", &self.because.to_string())?;
        json.serialize_field("login", self.login)?;
        json.serialize_field("account", &self.account.as_ref().map(ToString::to_string))?;
        json.serialize_field("completable", &self.completable)?;
        json.serialize_field("help", &self.help)?;
        json.end()
    }
}
