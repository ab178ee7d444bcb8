//! The verdict table: row by row as sentences, and once over every combination of facts.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where it fails")]

use std::cell::OnceCell;
use std::path::PathBuf;

use codex_home::home::auth::{Auth, Fingerprint, Login, Owners, Ownership, Usable};
use codex_home::home::claims::Id;
use codex_home::home::completion::{Completion, IdTokenFrom, Sealed};
use codex_home::home::config::{Config, Provider, Store};
use codex_home::home::{AuthFile, FileId, Home, Kind};
use codex_home::plan::{Plan, Step};
use codex_home::reason::{Because, Reason};
use codex_home::settings::{Settings, Strategy};
use codex_home::start::{Overrides, Start, Subcommand};
use codex_home::survey::Facts;
use codex_home::verdict::{Verdict, judge};
use codex_home::words::ROUTED;

const MINE: &str = "acc-mine-1111";
const THEIRS: &str = "acc-theirs-2222";

// The homes, each a variation of one that is whole.

fn auth(usable: Usable, reason: Reason, account: Option<&str>) -> Auth {
    Auth {
        usable,
        because: reason.into(),
        login: Login::Chatgpt,
        owners: Owners {
            accounts: account.and_then(|account| Id::new(account.to_owned())).into_iter().collect(),
            users: Vec::new(),
        },
        refresh: Fingerprint::of("refresh token of some home"),
        stale: false,
        renewed_at_start: false,
    }
}

fn home_with(path: &str, auth: Auth) -> Home {
    let inode = path.len() as u64;
    Home {
        path: PathBuf::from(path),
        directory: Ok(FileId { device: 1, inode }),
        config: Ok(Config::default()),
        auth: AuthFile {
            read: Ok(auth),
            id: Some(FileId { device: 2, inode }),
            can_be_renewed: true,
            bytes: Sealed::default(),
        },
    }
}

fn bridge(auth: Auth) -> Home {
    let mut home = home_with("/home/me/.openclaw/harness-auth/codex/06bfb5171eff0241", auth);
    if let Ok(auth) = &mut home.auth.read {
        auth.refresh = Fingerprint::of("refresh token of the bridge");
    }
    home
}

fn broken(account: Option<&str>) -> Home {
    bridge(auth(Usable::No, Reason::MissingIdToken, account))
}

fn personal(account: Option<&str>) -> Home {
    home_with("/home/me/.codex", auth(Usable::Yes, Reason::OkChatgpt, account))
}

fn api_key(mut home: Home, usable: Usable) -> Home {
    let reason = if usable == Usable::Yes { Reason::OkApiKey } else { Reason::NoApiKey };
    let key = Auth { login: Login::ApiKey, refresh: None, ..auth(usable, reason, None) };
    home.auth.read = Ok(key);
    home
}

fn without_auth(mut home: Home, reason: Reason) -> Home {
    home.auth = AuthFile::unread(reason, None);
    home
}

fn without_directory(mut home: Home, reason: Reason) -> Home {
    home.directory = Err(reason.into());
    without_auth(home, Reason::AuthMissing)
}

fn with_config(mut home: Home, config: Result<Config, Because>) -> Home {
    home.config = config;
    home
}

fn in_store(home: Home, store: Store) -> Home {
    with_config(home, Ok(Config { store, ..Config::default() }))
}

fn at_provider(home: Home, provider: Provider) -> Home {
    with_config(home, Ok(Config { provider, ..Config::default() }))
}

/// Under a `config.toml` of this text.
fn under(home: Home, text: &str) -> Home {
    with_config(home, Config::read(Some(text.as_bytes()), &Overrides::default()))
}

fn stale(mut home: Home) -> Home {
    let auth = home.auth.read.as_mut().unwrap();
    (auth.stale, auth.renewed_at_start) = (true, true);
    home
}

fn about_to_be_renewed(mut home: Home) -> Home {
    home.auth.read.as_mut().unwrap().renewed_at_start = true;
    home
}

fn not_renewable(mut home: Home) -> Home {
    home.auth.can_be_renewed = false;
    home
}

fn linked(mut home: Home, to: &Home) -> Home {
    home.auth.id = to.auth.id;
    home
}

fn without_refresh_token(mut home: Home) -> Home {
    home.auth.read.as_mut().unwrap().refresh = None;
    home
}

