//! What makes a redirect certain: for each line of the table, a case in which that line fails.

use std::fs;

use crate::support::fixture::{BRIDGE_REFRESH, MALLORY, PERSONAL_REFRESH, broken};
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Case, Fixture, Need, auth, case};

/// Starts `app-server` in the bridge of openclaw#70511 and expects a repair, because the personal home is not certain.
fn is_not_redirected_to(lay: impl FnOnce(&Fixture) + Send + 'static) -> impl FnOnce() + Send + 'static {
    move || {
        let person = Fixture::issue_70511();
        lay(&person);
        person.serve().is_repaired("missing-id-token");
    }
}

pub fn cases() -> Vec<Case> {
    [same_login(), can_log_in(), can_work(), goes_to_openai()].into_iter().flatten().collect()
}

fn same_login() -> Vec<Case> {
    fn refuses(name: &'static str, auth: Vec<u8>) -> Case {
        case(name, move || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            person.write_auth(&person.bridge(), &auth);
            let ended = person.serve().run();
            assert!(ended.report.is_none(), "one account's work goes to another's login: {ended:?}");
            assert_eq!(ended.code, Some(78));
        })
    }
    let for_other = || broken(OTHER_ACCOUNT);
    let opaque = |tokens: &str| format!("{{\"auth_mode\":\"chatgpt\",\"tokens\":{{{tokens}}}}}").into_bytes();
    let mut cases = vec![
        case("the bridge of another account is repaired, never redirected", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            person.break_bridge(OTHER_ACCOUNT);
            person.serve().is_repaired("missing-id-token");
        }),
        case("two people of one workspace are two: the person must be the same", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            let access = tokens::jwt(&serde_json::json!({
                "exp": 4_102_444_800_u64,
                "https://api.openai.com/auth": {"chatgpt_account_id": ACCOUNT, "chatgpt_user_id": "user-of-another"},
            }));
            person.write_auth(&person.bridge(), &auth::issue_70511(&access, BRIDGE_REFRESH));
            person.serve().is_repaired("missing-id-token");
        }),
        case("a person who is named on one side only is not known to be the same", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            person.write_auth(
                &person.bridge(),
                &auth::issue_70511_with_account("opaque-access-token", BRIDGE_REFRESH, ACCOUNT),
            );
            person.serve().is_refused(
                "owner-unknown",
                78,
                &["owner-unknown", "run `codex-home config set strategy redirect`"],
            );
        }),
    ];
    // A file that cannot be parsed names no owner for certain, and its writer may be about to replace it.
    for (name, bytes) in [
        ("a bridge with a byte order mark is nobody's", [b"\xef\xbb\xbf".to_vec(), for_other()].concat()),
        ("a bridge that is cut short is nobody's", for_other().split_last().map(|(_, rest)| rest.to_vec()).unwrap()),
        ("a bridge with a NUL behind it is nobody's", [for_other(), b"\0".to_vec()].concat()),
        (
            "a bridge with an invalid byte is nobody's",
            String::from_utf8(for_other()).unwrap().replacen("{", "{\"note\":\"\u{1}\",", 1).into_bytes(),
        ),
        (
            "a bridge with `tokens` twice is nobody's",
            opaque("").into_iter().take_while(|b| *b != b'}').chain(*b"},\"tokens\":{}}").collect(),
        ),
        ("a bridge with an opaque token is nobody's", opaque("\"access_token\":\"opaque-x\",\"refresh_token\":\"r\"")),
        (
            "a bridge that names an account in another field is nobody's",
            opaque("\"access_token\":\"o\",\"refresh_token\":\"r\",\"accountId\":\"b\""),
        ),
        (
            "a bridge whose tokens are an array is nobody's",
            br#"{"auth_mode":"chatgpt","tokens":["a","b","c","d"]}"#.to_vec(),
        ),
    ] {
        cases.push(refuses(name, bytes));
    }
    cases
}

fn can_log_in() -> Vec<Case> {
    vec![
        case(
            "a personal home that cannot log in itself is not redirected to",
            is_not_redirected_to(|person| {
                person.write_auth(&person.personal(), &broken(ACCOUNT));
            }),
        ),
        case(
            "a personal home whose own config.toml forbids its login is not redirected to",
            is_not_redirected_to(|person| {
                person.write_config(&person.personal(), "forced_login_method = \"api\"\n");
            }),
        ),
        case(
            "a login that must be renewed now and is read-only is not redirected to",
            is_not_redirected_to(|person| {
                person.write_auth(&person.personal(), &stale());
                fs::hard_link(person.personal().join("auth.json"), person.root().join("second")).unwrap();
            }),
        ),
        case("a login that must be renewed now and can be is redirected to", || {
            let person = Fixture::issue_70511();
            person.write_auth(&person.personal(), &stale());
            person.serve().is_redirected("missing-id-token");
        }),
        case("a login that codex would lose when it renews it later is redirected to, with a warning", || {
            let person = Fixture::issue_70511();
            fs::hard_link(person.personal().join("auth.json"), person.root().join("second")).unwrap();
            person.serve().is_redirected_with_warning("missing-id-token");
        }),
    ]
}

/// A login with an access token that expired in 2020.
fn stale() -> Vec<u8> {
    let mut login = auth::healthy_value(ACCOUNT, "personal", PERSONAL_REFRESH);
    login["tokens"]["access_token"] = tokens::expired_access_token(ACCOUNT, "personal").into();
    auth::bytes(&login)
}

