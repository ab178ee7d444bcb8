//! Reads everything that a decision rests on, once. The only reader of homes.
//!
//! Total: a failure to read is a fact too. Opens nothing that could block, changes nothing and decides nothing. If the injected
//! home can log in, or its kind already decides, no other home and no layer is opened.

mod layers;
mod personal;
mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::codex::{self, Codex, Skipped};
use crate::failure::Failure;
use crate::fs::Directory;
use crate::home::auth::Login;
use crate::home::{Home, Kind};
use crate::invocation::Invocation;
use crate::launch;
use crate::reason::{Reason, ReasonCode};
use crate::request::{Judged, Overrides, Request};
use crate::settings::{Settings, Strategy, lexically_normal};

pub use layers::Layers;
pub use personal::Personal;
use place::Place;

/// The largest `config.toml` that is read, in bytes. A larger one is not judged.
pub(crate) const CONFIG_LIMIT: u64 = 1 << 20;

/// Everything that a decision rests on. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The settings that are valid.
    pub settings: Settings,
    /// The errors in the settings.
    pub problems: Vec<Failure>,
    /// The parsed command line.
    pub request: Request,
    /// The codex to start.
    pub codex: Result<Codex, Failure>,
    /// `CODEX_HOME`, if codex would use it.
    pub codex_home: Option<PathBuf>,
    /// The home that codex uses if none is injected.
    pub default_home: Option<PathBuf>,
    /// The kind of the injected home; `None` if this start is not judged.
    pub kind: Option<Kind>,
    /// Why it is unknown whether the injected home is the personal one; `None` if it is known.
    pub identity_unknown: Option<Reason>,
    /// Whether the settings list the injected home under `bridges`.
    pub is_listed_bridge: bool,
    /// The injected home, unless its kind already decides.
    pub injected: Option<Home>,
    /// The personal home, if the injected one cannot log in and a personal one is known.
    pub personal: Option<Personal>,
    /// The configuration around the homes, if the injected one cannot log in.
    pub layers: Option<Layers>,
    /// The login in the environment that overrides any home.
    pub login_in_environment: Option<ReasonCode>,
    /// Whether `CODEX_API_KEY` is not blank. `codex exec` prefers it to any home.
    pub has_api_key: bool,
    /// The effective user id.
    pub uid: u32,
    /// The time of the observation.
    pub now: DateTime<Utc>,
    /// The open directories of the homes. A start leaves them open until exec closes them.
    handles: Arc<[Directory]>,
}

/// The variables of a workload identity: if one is set, codex reads no `auth.json`.
pub const WORKLOAD_IDENTITY: [&str; 2] = ["OPENAI_FEDERATION_RULE_ID", "OPENAI_IDENTITY_TOKEN_FILE"];

/// Reads everything that this start depends on.
#[must_use]
pub fn observe(invocation: &Invocation) -> Observed {
    let (settings, problems) = Settings::read(invocation);
    observe_with(invocation, settings, problems)
}

/// Reads everything that this start depends on, under these settings.
#[must_use]
pub fn observe_with(invocation: &Invocation, settings: Settings, problems: Vec<Failure>) -> Observed {
    let codex = codex::find(invocation, &settings)
        .and_then(|codex| launch::check_recursion(&codex, invocation).map(|()| codex));
    let mut observed = Observed {
        request: Request::parse(&invocation.args),
        codex,
        codex_home: invocation.codex_home(),
        default_home: None,
        kind: None,
        identity_unknown: None,
        is_listed_bridge: false,
        injected: None,
        personal: None,
        layers: None,
        login_in_environment: login_in_environment(invocation),
        has_api_key: invocation.is_not_blank("CODEX_API_KEY"),
        uid: invocation.uid,
        now: invocation.now,
        handles: Arc::from([]),
        settings,
        problems,
    };
    if observed.codex_home.is_none() {
        observed.default_home = invocation.default_home();
    }
    // A clone, because the homes are written into the same struct.
    if let (Request::Judged(judged), true) = (observed.request.clone(), observed.settings.strategy != Strategy::Off) {
        observed.read_homes(invocation, &judged);
    }
    observed
}

