//! The table of decisions: a case for each row, in the order of the table. The first row that applies decides.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::fixture::{BRIDGE_REFRESH, KEY, OPAQUE_ACCESS, PERSONAL_REFRESH};
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Case, Fixture, auth, case};

pub fn cases() -> Vec<Case> {
    [kept(), not_judged(), redirected(), version_dependent(), repaired(), other(), refused()]
        .into_iter()
        .flatten()
        .collect()
}

fn kept() -> Vec<Case> {
    vec![
        case("strategy `off`: the home is kept, and the start leaves no line in the journal", || {
            Fixture::issue_70511().serve().setting("strategy", "off").is_passed_through();
        }),
        case("a start that uses no login is passed through", || {
            let person = Fixture::issue_70511();
            for args in [&["--version"][..], &["login"], &["logout"], &["mcp", "list"], &["app-server", "generate-ts"]]
            {
                person.start(args).home(person.bridge()).is_passed_through();
            }
        }),
        case("arguments that the launcher does not know are passed through", || {
            let person = Fixture::issue_70511();
            person.start(&["app-server", "--startup-sign-out"]).home(person.bridge()).is_passed_through();
            // codex 0.123.0 takes the provider of the bridge here, and 0.171.0 that of the arguments.
            let args = ["-c", "model_provider=openai", "app-server", "-c", "model=x"];
            person.start(&args).home(person.bridge()).is_passed_through();
        }),
        case("the personal home is kept, however it is spelled and whatever is in it", || {
            let person = Fixture::new();
            person.write_auth(&person.personal(), b"{");
            person.link(&person.personal(), &person.home().join("link"));
            for home in ["home/.codex", "home/./.codex/", "home/link"] {
                person.start(&["app-server"]).home(person.root().join(home)).is_kept("personal-home");
            }
        }),
        case("a host that logs in over RPC is left alone, by argv and by the place of its home", || {
            let person = Fixture::issue_70511();
            let ephemeral = ["-c", "cli_auth_credentials_store=\"ephemeral\"", "app-server", "--listen", "stdio://"];
            person.start(&ephemeral).home(person.bridge()).is_kept("host-logs-in");
            for home in ["agent/codex-home", "codex-bounded-turn-Ab12/codex-home", ".codex-coding-agent"] {
                let home = person.home().join(home);
                std::fs::create_dir_all(&home).unwrap();
                person.start(&["app-server"]).home(home).is_kept("host-logs-in");
            }
            // OpenClaw makes the last one in the person's home directory, and nowhere else.
            let home = person.home().join("elsewhere/.codex-coding-agent");
            std::fs::create_dir_all(&home).unwrap();
            person.start(&["app-server"]).home(home).is_kept_with_warning("auth-missing");
        }),
        // https://github.com/zed-industries/zed/issues/56637
        case(
            "that `CODEX_HOME` may be set by mistake is said, if one's own home can log in and no host made the other",
            || {
                let person = Fixture::new();
                person.log_in(ACCOUNT);
                let said = |home: &str| {
                    let home = person.home().join(home);
                    std::fs::create_dir_all(&home).unwrap();
                    person.start(&["app-server"]).home(home).is_kept_with_warning("auth-missing").stderr
                };
                let hint = "if `CODEX_HOME` is set by mistake, run `unset CODEX_HOME`: `~/.codex` can log in";
                assert!(said(".config/opencode").contains(hint));
                assert!(!said(".openclaw/acpx/codex-home").contains("mistake"));
                std::fs::remove_dir_all(person.personal()).unwrap();
                assert!(!said(".config/opencode").contains("mistake"));
            },
        ),
        case("a home that the settings leave alone is kept, also if it is listed as a bridge", || {
            let person = Fixture::issue_70511();
            person.serve().setting("leave", person.bridge()).setting("bridges", person.bridge()).is_kept("left-alone");
        }),
        case("`CODEX_ACCESS_TOKEN` is stronger than any home; a blank one is none", || {
            let person = Fixture::issue_70511();
            person.serve().env("CODEX_ACCESS_TOKEN", "at-canary").is_kept("access-token-in-environment");
            person.serve().env("CODEX_ACCESS_TOKEN", "  ").is_redirected("missing-id-token");
        }),
        case("a workload identity is stronger than any home, also if one of its variables is empty", || {
            let person = Fixture::issue_70511();
            for (name, value) in [("OPENAI_FEDERATION_RULE_ID", "rule"), ("OPENAI_IDENTITY_TOKEN_FILE", "")] {
                person.serve().env(name, value).is_kept("workload-identity-in-environment");
            }
        }),
        case("`CODEX_API_KEY` is stronger than any home for `exec`, and nothing to `app-server`", || {
            let person = Fixture::issue_70511();
            person
                .start(&["exec", "hi"])
                .home(person.bridge())
                .env("CODEX_API_KEY", "k")
                .is_kept("api-key-in-environment");
            person.serve().env("CODEX_API_KEY", "k").is_redirected("missing-id-token");
        }),
        case("an injected auth.json that is the personal one is kept, with a warning if it is broken", || {
            let person = Fixture::new();
            person.write_auth(&person.personal(), &crate::support::fixture::broken(ACCOUNT));
            std::fs::create_dir_all(person.bridge()).unwrap();
            person.link(&person.personal().join("auth.json"), &person.bridge().join("auth.json"));
            person.serve().is_kept_with_warning("linked-to-personal");
        }),
        case("a bridge that can log in is kept, whatever the personal home holds", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            person.write_auth(&person.bridge(), &auth::healthy(OTHER_ACCOUNT, "bridge", BRIDGE_REFRESH));
            person.serve().is_kept("ok-chatgpt");
            person.write_auth(&person.bridge(), &auth::api_key(KEY));
            person.serve().is_kept("ok-api-key");
        }),
        case("without CODEX_HOME codex uses its own default, and the launcher looks at nothing", || {
            Fixture::issue_70511().start(&["app-server"]).is_kept("personal-home");
        }),
    ]
}

