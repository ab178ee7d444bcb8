//! The policy: [`Observed`] → [`Decision`], and nothing else.
//!
//! Pure: the same observations give the same decision, whatever happened at earlier starts. Three invariants: a home that can log
//! in is kept; a redirect or a repair rests on facts that were seen, never on ones that are unknown; one account's work never goes
//! to another's login.

mod certain;

use std::path::PathBuf;

use crate::advice;
use crate::failure::{Failure, NoUsableHome, UnusableHome};
use crate::home::auth::Login;
use crate::home::config::{ConfigFile, Provider, Store};
use crate::home::repaired::Repaired;
use crate::home::{Fact, Home, HomeDirectory, Kind, SecretBytes};
use crate::observe::{Layers, Observed};
use crate::reason::{Reason, ReasonCode};
use crate::repair::RepairError;
use crate::request::{Judged, Request, Subcommand};
use crate::settings::Strategy;

/// What is done about a start.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Start codex in the injected home.
    Keep {
        /// Why.
        reason: Reason,
        /// Whether codex may fail there, which deserves a warning.
        is_doubtful: bool,
    },
    /// Start codex in the personal home.
    Redirect(Redirect),
    /// Repair the injected home's `auth.json`, then start codex in it.
    Repair(Repair),
    /// Start nothing: codex could only fail later, and less clearly.
    Refuse(Failure),
}

/// A redirect to the personal home.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// The injected home.
    pub from: PathBuf,
    /// The personal home, as it was judged: without any symlink in its path.
    pub to: PathBuf,
    /// The path of the personal home for messages.
    pub shown: PathBuf,
    /// Why the injected home cannot log in.
    pub broken: Reason,
    /// The exception, if the two homes do not name the same account.
    pub exception: Option<Reason>,
    /// Whether codex would lose the personal login when it renews it later.
    pub login_at_risk: bool,
}

/// A repair of the injected home's `auth.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// The home.
    pub home: PathBuf,
    /// The bytes that were judged; a repair replaces no others.
    pub judged: SecretBytes,
    /// The new file.
    pub repaired: Repaired,
    /// Why the home cannot log in as it is.
    pub broken: Reason,
}

/// What became of a repair that was decided on.
#[derive(Clone, Copy, Debug)]
pub enum RepairState<'a> {
    /// It was not tried.
    Untried,
    /// It failed.
    Failed(&'a RepairError),
}

impl Decision {
    /// Returns the name in messages and JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Keep { .. } => "keep",
            Self::Redirect(_) => "redirect",
            Self::Repair(_) => "repair",
            Self::Refuse(_) => "refuse",
        }
    }

    /// Returns the reason code of the decision.
    #[must_use]
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::Keep { reason, .. } => reason.code,
            Self::Redirect(Redirect { exception: Some(reason), .. }) => reason.code,
            Self::Redirect(Redirect { broken, .. }) | Self::Repair(Repair { broken, .. }) => broken.code,
            Self::Refuse(failure) => failure.code(),
        }
    }

    fn keep(reason: impl Into<Reason>) -> Self {
        Self::Keep { reason: reason.into(), is_doubtful: false }
    }

    fn keep_doubtful(reason: impl Into<Reason>) -> Self {
        Self::Keep { reason: reason.into(), is_doubtful: true }
    }
}

/// Decides about a start.
pub fn decide(observed: &Observed, repair: RepairState<'_>) -> Decision {
    if let Some(problem) = observed.problems.first() {
        return Decision::Refuse(problem.clone());
    }
    if let Err(failure) = &observed.codex {
        return Decision::Refuse(failure.clone());
    }
    match decide_home(observed, repair) {
        Decision::Refuse(Failure::NoUsableHome(mut homes)) => {
            homes.help = advice::for_refusal(observed, &homes);
            Decision::Refuse(Failure::NoUsableHome(homes))
        }
        decision => decision,
    }
}

/// Decides about the homes alone, without advice. Advice is found by asking this again.
pub(crate) fn decide_home(observed: &Observed, repair: RepairState<'_>) -> Decision {
    let broken = match kept(observed) {
        Ok(keep) => return keep,
        Err(broken) => broken,
    };
    let obstacle = match certain::redirect(observed, &broken) {
        Ok(redirect) => return Decision::Redirect(redirect),
        Err(obstacle) => obstacle,
    };
    // No host made this home: it is never repaired, and a start in it is never refused.
    if observed.kind == Some(Kind::Other) {
        return Decision::keep_doubtful(broken.reason);
    }
    let not_repaired = match repair_of(observed, &broken, repair) {
        Ok(repair) => return Decision::Repair(repair),
        Err(reason) => reason,
    };
    Decision::Refuse(Failure::NoUsableHome(Box::new(refusal(observed, &broken, obstacle, not_repaired))))
}

/// A judged start whose injected home cannot log in.
struct Broken<'a> {
    judged: &'a Judged,
    home: &'a Home,
    layers: &'a Layers,
    reason: Reason,
}

