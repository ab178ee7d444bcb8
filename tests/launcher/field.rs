//! Situations from bug reports of codex, OpenClaw and programs around them, each with a link, and attacks on the launcher.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::fixture::{BRIDGE_REFRESH, KEY, MALLORY, OPAQUE_ACCESS, PERSONAL_REFRESH, UNPRIVILEGED, broken};
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT, access_token, jwt};
use crate::support::{Case, Ended, Fixture, Need, Start, auth, case};

/// The account that the machine of a company forces.
const TEAM: &str = "acc-77777777-2222-3333-4444-555555555555";

pub fn cases() -> Vec<Case> {
    [managed_machines(), personal_files(), other_providers(), injected_homes(), accounts(), other_users(), texts()]
        .into_iter()
        .flatten()
        .collect()
}

/// Expects that no codex is started and that the message has each of these parts.
fn refuses(start: Start<'_>, parts: &[&str]) -> Ended {
    let ended = start.run();
    assert!(ended.report.is_none(), "codex was started: {ended:?}");
    assert_eq!(ended.code, Some(78), "{ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
    }
    ended
}

/// A person's login with one change.
fn login(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = auth::healthy_value(ACCOUNT, "personal", PERSONAL_REFRESH);
    change(&mut value);
    auth::bytes(&value)
}

/// A bridge that names its account, with a token that cannot be read.
fn opaque(account: &str) -> Vec<u8> {
    auth::issue_70511_with_account(OPAQUE_ACCESS, BRIDGE_REFRESH, account)
}

/// `codex exec` as OpenClaw starts it in its bridge for the command line.
fn exec(person: &Fixture) -> Start<'_> {
    person.start(&["exec", "--skip-git-repo-check", "hi"]).home(person.cli_bridge())
}

fn managed_machines() -> Vec<Case> {
    let cases = vec![
        // https://github.com/openai/codex/issues/5303, https://github.com/openai/codex/issues/28410,
        // https://github.com/openai/codex/issues/24349: codex 0.123.0 and 0.169.0 delete the login that is not the forced one.
        case("a personal login that the company's machine forbids is neither used nor lost", || {
            for file in ["config.toml", "managed_config.toml"] {
                let person = Fixture::issue_70511();
                person.write_auth(&person.cli_bridge(), &broken(ACCOUNT));
                let forced = format!("forced_chatgpt_workspace_id = \"{TEAM}\"\n");
                let etc = |start: Start<'_>| refuses(start.with_etc_codex(&[(file, &forced)]), &["login-forbidden"]);
                etc(person.serve());
                etc(exec(&person));
                refuses(
                    exec(&person).setting("strategy", "redirect").with_etc_codex(&[(file, &forced)]),
                    &["login-forbidden"],
                );
            }
        }),
        // https://github.com/openai/codex/issues/28410: every turn is `401 Missing bearer` in codex 0.169.0.
        case("a login that requirements.toml does not admit is refused, and the file is named", || {
            for line in
                [format!("allowed_chatgpt_workspaces = [\"{TEAM}\"]"), "allowed_login_methods = [\"api\"]".into()]
            {
                let person = Fixture::issue_70511();
                let start = person.serve().with_etc_codex(&[("requirements.toml", &line)]);
                refuses(start, &["/etc/codex/requirements.toml", "login-forbidden"]);
            }
        }),
        // https://github.com/openai/codex/issues/28410, https://github.com/HKUDS/OpenOPC/issues/7
        case("a machine that keeps logins in the keyring is as a home that does: used if the person says so", || {
            let keyring = [("config.toml", "cli_auth_credentials_store = \"keyring\"\n")];
            for has_old_file in [false, true] {
                let person = Fixture::new();
                person.write_auth(&person.bridge(), &opaque(ACCOUNT));
                fs::create_dir(person.personal()).unwrap();
                if has_old_file {
                    // codex does not read it.
                    person.log_in(ACCOUNT);
                }
                let ended = refuses(person.serve().with_etc_codex(&keyring), &["keyring-store"]);
                assert!(!ended.stderr.contains("codex login"), "it would change nothing: {}", ended.stderr);
                person
                    .serve()
                    .setting("strategy", "redirect")
                    .with_etc_codex(&keyring)
                    .is_redirected_with_warning("trusted-by-settings");
            }
        }),
    ];
    cases.into_iter().map(|case| case.needs(Need::MountNamespace)).collect()
}