fn not_judged() -> Vec<Case> {
    fn with_auth(bytes: &[u8]) -> Fixture {
        let person = Fixture::issue_70511();
        person.write_auth(&person.bridge(), bytes);
        person
    }
    vec![
        case("an auth.json that is a JSON array may be a login to codex: kept, with a warning", || {
            with_auth(br#"["chatgpt",null,null,null]"#).serve().is_kept_with_warning("auth-is-array");
        }),
        case("a personal access token cannot be judged: kept, with a warning", || {
            let token = br#"{"auth_mode":"personalAccessToken","personal_access_token":"pat-canary"}"#;
            with_auth(token).serve().is_kept_with_warning("other-auth");
        }),
        case("an auth.json of more than 256 KiB is not judged: kept, with a warning", || {
            let mut bytes = crate::support::fixture::broken(ACCOUNT);
            bytes.resize(300 << 10, b' ');
            with_auth(&bytes).serve().is_kept_with_warning("auth-too-large");
        }),
        case("a bridge with a model provider of its own is kept, with a warning", || {
            let person = Fixture::issue_70511();
            let provider = "model_provider = \"mine\"\n[model_providers.mine]\nname = \"mine\"\nbase_url = \"http://127.0.0.1:9\"\n";
            person.write_config(&person.bridge(), provider);
            person.serve().is_kept_with_warning("custom-provider");
        }),
        case("a bridge on AWS is not redirected to ChatGPT: its table needs no `name`", || {
            let person = Fixture::issue_70511();
            let bedrock =
                "model_provider = \"amazon-bedrock\"\n[model_providers.amazon-bedrock.aws]\nprofile = \"work\"\n";
            person.write_config(&person.bridge(), bedrock);
            person.serve().is_kept_with_warning("custom-provider");
        }),
        case("a bridge whose own config.toml keeps logins in the keyring is kept, with a warning", || {
            for store in ["keyring", "auto"] {
                let person = Fixture::issue_70511();
                person.write_config(&person.bridge(), &format!("cli_auth_credentials_store = \"{store}\"\n"));
                person.serve().is_kept_with_warning("keyring-store");
            }
        }),
        case("a config.toml of more than 1 MiB is not judged: kept, with a warning", || {
            let person = Fixture::issue_70511();
            person.write_config(&person.bridge(), &"#".repeat((1 << 20) + 1));
            person.serve().is_kept_with_warning("config-too-large");
        }),
    ]
}

fn redirected() -> Vec<Case> {
    vec![
        // https://github.com/openclaw/openclaw/issues/70511
        case("the bridge of openclaw#70511 is redirected to the home of the same account", || {
            let person = Fixture::issue_70511();
            person.serve().is_redirected("missing-id-token");
            person.start(&["login", "status"]).home(person.bridge()).is_redirected("missing-id-token");
            person.serve().setting("strategy", "redirect").is_redirected("missing-id-token");
        }),
        case("a redirect goes to the canonical path that was judged", || {
            let person = Fixture::issue_70511();
            let elsewhere = person.root().join("elsewhere");
            std::fs::rename(person.personal(), &elsewhere).unwrap();
            person.link(&elsewhere, &person.personal());
            let ended = person.serve().run();
            assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(elsewhere));
        }),
        case("a bridge without auth.json names nobody: redirected, with a warning", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            std::fs::create_dir_all(person.bridge()).unwrap();
            person.serve().is_redirected_with_warning("unnamed-bridge");
            person.write_auth(&person.bridge(), b"");
            person.serve().is_redirected_with_warning("unnamed-bridge");
            std::fs::remove_dir_all(person.bridge()).unwrap();
            person.serve().is_redirected_with_warning("unnamed-bridge");
        }),
        case("a bridge without auth.json whose config.toml forces an account is not redirected", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            person.write_config(&person.bridge(), &format!("forced_chatgpt_workspace_id = \"{OTHER_ACCOUNT}\"\n"));
            person.serve().is_refused("owner-unknown", 78, &["correct `", "06bfb5171eff0241/config.toml`"]);
        }),
        case("the person says that the bot is theirs: an account that cannot be told will do, with a warning", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            person.break_bridge_for_good();
            person.serve().setting("strategy", "redirect").is_redirected_with_warning("trusted-by-settings");
            person.serve().setting("bridges", person.bridge()).is_redirected_with_warning("trusted-by-settings");
        }),
        case("the person says that the bot is theirs: a login in the keyring will do, with a warning", || {
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            person.write_config(&person.personal(), "cli_auth_credentials_store = \"keyring\"\n");
            person.serve().setting("strategy", "redirect").is_redirected_with_warning("trusted-by-settings");
        }),
        case("the person says that the bot is theirs: another account never will do", || {
            let person = Fixture::new();
            person.log_in(OTHER_ACCOUNT);
            person.break_bridge(ACCOUNT);
            person.serve().setting("strategy", "redirect").is_refused("accounts-differ", 78, &["accounts-differ"]);
        }),
        case("`exec`, `review`, `resume`, `fork` and the interactive program are not redirected by default", || {
            for args in [&["exec", "hi"][..], &["review"], &["resume"], &["fork"], &[]] {
                let person = Fixture::issue_70511();
                person.start(args).home(person.bridge()).is_repaired("missing-id-token");
            }
        }),
        case("strategy `redirect`: `exec` is redirected unless a project on its way may sign the home out", || {
            let person = Fixture::issue_70511();
            let exec = |args: &[&str]| person.start(args).home(person.bridge()).setting("strategy", "redirect");
            exec(&["exec", "hi"]).is_redirected("missing-id-token");
            exec(&["exec", "--trust", "hi"]).is_refused("forced-by-project", 78, &["trust"]);
            exec(&["exec", "-c", "projects={}", "hi"]).is_refused("forced-by-project", 78, &[]);
            let project = person.root().join("work/a");
            fs::create_dir_all(project.join("b")).unwrap();
            person.write_config(&project.join(".codex"), "# forced_login_method\n");
            exec(&["exec", "hi"]).directory(&project.join("b")).is_refused(
                "forced-by-project",
                78,
                &[".codex/config.toml"],
            );
            exec(&["exec", "-C", "a/b", "hi"]).is_refused("forced-by-project", 78, &[".codex/config.toml"]);
        }),
        case("strategy `redirect`: a project is found however deep below it codex works", || {
            let person = Fixture::issue_70511();
            let exec = |directory: &Path| {
                let start = person.start(&["exec", "hi"]).home(person.bridge()).setting("strategy", "redirect");
                start.directory(directory)
            };
            let deep = person.work().join("a/".repeat(300));
            fs::create_dir_all(&deep).unwrap();
            exec(&deep).is_redirected("missing-id-token");
            person.write_config(&person.work().join(".codex"), "forced_login_method = \"api\"\n");
            exec(&deep).is_refused("forced-by-project", 78, &["work/.codex/config.toml"]);
        }),
        // codex 0.118.0 ignores `-C` in front of `exec`; 0.123.0 heeds it.
        case("strategy `redirect`: the working directory is looked at, and every directory that `-C` names", || {
            let person = Fixture::issue_70511();
            let (project, other) = (person.work().join("project"), person.work().join("other"));
            person.write_config(&project.join(".codex"), "forced_login_method = \"api\"\n");
            fs::create_dir_all(&other).unwrap();
            let exec = |args: &[&str], directory: &Path| {
                let start = person.start(args).home(person.bridge()).setting("strategy", "redirect");
                start.directory(directory)
            };
            let (project, other) = (project.to_str().unwrap(), other.to_str().unwrap());
            for (args, directory) in [
                (&["-C", other, "exec", "hi"][..], project),
                (&["-C", project, "exec", "hi"], other),
                (&["-C", project, "exec", "-C", other, "hi"], other),
            ] {
                exec(args, Path::new(directory)).is_refused("forced-by-project", 78, &["project/.codex/config.toml"]);
            }
            exec(&["-C", other, "exec", "hi"], Path::new(other)).is_redirected("missing-id-token");
            exec(&["exec", "-C", "missing", "hi"], Path::new(other)).is_refused("forced-by-project", 78, &["missing"]);
        }),
        // codex 0.171.0 makes a worktree of HEAD and reads the project's configuration there.
        case("`--worktree`: the directory is not known, so nothing that it could sign out is used", || {
            let person = Fixture::issue_70511();
            let start = || person.start(&["exec", "--worktree", "hi"]).home(person.bridge());
            start().setting("strategy", "redirect").is_refused("forced-by-project", 78, &["--worktree"]);
            let config = person.write_config(&person.bridge(), "[projects.\"/w\"]\ntrust_level = \"trusted\"\n");
            start().is_refused("start-not-redirected", 78, &["forced-by-project"]);
            fs::remove_file(config).unwrap();
            start().is_repaired("missing-id-token");
        }),
    ]
}