fn can_work() -> Vec<Case> {
    let mut cases = vec![
        case(
            "a personal home that other users may write to is not redirected to",
            is_not_redirected_to(|person| {
                person.chmod(&person.personal(), 0o777);
            }),
        ),
        case(
            "a personal auth.json that other users may write to is not redirected to",
            is_not_redirected_to(|person| {
                person.chmod(&person.personal().join("auth.json"), 0o666);
            }),
        ),
        case(
            "a personal config.toml that other users may write to is not redirected to",
            is_not_redirected_to(|person| {
                let config = person.write_config(&person.personal(), "model = \"x\"\n");
                person.chmod(&config, 0o602);
            }),
        ),
    ];
    for (name, path) in [
        ("directory", ""),
        ("auth.json", "auth.json"),
        ("config.toml", "config.toml"),
        ("installation_id", "installation_id"),
    ] {
        let lay = move || {
            let mut person = Fixture::issue_70511();
            person.write_config(&person.personal(), "model = \"x\"\n");
            fs::write(person.personal().join("installation_id"), "5e1f0000-0000-4000-8000-000000000000").unwrap();
            person.become_unprivileged();
            person.serve().is_redirected("missing-id-token");
            // Everyone can read it, so that ownership alone is the obstacle.
            let path = person.personal().join(path);
            person.chmod(&path, if path.is_dir() { 0o755 } else { 0o644 });
            person.chown(&path, MALLORY);
            person.serve().is_repaired("missing-id-token");
        };
        cases.push(
            case(format!("a personal home whose {name} belongs to another user is not redirected to"), lay)
                .needs(Need::Root),
        );
    }
    cases
}

fn goes_to_openai() -> Vec<Case> {
    const CONFIGS: [(&str, &str); 9] = [
        ("sends requests to another address", "openai_base_url = \"http://127.0.0.1:9/v1\"\n"),
        ("sends ChatGPT's requests to another address", "chatgpt_base_url = \"http://127.0.0.1:9/b\"\n"),
        ("selects a provider of its own", "model_provider = \"x\"\n[model_providers.x]\nname = \"x\"\n"),
        ("selects a provider that is not defined", "model_provider = \"x\"\n"),
        ("selects a profile", "profile = \"work\"\n"),
        ("names a model catalogue that is gone", "model_catalog_json = \"gone.json\"\n"),
        ("names instructions that are gone", "model_instructions_file = \"/nonexistent\"\n"),
        ("keeps its login in the keyring", "cli_auth_credentials_store = \"keyring\"\n"),
        ("is one codex cannot load", "model = \n"),
    ];
    let configs = CONFIGS.into_iter().map(|(name, config)| {
        let lay = is_not_redirected_to(|person| drop(person.write_config(&person.personal(), config)));
        case(format!("a personal config.toml that {name} is not redirected to"), lay)
    });
    let layers = [
        case("/etc/codex/config.toml that sends work elsewhere forbids the redirect", || {
            let person = Fixture::issue_70511();
            let layer = ("config.toml", "openai_base_url = \"http://127.0.0.1:9/v1\"\n");
            person.serve().with_etc_codex(&[layer]).is_repaired("missing-id-token");
        })
        .needs(Need::MountNamespace),
        // A machine-wide provider may need no login in the home.
        case("/etc/codex/managed_config.toml with a provider of its own has the bridge kept, with a warning", || {
            let person = Fixture::issue_70511();
            let layer = ("managed_config.toml", "model_provider = \"oss\"\n");
            person.serve().with_etc_codex(&[layer]).is_kept_with_warning("custom-provider");
        })
        .needs(Need::MountNamespace),
        // codex reads a file of any size (0.123.0, 0.150.1).
        case(
            "a layer that is too large to be judged has the bridge kept, with a warning: codex may work there",
            || {
                let person = Fixture::issue_70511();
                let large = format!("model_provider = \"oss\"\n{}", "# filler\n".repeat(120_000));
                for file in ["config.toml", "managed_config.toml", "requirements.toml"] {
                    person.serve().with_etc_codex(&[(file, &large)]).is_kept_with_warning("layer-unknown");
                }
            },
        )
        .needs(Need::MountNamespace),
        // codex 0.118.0 and 0.123.0 use the provider of the profile; later ones start no thread.
        case("a profile in a layer has the bridge kept, with a warning, as one in its own config.toml has", || {
            let profile = "profile = \"corp\"\n[profiles.corp]\nmodel_provider = \"oss\"\n";
            for file in ["config.toml", "managed_config.toml"] {
                let person = Fixture::issue_70511();
                person.serve().with_etc_codex(&[(file, profile)]).is_kept_with_warning("config-profile");
            }
            let person = Fixture::issue_70511();
            person.write_config(&person.bridge(), profile);
            person.serve().is_kept_with_warning("config-profile");
        })
        .needs(Need::MountNamespace),
    ];
    let refused = [
        ("config.toml", "model = \n", "layer-unknown"),
        ("managed_config.toml", "cli_auth_credentials_store = \"keyring\"\n", "keyring-store"),
        ("requirements.toml", "allowed_login_methods = [\"api\"]\n", "login-forbidden"),
        ("requirements.toml", "allowed_chatgpt_workspaces = [\"acc-team\"]\n", "login-forbidden"),
        ("requirements.toml", "allowed_login_methods = { }\n", "layer-unknown"),
        ("config.toml", "forced_chatgpt_workspace_id = \"acc-team\"\n", "login-forbidden"),
    ]
    .into_iter()
    .map(|(file, text, reason)| {
        let line = text.trim();
        case(format!("/etc/codex/{file} with `{line}` permits neither a redirect nor a repair"), move || {
            let person = Fixture::issue_70511();
            let ended = person.serve().with_etc_codex(&[(file, text)]).run();
            assert_eq!(ended.code, Some(78), "{ended:?}");
            assert!(ended.stderr.contains(reason), "{}", ended.stderr);
        })
        .needs(Need::MountNamespace)
    });
    configs.chain(layers).chain(refused).collect()
}