/// Binds a file over the personal `auth.json`, as `docker -v` does.
fn mounted_auth(person: &Fixture) -> String {
    let host = person.root().join("host-auth.json");
    fs::rename(person.personal().join("auth.json"), &host).unwrap();
    fs::write(person.personal().join("auth.json"), "").unwrap();
    format!("mount --bind {} {}", host.display(), person.personal().join("auth.json").display())
}

fn personal_files() -> Vec<Case> {
    vec![
        // https://github.com/nanocoai/nanoclaw/issues/2534, https://github.com/umputun/ralphex/issues/411: codex 0.169.0 renews by
        // a rename, which a mount point refuses, and the spent refresh token stays in the file.
        case("a login that must be renewed now in an auth.json that is a mount point is not used", || {
            let stale = || {
                login(|value| {
                    value["tokens"]["access_token"] = tokens::expired_access_token(ACCOUNT, "personal").into()
                })
            };
            let person = Fixture::issue_70511();
            person.write_auth(&person.personal(), &stale());
            let mount = mounted_auth(&person);
            person.serve().in_namespace(&mount).is_repaired("missing-id-token");
            let person = Fixture::new();
            person.write_auth(&person.personal(), &stale());
            person.break_bridge_for_good();
            let mount = mounted_auth(&person);
            let start = person.serve().setting("strategy", "redirect").in_namespace(&mount);
            let ended = refuses(start, &["login-not-renewable", "mount point"]);
            assert!(!ended.stderr.contains("run `codex login`"), "codex cannot write there: {}", ended.stderr);
        })
        .needs(Need::MountNamespace),
        case("a fresh login in an auth.json that is a mount point is used", || {
            let person = Fixture::issue_70511();
            let mount = mounted_auth(&person);
            let ended = person.serve().in_namespace(&mount).run();
            assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(person.personal()));
        })
        .needs(Need::MountNamespace),
        // https://github.com/openai/codex/issues/34124, https://github.com/hivecommons/hive/issues/4887: codex 0.169.0 exits 1,
        // without naming the file.
        case("an `installation_id` that `sudo codex` left behind is an obstacle, and `chown` the help", || {
            let mut person = Fixture::issue_70511();
            let id = person.personal().join("installation_id");
            fs::write(&id, "5e1f0000-0000-4000-8000-000000000000\n").unwrap();
            person.become_unprivileged();
            person.chown(&id, 0);
            person.chmod(&id, 0o644);
            person.serve().is_repaired("missing-id-token");
            person.write_auth(&person.bridge(), &opaque(ACCOUNT));
            person.give_to(&person.bridge(), UNPRIVILEGED);
            refuses(
                person.serve().setting("strategy", "redirect"),
                &["installation-id-unusable", "run `sudo chown -R \"$(id -un)\" ~/.codex`"],
            );
        })
        .needs(Need::Root),
        // https://github.com/openai/codex/issues/34124
        case("files of root's in the personal home are taken over by `chown`, not opened by `chmod`", || {
            for name in ["config.toml", "", "auth.json"] {
                let mut person = Fixture::new();
                person.log_in(ACCOUNT);
                person.write_config(&person.personal(), "model = \"gpt-5\"\n");
                person.write_auth(&person.bridge(), &opaque(ACCOUNT));
                person.become_unprivileged();
                let path = person.personal().join(name);
                person.chown(path.components().as_path(), 0);
                let ended = refuses(person.serve().setting("strategy", "redirect"), &["sudo chown"]);
                assert!(!ended.stderr.contains("chmod"), "{name}: {}", ended.stderr);
            }
        })
        .needs(Need::Root),
        // https://github.com/rappdw/sandy/issues/238, https://github.com/NousResearch/hermes-agent/issues/78887
        case("a personal home that is mounted read-only is not used, and `chmod` is not the help", || {
            let person = Fixture::issue_70511();
            let home = person.personal();
            let home = home.display();
            let read_only = format!("mount --bind {home} {home} && mount -o remount,bind,ro {home}");
            person.serve().in_namespace(&read_only).is_repaired("missing-id-token");
            person.write_auth(&person.bridge(), &opaque(ACCOUNT));
            let start = person.serve().setting("strategy", "redirect").in_namespace(&read_only);
            let ended = refuses(start, &["home-not-writable"]);
            assert!(!ended.stderr.contains("chmod"), "nothing can be changed there: {}", ended.stderr);
        })
        .needs(Need::MountNamespace),
        // https://github.com/umputun/ralphex/issues/412: `docker -v` of a file that is not there makes a directory.
        case("a personal auth.json that is a directory is no login", || {
            let person = Fixture::new();
            fs::create_dir_all(person.personal().join("auth.json")).unwrap();
            person.write_auth(&person.bridge(), &opaque(ACCOUNT));
            let ended = refuses(person.serve(), &["auth-not-regular-file"]);
            assert!(!ended.stderr.contains("run `codex login`"), "codex cannot write there: {}", ended.stderr);
        }),
        // https://github.com/openai/codex/issues/39874
        case("a `~/.codex` that leads to a drive that is not mounted is not there", || {
            let person = Fixture::new();
            person.link(Path::new("/Volumes/ssd-that-is-not-there/.codex"), &person.personal());
            person.write_auth(&person.bridge(), &opaque(ACCOUNT));
            let ended = refuses(person.serve(), &["home-missing", "it is a dangling symlink"]);
            assert!(!ended.stderr.contains("codex login"), "codex cannot make it: {}", ended.stderr);
            assert!(!Path::new("/Volumes").exists() || cfg!(target_os = "macos"));
        }),
        // https://github.com/ndycode/codex-multi-auth/issues/700: codex from 0.156 fails every turn.
        case("a personal login whose `account_id` is an organisation's is not known to be the bridge's", || {
            let person = Fixture::issue_70511();
            let auth = login(|value| value["tokens"]["account_id"] = "org-Synthetic7Kq2ExampleOrg".into());
            person.write_auth(&person.personal(), &auth);
            person.serve().is_repaired("missing-id-token");
        }),
        // https://github.com/zhishile/codex-auth-helper/issues/73, https://github.com/170-carry/codex-tools/issues/161
        case("a login without a refresh token is used while its access token lives, and not after", || {
            let person = Fixture::issue_70511();
            let without = |access: String| {
                login(|value| {
                    value["tokens"]["refresh_token"] = "".into();
                    value["tokens"]["access_token"] = access.into();
                })
            };
            person.write_auth(&person.personal(), &without(tokens::access_token(ACCOUNT, "personal")));
            person.serve().is_redirected("missing-id-token");
            person.write_auth(&person.personal(), &without(tokens::expired_access_token(ACCOUNT, "personal")));
            person.serve().is_repaired("missing-id-token");
        }),
        // https://github.com/Loongphy/codex-auth/issues/129
        case("a personal home with a blank `last_refresh` is never repaired: `codex login` is the help", || {
            let person = Fixture::new();
            person.write_auth(&person.personal(), &login(|value| value["last_refresh"] = "".into()));
            person.write_auth(&person.bridge(), &opaque(ACCOUNT));
            refuses(person.serve().setting("strategy", "redirect"), &["bad-last-refresh", "run `codex login`"]);
            person.start(&["app-server"]).home(person.personal()).is_kept("personal-home");
        }),
    ]
}