/// A login that only some releases of codex use, in a home of no host and in a listed bridge.
fn version_dependent() -> Vec<Case> {
    let without = |key: &str, refresh: &str| {
        let mut login = auth::healthy_value(ACCOUNT, "other", refresh);
        login.as_object_mut().unwrap().remove(key);
        auth::bytes(&login)
    };
    // Homebrew's path names the version.
    let codex = |person: &Fixture, version: &str| {
        person.place_codex(&person.root().join(format!("Cellar/codex/{version}/bin/codex")))
    };
    vec![
        case(
            "a login without `last_refresh` is kept, unless the codex to be started is known not to renew it",
            move || {
                let person = Fixture::new();
                person.log_in(ACCOUNT);
                let home = person.write_auth(&person.other(), &without("last_refresh", BRIDGE_REFRESH));
                let start = || person.start(&["app-server"]).home(&home);
                start().is_kept_with_warning("missing-last-refresh");
                start().setting("codex", codex(&person, "0.136.0")).is_kept_with_warning("missing-last-refresh");
                start().setting("codex", codex(&person, "0.123.0")).is_redirected("missing-last-refresh");
                // No codex renews a login without a refresh token.
                person.write_auth(&home, &without("last_refresh", ""));
                start().is_redirected("missing-last-refresh");
            },
        ),
        case(
            "an `auth_mode` that is not known is left alone, unless the codex to be started is known not to know it",
            move || {
                let person = Fixture::new();
                person.log_in(ACCOUNT);
                let lay = |home: &Path, mode: Value| {
                    let mut login = auth::healthy_value(ACCOUNT, "other", BRIDGE_REFRESH);
                    login["auth_mode"] = mode;
                    person.write_auth(home, &auth::bytes(&login))
                };
                let [newer, known] = ["0.172.0", "0.171.0"].map(|version| codex(&person, version));
                for home in [person.other(), person.bridge()] {
                    lay(&home, json!("deviceBound"));
                    let start = || person.start(&["app-server"]).home(&home);
                    start().is_kept_with_warning("unknown-auth-mode");
                    start().setting("codex", &newer).is_kept_with_warning("unknown-auth-mode");
                    start().setting("codex", &known).is_redirected("unknown-auth-mode");
                    lay(&home, json!(["deviceBound"]));
                    start().is_redirected("auth-wrong-type");
                }
            },
        ),
        case("a listed bridge never loses the refresh token that it holds", move || {
            let person = Fixture::new();
            let home = person.write_auth(&person.other(), &without("last_refresh", BRIDGE_REFRESH));
            let start = || person.start(&["app-server"]).home(&home).setting("bridges", &home);
            start().is_kept_with_warning("missing-last-refresh");
            let codex = codex(&person, "0.123.0");
            let old = || start().setting("codex", &codex);
            old().is_refused("missing-last-refresh", 78, &["only-refresh-token", "`codex login`"]);
            person.write_auth(&home, &without("last_refresh", ""));
            old().is_repaired("missing-last-refresh");
        }),
    ]
}