/// Returns the decision if the start keeps its home, else why the home cannot log in.
fn kept(observed: &Observed) -> Result<Decision, Broken<'_>> {
    if observed.settings.strategy == Strategy::Off {
        return Ok(Decision::keep(ReasonCode::StrategyOff));
    }
    let judged = match &observed.request {
        Request::Judged(judged) => judged,
        Request::PassThrough(reason) => return Ok(Decision::keep(reason.clone())),
    };
    match observed.kind {
        Some(Kind::LeftAlone) => return Ok(Decision::keep(ReasonCode::LeftAlone)),
        Some(Kind::Personal) => return Ok(Decision::keep(ReasonCode::PersonalHome)),
        Some(Kind::HostLogin) => return Ok(Decision::keep(ReasonCode::HostLogsIn)),
        Some(Kind::Bridge | Kind::Other) => {}
        None => return Ok(Decision::keep(ReasonCode::NotJudged)),
    }
    if let Some(login) = observed.login_in_environment {
        return Ok(Decision::keep(login));
    }
    // `review` too, in 0.123.0 and 0.169.0.
    if observed.has_api_key && matches!(judged.subcommand, Subcommand::Exec | Subcommand::Review) {
        return Ok(Decision::keep(ReasonCode::ApiKeyInEnvironment));
    }
    let Some(home) = &observed.injected else { return Ok(Decision::keep(ReasonCode::NotJudged)) };
    let reason = match home.login(&judged.overrides) {
        Login::Usable(reason) => return Ok(Decision::keep(reason)),
        Login::NotJudged(reason) => return Ok(Decision::keep_doubtful(reason)),
        Login::Broken(reason) => reason,
    };
    if let Some(unknown) = &observed.identity_unknown {
        return Ok(Decision::keep_doubtful(unknown.clone()));
    }
    if observed.personal.as_ref().is_some_and(|personal| is_same_file(home, &personal.home)) {
        return Ok(Decision::keep_doubtful(ReasonCode::LinkedToPersonal));
    }
    let Some(layers) = &observed.layers else { return Ok(Decision::keep_doubtful(reason)) };
    // A machine-wide provider may need no login of the home's. A layer that is unknown may select one, and so may a profile.
    if let Some(unknown) = layers.unknown() {
        return Ok(Decision::keep_doubtful(unknown.clone()));
    }
    match layers.merge(home, &judged.overrides) {
        Ok(config) if config.provider == Provider::Own => Ok(Decision::keep_doubtful(ReasonCode::CustomProvider)),
        Ok(config) if config.store == Store::Ephemeral => Ok(Decision::keep_doubtful(ReasonCode::EphemeralStore)),
        Ok(config) if config.selects_profile => Ok(Decision::keep_doubtful(Reason::new(
            ReasonCode::ConfigProfile,
            "its config.toml, or a file in `/etc/codex`, selects a profile, which codex versions treat differently",
        ))),
        _ => Err(Broken { judged, home, layers, reason }),
    }
}

/// Returns whether both homes have one and the same `auth.json`.
fn is_same_file(mine: &Home, theirs: &Home) -> bool {
    match (&mine.auth, &theirs.auth) {
        (Fact::Seen(mine), Fact::Seen(theirs)) => mine.stat.id == theirs.stat.id,
        _ => false,
    }
}

/// Returns the repair if it is permitted, else why it is not.
fn repair_of(observed: &Observed, broken: &Broken<'_>, state: RepairState<'_>) -> Result<Repair, Reason> {
    if observed.settings.strategy == Strategy::Redirect {
        return Err(Reason::new(ReasonCode::StrategyForbids, "the strategy `redirect` does not repair"));
    }
    if let RepairState::Failed(error) = state {
        return Err(Reason::new(ReasonCode::RepairFailed, format!("auth.json could not be repaired: {error}")));
    }
    // A repair changes auth.json and nothing else, so everything else must be in order.
    match &broken.home.directory {
        Fact::Seen(HomeDirectory { not_writable: None, .. }) => {}
        Fact::Seen(HomeDirectory { not_writable: Some(reason), .. })
        | Fact::Unusable(reason)
        | Fact::Unknown(reason) => return Err(reason.clone()),
        Fact::Absent => return Err(ReasonCode::HomeMissing.into()),
    }
    let config = broken.layers.merge(broken.home, &broken.judged.overrides)?;
    if config.store != Store::File {
        return Err(Reason::new(
            ReasonCode::KeyringStore,
            "a configuration layer keeps logins elsewhere than in auth.json",
        ));
    }
    // If this home trusts a project, codex would delete the login that was just repaired.
    let trusts = broken.judged.trusts_project || broken.home.config.seen().is_some_and(ConfigFile::has_projects);
    if let (Some(reason), true) = (&broken.layers.project, trusts) {
        return Err(reason.clone());
    }
    let Fact::Seen(file) = &broken.home.auth else { return Err(ReasonCode::NotRepairable.into()) };
    let repaired = broken.home.repaired(observed.now, observed.settings.person_home.as_deref())?;
    certain::is_admitted(&repaired.auth, &config, broken)?;
    let home = broken.home.path.clone();
    Ok(Repair { home, judged: file.bytes.clone(), repaired, broken: broken.reason.clone() })
}

fn refusal(observed: &Observed, broken: &Broken<'_>, obstacle: Reason, not_repaired: Reason) -> NoUsableHome {
    let bridge = UnusableHome {
        path: broken.home.path.clone(),
        kind: Kind::Bridge,
        login: Login::Broken(broken.reason.clone()),
        reason: broken.reason.clone(),
    };
    let personal = match &observed.personal {
        None => Err(ReasonCode::NoPersonalHome.into()),
        Some(personal) => Ok(UnusableHome {
            path: personal.home.path.clone(),
            kind: Kind::Personal,
            login: personal
                .config
                .as_ref()
                .map_or_else(|reason| Login::NotJudged(reason.clone()), |config| personal.home.login_under(config)),
            reason: obstacle,
        }),
    };
    NoUsableHome { bridge, repair: not_repaired, personal, help: String::new() }
}