fn other_providers() -> Vec<Case> {
    let rows: [(&str, &str, Option<&str>); 6] = [
        // https://github.com/ollama/ollama/issues/16348, https://github.com/imateusdev/loom-router/issues/78: every `thread/start`
        // fails, and codex names neither key nor file.
        ("names a model catalogue that is gone", "model_catalog_json = \"~/.codex/models.json\"\n", None),
        // https://github.com/ollama/ollama/issues/16365
        ("names a model catalogue without models", "model_catalog_json = \"models.json\"\n", Some("{\"models\":[]}")),
        ("names instructions that are blank", "model_instructions_file = \"models.json\"\n", Some(" \n")),
        // https://github.com/headroomlabs-ai/headroom/issues/71, https://github.com/lidge-jun/opencodex/issues/5261: the bot's work
        // and its bearer would go to a proxy.
        ("sends requests to a proxy", "openai_base_url = \"http://127.0.0.1:9/v1\"\n", None),
        // https://github.com/headroomlabs-ai/headroom/issues/3206: codex from 0.149 on sends no credential there.
        (
            "selects a provider that sends no credential",
            "model_provider = \"headroom\"\n[model_providers.headroom]\nname = \"proxy\"\nbase_url = \"http://127.0.0.1:9/v1\"\n",
            None,
        ),
        // https://github.com/farion1231/cc-switch/issues/6744
        (
            "redefines the provider of OpenAI",
            "model_provider = \"openai\"\n[model_providers.openai]\nname = \"proxy\"\nbase_url = \"http://127.0.0.1:9/v1\"\n",
            None,
        ),
    ];
    let rows = rows.into_iter().map(|(what, config, models)| {
        case(
            format!("a personal config.toml that {what} does not get the bot's work: the bridge is repaired"),
            move || {
                let person = Fixture::issue_70511();
                person.write_config(&person.personal(), config);
                models.into_iter().for_each(|text| fs::write(person.personal().join("models.json"), text).unwrap());
                person.serve().is_repaired("missing-id-token");
            },
        )
    });
    rows.collect()
}