fn repaired() -> Vec<Case> {
    vec![
        case("a bridge beside no personal login is repaired from its own access token", || {
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            person.serve().is_repaired("missing-id-token");
            person.serve().is_kept("ok-chatgpt");
        }),
        case("strategy `repair` repairs also beside a personal login", || {
            Fixture::issue_70511().serve().setting("strategy", "repair").is_repaired("missing-id-token");
        }),
        case("a repair keeps an `id_token` that codex can read", || {
            let person = Fixture::new();
            let mut login = auth::healthy_value(ACCOUNT, "bridge", BRIDGE_REFRESH);
            login["tokens"].as_object_mut().unwrap().remove("refresh_token");
            let id_token = login["tokens"]["id_token"].clone();
            person.write_auth(&person.bridge(), &auth::bytes(&login));
            person.serve().is_repaired("missing-refresh-token");
            let after: serde_json::Value =
                serde_json::from_slice(&std::fs::read(person.bridge().join("auth.json")).unwrap()).unwrap();
            assert_eq!(after["tokens"]["id_token"], id_token);
        }),
        case("a repair leaves all other text as it was, byte for byte", || {
            let person = Fixture::new();
            let access = tokens::access_token(ACCOUNT, "bridge");
            let text = |id: &str, rest: &str| {
                format!(
                    "{{ \"future\" : 1.50,\n\t\"tokens\": {{\"access_token\": \"{access}\", \"x\":[ 1 ]{id}}}{rest} }}\n"
                )
            };
            person.write_auth(&person.bridge(), text("", "").as_bytes());
            person.serve().is_repaired("missing-id-token");
            let after = std::fs::read_to_string(person.bridge().join("auth.json")).unwrap();
            let refreshed = after.split("\"last_refresh\":\"").nth(1).unwrap().split('"').next().unwrap();
            let id = format!(",\"id_token\":\"{access}\",\"refresh_token\":\"\",\"account_id\":\"{ACCOUNT}\"");
            assert_eq!(after, text(&id, &format!(",\"last_refresh\":\"{refreshed}\"")));
        }),
        case("an access token that is past its end is not repaired: the refusal names OpenClaw's login", || {
            let person = Fixture::new();
            let access = tokens::expired_access_token(ACCOUNT, "bridge");
            person.write_auth(&person.bridge(), &auth::issue_70511(&access, BRIDGE_REFRESH));
            person.serve().is_refused(
                "missing-id-token",
                78,
                &["access-token-ends", "openclaw models auth login --provider openai-codex"],
            );
        }),
        case("an access token that names another account than `account_id` is not repaired", || {
            let person = Fixture::new();
            let access = tokens::access_token(ACCOUNT, "bridge");
            let bridge = auth::issue_70511_with_account(&access, BRIDGE_REFRESH, OTHER_ACCOUNT);
            person.write_auth(&person.bridge(), &bridge);
            person.serve().is_refused("missing-id-token", 78, &["missing-id-token", "home-missing"]);
        }),
        case("an opaque access token is not repaired", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            person.serve().is_refused("missing-id-token", 78, &["missing-id-token"]);
        }),
        case("a bridge whose config.toml codex cannot load is not repaired", || {
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            person.write_config(&person.bridge(), "model = \n");
            person.serve().is_refused("config-invalid", 78, &["config.toml"]);
        }),
    ]
}

