//! What makes a redirect certain: one function for each row of the table in `docs/design.md`.

use super::{Broken, Redirect};
use crate::home::auth::{Auth, Login, LoginKind, Ownership};
use crate::home::config::{Config, Provider, Store};
use crate::home::{AuthFile, Fact, Home, HomeDirectory, Kind};
use crate::observe::{Observed, Personal};
use crate::reason::{Reason, ReasonCode};
use crate::request::Subcommand;
use crate::settings::Strategy;

/// Returns the redirect if everything that makes it certain was seen, else the first thing that was not.
pub(super) fn redirect(observed: &Observed, broken: &Broken<'_>) -> Result<Redirect, Reason> {
    let personal = observed.personal.as_ref().ok_or(ReasonCode::NoPersonalHome)?;
    if observed.settings.strategy == Strategy::Repair {
        return Err(Reason::new(ReasonCode::StrategyForbids, "the strategy `repair` does not use it"));
    }
    let directory = can_work(personal, observed.uid)?;
    let config = goes_to_openai(personal)?;
    bridge_goes_to_openai(broken)?;
    let exception = same_login(observed, broken, personal, config)?;
    may_be_redirected(observed, broken)?;
    // A login in the keyring cannot be compared with what is forced or admitted.
    let login_at_risk = match personal.home.auth() {
        Some(auth) if config.store == Store::File => {
            is_admitted(auth, config, broken)?;
            if let Some(reason) = &personal.not_renewable {
                return Err(reason.clone());
            }
            auth.has_refresh_token && !is_kept_when_renewed(&personal.home, observed.uid)
        }
        _ => false,
    };
    Ok(Redirect {
        from: broken.home.path.clone(),
        to: directory.real_path.clone(),
        shown: personal.home.path.clone(),
        broken: broken.reason.clone(),
        exception,
        login_at_risk,
    })
}

/// `exec`, `review`, `resume`, `fork` and the interactive program delete the login that a project's configuration forbids.
fn may_be_redirected(observed: &Observed, broken: &Broken<'_>) -> Result<(), Reason> {
    if matches!(broken.judged.subcommand, Subcommand::AppServer | Subcommand::LoginStatus) {
        return Ok(());
    }
    if observed.settings.strategy != Strategy::Redirect {
        return Err(ReasonCode::StartNotRedirected.into());
    }
    if broken.judged.trusts_project {
        let detail = "the arguments trust a project, whose configuration may sign out the home";
        return Err(Reason::new(ReasonCode::ForcedByProject, detail));
    }
    match &broken.layers.project {
        Some(reason) => Err(reason.clone()),
        None => Ok(()),
    }
}

/// codex can work there: directory, `auth.json` and `config.toml` belong to this user or to root, no other user can change them,
/// and codex can create files.
fn can_work(personal: &Personal, uid: u32) -> Result<&HomeDirectory, Reason> {
    let home = &personal.home;
    let directory = match &home.directory {
        Fact::Seen(directory) => directory,
        Fact::Absent => return Err(ReasonCode::HomeMissing.into()),
        Fact::Unusable(reason) | Fact::Unknown(reason) => return Err(reason.clone()),
    };
    let auth = home.auth.seen().map(|file| ("auth.json", file.stat));
    let config = home.config_stat.map(|stat| ("config.toml", stat));
    for (name, stat) in [Some(("the directory", directory.stat)), auth, config].into_iter().flatten() {
        if !stat.is_owned_by(uid) {
            return Err(Reason::new(ReasonCode::HomeNotOwned, format!("{name} belongs to another user")));
        }
        if stat.is_writable_by_others(uid) {
            return Err(Reason::new(ReasonCode::HomeWritableByOthers, format!("other users may write to {name}")));
        }
    }
    // codex ignores a CODEX_HOME that is not UTF-8 and uses another home.
    if directory.real_path.to_str().is_none() {
        return Err(Reason::new(ReasonCode::HomeUnreadable, "its path is not UTF-8, and codex would use another home"));
    }
    if let Some(reason) = directory.not_writable.as_ref().or(personal.installation_id.as_ref()) {
        return Err(reason.clone());
    }
    Ok(directory)
}

/// The bridge's own configuration is known and sends its work to OpenAI, so the personal login may do that work.
fn bridge_goes_to_openai(broken: &Broken<'_>) -> Result<(), Reason> {
    match broken.home.own_config(&broken.judged.overrides) {
        Ok(config) if config.provider == Provider::OpenAi && !config.has_base_url && !config.selects_profile => Ok(()),
        Ok(_) => Err(Reason::new(ReasonCode::CustomProvider, "the bridge's config.toml sends its work elsewhere")),
        Err(Login::Usable(reason) | Login::Broken(reason) | Login::NotJudged(reason)) => {
            Err(Reason::new(reason.code, format!("what the bridge's config.toml says is not known: {reason}")))
        }
    }
}

/// The personal home sends work to the same place: every layer is known, and together they select the default OpenAI provider.
fn goes_to_openai(personal: &Personal) -> Result<&Config, Reason> {
    let config = personal.config.as_ref().map_err(Reason::clone)?;
    if config.selects_profile {
        return Err(ReasonCode::ConfigProfile.into());
    }
    match config.provider {
        Provider::OpenAi => {}
        Provider::Undefined => return Err(ReasonCode::ProviderUndefined.into()),
        Provider::WithOpenAiLogin | Provider::Own => {
            return Err(Reason::new(ReasonCode::CustomProvider, "its model provider is not the default one"));
        }
    }
    if config.has_base_url {
        return Err(ReasonCode::CustomBaseUrl.into());
    }
    match &personal.unusable_file {
        Some(reason) => Err(reason.clone()),
        None => Ok(config),
    }
}