fn injected_homes() -> Vec<Case> {
    vec![
        // https://github.com/JUNKDOGE-JOE/after-effects-mcp/issues/292, https://github.com/openclaw/openclaw/issues/73910: no
        // host logs in there, whatever the directory's name.
        case("the homes of other hosts are left as they are, with a warning", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            for home in [
                ".ae-mcp/codex-home",
                ".openclaw/acpx/codex-home",
                ".paperclip/instances/default/companies/acme/codex-home",
            ] {
                let home = person.home().join(home);
                fs::create_dir_all(&home).unwrap();
                let ended = person.start(&["app-server"]).home(&home).is_kept_with_warning("auth-missing");
                assert!(!ended.stderr.contains("OpenClaw"), "{}", ended.stderr);
            }
        }),
        // https://github.com/zed-industries/zed/issues/56637, https://github.com/Loongphy/codex-auth/issues/134,
        // https://github.com/farion1231/cc-switch/issues/3101
        case("a CODEX_HOME that is set by mistake is kept and named, and nothing is made there", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            let opencode = person.home().join(".config/opencode");
            fs::create_dir_all(&opencode).unwrap();
            let kept = |home: &Path, reason: &str, shown: &str| {
                let ended = person.start(&["app-server"]).home(home).is_kept_with_warning(reason);
                assert!(ended.stderr.contains(shown), "`{shown}` is not in {}", ended.stderr);
            };
            kept(&opencode, "auth-missing", "`~/.config/opencode`");
            kept(&person.personal().join("accounts/login-5e1f"), "home-missing", "accounts/login-5e1f`");
            // A tilde that no shell has expanded, and the line end of a CRLF environment file.
            kept(Path::new("~/.codex"), "home-missing", "/work/~/.codex`");
            kept(&PathBuf::from(format!("{}\r", person.personal().display())), "home-missing", "~/.codex");
            assert_eq!(fs::read_dir(person.work()).unwrap().count(), 0);
        }),
        // https://github.com/UiPath/coder_eval/issues/39
        case("a CODEX_HOME that names a `~/.codex` that is not there yet is the personal home", || {
            let person = Fixture::new();
            person.start(&["app-server"]).home(person.personal()).is_kept("personal-home");
        }),
        // https://github.com/Isol8AI/isol8/issues/404: the file of openclaw#70511, staged by an operator.
        case("a staged auth.json in OpenClaw's state is left alone", || {
            let person = Fixture::new();
            let home = person.home().join(".openclaw/codex");
            person.write_auth(&home, &broken(ACCOUNT));
            person.start(&["app-server"]).home(&home).is_kept_with_warning("missing-id-token");
        }),
        case("listed as a bridge, a staged auth.json is repaired if it has no refresh token to lose", || {
            let person = Fixture::new();
            let home = person.home().join(".openclaw/codex");
            let start = || person.start(&["app-server"]).home(&home).setting("bridges", &home);
            person.write_auth(&home, &broken(ACCOUNT));
            // That no other file holds the token is not known, and neither is that one does.
            start().is_refused("missing-id-token", 78, &["only-refresh-token", "`codex login`"]);
            person.write_auth(&home, &auth::issue_70511(&access_token(ACCOUNT, "bridge"), ""));
            start().is_repaired("missing-id-token");
        }),
    ]
}