fn other() -> Vec<Case> {
    vec![
        case("another home that is broken is left as it is, with a warning: never repaired, never refused", || {
            let person = Fixture::new();
            person.write_auth(&person.other(), &crate::support::fixture::broken(ACCOUNT));
            person.start(&["app-server"]).home(person.other()).is_kept_with_warning("missing-id-token");
            person.write_auth(&person.other(), b"{}");
            person.start(&["app-server"]).home(person.other()).is_kept_with_warning("no-tokens");
        }),
        case("another home is redirected if both homes are read and hold the same login", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            person.write_auth(&person.other(), &crate::support::fixture::broken(ACCOUNT));
            person.start(&["app-server"]).home(person.other()).is_redirected("missing-id-token");
        }),
        case("another home without auth.json is never redirected", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            std::fs::create_dir_all(person.other()).unwrap();
            for strategy in ["auto", "redirect"] {
                let start = person.start(&["app-server"]).home(person.other()).setting("strategy", strategy);
                start.is_kept_with_warning("auth-missing");
            }
        }),
        case("a directory called codex-home is a host's only in its place", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            for place in [".ae-mcp/codex-home", ".openclaw/acpx/codex-home"] {
                let home = person.home().join(place);
                std::fs::create_dir_all(&home).unwrap();
                person.start(&["app-server"]).home(&home).is_kept_with_warning("auth-missing");
            }
        }),
    ]
}

