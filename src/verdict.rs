//! WHAT IS RIGHT: `judge(&Facts) -> Verdict`, each with its reason.
//!
//! Pure: the same facts, the same verdict, whatever happened at earlier starts. Holds the policy and no mechanism. Three
//! things it never does, whatever the facts: touch a home that can log in, send one account's work to another's login,
//! or guess without saying so.

use crate::home::auth::{Ownership, Usable};
use crate::home::completion::Completion;
use crate::home::config::{Provider, Store};
use crate::home::{Home, Kind};
use crate::reason::{Because, Reason};
use crate::settings::Strategy;
use crate::start::{Start, Subcommand};
use crate::survey::Facts;

/// What is to be done about the injected home, with the homes it speaks of.
#[must_use]
#[derive(Clone, Debug)]
pub enum Verdict<'a> {
    /// Use the home we were given as it is; why.
    Trust(Because),
    /// Complete its `auth.json`, then use it.
    Repair {
        /// The bridge.
        bridge: &'a Home,
        /// What its `auth.json` is to be.
        completion: &'a Completion,
        /// Why it cannot log in as it is.
        because: Because,
    },
    /// Use the personal home instead.
    Redirect {
        /// The injected home.
        from: &'a Home,
        /// The personal home.
        to: &'a Home,
        /// Why the injected home cannot log in.
        because: Because,
    },
    /// Start nothing: codex could only fail later, and less clearly.
    Refuse {
        /// The bridge.
        bridge: &'a Home,
        /// The personal home; `None` where none is known.
        personal: Option<&'a Home>,
        /// Why there is no way out.
        refusal: Refusal,
    },
}

/// Why there is no way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why the bridge cannot log in.
    pub bridge: Because,
    /// Why the personal home cannot stand in.
    pub personal: Because,
    /// Whether the personal home could log in by itself, so that it is the two homes that do not go together.
    pub personal_can: bool,
    /// Why the bridge cannot be completed.
    pub repair: Because,
}

impl Refusal {
    /// The one reason that stands for the refusal: the personal home's where it can log in, else the bridge's.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        if self.personal_can { self.personal.reason } else { self.bridge.reason }
    }
}

impl Verdict<'_> {
    /// The one reason that stands for it.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Trust(because) | Self::Repair { because, .. } | Self::Redirect { because, .. } => because.reason,
            Self::Refuse { refusal, .. } => refusal.reason(),
        }
    }

    /// As it is written in messages and JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trust(_) => "trust",
            Self::Repair { .. } => "repair",
            Self::Redirect { .. } => "redirect",
            Self::Refuse { .. } => "refuse",
        }
    }
}

/// Judges a start.
pub fn judge(facts: &Facts) -> Verdict<'_> {
    match facts.strategy {
        Strategy::Off => Verdict::Trust(Reason::StrategyOff.into()),
        Strategy::Observe => match decide(facts, Strategy::Auto) {
            trust @ Verdict::Trust(_) => trust,
            other => {
                let because = match &other {
                    Verdict::Refuse { refusal, .. } => &refusal.bridge,
                    Verdict::Trust(because) | Verdict::Repair { because, .. } | Verdict::Redirect { because, .. } => {
                        because
                    }
                };
                let text = format!("the strategy is `observe`; `auto` would {}: {because}", other.name());
                Verdict::Trust(Because::of(Reason::Observed, text))
            }
        },
        strategy => decide(facts, strategy),
    }
}

/// The table, row by row.
fn decide(facts: &Facts, strategy: Strategy) -> Verdict<'_> {
    let (injected, because) = match settled(facts) {
        Ok(trust) => return Verdict::Trust(trust),
        Err(broken) => broken,
    };
    let redirect = redirect(facts, injected, strategy);
    if facts.kind == Kind::Other {
        // Not a machine's file: it is never repaired, and left only for what is certainly the same login.
        let is_auth = injected.directory.is_ok() && injected.config.is_ok() && because.reason != Reason::AuthMissing;
        return match redirect {
            Ok(to) if is_auth && injected.ownership(to) == Ownership::Same => {
                Verdict::Redirect { from: injected, to, because }
            }
            _ => Verdict::Trust(because),
        };
    }
    let personal = match redirect {
        Ok(to) => return Verdict::Redirect { from: injected, to, because },
        Err(obstacle) => obstacle,
    };
    let repair = match repair(facts, injected, strategy) {
        Ok(completion) => return Verdict::Repair { bridge: injected, completion, because },
        Err(obstacle) => obstacle,
    };
    let personal = match redirect_to_keyring(facts, injected, strategy) {
        None => personal,
        Some(Ok(to)) => return Verdict::Redirect { from: injected, to, because },
        Some(Err(obstacle)) => obstacle,
    };
    let personal_can = facts.personal.as_ref().is_some_and(|personal| personal.can_log_in().0 == Usable::Yes);
    let refusal = Refusal { bridge: because, personal, personal_can, repair };
    Verdict::Refuse { bridge: injected, personal: facts.personal.as_ref(), refusal }
}

/// `Ok` where the start is to be trusted; else the injected home, and why it cannot log in.
fn settled(facts: &Facts) -> Result<Because, (&Home, Because)> {
    let subcommand = match &facts.start {
        Start::Passed(because) => return Ok(because.clone()),
        Start::Judged { subcommand, .. } => *subcommand,
    };
    match facts.kind {
        Kind::LeftAlone => return Ok(Reason::LeftAlone.into()),
        Kind::Personal => return Ok(Reason::PersonalHome.into()),
        Kind::HostLogin => return Ok(Reason::HostLogsIn.into()),
        Kind::Bridge | Kind::Other => {}
    }
    if facts.access_token_in_environment {
        return Ok(Reason::AccessTokenInEnvironment.into());
    }
    if facts.api_key_in_environment && subcommand == Subcommand::Exec {
        return Ok(Reason::ApiKeyInEnvironment.into());
    }
    let Some(injected) = &facts.injected else { return Ok(Reason::NotJudged.into()) };
    let because = match injected.can_log_in() {
        (Usable::Yes | Usable::Unknown, because) => return Ok(because),
        (Usable::No, because) => because,
    };
    if facts.personal.as_ref().is_some_and(|personal| injected.is_linked_to(personal)) {
        return Ok(Reason::LinkedToPersonal.into());
    }
    Err((injected, because))
}