fn sharing_refresh_token(mut home: Home, other: &Home) -> Home {
    home.auth.read.as_mut().unwrap().refresh = other.auth().unwrap().refresh;
    home
}

// The facts, as `auto` finds them at an `app-server` start behind a #70511 bridge.

fn app_server() -> Start {
    Start::Judged { subcommand: Subcommand::AppServer, overrides: Overrides::default() }
}

fn exec() -> Start {
    Start::Judged { subcommand: Subcommand::Exec, overrides: Overrides::default() }
}

fn completable() -> OnceCell<Result<Completion, Because>> {
    Ok(Completion { bytes: Sealed::default(), id_token: IdTokenFrom::AccessToken }).into()
}

fn not_completable() -> OnceCell<Result<Completion, Because>> {
    Err(Reason::NotCompletable.into()).into()
}

fn facts(kind: Kind, injected: Home, personal: Option<Home>) -> Facts {
    Facts {
        start: app_server(),
        strategy: Strategy::Auto,
        kind,
        injected: Some(injected),
        personal,
        access_token_in_environment: false,
        api_key_in_environment: false,
        now: chrono::DateTime::UNIX_EPOCH,
        completion: completable(),
    }
}

fn behind_bridge(injected: Home, personal: Home) -> Facts {
    facts(Kind::Bridge, injected, Some(personal))
}

fn other(injected: Home, personal: Home) -> Facts {
    facts(Kind::Other, injected, Some(personal))
}

fn settings() -> Settings {
    Settings {
        person_home: Some("/home/me".into()),
        personal_home: Some("/home/me/.codex".into()),
        ..Settings::default()
    }
}