/// A bridge that belongs to another account, or to none that is named.
type Bridge = (&'static str, Option<Vec<u8>>, &'static str);

fn accounts() -> Vec<Case> {
    let for_other = broken(OTHER_ACCOUNT);
    let key = auth::api_key(KEY);
    let text = String::from_utf8(for_other.clone()).unwrap();
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    let bom = |bytes: &[u8]| [b"\xef\xbb\xbf", bytes].concat();
    let bridges: Vec<Bridge> = vec![
        ("in UTF-16", Some(b"\xff\xfe".iter().copied().chain(utf16).collect()), ""),
        ("with a comma too many", Some([&for_other[..for_other.len() - 1], b",}"].concat()), ""),
        ("for an API key, with a byte order mark", Some(bom(&key)), ""),
        ("for an API key, cut short", Some(key[..key.len() - 1].to_vec()), ""),
        (
            "that names a person by e-mail alone",
            Some(auth::bytes(&json!({"auth_mode": "chatgpt", "tokens": {
                "access_token": OPAQUE_ACCESS,
                "refresh_token": BRIDGE_REFRESH,
                "id_token": jwt(&json!({"email": "bob@secret.example", "sub": "auth0|bob"})),
            }}))),
            "",
        ),
        ("whose config.toml alone names the account", Some(opaque("")), "forced_chatgpt_workspace_id = \"acc-b\"\n"),
        ("whose config.toml forces an API key", None, "forced_login_method = \"api\"\n"),
    ];
    let mut cases: Vec<_> = bridges
        .into_iter()
        .map(|(what, auth, config)| {
            case(format!("a bridge {what} is never given the login of another account"), move || {
                let person = Fixture::new();
                person.log_in(ACCOUNT);
                person.write_config(&person.bridge(), config);
                auth.into_iter().for_each(|auth| drop(person.write_auth(&person.bridge(), &auth)));
                refuses(person.serve(), &[]);
            })
        })
        .collect();
    cases.extend([
        case("a bridge of another account is never given a login in the keyring, which could not be looked at", || {
            for store in ["keyring", "auto"] {
                let person = Fixture::new();
                person.write_auth(&person.bridge(), &opaque(OTHER_ACCOUNT));
                person.log_in(ACCOUNT);
                person.write_config(&person.personal(), &format!("cli_auth_credentials_store = \"{store}\"\n"));
                refuses(person.serve(), &["keyring-store"]);
            }
        }),
        case("a key for an API is never redirected to another key, whatever is wrong with the file around it", || {
            for extra in [json!("yesterday"), json!(5)] {
                let person = Fixture::new();
                person.write_auth(&person.personal(), &auth::api_key("sk-proj-other-canary-0123456789"));
                let bridge = json!({"auth_mode": "apikey", "OPENAI_API_KEY": KEY, "last_refresh": extra});
                person.write_auth(&person.bridge(), &auth::bytes(&bridge));
                let ended = person.serve().run();
                let home = ended.report.and_then(|report| report.var("CODEX_HOME"));
                assert_ne!(home, Some(person.personal()), "{}", ended.stderr);
            }
        }),
        case("a colleague in the same workspace is another person, and no token of one gets to the other", || {
            for config in
                ["", "model_provider = \"x\"\n[model_providers.x]\nname = \"x\"\nbase_url = \"http://127.0.0.1:9\"\n"]
            {
                let person = Fixture::new();
                person.log_in(ACCOUNT);
                person.write_config(&person.personal(), config);
                person.write_auth(&person.bridge(), &opaque(ACCOUNT));
                // A refusal changes nothing.
                let reason = if config.is_empty() { "owner-unknown" } else { "missing-id-token" };
                person.serve().is_refused(reason, 78, &[]);
            }
        }),
        case("a repair takes nothing of the personal home, whatever stands in its `id_token`", || {
            let personal_access = tokens::access_token(ACCOUNT, "personal");
            let claims = json!({"https://api.openai.com/auth": {"chatgpt_account_id": ACCOUNT}, "jti": "no-aud"});
            for id_token in [
                personal_access.clone(),
                format!("{personal_access}.x"),
                jwt(&claims),
                format!("{}.{PERSONAL_REFRESH}", tokens::id_token(ACCOUNT).rsplit_once('.').unwrap().0),
            ] {
                let person = Fixture::issue_70511();
                person.write_auth(
                    &person.personal(),
                    &login(|value| value["tokens"]["id_token"] = id_token.clone().into()),
                );
                person.write_config(&person.personal(), "openai_base_url = \"http://127.0.0.1:9\"\n");
                person.serve().is_repaired("missing-id-token");
                let bridge = fs::read_to_string(person.bridge().join("auth.json")).unwrap();
                for secret in [id_token.as_str(), &personal_access, PERSONAL_REFRESH] {
                    assert!(!bridge.contains(secret), "{bridge}");
                }
                person.write_auth(&person.bridge(), &opaque(ACCOUNT));
                person.serve().is_refused("custom-base-url", 78, &[]);
            }
        }),
        // codex deletes the login of the home it runs in if a trusted project forces another one.
        case("a project that signs the home out never signs out the personal one", || {
            for forced in ["forced_login_method = \"api\"\n", "forced_chatgpt_workspace_id = \"acc-team\"\n"] {
                let person = Fixture::issue_70511();
                let work = person.work().display().to_string();
                person.write_config(&person.personal(), &format!("[projects.\"{work}\"]\ntrust_level = \"trusted\"\n"));
                person.write_config(&person.work().join(".codex"), forced);
                person.write_auth(&person.cli_bridge(), &broken(ACCOUNT));
                let trusted = format!("projects={{\"{work}\"={{trust_level=\"trusted\"}}}}");
                for args in
                    [&["exec", "hi"][..], &["exec", "--trust", "hi"], &["exec", "-c", &trusted, "hi"], &["resume"]]
                {
                    let start = || person.start(args).home(person.cli_bridge());
                    refuses(start().setting("strategy", "redirect"), &["forced-by-project"]);
                    person.write_auth(&person.cli_bridge(), &broken(ACCOUNT));
                    // If the arguments trust the project, the project would sign out the bridge too.
                    match args.len() > 2 {
                        true => drop(start().is_refused("start-not-redirected", 78, &["forced-by-project"])),
                        false => drop(start().is_repaired("missing-id-token")),
                    }
                    person.write_auth(&person.cli_bridge(), &broken(ACCOUNT));
                }
            }
        }),
    ]);
    cases
}