fn refused() -> Vec<Case> {
    vec![
        case("a refusal names both homes, both reasons and one command", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            let parts =
                ["harness-auth/codex/06bfb5171eff0241", "missing-id-token", "`~/.codex`", "home-missing", "run `"];
            person.serve().is_refused("missing-id-token", 78, &parts);
        }),
        case("the account of the bridge is named with `codex login`, shortened", || {
            let person = Fixture::new();
            let access = tokens::access_token(ACCOUNT, "bridge");
            person.write_auth(&person.bridge(), &auth::issue_70511_with_account(&access, "", ACCOUNT));
            person.serve().setting("strategy", "redirect").is_refused(
                "missing-id-token",
                78,
                &["run `codex login` with account …5555"],
            );
        }),
        case("work is never redirected to or from an API key", || {
            let person = Fixture::new();
            person.write_auth(&person.personal(), &auth::api_key(KEY));
            person.break_bridge_for_good();
            for strategy in ["auto", "redirect"] {
                person.serve().setting("strategy", strategy).is_refused("api-key-login", 78, &["api-key-login"]);
            }
            person.log_in(ACCOUNT);
            person.write_auth(&person.bridge(), br#"{"auth_mode":"apikey"}"#);
            for strategy in ["auto", "redirect"] {
                person.serve().setting("strategy", strategy).is_refused("api-key-login", 78, &["api-key-login"]);
            }
        }),
        case("no token of the person's is ever in a bridge", || {
            let person = Fixture::issue_70511();
            person.serve().setting("strategy", "repair").is_repaired("missing-id-token");
            let bridge = std::fs::read_to_string(person.bridge().join("auth.json")).unwrap();
            assert!(!bridge.contains(PERSONAL_REFRESH) && !bridge.contains(OPAQUE_ACCESS));
        }),
    ]
}