#[test]
fn the_table_row_by_row() {
    use Reason::*;
    let me = || personal(Some(MINE));
    let nobody = || without_directory(personal(None), HomeMissing);
    let whole = || bridge(auth(Usable::Yes, OkChatgpt, Some(MINE)));
    let rows: Vec<(&str, Facts, &str, Reason)> = vec![
        (
            "a start that uses no login is passed on",
            Facts { start: Start::Passed(NotJudged.into()), ..behind_bridge(broken(Some(MINE)), me()) },
            "trust",
            NotJudged,
        ),
        ("the personal home is trusted", facts(Kind::Personal, broken(None), None), "trust", PersonalHome),
        ("a home whose host logs in is trusted", facts(Kind::HostLogin, broken(None), None), "trust", HostLogsIn),
        ("a home left alone is trusted", facts(Kind::LeftAlone, broken(None), None), "trust", LeftAlone),
        (
            "an access token in the environment is stronger than any home",
            Facts { access_token_in_environment: true, ..behind_bridge(broken(Some(MINE)), me()) },
            "trust",
            AccessTokenInEnvironment,
        ),
        (
            "an API key in the environment is what `exec` uses",
            Facts { start: exec(), api_key_in_environment: true, ..behind_bridge(broken(Some(MINE)), me()) },
            "trust",
            ApiKeyInEnvironment,
        ),
        (
            "an API key in the environment is nothing to `app-server`",
            Facts { api_key_in_environment: true, ..behind_bridge(broken(Some(MINE)), me()) },
            "redirect",
            MissingIdToken,
        ),
        (
            "a link to the personal auth.json is the personal login",
            behind_bridge(linked(broken(Some(MINE)), &me()), me()),
            "trust",
            LinkedToPersonal,
        ),
        (
            "a home with a provider of its own needs no login",
            behind_bridge(at_provider(broken(Some(MINE)), Provider::Own), me()),
            "trust",
            CustomProvider,
        ),
        (
            "a bridge whose login is in the keyring is trusted",
            behind_bridge(in_store(broken(Some(MINE)), Store::Keyring), me()),
            "trust",
            KeyringStore,
        ),
        (
            "a bridge that looks into the keyring first is trusted",
            behind_bridge(in_store(broken(Some(MINE)), Store::Auto), me()),
            "trust",
            KeyringStore,
        ),
        (
            "a bridge that keeps logins in memory is trusted",
            behind_bridge(in_store(broken(Some(MINE)), Store::Ephemeral), me()),
            "trust",
            EphemeralStore,
        ),
        (
            "a login that cannot be judged from files is trusted",
            behind_bridge(bridge(auth(Usable::Unknown, OtherAuth, None)), me()),
            "trust",
            OtherAuth,
        ),
        ("a bridge that can log in is trusted", behind_bridge(whole(), me()), "trust", OkChatgpt),
        (
            "a #70511 bridge is redirected to the same account",
            behind_bridge(broken(Some(MINE)), me()),
            "redirect",
            MissingIdToken,
        ),
        (
            "a bridge of an unknown account is redirected: nothing says that they differ",
            behind_bridge(broken(None), me()),
            "redirect",
            MissingIdToken,
        ),
        (
            "a bridge with nothing in it is redirected to a ChatGPT login",
            behind_bridge(without_auth(broken(None), AuthMissing), me()),
            "redirect",
            AuthMissing,
        ),
        (
            "a bridge that is not there is redirected",
            behind_bridge(without_directory(broken(None), HomeMissing), me()),
            "redirect",
            HomeMissing,
        ),
        (
            "a bridge that codex cannot write into is redirected, not repaired",
            behind_bridge(without_directory(broken(None), HomeNotWritable), me()),
            "redirect",
            HomeNotWritable,
        ),
        (
            "another account is never used: the bridge is completed",
            behind_bridge(broken(Some(MINE)), personal(Some(THEIRS))),
            "repair",
            MissingIdToken,
        ),
        (
            "another account is never used: where the bridge cannot be completed either, nothing is started",
            Facts { completion: not_completable(), ..behind_bridge(broken(Some(MINE)), personal(Some(THEIRS))) },
            "refuse",
            AccountsDiffer,
        ),
        (
            "a ChatGPT bridge never lands on an API key",
            Facts { completion: not_completable(), ..behind_bridge(broken(Some(MINE)), api_key(me(), Usable::Yes)) },
            "refuse",
            LoginsDiffer,
        ),
        (
            "an API-key bridge never lands on a ChatGPT login",
            Facts { completion: not_completable(), ..behind_bridge(api_key(broken(None), Usable::No), me()) },
            "refuse",
            LoginsDiffer,
        ),
        (
            "an API-key bridge is redirected to an API key",
            behind_bridge(api_key(broken(None), Usable::No), api_key(me(), Usable::Yes)),
            "redirect",
            NoApiKey,
        ),
        (
            "a bridge with nothing in it never lands on an API key",
            Facts {
                completion: not_completable(),
                ..behind_bridge(without_auth(broken(None), AuthMissing), api_key(me(), Usable::Yes))
            },
            "refuse",
            LoginsDiffer,
        ),
        (
            "a personal home with a provider of its own cannot stand in",
            behind_bridge(broken(Some(MINE)), at_provider(me(), Provider::WithOpenAiLogin)),
            "repair",
            MissingIdToken,
        ),
        (
            "a personal home that selects a profile cannot stand in: 0.169 starts no thread there",
            behind_bridge(broken(Some(MINE)), under(me(), "profile = 'work'")),
            "repair",
            MissingIdToken,
        ),
        (
            "a bridge that selects a profile is left alone",
            behind_bridge(under(broken(Some(MINE)), "profile = 'work'"), me()),
            "trust",
            ConfigProfile,
        ),
        (
            "a personal home that forbids its login would be signed out by codex",
            behind_bridge(broken(Some(MINE)), under(me(), "forced_login_method = 'api'")),
            "repair",
            MissingIdToken,
        ),
        (
            "a personal home that asks for just this login can stand in",
            behind_bridge(
                broken(Some(MINE)),
                under(me(), "forced_login_method = 'chatgpt'\nforced_chatgpt_workspace_id = ['acc-mine-1111']"),
            ),
            "redirect",
            MissingIdToken,
        ),
        (
            "a personal home that asks for another workspace would be signed out by codex",
            behind_bridge(broken(Some(MINE)), under(me(), "forced_chatgpt_workspace_id = 'acc-theirs-2222'")),
            "repair",
            MissingIdToken,
        ),
        (
            "a login that would be lost by renewing it is not used",
            behind_bridge(broken(Some(MINE)), not_renewable(stale(me()))),
            "repair",
            MissingIdToken,
        ),
        (
            "a login within its last five minutes is renewed at the start, and would be lost too",
            behind_bridge(broken(Some(MINE)), not_renewable(about_to_be_renewed(me()))),
            "repair",
            MissingIdToken,
        ),
        (
            "a bridge within its last five minutes beside a personal login of the same account is not completed",
            behind_bridge(about_to_be_renewed(broken(Some(MINE))), at_provider(me(), Provider::Own)),
            "refuse",
            MissingIdToken,
        ),
        (
            "a login that need not be renewed now is used although it could not be",
            behind_bridge(broken(Some(MINE)), not_renewable(me())),
            "redirect",
            MissingIdToken,
        ),
        (
            "a bridge is completed where there is no personal home",
            behind_bridge(broken(Some(MINE)), nobody()),
            "repair",
            MissingIdToken,
        ),
        (
            "a bridge is completed where no personal home is known",
            facts(Kind::Bridge, broken(Some(MINE)), None),
            "repair",
            MissingIdToken,
        ),
        (
            "a bridge that shares the personal refresh token is not completed: two holders would end the login",
            {
                let me = without_directory(me(), HomeNotWritable);
                let mut me = Home { auth: personal(Some(MINE)).auth, ..me };
                me.directory = Err(HomeNotWritable.into());
                behind_bridge(sharing_refresh_token(broken(Some(MINE)), &me), me)
            },
            "refuse",
            MissingIdToken,
        ),
        (
            "a stale bridge beside a personal login of the same account is not completed",
            behind_bridge(stale(broken(Some(MINE))), at_provider(me(), Provider::Own)),
            "refuse",
            MissingIdToken,
        ),
        (
            "a stale bridge beside a personal login of another account is completed",
            behind_bridge(stale(broken(Some(MINE))), personal(Some(THEIRS))),
            "repair",
            MissingIdToken,
        ),
        (
            "a bridge with nothing to complete is redirected to a login that may be in the keyring",
            Facts {
                completion: not_completable(),
                ..behind_bridge(broken(Some(MINE)), in_store(without_auth(me(), AuthMissing), Store::Keyring))
            },
            "redirect",
            MissingIdToken,
        ),
        (
            "a bridge that can be completed is not redirected to a login that is only perhaps in the keyring",
            behind_bridge(broken(Some(MINE)), in_store(without_auth(me(), AuthMissing), Store::Auto)),
            "repair",
            MissingIdToken,
        ),
        (
            "a keyring beside a file of another account is not used",
            Facts {
                completion: not_completable(),
                ..behind_bridge(broken(Some(MINE)), in_store(personal(Some(THEIRS)), Store::Auto))
            },
            "refuse",
            MissingIdToken,
        ),
        (
            "where neither home can log in, nothing is started",
            Facts { completion: not_completable(), ..behind_bridge(broken(None), nobody()) },
            "refuse",
            MissingIdToken,
        ),
        (
            "another host's broken login is redirected only where it is certainly the same",
            other(broken(Some(MINE)), me()),
            "redirect",
            MissingIdToken,
        ),
        (
            "another host's broken login of an unknown account is left alone",
            other(broken(None), me()),
            "trust",
            MissingIdToken,
        ),
        (
            "another host's broken login of another account is left alone",
            other(broken(Some(MINE)), personal(Some(THEIRS))),
            "trust",
            MissingIdToken,
        ),
        (
            "another host's broken login is never completed",
            other(broken(Some(MINE)), nobody()),
            "trust",
            MissingIdToken,
        ),
        (
            "another host's home without an auth.json is left alone",
            other(without_auth(broken(None), AuthMissing), me()),
            "trust",
            AuthMissing,
        ),
        (
            "another host's home that is not there is left alone",
            other(without_directory(broken(None), HomeMissing), me()),
            "trust",
            HomeMissing,
        ),
        (
            "another host's home with a config.toml codex cannot load is left alone",
            other(with_config(broken(Some(MINE)), Err(ConfigInvalid.into())), me()),
            "trust",
            ConfigInvalid,
        ),
        (
            "`redirect` never repairs",
            Facts { strategy: Strategy::Redirect, ..behind_bridge(broken(Some(MINE)), nobody()) },
            "refuse",
            MissingIdToken,
        ),
        (
            "`repair` completes first",
            Facts { strategy: Strategy::Repair, ..behind_bridge(broken(Some(MINE)), me()) },
            "repair",
            MissingIdToken,
        ),
        (
            "`repair` never redirects",
            Facts {
                strategy: Strategy::Repair,
                completion: not_completable(),
                ..behind_bridge(broken(Some(MINE)), me())
            },
            "refuse",
            StrategyForbids,
        ),
        (
            "`observe` does nothing",
            Facts { strategy: Strategy::Observe, ..behind_bridge(broken(Some(MINE)), me()) },
            "trust",
            Observed,
        ),
        (
            "a bridge whose auth.json is too large to be looked at is trusted",
            behind_bridge(without_auth(broken(None), AuthTooLarge), me()),
            "trust",
            AuthTooLarge,
        ),
        (
            "a bridge whose config.toml is too large to be looked at is trusted",
            behind_bridge(with_config(broken(Some(MINE)), Err(ConfigTooLarge.into())), me()),
            "trust",
            ConfigTooLarge,
        ),
        (
            "a personal home whose config.toml is too large to be looked at does not stand in",
            behind_bridge(broken(Some(MINE)), with_config(me(), Err(ConfigTooLarge.into()))),
            "repair",
            MissingIdToken,
        ),
        (
            "a bridge past its end is not repaired beside one: the keyring may hold the same login",
            behind_bridge(stale(broken(Some(MINE))), with_config(me(), Err(ConfigTooLarge.into()))),
            "refuse",
            MissingIdToken,
        ),
        (
            "beside a personal auth.json that is too large to be looked at no refresh token gets a second holder",
            behind_bridge(broken(Some(MINE)), without_auth(me(), AuthTooLarge)),
            "refuse",
            MissingIdToken,
        ),
        (
            "without a refresh token there is nothing to be held twice",
            behind_bridge(without_refresh_token(broken(Some(MINE))), without_auth(me(), AuthTooLarge)),
            "repair",
            MissingIdToken,
        ),
        (
            "`off` does not even look",
            Facts { strategy: Strategy::Off, ..behind_bridge(broken(Some(MINE)), me()) },
            "trust",
            StrategyOff,
        ),
    ];
    for (sentence, facts, expected, because) in rows {
        let verdict = judge(&facts);
        assert_eq!((verdict.name(), verdict.reason()), (expected, because), "{sentence}: {verdict:?}");
    }
}