/// Whether the personal home may stand in, by what its files say.
fn redirect<'a>(facts: &'a Facts, injected: &Home, strategy: Strategy) -> Result<&'a Home, Because> {
    let personal = facts.personal.as_ref().ok_or(Reason::HomeUnknown)?;
    let (usable, because) = personal.can_log_in();
    if usable != Usable::Yes {
        return Err(because);
    }
    goes_with(injected, personal)?;
    if strategy == Strategy::Repair {
        return Err(Because::of(Reason::StrategyForbids, "the strategy `repair` does not use it"));
    }
    Ok(personal)
}

/// Whether the personal home may stand in although its login is in the keyring, where no file tells of it; `None` where it
/// is not there.
fn redirect_to_keyring<'a>(facts: &'a Facts, injected: &Home, strategy: Strategy) -> Option<Result<&'a Home, Because>> {
    let personal = facts.personal.as_ref()?;
    if personal.can_log_in().1.reason != Reason::KeyringStore {
        return None;
    }
    // What a login must be cannot be checked where the login cannot be seen.
    let forced = personal.config.as_ref().is_ok_and(|config| config.forced.is_any());
    Some(goes_with(injected, personal).and_then(|()| {
        if strategy == Strategy::Repair {
            let text = "the strategy `repair` does not use it, and its login is kept in the keyring";
            Err(Because::of(Reason::StrategyForbids, text))
        } else if forced {
            let text = "its config.toml forces a login method, and its login is kept in the keyring";
            Err(Because::of(Reason::LoginForbidden, text))
        } else {
            Ok(personal)
        }
    }))
}

/// Whether work meant for the one home may go to the other: same kind of login, no other account, the default provider,
/// and a login that is not lost by being used.
fn goes_with(injected: &Home, personal: &Home) -> Result<(), Because> {
    let config = personal.config.as_ref().map_err(Because::clone)?;
    if config.selects_profile {
        return Err(Reason::ConfigProfile.into());
    }
    if config.provider != Provider::OpenAi {
        return Err(Because::of(Reason::CustomProvider, "its model provider is not the default one"));
    }
    let Some(auth) = personal.auth() else { return Ok(()) };
    if injected.login() != auth.login {
        return Err(Reason::LoginsDiffer.into());
    }
    if injected.ownership(personal) == Ownership::Differs {
        return Err(accounts_differ(injected, personal));
    }
    if !config.forced.allows(auth) {
        return Err(Reason::LoginForbidden.into());
    }
    if auth.renewed_at_start && !personal.auth.can_be_renewed {
        return Err(Reason::LoginNotRenewable.into());
    }
    Ok(())
}

/// Names both accounts, as far as may be.
fn accounts_differ(injected: &Home, personal: &Home) -> Because {
    let account = |home: &Home| home.auth().and_then(|auth| auth.owners.accounts.first().cloned());
    let text = match (account(injected), account(personal)) {
        (Some(bridge), Some(personal)) if bridge != personal && bridge.to_string() == personal.to_string() => {
            format!("it is logged in as another account than the bridge is for, though both end in {personal}")
        }
        (Some(bridge), Some(personal)) if bridge != personal => {
            format!("it is logged in as account {personal}, the bridge is for account {bridge}")
        }
        _ => "it is logged in as somebody else than the bridge is for".to_owned(),
    };
    Because::of(Reason::AccountsDiffer, text)
}

/// Whether the injected home may be completed.
fn repair<'a>(facts: &'a Facts, injected: &Home, strategy: Strategy) -> Result<&'a Completion, Because> {
    if strategy == Strategy::Redirect {
        return Err(Because::of(Reason::StrategyForbids, "the strategy `redirect` does not repair"));
    }
    // Completing mends auth.json and nothing else.
    injected.directory.as_ref().map_err(Because::clone)?;
    injected.config.as_ref().map_err(Because::clone)?;
    let completion = facts.completion()?;
    let Some(personal) = &facts.personal else { return Ok(completion) };
    if injected.shares_refresh_token(personal) {
        return Err(Reason::SharedRefreshToken.into());
    }
    if injected.auth().is_some_and(|auth| auth.refresh.is_some()) && personal.is_auth_too_large() {
        let text = "the personal auth.json is too large to be looked at, and two holders of a `refresh_token` would end the login";
        return Err(Because::of(Reason::SharedRefreshToken, text));
    }
    let holds_login = personal.auth().is_some_and(|auth| auth.refresh.is_some())
        || match &personal.config {
            Ok(config) => config.store.may_be_keyring(),
            Err(because) => because.reason == Reason::ConfigTooLarge,
        };
    let is_renewed = injected.auth().is_some_and(|auth| auth.renewed_at_start);
    if is_renewed && holds_login && injected.ownership(personal) != Ownership::Differs {
        return Err(Reason::StaleBesidePersonal.into());
    }
    Ok(completion)
}

impl Store {
    /// Whether the login may be in the keyring.
    const fn may_be_keyring(self) -> bool {
        matches!(self, Self::Keyring | Self::Auto)
    }
}