fn other_users() -> Vec<Case> {
    /// A service user with a HOME like `/tmp`, in which another user has made `~/.codex`.
    fn sticky(bridge: &[u8]) -> Fixture {
        let mut person = Fixture::new();
        person.write_auth(&person.bridge(), bridge);
        person.become_unprivileged();
        person.chown(&person.home(), 0);
        person.chmod(&person.home(), 0o1777);
        person
    }
    let cases = vec![
        case("the work of a bridge whose auth.json root has written goes to no other account", || {
            let mut person = Fixture::new();
            person.log_in(ACCOUNT);
            person.write_auth(&person.bridge(), &auth::healthy(OTHER_ACCOUNT, "bridge", BRIDGE_REFRESH));
            person.become_unprivileged();
            person.chown(&person.bridge().join("auth.json"), 0);
            // Only root can open the file.
            refuses(person.serve(), &["home-not-owned", "sudo chown"]);
        }),
        case("a personal home that another user has laid is never used, whatever account it claims", || {
            let unnamed = auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH);
            for (bridge, claimed) in [(broken(ACCOUNT), ACCOUNT), (opaque(ACCOUNT), ACCOUNT), (unnamed, OTHER_ACCOUNT)]
            {
                let person = sticky(&bridge);
                person.write_auth(&person.personal(), &auth::healthy(claimed, "mallory", PERSONAL_REFRESH));
                // Her commands would run as the person.
                person.write_config(&person.personal(), "notify = [\"/bin/sh\", \"-c\", \"id\"]\n");
                person.give_to(&person.personal(), MALLORY);
                for name in ["auth.json", "config.toml"] {
                    person.chmod(&person.personal().join(name), 0o644);
                }
                person.chmod(&person.personal(), 0o777);
                for strategy in ["auto", "redirect"] {
                    let ended = person.serve().setting("strategy", strategy).run();
                    let home = ended.report.as_ref().and_then(|report| report.var("CODEX_HOME"));
                    assert_ne!(home, Some(person.personal()), "{ended:?}");
                }
            }
        }),
        case("a `~/.codex` that is another user's symlink is never followed to a home of theirs", || {
            let person = sticky(&opaque(ACCOUNT));
            let theirs = person.root().join("mallory/.codex");
            person.write_auth(&theirs, &auth::healthy(ACCOUNT, "mallory", PERSONAL_REFRESH));
            person.link(&theirs, &person.personal());
            person.give_to(&person.root().join("mallory"), MALLORY);
            person.chmod(&theirs, 0o777);
            person.chmod(&theirs.join("auth.json"), 0o644);
            let ended = person.serve().setting("strategy", "redirect").run();
            assert!(ended.report.is_none(), "{ended:?}");
        }),
        case("a config.toml that another user has put into one's own home is an obstacle", || {
            let mut person = Fixture::issue_70511();
            let config = person.write_config(&person.personal(), "notify = [\"/bin/sh\"]\n");
            person.become_unprivileged();
            person.chown(&config, MALLORY);
            person.chmod(&config, 0o644);
            person.serve().is_repaired("missing-id-token");
        }),
        // https://github.com/jdhill777/openclaw-unraid/issues/14
        case("the answer has both homes in full, for a reader who is another user than the gateway's", || {
            let mut person = Fixture::new();
            person.write_auth(&person.bridge(), &opaque(ACCOUNT));
            person.become_unprivileged();
            let ended = refuses(person.serve().stdin(INITIALIZE), &[]);
            let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
            let data = &answer["error"]["data"];
            assert_eq!(data["personal"]["home"].as_str(), person.personal().to_str(), "{answer:#}");
            assert_eq!(data["bridge"]["home"].as_str(), person.bridge().to_str(), "{answer:#}");
        }),
    ];
    cases.into_iter().map(|case| case.needs(Need::Root)).collect()
}