#[test]
fn observe_says_what_it_would_have_done() {
    let facts = Facts { strategy: Strategy::Observe, ..behind_bridge(broken(Some(MINE)), personal(Some(MINE))) };
    let plan = Plan::of(&judge(&facts), &facts, &settings());
    let (level, said) = &plan.says[0];
    assert_eq!(*level, tracing::Level::WARN);
    assert!(said.contains("`auto` would redirect: auth.json has no `id_token`"), "{said}");
}

/// Every combination of facts that differ in kind, and the promises that hold over all of them.
#[test]
fn whatever_the_facts_no_promise_is_broken() {
    let me = personal(Some(MINE));
    let injected = [
        bridge(auth(Usable::Yes, Reason::OkChatgpt, Some(MINE))),
        api_key(broken(None), Usable::Yes),
        bridge(auth(Usable::Unknown, Reason::OtherAuth, None)),
        broken(Some(MINE)),
        broken(Some(THEIRS)),
        broken(None),
        stale(broken(Some(MINE))),
        stale(broken(None)),
        sharing_refresh_token(broken(Some(MINE)), &me),
        linked(broken(Some(MINE)), &me),
        api_key(broken(None), Usable::No),
        without_auth(broken(None), Reason::AuthMissing),
        without_auth(broken(None), Reason::AuthNotRegularFile),
        without_auth(broken(None), Reason::AuthTooLarge),
        with_config(broken(Some(MINE)), Err(Reason::ConfigTooLarge.into())),
        without_directory(broken(None), Reason::HomeMissing),
        without_directory(broken(None), Reason::HomeNotWritable),
        with_config(broken(Some(MINE)), Err(Reason::ConfigInvalid.into())),
        at_provider(broken(Some(MINE)), Provider::Own),
        at_provider(broken(Some(MINE)), Provider::WithOpenAiLogin),
        in_store(broken(Some(MINE)), Store::Keyring),
        in_store(broken(Some(MINE)), Store::Ephemeral),
    ];
    let personals = [
        None,
        Some(me.clone()),
        Some(personal(Some(THEIRS))),
        Some(personal(None)),
        Some(api_key(personal(None), Usable::Yes)),
        Some(api_key(personal(None), Usable::No)),
        Some(stale(me.clone())),
        Some(not_renewable(me.clone())),
        Some(not_renewable(stale(me.clone()))),
        Some(home_with("/home/me/.codex", auth(Usable::No, Reason::MalformedIdToken, Some(MINE)))),
        Some(home_with("/home/me/.codex", auth(Usable::Unknown, Reason::OtherAuth, None))),
        Some(without_auth(me.clone(), Reason::AuthMissing)),
        Some(without_auth(me.clone(), Reason::AuthUnreadable)),
        Some(without_auth(me.clone(), Reason::AuthTooLarge)),
        Some(with_config(me.clone(), Err(Reason::ConfigTooLarge.into()))),
        Some(without_directory(me.clone(), Reason::HomeMissing)),
        Some(with_config(me.clone(), Err(Reason::ConfigInvalid.into()))),
        Some(at_provider(me.clone(), Provider::Own)),
        Some(at_provider(me.clone(), Provider::WithOpenAiLogin)),
        Some(in_store(without_auth(me.clone(), Reason::AuthMissing), Store::Keyring)),
        Some(in_store(personal(Some(THEIRS)), Store::Auto)),
        Some(in_store(me.clone(), Store::Auto)),
        Some(in_store(me.clone(), Store::Ephemeral)),
        Some(under(me.clone(), "forced_login_method = 'api'")),
        Some(under(me.clone(), "profile = 'work'")),
        Some(under(
            without_auth(me.clone(), Reason::AuthMissing),
            "cli_auth_credentials_store = 'keyring'\nforced_login_method = 'api'",
        )),
    ];
    let starts = [app_server(), exec(), Start::Passed(Reason::NotJudged.into())];
    let kinds = [Kind::LeftAlone, Kind::Personal, Kind::HostLogin, Kind::Bridge, Kind::Other];

    let mut walked = 0_u32;
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for injected in &injected {
        for personal in &personals {
            for start in &starts {
                for kind in kinds {
                    for bits in 0..8_u8 {
                        let facts = Facts {
                            start: start.clone(),
                            strategy: Strategy::Auto,
                            kind,
                            injected: Some(injected.clone()),
                            personal: personal.clone(),
                            access_token_in_environment: bits & 1 != 0,
                            api_key_in_environment: bits & 2 != 0,
                            now: chrono::DateTime::UNIX_EPOCH,
                            completion: if bits & 4 != 0 { completable() } else { not_completable() },
                        };
                        let verdicts = Strategy::ALL.map(|strategy| {
                            let facts = Facts { strategy, ..facts.clone() };
                            let verdict = judge(&facts);
                            holds(&facts, &verdict);
                            *seen.entry(verdict.name()).or_default() += 1;
                            walked += 1;
                            verdict.name()
                        });
                        let [auto, redirect, repair, observe, off] = verdicts;
                        assert_eq!((observe, off), ("trust", "trust"));
                        // `auto` refuses only what both of the others refuse.
                        assert!(auto != "refuse" || (redirect, repair) == ("refuse", "refuse"), "{facts:?}");
                    }
                }
            }
        }
    }
    assert_eq!(walked as usize, injected.len() * personals.len() * starts.len() * kinds.len() * 8 * 5);
    // Every verdict was met, so none of the promises below held for want of a case.
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), ["redirect", "refuse", "repair", "trust"]);
}