/// Both homes hold a login of the same account, or an exception applies, which is returned.
fn same_login(
    observed: &Observed,
    broken: &Broken<'_>,
    personal: &Personal,
    config: &Config,
) -> Result<Option<Reason>, Reason> {
    let is_bridge = observed.kind == Some(Kind::Bridge);
    let is_trusted = is_bridge && (observed.settings.strategy == Strategy::Redirect || observed.is_listed_bridge);
    let trusted = || Ok(Some(ReasonCode::TrustedBySettings.into()));
    if let Fact::Unknown(reason) = &broken.home.auth {
        return Err(reason.clone());
    }
    if broken.home.login_kind() != LoginKind::Chatgpt {
        return Err(ReasonCode::ApiKeyLogin.into());
    }
    // The login itself.
    match personal.home.login_under(config) {
        Login::Usable(_) => {}
        Login::NotJudged(_) if matches!(config.store, Store::Keyring | Store::Auto) => {
            let of_bridge = broken.home.own_config(&broken.judged.overrides);
            let is_forced = config.forced.is_any() || of_bridge.is_ok_and(|config| config.forced.is_any());
            if !is_trusted || is_forced || broken.layers.requirements.seen().is_some() {
                return Err(ReasonCode::KeyringStore.into());
            }
            // With `auto` codex falls back to the file.
            return match (&personal.home.auth, config.store) {
                (_, Store::Keyring) | (Fact::Absent | Fact::Unusable(_), _) => trusted(),
                (Fact::Unknown(reason), _) => Err(reason.clone()),
                (Fact::Seen(file), _) if file.auth.kind != LoginKind::Chatgpt => Err(ReasonCode::ApiKeyLogin.into()),
                (Fact::Seen(file), _) => match broken.home.owners().map(|mine| mine.compare(&file.auth.owners)) {
                    Some(Ownership::Differs) => Err(accounts_differ(broken.home, &file.auth)),
                    _ => trusted(),
                },
            };
        }
        Login::Broken(reason) | Login::NotJudged(reason) => return Err(reason),
    }
    let Some(theirs) = personal.home.auth() else { return Err(ReasonCode::AuthMissing.into()) };
    if theirs.kind != LoginKind::Chatgpt {
        return Err(ReasonCode::ApiKeyLogin.into());
    }
    // The owner.
    let ownership = broken.home.owners().map(|mine| mine.compare(&theirs.owners));
    match ownership {
        Some(Ownership::Same) => Ok(None),
        Some(Ownership::Differs) => Err(accounts_differ(broken.home, theirs)),
        _ if is_bridge && holds_nothing(broken) => Ok(Some(ReasonCode::UnnamedBridge.into())),
        _ if is_trusted => trusted(),
        Some(Ownership::Unknown) | None => Err(ReasonCode::OwnerUnknown.into()),
    }
}

/// The bridge has no `auth.json` or an empty one, and its configuration forces nothing: nothing there could name another account.
fn holds_nothing(broken: &Broken<'_>) -> bool {
    let config = broken.home.own_config(&broken.judged.overrides);
    broken.home.holds_nothing() && config.is_ok_and(|config| !config.forced.is_any())
}

/// No layer, no requirement and not the bridge's own configuration forces another login.
pub(super) fn is_admitted(auth: &Auth, config: &Config, broken: &Broken<'_>) -> Result<(), Reason> {
    let of_bridge = broken.home.own_config(&broken.judged.overrides);
    if of_bridge.is_ok_and(|config| !config.forced.admits(auth)) {
        return Err(Reason::new(ReasonCode::LoginForbidden, "the bridge's config.toml forbids the login it holds"));
    }
    if !config.forced.admits(auth) {
        return Err(ReasonCode::LoginForbidden.into());
    }
    match &broken.layers.requirements {
        Fact::Seen(requirements) if !requirements.admit(auth) => Err(Reason::new(
            ReasonCode::LoginForbidden,
            "`/etc/codex/requirements.toml` does not admit the login it holds",
        )),
        _ => Ok(()),
    }
}

/// Returns whether codex can keep this login when it renews it later, by the file's mode and links.
fn is_kept_when_renewed(home: &Home, uid: u32) -> bool {
    let is_writable = |file: &AuthFile| uid == 0 || (file.stat.uid == uid && file.stat.mode & 0o200 != 0);
    home.auth.seen().is_none_or(|file| file.stat.links <= 1 && is_writable(file))
}

/// Names both accounts by the part of them that may be shown.
fn accounts_differ(mine: &Home, theirs: &Auth) -> Reason {
    let mine = mine.owners().and_then(|owners| owners.account.one());
    let detail = match (mine, theirs.owners.account.one()) {
        (Some(mine), Some(theirs)) if mine != theirs && mine.to_string() == theirs.to_string() => {
            format!("it holds another account than the bridge is for, although both end in {theirs}")
        }
        (Some(mine), Some(theirs)) if mine != theirs => {
            format!("it holds account {theirs}, and the bridge is for account {mine}")
        }
        _ => "it holds the login of another person than the bridge is for".to_owned(),
    };
    Reason::new(ReasonCode::AccountsDiffer, detail)
}