/// The request that a host sends first.
const INITIALIZE: &[u8] = b"{\"id\":1,\"method\":\"initialize\",\"params\":{}}\n";

/// Whether a text has a character, other than its last newline, that moves the cursor, ends a line or reverses the text.
fn has_control(text: &str) -> bool {
    let is_control = |c: char| {
        c.is_control()
            || "\u{61c}\u{200e}\u{200f}".contains(c)
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.strip_suffix('\n').unwrap_or(text).chars().any(is_control)
}

fn texts() -> Vec<Case> {
    vec![
        // Every start checks that no secret is printed or journaled.
        case("a CODEX_HOME_SHIM_CONFIG that names a file of secrets prints none of them", || {
            for text in [
                auth::bytes(&json!({"OPENAI_API_KEY": KEY})),
                format!("OPENAI_API_KEY={KEY}\n").into_bytes(),
                format!("export OPENAI_API_KEY={KEY}\n").into_bytes(),
                format!("{KEY}\n").into_bytes(),
                format!("[auth]\nkey = \"{KEY}\"\n").into_bytes(),
                format!("OPENAI_API_KEY = \"{KEY}\"\n").into_bytes(),
                format!("strategy = [\"{KEY}\"]\n").into_bytes(),
                format!("token: {KEY}\n").into_bytes(),
            ] {
                let person = Fixture::issue_70511();
                let file = person.root().join("secrets");
                fs::write(&file, &text).unwrap();
                person.chmod(&file, 0o600);
                let ended = refuses(person.serve().stdin(INITIALIZE).env("CODEX_HOME_SHIM_CONFIG", &file), &[]);
                assert!(!ended.stdout.is_empty());
            }
        }),
        case("a broken file beside a secret is named without the secret", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            person.write_config(&person.bridge(), &format!("x = {{ token = \"{KEY}\", bogus = }}\n"));
            refuses(person.serve().stdin(INITIALIZE), &["config-invalid"]);
            let person = Fixture::new();
            person.write_auth(
                &person.bridge(),
                &auth::bytes(&json!({"auth_mode": [KEY], "tokens": {"account_id": KEY}})),
            );
            refuses(person.serve().stdin(INITIALIZE), &["auth-wrong-type"]);
            person
                .write_auth(&person.bridge(), &auth::bytes(&json!({"auth_mode": KEY, "tokens": {"account_id": KEY}})));
            person.serve().is_kept_with_warning("unknown-auth-mode");
        }),
        case("account ids that are e-mail addresses are not shown", || {
            let person = Fixture::new();
            person.log_in("carol@secret.example");
            person.write_auth(&person.bridge(), &opaque("bob@secret.example"));
            let ended = refuses(person.serve().stdin(INITIALIZE), &["accounts-differ"]);
            for text in [ended.stderr.as_bytes(), &ended.stdout, ended.journal.unwrap().to_string().as_bytes()] {
                let text = String::from_utf8_lossy(text);
                assert!(!["bob", "carol", "secret"].iter().any(|part| text.contains(part)), "{text}");
            }
        }),
        case("a path in a message moves no cursor, breaks no line and turns no text around", || {
            for name in [
                "\u{1b}[2J",
                "a\nb",
                "\u{9b}2J",
                "a\u{2028}b",
                "a\u{202e}b",
                "a\u{7f}b",
                "a\u{85}b",
                "a\u{200e}b",
                "a`; rm -rf x `b",
            ] {
                let person = Fixture::new();
                let home = person.home().join(name).join("harness-auth/codex/06bfb5171eff0241");
                person.write_auth(&home, b"{}");
                let ended = refuses(person.start(&["app-server"]).home(&home).stdin(INITIALIZE), &[]);
                assert!(!has_control(&ended.stderr), "{:?}", ended.stderr);
                let answer = String::from_utf8(ended.stdout).unwrap();
                assert!(!has_control(&answer), "{answer:?}");
                assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["id"], 1);
                let journal = fs::read_to_string(person.journal()).unwrap();
                assert!(!has_control(&journal), "{journal:?}");
            }
        }),
    ]
}