/// The promises, for one combination.
fn holds(facts: &Facts, verdict: &Verdict<'_>) {
    let injected = facts.injected.as_ref().unwrap();
    let Start::Judged { subcommand, .. } = &facts.start else {
        assert_eq!(verdict.name(), "trust", "a start that is not judged: {facts:?}");
        return;
    };
    let decided_elsewhere = !matches!(facts.kind, Kind::Bridge | Kind::Other)
        || facts.access_token_in_environment
        || (facts.api_key_in_environment && *subcommand == Subcommand::Exec)
        || facts.personal.as_ref().is_some_and(|personal| injected.is_linked_to(personal));
    if injected.can_log_in().0 != Usable::No || decided_elsewhere {
        assert_eq!(verdict.name(), "trust", "a home that works, or is not ours to judge: {facts:?}");
    }
    let plan = Plan::of(verdict, facts, &settings());
    match verdict {
        Verdict::Trust(_) => assert!(matches!(plan.step, Step::Start), "{plan:?}"),
        Verdict::Redirect { to: personal, .. } => {
            let config = personal.config.as_ref().unwrap();
            let in_keyring = matches!(config.store, Store::Keyring | Store::Auto);
            assert!(personal.can_log_in().0 == Usable::Yes || in_keyring, "to a home that cannot: {facts:?}");
            assert!(personal.directory.is_ok(), "{facts:?}");
            assert_eq!(config.provider, Provider::OpenAi, "{facts:?}");
            assert!(!config.selects_profile, "{facts:?}");
            assert_ne!(injected.ownership(personal), Ownership::Differs, "across accounts: {facts:?}");
            assert!(facts.kind != Kind::Other || injected.ownership(personal) == Ownership::Same, "{facts:?}");
            if let Some(auth) = personal.auth() {
                assert_eq!(auth.login, injected.login(), "across kinds of login: {facts:?}");
                assert!(config.forced.allows(auth), "into a sign-out: {facts:?}");
                assert!(!auth.stale || personal.auth.can_be_renewed, "into the loss of a login: {facts:?}");
            } else {
                assert!(!config.forced.is_any(), "into a sign-out: {facts:?}");
            }
            assert_ne!(facts.strategy, Strategy::Repair, "{facts:?}");
            assert!(matches!(&plan.step, Step::StartIn(path) if *path == personal.path), "{plan:?}");
            assert_eq!(plan.says[0].0, tracing::Level::INFO);
        }
        Verdict::Repair { .. } => {
            assert_eq!(facts.kind, Kind::Bridge, "not a machine's file: {facts:?}");
            assert_ne!(facts.strategy, Strategy::Redirect, "{facts:?}");
            assert!(facts.completion().is_ok() && injected.directory.is_ok() && injected.config.is_ok(), "{facts:?}");
            if let Some(personal) = &facts.personal {
                assert!(!injected.shares_refresh_token(personal), "two holders: {facts:?}");
                let holds_refresh_token = injected.auth().is_some_and(|auth| auth.refresh.is_some());
                assert!(!(holds_refresh_token && personal.is_auth_too_large()), "perhaps two holders: {facts:?}");
                let is_stale = injected.auth().is_some_and(|auth| auth.stale);
                let is_same = injected.ownership(personal) == Ownership::Same;
                assert!(!(is_stale && is_same && personal.auth().is_some()), "a spent copy: {facts:?}");
            }
            assert!(matches!(&plan.step, Step::Mend { path, .. } if *path == injected.path), "{plan:?}");
        }
        Verdict::Refuse { refusal, .. } => {
            assert_eq!(facts.kind, Kind::Bridge, "only a bridge is refused: {facts:?}");
            let Step::Stop(failure) = &plan.step else { panic!("{plan:?}") };
            assert_eq!((failure.exit_code(), failure.reason()), (78, refusal.reason()));
            assert!(!failure.help().is_empty());
            let (line, text) = (failure.message(), failure.to_string());
            assert!(line.lines().count() == 1 && line.chars().count() <= 400, "{line}");
            assert!(text.lines().count() == 3 && text.contains("\n  help: "), "{text}");
            for said in [&line, &text] {
                assert!(said.contains(&refusal.bridge.to_string()), "{said}");
                let personal = facts.personal.is_none() || said.contains(&refusal.personal.to_string());
                assert!(personal && said.contains(&failure.help()), "{said}");
                for word in ROUTED {
                    assert!(!said.to_lowercase().contains(word), "{word:?} in {said:?}");
                }
            }
        }
    }
}

#[test]
fn no_reason_is_worded_so_that_a_host_would_act_upon_it() {
    for reason in Reason::ALL {
        for word in ROUTED {
            assert!(!reason.text().to_lowercase().contains(word), "{word:?} in {reason}");
        }
        assert!(reason.id().bytes().all(|b| b.is_ascii_lowercase() || b == b'8' || b == b'-'), "{reason}");
    }
}