/// Returns the login in the environment that overrides any home.
fn login_in_environment(invocation: &Invocation) -> Option<ReasonCode> {
    // codex 0.150.1–0.171: also if it is empty, which is an error then.
    if invocation.env().iter().any(|(name, _)| WORKLOAD_IDENTITY.iter().any(|other| name == other)) {
        return Some(ReasonCode::WorkloadIdentityInEnvironment);
    }
    // codex 0.136–0.171.
    invocation.is_not_blank("CODEX_ACCESS_TOKEN").then_some(ReasonCode::AccessTokenInEnvironment)
}

impl Observed {
    /// Returns the candidates for codex that were skipped, each with the reason.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        match &self.codex {
            Ok(Codex { skipped, .. }) | Err(Failure::CodexNotFound { skipped, .. }) => skipped,
            Err(_) => &[],
        }
    }

    fn read_homes(&mut self, invocation: &Invocation, judged: &Judged) {
        let Some(path) = &self.codex_home else {
            self.kind = Some(Kind::Personal);
            return;
        };
        let injected = Place::open(lexically_normal(path));
        let personal = self.settings.personal_home.clone().map(Place::open);
        let (kind, unknown) = kind_of(&injected, personal.as_ref(), &self.settings, &judged.overrides);
        (self.kind, self.identity_unknown) = (Some(kind), unknown);
        self.is_listed_bridge = kind == Kind::Bridge && injected.is_one_of(&self.settings.bridges) == Ok(true);
        if matches!(kind, Kind::Bridge | Kind::Other) && self.login_in_environment.is_none() {
            let mut home = injected.read(self.now, self.uid);
            if kind == Kind::Bridge && home.holds_nothing() {
                home = injected.look_again(home, self.now, self.uid);
            }
            home.judge_for(|| self.codex.as_ref().ok()?.version());
            if matches!(home.login(&judged.overrides), Login::Broken(_)) {
                let layers = Layers::read(invocation, &self.settings, judged);
                self.personal = personal.as_ref().map(|place| Personal::read(place, self, &layers, judged));
                self.layers = Some(layers);
            }
            self.injected = Some(home);
        }
        self.handles =
            [Some(injected), personal].into_iter().flatten().filter_map(|place| place.directory.ok()).collect();
    }
}

/// Returns the kind of the home (the first rule that applies), and the reason if it is unknown whether it is the personal one.
fn kind_of(
    injected: &Place,
    personal: Option<&Place>,
    settings: &Settings,
    overrides: &Overrides,
) -> (Kind, Option<Reason>) {
    let store = overrides.get("cli_auth_credentials_store").and_then(toml::Value::as_str);
    let left_alone = injected.is_one_of(&settings.leave);
    if left_alone == Ok(true) {
        return (Kind::LeftAlone, None);
    }
    let unknown = match personal.map_or(Ok(false), |personal| injected.is(personal)) {
        Ok(true) => return (Kind::Personal, None),
        is_personal => is_personal.err().or(left_alone.err()),
    };
    let kind = if store == Some("ephemeral") {
        Kind::HostLogin
    } else if injected.is_one_of(&settings.bridges) == Ok(true) {
        Kind::Bridge
    } else {
        Kind::of_path(&injected.path, settings.person_home.as_deref())
    };
    (kind, unknown)
}

/// Reads one home as a start would.
#[must_use]
pub fn home(path: &Path, now: DateTime<Utc>, uid: u32) -> Home {
    Place::open(path.to_owned()).read(now, uid)
}

/// Returns the kind that the home at `path` would have in a start without overrides.
#[must_use]
pub fn kind(path: &Path, settings: &Settings) -> Kind {
    let personal = settings.personal_home.clone().map(Place::open);
    kind_of(&Place::open(lexically_normal(path)), personal.as_ref(), settings, &Overrides::default()).0
}
