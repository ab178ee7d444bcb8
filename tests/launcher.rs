//! The launcher from outside, with a stand-in for codex: is the start the caller asked for the start codex gets, in
//! everything but the home; is it the right home; and is nothing else touched, said or left behind?
//!
//! Every start of every sentence compares the personal home before and after, and what was said with every secret there
//! is. A link to openclaw/openclaw stands above the sentence that pins it.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/stand_in.rs"]
mod stand_in;
mod support;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::Want::{self, Redirected, Refused, Repaired, Trusted, Warned};
use lab::{
    AT_ONCE, BRIDGE_REFRESH, IN_CONFIG, KEY, Lab, MARK, NOBODY, OPAQUE_ACCESS, PATIENCE, Row, assert_same, broken,
    check, check_within, forking, healthy, hopeless, nobody, place, replace, spoiled, with, without, write_program,
};
use libtest_mimic::{Arguments, Completion, Trial};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, geteuid, getsid, mkfifo};
use serde_json::{Value, json};
use stand_in::{Bytes, Report};
use support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use support::{auth, snapshot};

// ---- Verdicts ----

const VERDICTS: &[Row] = &[
    // https://github.com/openclaw/openclaw/issues/70511
    ("the bridge of issue 70511 beside a personal login of the same account is redirected", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.broken())
    }),
    // https://github.com/openclaw/openclaw/issues/70511
    ("the exec bridge of issue 70511 is redirected too", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.codex(lab.world.lay_cli_bridge(&broken(ACCOUNT)), &["exec", "say hello"])
    }),
    // https://github.com/openclaw/openclaw/issues/70511
    ("the bridge of issue 70511 without a personal home is repaired", Repaired, |lab| lab.serve(lab.broken())),
    ("a bridge is repaired beside a personal home of another account, and never redirected", Repaired, |lab| {
        lab.person(OTHER_ACCOUNT);
        lab.serve(lab.broken())
    }),
    ("a bridge that cannot be completed is refused beside another account", Refused(&["accounts-differ"]), |lab| {
        lab.person(OTHER_ACCOUNT);
        let bytes = auth::issue_70511_with_account(OPAQUE_ACCESS, BRIDGE_REFRESH, ACCOUNT);
        lab.serve(lab.world.lay_bridge(&bytes))
    }),
    ("a bridge of an unknown account is redirected", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.hopeless())
    }),
    ("a bridge without auth.json is redirected", Redirected, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        fs::remove_file(bridge.join("auth.json")).unwrap();
        lab.serve(bridge)
    }),
    (
        "when nothing helps, the start is refused and says what to do",
        Refused(&["missing-id-token", "home-missing", "run `codex login`"]),
        |lab| lab.serve(lab.hopeless()),
    ),
    (
        "a personal home that is logged out is no help either",
        Refused(&["missing-id-token", "auth-missing", "run `codex login`"]),
        |lab| {
            fs::create_dir(lab.world.personal()).unwrap();
            lab.serve(lab.hopeless())
        },
    ),
    (
        "a bridge that shares its refresh token with a personal home that cannot stand in is refused",
        Refused(&["`codex login`"]),
        |lab| {
            lab.world.lay_personal(&spoiled("personal", BRIDGE_REFRESH, "id_token"));
            lab.serve(lab.broken())
        },
    ),
    (
        "a bridge past its end is refused where renewing it could end the personal login",
        Refused(&["custom-provider"]),
        |lab| {
            lab.config(lab.person(ACCOUNT), "model_provider = \"own\"\n");
            let bytes = auth::issue_70511(&tokens::expired_access_token(ACCOUNT, "bridge"), BRIDGE_REFRESH);
            lab.serve(lab.world.lay_bridge(&bytes))
        },
    ),
    ("a bridge past its end is repaired beside another account", Repaired, |lab| {
        lab.person(OTHER_ACCOUNT);
        let bytes = auth::issue_70511(&tokens::expired_access_token(ACCOUNT, "bridge"), BRIDGE_REFRESH);
        lab.serve(lab.world.lay_bridge(&bytes))
    }),
    ("a bridge that can log in is trusted beside a personal login", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.world.lay_bridge(&healthy(ACCOUNT)))
    }),
    ("a bridge that can log in is trusted beside nothing", Trusted, |lab| {
        lab.serve(lab.world.lay_bridge(&healthy(ACCOUNT)))
    }),
    ("a bridge that keeps its login in the keyring is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.config(lab.broken(), "cli_auth_credentials_store = \"keyring\"\n"))
    }),
    ("a bridge with a provider of its own is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.config(lab.broken(), "model_provider = \"own\"\n"))
    }),
    ("a bridge with a login of another kind is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        let bytes = auth::bytes(&json!({"auth_mode": "personalAccessToken", "personal_access_token": KEY}));
        lab.serve(lab.world.lay_bridge(&bytes))
    }),
    // Whose home it is.
    ("CODEX_HOME unset is left unset", Trusted, |lab| {
        lab.world.lay_personal(&broken(ACCOUNT));
        without(lab.serve(""), "CODEX_HOME")
    }),
    ("CODEX_HOME empty is left empty", Trusted, |lab| {
        lab.world.lay_personal(&broken(ACCOUNT));
        lab.serve("")
    }),
    ("CODEX_HOME that is not UTF-8 is left so", Trusted, |lab| {
        lab.world.lay_personal(&broken(ACCOUNT));
        let mut home = lab.world.bridge().into_os_string().into_vec();
        home.push(b'\xff');
        lab.serve(OsString::from_vec(home))
    }),
    ("the personal home is left as it is", Trusted, |lab| lab.serve(lab.world.lay_personal(&broken(ACCOUNT)))),
    ("the personal home with a trailing slash is left as it is", Trusted, |lab| {
        let home = lab.world.lay_personal(&broken(ACCOUNT));
        lab.serve(home.join(""))
    }),
    ("the personal home with a dot in its path is left as it is", Trusted, |lab| {
        lab.world.lay_personal(&broken(ACCOUNT));
        lab.serve(lab.world.home().join("./.codex/."))
    }),
    ("the personal home by way of its parent is left as it is", Trusted, |lab| {
        lab.world.lay_personal(&broken(ACCOUNT));
        lab.serve(lab.root().join("work/../home/.codex"))
    }),
    ("the personal home through a link is left as it is", Trusted, |lab| {
        let link = lab.root().join("link");
        symlink(lab.world.lay_personal(&broken(ACCOUNT)), &link).unwrap();
        lab.serve(link)
    }),
    ("the personal home through a link of a bridge's shape is left as it is", Trusted, |lab| {
        let link = lab.world.bridge();
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(lab.world.lay_personal(&broken(ACCOUNT)), &link).unwrap();
        lab.serve(link)
    }),
    ("a personal home named by settings stands in", Redirected, |lab| {
        let home = lab.world.home().join("mine");
        fs::rename(lab.person(ACCOUNT), &home).unwrap();
        with(lab.serve(lab.broken()), "CODEX_HOME_SHIM_PERSONAL_HOME", home)
    }),
    ("a personal home named by settings is not redirected from", Trusted, |lab| {
        lab.person(ACCOUNT);
        let home = lab.broken();
        with(lab.serve(&home), "CODEX_HOME_SHIM_PERSONAL_HOME", home)
    }),
    ("a host that logs in after the start is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.codex(lab.broken(), &["app-server", "-c", "cli_auth_credentials_store=\"ephemeral\""])
    }),
    ("an ephemeral store that a later override takes back does not count", Redirected, |lab| {
        lab.person(ACCOUNT);
        let [one, two] = ["ephemeral", "file"].map(|store| format!("cli_auth_credentials_store=\"{store}\""));
        lab.codex(lab.broken(), &["-c", &one, "app-server", "-c", &two])
    }),
    ("an empty codex-home is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        let home = lab.world.home().join(".openclaw/agents/main/agent/codex-home");
        fs::create_dir_all(&home).unwrap();
        lab.serve(home)
    }),
    ("an empty codex-home of a bounded turn is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        let home = lab.world.root().join("tmp/codex-bounded-turn-a1B2c3/codex-home");
        fs::create_dir_all(&home).unwrap();
        lab.serve(home)
    }),
    ("an empty .codex-coding-agent is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        let home = lab.world.home().join(".codex-coding-agent");
        fs::create_dir(&home).unwrap();
        lab.serve(home)
    }),
    ("a home that settings name a bridge is repaired like one", Repaired, |lab| {
        let home = lab.other(Some(&broken(ACCOUNT)));
        let bridges = format!("~/nowhere:{}/", home.display());
        with(lab.serve(home), "CODEX_HOME_SHIM_BRIDGES", bridges)
    }),
    ("a home that settings name a bridge under ~ is redirected like one", Redirected, |lab| {
        lab.person(ACCOUNT);
        with(lab.serve(lab.other(None)), "CODEX_HOME_SHIM_BRIDGES", "~/elsewhere")
    }),
    ("a bridge that settings leave alone is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        with(lab.serve(&bridge), "CODEX_HOME_SHIM_LEAVE", bridge)
    }),
    // The settings file.
    ("a home that the settings file names a bridge is redirected like one", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.settings("bridges = [\"~/elsewhere\"]\n");
        lab.serve(lab.other(None))
    }),
    ("a home that a star in the settings file names a bridge is redirected like one", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.settings("bridges = [\"~/else*e\"]\n");
        lab.serve(lab.other(None))
    }),
    ("a star that stands for the directory above names a bridge too", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.settings("bridges = [\"~/agents/*/codex\"]\n");
        let home = lab.world.home().join("agents/main/codex");
        fs::create_dir_all(&home).unwrap();
        lab.serve(home)
    }),
    ("a star stands for no slash", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.settings("bridges = [\"~/*\"]\n");
        let home = lab.world.home().join("agents/codex");
        fs::create_dir_all(&home).unwrap();
        lab.serve(home)
    }),
    ("a link into what a star leaves alone is left alone", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.settings("leave = [\"~/.openclaw/agents/*/agent/harness-auth/codex/*\"]\n");
        let link = lab.world.home().join("link");
        symlink(lab.broken(), &link).unwrap();
        with(lab.serve(&link), "CODEX_HOME_SHIM_BRIDGES", link)
    }),
    ("a home that is spelled through a link is one that a star names", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.settings("bridges = [\"~/link/e*\"]\n");
        symlink(lab.world.home(), lab.world.home().join("link")).unwrap();
        lab.serve(lab.other(None))
    }),
    ("a home that the settings file leaves alone is trusted, though a variable names it a bridge", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.settings("leave = [\"~/elsewhere\"]\n");
        with(lab.serve(lab.other(None)), "CODEX_HOME_SHIM_BRIDGES", "~/elsewhere")
    }),
    ("the strategy of the settings file holds", Repaired, |lab| {
        lab.settings("strategy = \"repair\"\n");
        lab.serve(lab.broken_beside_person())
    }),
    ("the strategy of the environment is stronger than the file's", Redirected, |lab| {
        lab.settings("strategy = \"off\"\n");
        with(lab.serve(lab.broken_beside_person()), "CODEX_HOME_SHIM_STRATEGY", "auto")
    }),
    ("an empty settings file says nothing", Redirected, |lab| {
        lab.settings("");
        lab.serve(lab.broken_beside_person())
    }),
    ("a settings file that is named and missing is said, and no error", Warned("there is no such file"), |lab| {
        with(lab.codex("", &["app-server"]), "CODEX_HOME_SHIM_CONFIG", "~/nowhere.toml")
    }),
    ("leaving alone is stronger than naming a bridge", Trusted, |lab| {
        let home = lab.other(Some(&broken(ACCOUNT)));
        let command = with(lab.serve(&home), "CODEX_HOME_SHIM_BRIDGES", &home);
        with(command, "CODEX_HOME_SHIM_LEAVE", home)
    }),
    ("a bridge of the acp kind is redirected", Redirected, |lab| {
        lab.person(ACCOUNT);
        let home = lab.world.home().join(".openclaw/acp-auth/codex-main");
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("auth.json"), broken(ACCOUNT)).unwrap();
        lab.serve(home)
    }),
    ("a bridge with a trailing slash is a bridge", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.broken().join(""))
    }),
    // The environment.
    ("an access token in the environment is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        with(lab.serve(lab.broken()), "CODEX_ACCESS_TOKEN", OPAQUE_ACCESS)
    }),
    ("a blank access token in the environment does not count", Redirected, |lab| {
        lab.person(ACCOUNT);
        with(lab.serve(lab.broken()), "CODEX_ACCESS_TOKEN", " ")
    }),
    ("an API key in the environment is trusted for exec", Trusted, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.world.lay_cli_bridge(&broken(ACCOUNT));
        with(lab.codex(bridge, &["exec", "say hello"]), "CODEX_API_KEY", KEY)
    }),
    ("an API key in the environment does not count for app-server", Redirected, |lab| {
        lab.person(ACCOUNT);
        with(lab.serve(lab.broken()), "CODEX_API_KEY", KEY)
    }),
    ("a key of OpenAI's in the environment does not count", Redirected, |lab| {
        lab.person(ACCOUNT);
        with(lab.codex(lab.world.lay_cli_bridge(&broken(ACCOUNT)), &["exec", "say hello"]), "OPENAI_API_KEY", KEY)
    }),
    // Links.
    ("a bridge linked to a personal login is trusted", Trusted, |lab| {
        let personal = lab.person(ACCOUNT);
        linked(lab, &personal.join("auth.json"))
    }),
    (
        "a bridge linked to a personal auth.json that cannot log in is trusted, and that is said",
        Warned("auth.json"),
        |lab| {
            let personal = lab.world.lay_personal(&broken(ACCOUNT));
            linked(lab, &personal.join("auth.json"))
        },
    ),
    ("a bridge linked elsewhere is not repaired", Refused(&["not completed", "missing-id-token"]), |lab| {
        let elsewhere = lab.other(Some(&broken(ACCOUNT)));
        linked(lab, &elsewhere.join("auth.json"))
    }),
    ("a bridge linked elsewhere is redirected where there is a personal login", Redirected, |lab| {
        lab.person(ACCOUNT);
        let elsewhere = lab.other(Some(&broken(ACCOUNT)));
        linked(lab, &elsewhere.join("auth.json"))
    }),
    ("a bridge with a second hard link is not repaired", Refused(&["second hard link", "missing-id-token"]), |lab| {
        let bridge = lab.broken();
        fs::hard_link(bridge.join("auth.json"), lab.world.home().join("second")).unwrap();
        lab.serve(bridge)
    }),
    ("a bridge whose hash directory is a link is not repaired", Refused(&["link", "missing-id-token"]), |lab| {
        moved_behind_a_link(lab, &lab.broken())
    }),
    ("a bridge whose codex directory is a link is not repaired", Refused(&["link", "missing-id-token"]), |lab| {
        let bridge = lab.broken();
        moved_behind_a_link(lab, bridge.parent().unwrap());
        lab.serve(bridge)
    }),
    (
        "a bridge whose harness-auth directory is a link is not repaired",
        Refused(&["link", "missing-id-token"]),
        |lab| {
            let bridge = lab.broken();
            moved_behind_a_link(lab, bridge.parent().unwrap().parent().unwrap());
            lab.serve(bridge)
        },
    ),
    // Kinds of login.
    ("an API key never stands in for a ChatGPT bridge that can be completed", Repaired, |lab| {
        lab.world.lay_personal(&auth::api_key(KEY));
        lab.serve(lab.broken())
    }),
    ("an API key never stands in for a ChatGPT bridge that cannot", Refused(&["logins-differ"]), |lab| {
        lab.world.lay_personal(&auth::api_key(KEY));
        lab.serve(lab.hopeless())
    }),
    ("a ChatGPT login never stands in for an API key bridge", Refused(&["logins-differ", "no-api-key"]), |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.world.lay_bridge(br#"{"auth_mode": "apikey"}"#))
    }),
    ("an API key stands in for an API key bridge", Redirected, |lab| {
        lab.world.lay_personal(&auth::api_key(KEY));
        lab.serve(lab.world.lay_bridge(&auth::api_key(" ")))
    }),
    // Homes that nobody made for a machine.
    ("another home with a broken login of the same account is redirected", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.other(Some(&broken(ACCOUNT))))
    }),
    ("another home with a broken login of an unknown account is trusted", Warned("id_token"), |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.other(Some(&hopeless())))
    }),
    ("another home with a broken login of another account is trusted", Warned("id_token"), |lab| {
        lab.person(OTHER_ACCOUNT);
        lab.serve(lab.other(Some(&broken(ACCOUNT))))
    }),
    ("another home is never repaired", Warned("id_token"), |lab| lab.serve(lab.other(Some(&broken(ACCOUNT))))),
    ("another home is not repaired by the strategy repair either", Warned("id_token"), |lab| {
        with(lab.serve(lab.other(Some(&broken(ACCOUNT)))), "CODEX_HOME_SHIM_STRATEGY", "repair")
    }),
    ("another home without auth.json is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.other(None))
    }),
    ("another home that is not there is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.world.home().join("elsewhere"))
    }),
    ("another home that is a file is trusted", Trusted, |lab| {
        lab.person(ACCOUNT);
        let home = lab.world.home().join("elsewhere");
        fs::write(&home, "").unwrap();
        lab.serve(home)
    }),
    ("a path that only resembles a bridge's is no bridge", Warned("id_token"), |lab| {
        let home = lab.world.home().join("harness-auth/codex/06BFB5171EFF0241");
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("auth.json"), broken(ACCOUNT)).unwrap();
        lab.serve(home)
    }),
    // The personal home's own configuration.
    ("a personal home that keeps its login in the keyring is redirected to", Redirected, |lab| {
        lab.keyring_person();
        lab.serve(lab.hopeless())
    }),
    ("a bridge is completed before a keyring is relied on", Repaired, |lab| {
        lab.keyring_person();
        lab.serve(lab.broken())
    }),
    ("a personal home with a broken config.toml does not stand in", Repaired, |lab| {
        lab.config(lab.person(ACCOUNT), &format!("key = \"{IN_CONFIG}\" \"\n"));
        lab.serve(lab.broken())
    }),
    ("a personal home with a broken config.toml is named", Refused(&["config-invalid", "config.toml"]), |lab| {
        lab.config(lab.person(ACCOUNT), &format!("key = \"{IN_CONFIG}\" \"\n"));
        lab.serve(lab.hopeless())
    }),
    ("a personal home with a custom provider does not stand in", Repaired, |lab| {
        lab.config(lab.person(ACCOUNT), "model_provider = \"own\"\n");
        lab.serve(lab.broken())
    }),
    ("a personal home with a custom provider that uses the login does not stand in", Repaired, |lab| {
        let toml = "model_provider = \"own\"\n[model_providers.own]\nname = \"Own\"\nrequires_openai_auth = true\n";
        lab.config(lab.person(ACCOUNT), toml);
        lab.serve(lab.broken())
    }),
    ("a personal home that selects a profile does not stand in", Repaired, |lab| {
        lab.config(lab.person(ACCOUNT), "profile = \"work\"\n[profiles.work]\nmodel = \"gpt\"\n");
        lab.serve(lab.broken())
    }),
    ("a personal home that forces another login method does not stand in", Repaired, |lab| {
        lab.config(lab.person(ACCOUNT), "forced_login_method = \"api\"\n");
        lab.serve(lab.broken())
    }),
    ("a personal home that forces another workspace does not stand in", Repaired, |lab| {
        lab.config(lab.person(ACCOUNT), &format!("forced_chatgpt_workspace_id = \"{OTHER_ACCOUNT}\"\n"));
        lab.serve(lab.broken())
    }),
    ("a personal home that forces the login it holds stands in", Redirected, |lab| {
        let toml = format!("forced_login_method = \"chatgpt\"\nforced_chatgpt_workspace_id = \"{ACCOUNT}\"\n");
        lab.config(lab.person(ACCOUNT), &toml);
        lab.serve(lab.broken())
    }),
    ("a keyring behind a forced login method is not relied on", Refused(&[]), |lab| {
        let home = lab.keyring_person();
        lab.config(home, "cli_auth_credentials_store = \"keyring\"\nforced_login_method = \"chatgpt\"\n");
        lab.serve(lab.hopeless())
    }),
    // Strategies.
    ("the strategy auto is the default", Redirected, |lab| strategy(lab, "auto", &broken(ACCOUNT), Some(ACCOUNT))),
    ("an empty strategy is none", Redirected, |lab| strategy(lab, "", &broken(ACCOUNT), Some(ACCOUNT))),
    ("the strategy redirect redirects", Redirected, |lab| strategy(lab, "redirect", &broken(ACCOUNT), Some(ACCOUNT))),
    ("the strategy redirect never repairs", Refused(&["`codex login`"]), |lab| {
        strategy(lab, "redirect", &broken(ACCOUNT), None)
    }),
    ("the strategy repair repairs", Repaired, |lab| strategy(lab, "repair", &broken(ACCOUNT), Some(ACCOUNT))),
    ("the strategy repair never redirects", Refused(&["strategy-forbids"]), |lab| {
        strategy(lab, "repair", &hopeless(), Some(ACCOUNT))
    }),
    ("the strategy repair never redirects to a keyring", Refused(&["strategy-forbids"]), |lab| {
        lab.keyring_person();
        strategy(lab, "repair", &hopeless(), None)
    }),
    ("the strategy observe says that it would redirect", Warned("redirect"), |lab| {
        strategy(lab, "observe", &broken(ACCOUNT), Some(ACCOUNT))
    }),
    ("the strategy observe says that it would repair", Warned("repair"), |lab| {
        strategy(lab, "observe", &broken(ACCOUNT), None)
    }),
    ("the strategy observe says that it would refuse", Warned("refuse"), |lab| {
        strategy(lab, "observe", &hopeless(), None)
    }),
    ("the strategy observe has nothing to say of a home that can log in", Trusted, |lab| {
        strategy(lab, "observe", &healthy(ACCOUNT), None)
    }),
    ("the strategy off does nothing and says nothing", Trusted, |lab| {
        strategy(lab, "off", &broken(ACCOUNT), Some(ACCOUNT))
    }),
    ("the strategy off refuses nothing", Trusted, |lab| strategy(lab, "off", &hopeless(), None)),
];

/// A bridge whose `auth.json` is a link.
fn linked(lab: &Lab, to: &Path) -> Command {
    let bridge = lab.broken();
    replace(&bridge.join("auth.json"), |path| symlink(to, path).unwrap());
    lab.serve(bridge)
}

/// Moves a directory away and leaves a link to it.
fn moved_behind_a_link(lab: &Lab, directory: &Path) -> Command {
    let away = lab.world.home().join("away");
    fs::rename(directory, &away).unwrap();
    symlink(away, directory).unwrap();
    lab.serve(directory)
}

fn strategy(lab: &Lab, strategy: &str, bridge: &[u8], person: Option<&str>) -> Command {
    if let Some(account) = person {
        lab.person(account);
    }
    with(lab.serve(lab.world.lay_bridge(bridge)), "CODEX_HOME_SHIM_STRATEGY", strategy)
}

/// Starts that use no login, end one, or are not understood: a broken bridge beside a personal login arrives as it is.
const UNTOUCHED: &[&[&str]] = &[
    &["logout"],
    &["login"],
    &["login", "--with-api-key"],
    &["login", "status", "extra"],
    &["hello", "logout"],
    &["--version"],
    &["-V"],
    &["--help"],
    &["help"],
    &["mcp"],
    &["doctor"],
    &["app-server", "proxy"],
    &["app-server", "daemon"],
    &["app-server", "generate-ts"],
    &["app-server", "--print-startup-config", "--startup-sign-out"],
    &["exec", "-c", "forced_login_method=\"api\"", "say hello"],
    &["-c", "forced_chatgpt_workspace_id=\"x\"", "app-server"],
    &["--config=forced_login_method=api", "app-server"],
    &["-m", "gpt", "logout"],
    &["--unheard-of", "app-server"],
    &["unheard-of"],
    &["app-server", "-c"],
    &["app-server", "-c", "no-equals-sign"],
    &["-c", "model_provider=\"own\"", "app-server"],
    &["--oss", "exec", "say hello"],
    &["-p", "work", "app-server"],
    &["app-server", "-c", "profile=\"work\""],
];

/// Starts that use a login: the same bridge is redirected.
const JUDGED: &[&[&str]] = &[
    &[],
    &["Tell me a story."],
    &["app-server"],
    &["app-server", "--listen", "stdio://"],
    &["exec", "hello"],
    &["e", "hello"],
    &["exec", "--", "logout"],
    &["--", "logout"],
    &["resume"],
    &["review"],
    &["fork"],
    &["login", "status"],
    &["-m", "gpt", "app-server"],
    &["-cx=1", "app-server"],
    &["-c=x=1", "app-server"],
    &["--config=x=1", "app-server", "-c", "y=2"],
    &["--enable", "logout", "app-server"],
    &["-C", "logout", "exec", "hello"],
];

/// Bridges and personal homes that want more than a world: an owner without privileges.
const UNPRIVILEGED: &[Row] = &[
    ("an auth.json of mode 0000 is not used", Redirected, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        close(&bridge.join("auth.json"), 0o000);
        lab.serve(bridge)
    }),
    ("an auth.json of mode 0000 cannot be completed", Refused(&["auth-unreadable"]), |lab| {
        let bridge = lab.broken();
        close(&bridge.join("auth.json"), 0o000);
        lab.serve(bridge)
    }),
    ("a personal auth.json of mode 0000 is no help", Refused(&["auth-unreadable"]), |lab| {
        close(&lab.person(ACCOUNT).join("auth.json"), 0o000);
        lab.serve(lab.hopeless())
    }),
    ("a bridge directory of mode 0000 is redirected from", Redirected, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        close(&bridge, 0o000);
        lab.serve(bridge)
    }),
    ("a read-only bridge directory is redirected from", Redirected, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        close(&bridge, 0o500);
        lab.serve(bridge)
    }),
    ("a read-only bridge directory cannot be repaired, and that is said", Refused(&["home-not-writable"]), |lab| {
        let bridge = lab.broken();
        close(&bridge, 0o500);
        lab.serve(bridge)
    }),
    ("a read-only personal home does not stand in", Repaired, |lab| {
        close(&lab.person(ACCOUNT), 0o500);
        lab.serve(lab.broken())
    }),
    ("a read-only auth.json is completed and becomes writable", Repaired, |lab| {
        let bridge = lab.broken();
        close(&bridge.join("auth.json"), 0o400);
        lab.serve(bridge)
    }),
    ("a config.toml of mode 0000 does not stand in", Repaired, |lab| {
        let personal = lab.config(lab.person(ACCOUNT), "");
        close(&personal.join("config.toml"), 0o000);
        lab.serve(lab.broken())
    }),
];

fn close(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

// ---- Becoming codex ----

type Sentence = (&'static str, fn(&Lab));

const BECOMING: &[Sentence] = &[
    ("codex is the process that was spawned, and nobody's child but the spawner's", |lab| {
        lab.person(ACCOUNT);
        let mut command = lab.serve(lab.broken());
        let ended = lab.start(&mut command);
        let report = ended.report.unwrap();
        assert_eq!(report.pid, ended.pid);
        assert_eq!(report.parent, std::process::id());
        assert!(report.children.is_none_or(|children| children.is_empty()), "no child");
    }),
    ("every byte of every argument arrives", |lab| {
        let mut args: Vec<OsString> =
            ["exec", "--", "", " ", "two\nlines", "'\"`$(x)\\", "-", "--", "--version", "\u{1f980}"]
                .map(OsString::from)
                .to_vec();
        args.push(OsString::from_vec((1..=255).collect()));
        arguments_arrive(lab, &args);
    }),
    ("five thousand arguments arrive", |lab| {
        let args: Vec<_> = (0..5000).map(|number| OsString::from(format!("word {number}"))).collect();
        arguments_arrive(lab, &args);
    }),
    ("an argument of 128,000 bytes arrives", |lab| arguments_arrive(lab, &["exec".into(), "x".repeat(128_000).into()])),
    ("no argument at all is no argument at all", |lab| arguments_arrive(lab, &[])),
    ("argv[0] is codex's real path, whatever the launcher was called", |lab| {
        let link = lab.root().join("bin/link-to-it");
        symlink("codex", &link).unwrap();
        let mut command = lab.launcher();
        command.arg0("codex").env("CODEX_HOME_SHIM_CODEX", link);
        assert_eq!(lab.start(&mut command).report.unwrap().argv, [Bytes::from(&lab.codex)]);
    }),
    ("every exit code is codex's own", |_| {
        let codes: Vec<u8> = (0..=255).collect();
        thread::scope(|scope| {
            for codes in codes.chunks(64) {
                scope.spawn(move || {
                    let lab = Lab::new();
                    for code in codes {
                        let mut command = with(lab.launcher(), stand_in::END, format!("exit {code}"));
                        assert_eq!(lab.start(&mut command).code, Some(i32::from(*code)));
                    }
                });
            }
        });
    }),
    ("codex's death by SIGTERM is its own", |lab| dies_by(lab, Signal::SIGTERM)),
    ("codex's death by SIGKILL is its own", |lab| dies_by(lab, Signal::SIGKILL)),
    ("codex's death by SIGINT is its own", |lab| dies_by(lab, Signal::SIGINT)),
    ("codex's death by SIGSEGV is its own", |lab| dies_by(lab, Signal::SIGSEGV)),
    ("a signal to the process that was spawned is a signal to codex", |lab| {
        let mut command = with(lab.launcher(), stand_in::END, "wait");
        let mut child = {
            let _alone = forking();
            command.stdin(Stdio::null()).spawn().unwrap()
        };
        let deadline = Instant::now() + PATIENCE;
        while !lab.report.exists() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
        assert!(lab.report.exists(), "codex was there to be ended");
    }),
    ("stdin and stdout carry a mebibyte of any bytes untouched", |lab| {
        lab.person(ACCOUNT);
        // Every byte in every company, and no multiple of any buffer.
        let bytes: Vec<u8> = (0..(1_u32 << 20) + 7).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let mut command = with(lab.serve(lab.broken()), stand_in::ECHO, "1");
        let ended = lab.start_within(&mut command, Some(&bytes), PATIENCE);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout == bytes, "{} bytes came back of {}", ended.stdout.len(), bytes.len());
    }),
    ("a trusted start is the direct start but for the mark", |lab| {
        let home = lab.world.lay_bridge(&healthy(ACCOUNT));
        same_as_direct(lab, home.as_os_str(), home.as_os_str(), "exec \"$0\" \"$@\"");
    }),
    ("a redirected start is the direct start but for the mark and CODEX_HOME", |lab| {
        let (personal, bridge) = (lab.person(ACCOUNT), lab.broken());
        same_as_direct(lab, bridge.as_os_str(), personal.as_os_str(), "exec \"$0\" \"$@\"");
    }),
    ("a repaired start is the direct start but for the mark", |lab| {
        let bridge = lab.broken();
        same_as_direct(lab, bridge.as_os_str(), bridge.as_os_str(), "exec \"$0\" \"$@\"");
    }),
    ("descriptors, ignored signals and umask that the caller set up are codex's", |lab| {
        let (personal, bridge) = (lab.person(ACCOUNT), lab.broken());
        let script = "trap '' INT HUP; umask 027; exec 7</dev/null 9>&1; exec \"$0\" \"$@\"";
        same_as_direct(lab, bridge.as_os_str(), personal.as_os_str(), script);
    }),
    ("signals that the caller blocked are blocked for codex", |lab| {
        let (personal, bridge) = (lab.person(ACCOUNT), lab.broken());
        let mut set = SigSet::empty();
        set.add(Signal::SIGUSR2);
        set.thread_block().unwrap();
        same_as_direct(lab, bridge.as_os_str(), personal.as_os_str(), "exec \"$0\" \"$@\"");
        set.thread_unblock().unwrap();
    }),
    ("an older mark is replaced, and nothing is made of it", |lab| {
        lab.person(ACCOUNT);
        check(lab, Redirected, with(lab.serve(lab.broken()), MARK, "1:/usr/bin/codex"));
        check(lab, Redirected, with(lab.serve(lab.broken()), MARK, ""));
        check(lab, Redirected, with(lab.serve(lab.broken()), MARK, "nonsense"));
    }),
    ("a directory that is gone is where codex starts", |lab| {
        lab.person(ACCOUNT);
        let command = lab.serve(lab.broken());
        let gone = lab.root().join("gone");
        fs::create_dir(&gone).unwrap();
        let script = format!("cd '{0}' && rmdir '{0}' && exec \"$0\" \"$@\"", gone.display());
        check(lab, Redirected, in_shell(lab, &command, &script));
    }),
    ("at info, a redirect is one line", |lab| {
        lab.person(ACCOUNT);
        says_one_line(lab, lab.serve(lab.broken()), "using `~/.codex`");
    }),
    ("at info, a repair is one line", |lab| {
        says_one_line(lab, lab.serve(lab.broken()), "completed `~/.openclaw/");
    }),
    ("at error, a warning is not said", |lab| {
        let command = with(lab.serve(lab.other(Some(&broken(ACCOUNT)))), "CODEX_HOME_SHIM_LOG", "error");
        assert_eq!(lab.start(&mut { command }).stderr, "");
    }),
    ("a level that is none is said and costs nothing else", |lab| {
        lab.person(ACCOUNT);
        let mut command = with(lab.serve(lab.broken()), "CODEX_HOME_SHIM_LOG", "loud\x1b[2J");
        let ended = lab.start(&mut command);
        assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(lab.world.personal()));
        assert_eq!(ended.stderr.lines().count(), 1);
        assert!(ended.stderr.contains("CODEX_HOME_SHIM_LOG"), "{}", ended.stderr);
        assert!(!ended.stderr.contains('\x1b'), "nothing that moves a cursor");
    }),
];

fn arguments_arrive(lab: &Lab, args: &[OsString]) {
    lab.person(ACCOUNT);
    let mut command = lab.launcher();
    command.args(args).env("CODEX_HOME", lab.broken());
    let report = lab.start(&mut command).report.unwrap();
    assert!(report.argv[1..].iter().eq(args.iter().map(Bytes::from).collect::<Vec<_>>().iter()));
}

/// What the caller ignores codex ignores too, with the launcher and without: SIGINT, in a job of the background.
fn dies_by(lab: &Lab, signal: Signal) {
    lab.person(ACCOUNT);
    let bridge = lab.broken();
    let [direct, launched] = [lab.direct(), lab.launcher()].map(|mut command| {
        command.env("CODEX_HOME", &bridge).env(stand_in::END, format!("signal {}", signal as i32)).arg("app-server");
        lab.start(&mut command)
    });
    assert_eq!((launched.code, launched.signal), (direct.code, direct.signal));
    assert!(direct.signal == Some(signal as i32) || signal == Signal::SIGINT, "{direct:?}");
}

/// Makes one start with the launcher and one without, both behind a shell script, and compares what codex sees.
fn same_as_direct(lab: &Lab, injected: &OsStr, wanted: &OsStr, script: &str) {
    let start = |command: Command| {
        let mut command = in_shell(lab, &command, script);
        command.args(["app-server", "--listen", "a\nb"]).env("CODEX_HOME", injected);
        command.env("ODD", OsStr::from_bytes(b"\xff\n=\x01")).env("EMPTY", "").env("CODEX_HOME_SHIM_STRATEGY", "auto");
        lab.start(&mut command)
    };
    let direct = start(lab.direct()).report.unwrap();
    let launched = start(lab.launcher());
    assert_eq!((launched.code, launched.stderr.as_str()), (Some(0), ""));
    let report = launched.report.unwrap();

    assert_eq!(report.pid, launched.pid);
    assert_eq!(report.parent, direct.parent);
    assert_eq!(report.group.unsigned_abs(), report.pid, "the group the caller made");
    assert_eq!(report.session, getsid(None).unwrap().as_raw());
    assert_eq!(report.session, direct.session);
    assert_eq!(report.argv, direct.argv);
    assert_eq!(report.cwd, direct.cwd);
    assert_eq!(report.cwd, Some(Bytes::from(&lab.work())));
    assert_eq!(report.descriptors, direct.descriptors);
    assert_eq!(report.blocked, direct.blocked);
    assert_eq!(report.ignored, direct.ignored);
    assert_eq!(report.umask, direct.umask);

    let mark = format!("{}:0:{}", report.pid, lab.codex.display());
    let mut expected: BTreeMap<_, _> = direct.env.into_iter().collect();
    expected.insert(Bytes::from(MARK), Bytes::from(&mark));
    expected.insert(Bytes::from("CODEX_HOME"), Bytes::from(wanted));
    assert_eq!(report.env.len(), expected.len(), "every variable once");
    assert_eq!(report.env.into_iter().collect::<BTreeMap<_, _>>(), expected);
}

/// `command`, behind a script in which it is `"$0" "$@"`.
fn in_shell(lab: &Lab, command: &Command, script: &str) -> Command {
    let mut shell = lab.world.command("/bin/sh");
    shell.args(["-c", script]).arg(command.get_program()).args(command.get_args()).current_dir(lab.work());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

fn says_one_line(lab: &Lab, command: Command, begins: &str) {
    let ended = lab.start(&mut with(command, "CODEX_HOME_SHIM_LOG", "info"));
    assert!(ended.report.is_some() && ended.stdout.is_empty());
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with(&format!("codex-home-shim: {begins}")), "{}", ended.stderr);
}

// ---- Nothing hangs or crashes ----

/// A thing where an `auth.json` should be.
struct Oddity {
    name: &'static str,
    make: fn(&Path),
}

const ODDITIES: &[Oddity] = &[
    Oddity { name: "a FIFO", make: |path| fifo(path) },
    Oddity {
        name: "a link to a FIFO",
        make: |path| {
            fifo(&beside(path));
            to_beside(path)
        },
    },
    Oddity { name: "a directory", make: |path| fs::create_dir(path).unwrap() },
    Oddity { name: "a link to itself", make: |path| symlink("auth.json", path).unwrap() },
    Oddity { name: "a link to nothing", make: |path| symlink("nothing", path).unwrap() },
    Oddity { name: "empty", make: |path| fs::write(path, "").unwrap() },
    Oddity { name: "half a file", make: |path| fs::write(path, &healthy(ACCOUNT)[..300]).unwrap() },
    Oddity { name: "not UTF-8", make: |path| fs::write(path, b"{\"\xff\": 1}").unwrap() },
    Oddity { name: "an array", make: |path| fs::write(path, "[]").unwrap() },
    Oddity { name: "deep", make: |path| fs::write(path, "[".repeat(200 << 10)).unwrap() },
    Oddity {
        name: "deep in an unknown field",
        make: |path| {
            let deep = ["{\"x\": ", &"[".repeat(100 << 10), &"]".repeat(100 << 10), "}"].concat();
            fs::write(path, deep).unwrap();
        },
    },
    Oddity { name: "/dev/zero", make: |path| symlink("/dev/zero", path).unwrap() },
    Oddity { name: "a terminal", make: |path| symlink("/dev/tty", path).unwrap() },
];

fn fifo(path: &Path) {
    mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
}

/// `json` with white space behind it, up to `size` bytes: the same to every reader.
fn filled_up(json: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = json.to_vec();
    bytes.resize(size, b' ');
    bytes
}

fn sparse(path: &Path, size: u64) {
    fs::File::create(path).unwrap().set_len(size).unwrap();
}

/// A place outside the homes of this world: beside `$HOME`.
fn beside(path: &Path) -> PathBuf {
    path.ancestors().find(|dir| dir.ends_with("home")).unwrap().with_file_name("out").join("odd")
}

fn to_beside(path: &Path) {
    symlink(beside(path), path).unwrap();
}

/// Lays the oddity where the bridge's `auth.json` should be.
fn odd_bridge(lab: &Lab, oddity: &Oddity) -> PathBuf {
    let bridge = lab.broken();
    replace(&bridge.join("auth.json"), oddity.make);
    bridge
}

fn oddities() -> impl Iterator<Item = Trial> {
    ODDITIES.iter().flat_map(|oddity| {
        let name = oddity.name;
        [
            trial(format!("a bridge whose auth.json is {name} goes to the personal home"), move |lab| {
                lab.person(ACCOUNT);
                check_within(lab, Redirected, lab.serve(odd_bridge(lab, oddity)), AT_ONCE);
            }),
            trial(format!("a bridge whose auth.json is {name} is refused beside nothing"), move |lab| {
                check_within(lab, Refused(&["auth"]), lab.serve(odd_bridge(lab, oddity)), AT_ONCE);
            }),
            trial(format!("a personal auth.json that is {name} does not stand in"), move |lab| {
                let personal = lab.person(ACCOUNT);
                replace(&personal.join("auth.json"), oddity.make);
                check_within(lab, Repaired, lab.serve(lab.broken()), AT_ONCE);
            }),
            trial(format!("another home whose auth.json is {name} is left as it is"), move |lab| {
                lab.person(ACCOUNT);
                let home = lab.other(Some(&[]));
                replace(&home.join("auth.json"), oddity.make);
                let ended = lab.start_within(&mut lab.serve(&home), Some(&[]), AT_ONCE);
                assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(home));
            }),
        ]
    })
}

/// Homes that are hardly homes.
const ODD_HOMES: &[Row] = &[
    ("a FIFO for the bridge's config.toml is redirected from", Redirected, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.world.lay_bridge(&healthy(ACCOUNT));
        fifo(&bridge.join("config.toml"));
        lab.serve(bridge)
    }),
    ("a FIFO for the bridge's config.toml is refused beside nothing", Refused(&["config-unreadable"]), |lab| {
        let bridge = lab.broken();
        fifo(&bridge.join("config.toml"));
        lab.serve(bridge)
    }),
    ("a FIFO for the personal config.toml does not stand in", Repaired, |lab| {
        fifo(&lab.person(ACCOUNT).join("config.toml"));
        lab.serve(lab.broken())
    }),
    // Behind a link, so that nobody here reads it either. codex itself has no limit: it may be a login.
    ("a bridge whose auth.json is a gibibyte is left alone, and that is said", Warned("auth-too-large"), |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        replace(&bridge.join("auth.json"), |path| {
            sparse(&beside(path), 1 << 30);
            to_beside(path);
        });
        lab.serve(bridge)
    }),
    ("a bridge whose auth.json has one byte more than 256 KiB is left alone", Warned("auth-too-large"), |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.world.lay_bridge(&filled_up(&broken(ACCOUNT), (256 << 10) + 1)))
    }),
    ("a bridge whose auth.json has 256 KiB is judged", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.world.lay_bridge(&filled_up(&broken(ACCOUNT), 256 << 10)))
    }),
    // It may hold the refresh token of the bridge, and two holders of one would end the login.
    (
        "beside a personal auth.json of a gibibyte nothing is redirected or repaired",
        Refused(&["auth-too-large", "shared-refresh-token"]),
        |lab| {
            replace(&lab.person(ACCOUNT).join("auth.json"), |path| {
                sparse(&beside(path), 1 << 30);
                to_beside(path);
            });
            lab.serve(lab.broken())
        },
    ),
    ("a bridge whose config.toml is a gibibyte is left alone, and that is said", Warned("config-too-large"), |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        sparse(&beside(&bridge.join("config.toml")), 1 << 30);
        to_beside(&bridge.join("config.toml"));
        lab.serve(bridge)
    }),
    ("a sparse gibibyte for the personal config.toml does not stand in", Repaired, |lab| {
        let config = lab.person(ACCOUNT).join("config.toml");
        sparse(&beside(&config), 1 << 30);
        to_beside(&config);
        lab.serve(lab.broken())
    }),
    ("a bridge that is not there is redirected", Redirected, |lab| {
        lab.person(ACCOUNT);
        lab.serve(lab.world.bridge())
    }),
    ("a bridge that is not there is refused beside nothing", Refused(&["home-missing"]), |lab| {
        lab.serve(lab.world.bridge())
    }),
    ("a bridge that is a file is redirected", Redirected, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.world.bridge();
        fs::create_dir_all(bridge.parent().unwrap()).unwrap();
        fs::write(&bridge, "").unwrap();
        lab.serve(bridge)
    }),
    ("a bridge by a relative path is a bridge", Redirected, |lab| {
        lab.person(ACCOUNT);
        let bridge = lab.broken();
        let mut command = lab.serve("harness-auth/codex/06bfb5171eff0241");
        command.current_dir(bridge.ancestors().nth(3).unwrap());
        command
    }),
    ("another home by a relative path is left as it is", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve("nowhere")
    }),
    ("a blank CODEX_HOME is left as it is", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve("  ")
    }),
    ("a CODEX_HOME with a literal ~ is left as it is", Trusted, |lab| {
        lab.person(ACCOUNT);
        lab.serve("~/.codex")
    }),
    ("a CODEX_HOME with a line break is left as it is", Warned("id_token"), |lab| {
        let home = lab.world.home().join("line\nbreak\x1b[2J");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("auth.json"), broken(ACCOUNT)).unwrap();
        lab.serve(home)
    }),
    ("a CODEX_HOME longer than any path is left as it is", Warned("cannot be entered"), |lab| {
        lab.serve(format!("/{}", "x".repeat(5000)))
    }),
    ("a personal home that is a file does not stand in", Repaired, |lab| {
        fs::write(lab.world.personal(), "").unwrap();
        lab.serve(lab.broken())
    }),
    ("a personal home that is a link to itself does not stand in", Repaired, |lab| {
        symlink(".codex", lab.world.personal()).unwrap();
        lab.serve(lab.broken())
    }),
    ("a personal home behind a link stands in", Redirected, |lab| {
        let away = lab.world.home().join("away");
        fs::rename(lab.person(ACCOUNT), &away).unwrap();
        symlink(away, lab.world.personal()).unwrap();
        lab.serve(lab.broken())
    }),
    ("a closed stdin keeps nobody from codex", Redirected, |lab| closed(lab, "<&-")),
    ("a closed stdout keeps nobody from codex", Redirected, |lab| closed(lab, ">&-")),
    ("a closed stderr keeps nobody from codex", Redirected, |lab| closed(lab, "2>&-")),
    ("three closed descriptors keep nobody from codex", Redirected, |lab| closed(lab, "<&- >&- 2>&-")),
];

fn closed(lab: &Lab, redirection: &str) -> Command {
    lab.person(ACCOUNT);
    let command = lab.serve(lab.broken());
    in_shell(lab, &command, &format!("exec \"$0\" \"$@\" {redirection}"))
}

const STEADY: &[Sentence] = &[
    ("a refusal that nobody can read is a refusal", |lab| {
        let command = lab.serve(lab.hopeless());
        let mut shell = in_shell(lab, &command, "exec \"$0\" \"$@\" 2>&-");
        assert_eq!(lab.start_within(&mut shell, Some(&[]), AT_ONCE).code, Some(78));

        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = lab.serve(lab.hopeless());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
        let ended = lab.start_within(&mut command, None, AT_ONCE);
        assert_eq!((ended.code, ended.report.is_none()), (Some(78), true));
    }),
    ("a warning that nobody can read keeps nobody from codex", |lab| {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = lab.serve(lab.other(Some(&broken(ACCOUNT))));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
        let ended = lab.start_within(&mut command, None, AT_ONCE);
        assert_eq!((ended.code, ended.report.is_some()), (Some(0), true));
    }),
    ("without HOME, the home of this scratch is nobody's", |lab| {
        lab.person(ACCOUNT);
        strays_nowhere(lab, without(lab.serve(lab.hopeless()), "HOME"));
    }),
    ("with an empty HOME, the working directory is nobody's home", |lab| {
        fs::rename(lab.person(ACCOUNT), lab.work().join(".codex")).unwrap();
        strays_nowhere(lab, with(lab.serve(lab.hopeless()), "HOME", ""));
    }),
    ("with a relative HOME, what it leads to is nobody's home", |lab| {
        lab.person(ACCOUNT);
        let mut command = with(lab.serve(lab.hopeless()), "HOME", "home");
        command.current_dir(lab.root());
        strays_nowhere(lab, command);
    }),
    ("with a HOME inside the injected home, the login there is not the person's", |lab| {
        let bridge = lab.hopeless();
        let inside = bridge.join("home");
        fs::create_dir(&inside).unwrap();
        fs::rename(lab.person(ACCOUNT), inside.join(".codex")).unwrap();
        strays_nowhere(lab, with(lab.serve(bridge), "HOME", inside));
    }),
    ("with a HOME inside the injected home by way of a link, the login there is not the person's", |lab| {
        let bridge = lab.hopeless();
        let inside = bridge.join("home");
        fs::create_dir(&inside).unwrap();
        fs::rename(lab.person(ACCOUNT), inside.join(".codex")).unwrap();
        let way = lab.root().join("way");
        symlink(lab.world.home(), &way).unwrap();
        let through = way.join(inside.strip_prefix(lab.world.home()).unwrap());
        strays_nowhere(lab, with(lab.serve(bridge), "HOME", through));
    }),
    ("with the injected home for a HOME, the login there is not the person's", |lab| {
        let bridge = lab.hopeless();
        fs::rename(lab.person(ACCOUNT), bridge.join(".codex")).unwrap();
        strays_nowhere(lab, with(lab.serve(&bridge), "HOME", &bridge));
    }),
];

/// A start with a bridge that nothing can be done for: it is refused, or the user database's home, which is not ours to
/// know, stands in; nothing of this world does.
fn strays_nowhere(lab: &Lab, mut command: Command) {
    let places = ["home", "work"].map(|dir| lab.root().join(dir));
    let before = places.each_ref().map(|dir| snapshot(dir));
    let ended = lab.start_within(&mut command, Some(&[]), AT_ONCE);
    match &ended.report {
        None => assert_eq!(ended.code, Some(78), "{ended:?}"),
        Some(report) => {
            let home = report.var("CODEX_HOME").unwrap();
            assert!(home.is_absolute() && !home.starts_with(lab.root()), "{}", home.display());
        }
    }
    for (place, before) in places.iter().zip(&before) {
        assert_same(before, &snapshot(place));
    }
}

/// A file that is written in two steps, as codex up to 0.166 does it: empty first, whole 30 ms after the start.
struct Torn {
    name: &'static str,
    /// Lays what is torn, whole.
    late: fn(&Lab) -> PathBuf,
    /// Lays the other home.
    rest: fn(&Lab) -> PathBuf,
    /// The home that is right once the file is whole.
    wanted: fn(&Lab) -> PathBuf,
}

const TORN: &[Torn] = &[
    Torn {
        name: "a personal auth.json that is empty for a moment is read a second time",
        late: |lab| lab.person(ACCOUNT),
        rest: Lab::broken,
        wanted: |lab| lab.world.personal(),
    },
    Torn {
        name: "a bridge's auth.json that is empty for a moment is read a second time",
        late: |lab| lab.world.lay_bridge(&healthy(ACCOUNT)),
        rest: |lab| lab.person(ACCOUNT),
        wanted: |lab| lab.world.bridge(),
    },
];

impl Torn {
    fn is_read_twice(&self) -> Result<(), String> {
        let lab = Lab::new();
        lab.personal_moves.set(true);
        for _ in 0..10 {
            (self.rest)(&lab);
            let path = (self.late)(&lab).join("auth.json");
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, "").unwrap();
            let begun = Instant::now();
            let (written, ended) = thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    thread::sleep(Duration::from_millis(30));
                    fs::write(&path, &bytes).unwrap();
                    begun.elapsed()
                });
                let ended = lab.start_within(&mut lab.serve(lab.world.bridge()), Some(&[]), AT_ONCE);
                (writer.join().unwrap(), ended)
            });
            // A writer that came late proves nothing.
            if written < Duration::from_millis(45) {
                assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some((self.wanted)(&lab)), "{}", ended.stderr);
                return Ok(());
            }
        }
        Err("this machine is too busy to be in time".to_owned())
    }
}

fn torn() -> impl Iterator<Item = Trial> {
    TORN.iter().map(|torn| {
        Trial::ignorable_test(torn.name, || {
            Ok(torn.is_read_twice().map_or_else(Completion::ignored_with, |()| Completion::Completed))
        })
    })
}

// ---- Repair ----

const REPAIR: &[Sentence] = &[
    ("a completed file is 0600 whatever it was and whatever the umask says", |lab| {
        for (mode, umask) in [(0o644, "000"), (0o600, "377"), (0o666, "022")] {
            let bridge = lab.broken();
            close(&bridge.join("auth.json"), mode);
            let command = lab.serve(bridge);
            check(lab, Repaired, in_shell(lab, &command, &format!("umask {umask}; exec \"$0\" \"$@\"")));
        }
    }),
    ("a completed file keeps what nobody knows, as it was spelled", |lab| {
        let access = tokens::access_token(ACCOUNT, "bridge");
        let kept = [
            r#"{"n": 1E+2,  "huge":1e400, "long": 123456789012345678901234567890, "neg": -0.0}"#,
            r#"[1.10, {"lone": "\ud800", "slash": "\/", "nested": [[], {}, null]}]"#,
            r#""caf\u00e9 é""#,
        ];
        let [one, two, three] = kept;
        let text = format!(
            r#"{{"z": {one}, "auth_mode": "chatgpt", "tokens": {{"y": {two}, "access_token": "{access}", "refresh_token": "{BRIDGE_REFRESH}"}}, "caf\u00e9": {three}, "OPENAI_API_KEY": null}}"#
        );
        let ended = lab.start(&mut lab.serve(lab.world.lay_bridge(text.as_bytes())));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let after = fs::read_to_string(lab.world.bridge().join("auth.json")).unwrap();
        for kept in kept {
            assert!(after.contains(kept), "`{kept}` is not in {after}");
        }
        // No parser of ours reads such numbers; the launcher does.
        check(lab, Trusted, lab.serve(lab.world.bridge()));
    }),
    ("a completed file has its account from the claim, and its identity token from the access token", |lab| {
        check(lab, Repaired, lab.serve(lab.broken()));
        let value = auth_value(&lab.world.bridge());
        assert_eq!(value["tokens"]["account_id"], ACCOUNT);
        assert_eq!(value["tokens"]["id_token"], value["tokens"]["access_token"]);
    }),
    ("of a personal home of the same account, the identity token is taken and nothing else", |lab| {
        lab.person(ACCOUNT);
        check(lab, Repaired, with(lab.serve(lab.broken()), "CODEX_HOME_SHIM_STRATEGY", "repair"));
        let (bridge, personal) = (auth_value(&lab.world.bridge()), auth_value(&lab.world.personal()));
        assert_eq!(bridge["tokens"]["id_token"], personal["tokens"]["id_token"]);
        for field in ["access_token", "refresh_token"] {
            assert_ne!(bridge["tokens"][field], personal["tokens"][field]);
        }
    }),
    ("of a personal home of another account, nothing is taken", |lab| {
        lab.person(OTHER_ACCOUNT);
        check(lab, Repaired, lab.serve(lab.broken()));
        let value = auth_value(&lab.world.bridge());
        assert_eq!(value["tokens"]["id_token"], value["tokens"]["access_token"]);
    }),
    ("a completed bridge is trusted by the next start", |lab| {
        check(lab, Repaired, lab.serve(lab.broken()));
        check(lab, Trusted, lab.serve(lab.world.bridge()));
    }),
    ("a bridge that is written anew is completed anew", |lab| {
        check(lab, Repaired, lab.serve(lab.broken()));
        check(lab, Repaired, lab.serve(lab.broken()));
    }),
    ("temporary files of the dead are removed, of the living and of others left", |lab| {
        let dead = {
            let mut child = spawn(Command::new("/bin/sh").args(["-c", ":"]));
            child.wait().unwrap();
            child.id()
        };
        let bridge = lab.broken();
        let path = |owner: &str| bridge.join(format!(".auth.json.codex-home-shim.{owner}"));
        let (dead, living, other) = (path(&dead.to_string()), path(&std::process::id().to_string()), path("x"));
        for path in [&dead, &living, &other] {
            fs::write(path, "half").unwrap();
        }
        assert_eq!(lab.start(&mut lab.serve(&bridge)).code, Some(0));
        assert_eq!([&dead, &living, &other].map(|path| path.exists()), [false, true, true]);
        assert_eq!(fs::read_dir(&bridge).unwrap().count(), 3);
        assert!(auth_value(&bridge)["last_refresh"].is_string());
    }),
    ("sixteen starts at once leave one whole file and nothing else", |lab| {
        let bridge = lab.broken();
        let report = |number: usize| lab.root().join(format!("out/{number}.json"));
        let children: Vec<_> = (0..16)
            .map(|number| {
                let mut command = with(lab.serve(&bridge), stand_in::REPORT, report(number));
                spawn(command.stdin(Stdio::null()).stdout(Stdio::null()))
            })
            .collect();
        for mut child in children {
            assert_eq!(child.wait().unwrap().code(), Some(0));
        }
        for number in 0..16 {
            assert_eq!(Report::read(&report(number)).unwrap().var("CODEX_HOME"), Some(bridge.clone()));
        }
        assert_eq!(fs::read_dir(&bridge).unwrap().count(), 1);
        check(lab, Trusted, lab.serve(bridge));
    }),
];

/// What only root can lay out.
const FOREIGN: &[Row] = &[
    ("an auth.json that is somebody else's is not completed", Refused(&["another user", "not completed"]), |lab| {
        let bridge = lab.broken();
        chown(bridge.join("auth.json"), Some(NOBODY), Some(NOBODY)).unwrap();
        lab.serve(bridge)
    }),
    ("a bridge that is somebody else's is not written to", Refused(&["another user", "not completed"]), |lab| {
        let bridge = lab.broken();
        chown(&bridge, Some(NOBODY), Some(NOBODY)).unwrap();
        lab.serve(bridge)
    }),
];

fn foreign_rows() -> impl Iterator<Item = Trial> {
    FOREIGN.iter().map(|(name, want, lay)| {
        Trial::ignorable_test(*name, move || {
            if !geteuid().is_root() {
                return Ok(Completion::ignored_with("only root can give a file to somebody else"));
            }
            let lab = Lab::new();
            check(&lab, *want, lay(&lab));
            Ok(Completion::Completed)
        })
    })
}

fn auth_value(home: &Path) -> Value {
    serde_json::from_slice(&fs::read(home.join("auth.json")).unwrap()).unwrap()
}

fn spawn(command: &mut Command) -> std::process::Child {
    let _alone = forking();
    command.spawn().unwrap()
}

// ---- Which codex ----

/// A setting that names no codex: how it is made, the exit code, and what is said.
type Broken = (&'static str, fn(&Lab) -> PathBuf, i32, &'static str);

const SETTINGS: &[Broken] = &[
    ("that is missing", |lab| lab.root().join("missing"), 127, "there is no such file"),
    ("that is a link to nothing", |lab| link(lab, Path::new("missing")), 127, "there is no such file"),
    ("that is a directory", Lab::work, 126, "not a file"),
    ("that is a FIFO", |lab| made(lab, fifo), 126, "not a file"),
    ("that is not executable", |lab| made(lab, |path| fs::write(path, "").unwrap()), 126, "not executable"),
    ("that is the launcher", Lab::own_launcher, 126, "this launcher"),
    ("that is a link to the launcher", |lab| link(lab, &lab.own_launcher()), 126, "this launcher"),
    (
        "that is a hard link to the launcher",
        |lab| made(lab, |path| fs::hard_link(path.with_file_name("codex-home-shim"), path).unwrap()),
        126,
        "this launcher",
    ),
    ("that is relative", |_| "codex".into(), 78, "absolute path"),
    ("with an interpreter that is missing", |lab| script(lab, "#!/nowhere/at/all\n"), 126, "interpreter"),
    (
        "that was built for another machine",
        |lab| made(lab, |path| write_program(path, &for_another_machine())),
        126,
        "another machine",
    ),
];

fn made(lab: &Lab, make: impl FnOnce(&Path)) -> PathBuf {
    let path = lab.own_launcher().with_file_name("codex");
    make(&path);
    path
}

fn link(lab: &Lab, to: &Path) -> PathBuf {
    made(lab, |path| symlink(to, path).unwrap())
}

fn script(lab: &Lab, text: &str) -> PathBuf {
    made(lab, |path| write_program(path, text.as_bytes()))
}

/// The head of an ELF file for a processor that nobody has.
fn for_another_machine() -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xfe\xfe\x01\0\0\0".to_vec();
    elf.resize(4096, 0);
    elf
}

/// Tries every broken setting beside a healthy codex on PATH, which is never fallen back to.
fn settings() -> impl Iterator<Item = Trial> {
    SETTINGS.iter().map(|(name, make, code, words)| {
        trial(format!("a CODEX_HOME_SHIM_CODEX {name} is an error, whatever is on PATH"), move |lab| {
            lab.person(ACCOUNT);
            let path = make(lab);
            let mut command = lab.on_path(lab.codex.parent().unwrap());
            command.env("CODEX_HOME_SHIM_CODEX", &path).env("CODEX_HOME", lab.broken()).arg("app-server");
            let ended = lab.start_within(&mut command, Some(&[]), AT_ONCE);
            assert_eq!(ended.code, Some(*code), "{ended:?}");
            assert!(ended.report.is_none() && ended.stdout.is_empty(), "{ended:?}");
            assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
            assert!(ended.stderr.contains(&format!("`{}`", path.display())), "{}", ended.stderr);
            assert!(ended.stderr.contains("CODEX_HOME_SHIM_CODEX"), "{}", ended.stderr);
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        })
    })
}

const WHICH: &[Sentence] = &[
    ("the first codex on PATH is started", |lab| {
        let (first, second) = (shelf(lab, "first"), shelf(lab, "second"));
        copy_codex(lab, &first);
        copy_codex(lab, &second);
        starts(lab, &[&lab.root().join("nowhere"), &first, &second], &first.join("codex"));
    }),
    ("what is not executable on PATH is passed over", |lab| {
        let first = shelf(lab, "first");
        fs::write(first.join("codex"), "").unwrap();
        starts(lab, &[&first, &lab.root().join("bin")], &lab.codex);
    }),
    ("a directory named codex on PATH is passed over", |lab| {
        let first = shelf(lab, "first");
        fs::create_dir(first.join("codex")).unwrap();
        starts(lab, &[&first, &lab.root().join("bin")], &lab.codex);
    }),
    ("relative and empty entries of PATH are passed over", |lab| {
        let first = lab.work();
        copy_codex(lab, &first);
        fs::create_dir(first.join("deep")).unwrap();
        copy_codex(lab, &first.join("deep"));
        for entry in ["", ".", "deep", "./deep", "../work"] {
            starts(lab, &[Path::new(entry), &lab.root().join("bin")], &lab.codex);
        }
    }),
    ("a link to the launcher named codex on PATH is passed over", |lab| {
        let first = shelf(lab, "first");
        symlink(lab.own_launcher(), first.join("codex")).unwrap();
        starts(lab, &[&first, &lab.root().join("bin")], &lab.codex);
    }),
    ("a hard link to the launcher named codex on PATH is passed over", |lab| {
        let first = shelf(lab, "first");
        fs::hard_link(lab.own_launcher(), first.join("codex")).unwrap();
        starts(lab, &[&first, &lab.root().join("bin")], &lab.codex);
    }),
    ("a launcher named codex passes itself over", |lab| {
        let first = shelf(lab, "first");
        let launcher = first.join("codex");
        fs::hard_link(lab.own_launcher(), &launcher).unwrap();
        let path = std::env::join_paths([&first, &lab.root().join("bin")]).unwrap();
        let mut command = lab.aimed(lab.world.command(launcher));
        command.env_remove("CODEX_HOME_SHIM_CODEX").env("PATH", path);
        assert_eq!(lab.start(&mut command).report.unwrap().argv[0], Bytes::from(&lab.codex));
    }),
    ("a CODEX_HOME_SHIM_CODEX that is empty is none", |lab| {
        let mut command = with(lab.on_path(lab.root().join("bin")), "CODEX_HOME_SHIM_CODEX", "");
        assert_eq!(lab.start(&mut command).report.unwrap().argv, [Bytes::from(&lab.codex)]);
    }),
    ("a CODEX_HOME_SHIM_CODEX under ~ is found", |lab| {
        let home = lab.world.home();
        copy_codex(lab, &home);
        let mut command = with(lab.launcher(), "CODEX_HOME_SHIM_CODEX", "~/codex");
        assert_eq!(lab.start(&mut command).report.unwrap().argv, [Bytes::from(&home.join("codex"))]);
    }),
    ("no codex on PATH is 127, and how to get one", |lab| {
        let nowhere = lab.root().join("nowhere");
        not_found(lab, lab.on_path(nowhere));
        not_found(lab, lab.on_path(""));
        not_found(lab, without(lab.on_path(""), "PATH"));
        let many = std::env::join_paths((0..50).map(|number| lab.root().join(number.to_string()))).unwrap();
        not_found(lab, lab.on_path(many));
    }),
    ("a codex on PATH with an interpreter that is missing is 126", |lab| {
        let path = script(lab, "#!/nowhere/at/all\n");
        let ended = lab.start(&mut lab.on_path(path.parent().unwrap()));
        assert_eq!(ended.code, Some(126), "{ended:?}");
        assert!(ended.stderr.contains("interpreter"), "{}", ended.stderr);
    }),
    ("a codex that is a script is started", |lab| {
        let path = script(lab, &format!("#!/bin/sh\nexec '{}' \"$0\" \"$@\"\n", lab.codex.display()));
        let mut command = with(lab.launcher(), "CODEX_HOME_SHIM_CODEX", &path);
        let argv = lab.start(command.arg("app-server")).report.unwrap().argv;
        assert_eq!(argv[1..], [Bytes::from(&path), Bytes::from("app-server")]);
    }),
    ("a codex that starts the launcher again in the same process is 126 at once, with both names", |lab| {
        let launcher = lab.own_launcher();
        let path = script(lab, &format!("#!/bin/sh\nexec '{}' \"$@\"\n", launcher.display()));
        let begun = Instant::now();
        let ended = lab.start_within(&mut lab.on_path(path.parent().unwrap()), Some(&[]), AT_ONCE);
        assert_eq!(ended.code, Some(126), "{ended:?}");
        for path in [&path, &launcher] {
            assert!(ended.stderr.contains(&format!("`{}`", path.display())), "{}", ended.stderr);
        }
        assert!(ended.stderr.contains("CODEX_HOME_SHIM_CODEX"), "{}", ended.stderr);
        assert!(begun.elapsed() < AT_ONCE);
    }),
    ("a codex that starts the launcher as a child gets another codex", |lab| {
        lab.person(ACCOUNT);
        let nested = lab.root().join("out/nested.json");
        let mut command = with(lab.serve(lab.broken()), stand_in::NEST, lab.own_launcher());
        let ended = lab.start(command.env(stand_in::NESTED_REPORT, &nested));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let (outer, inner) = (ended.report.unwrap(), Report::read(&nested).unwrap());
        assert_eq!(inner.parent, outer.pid);
        assert_eq!(inner.argv, outer.argv);
        assert_eq!(inner.var("CODEX_HOME"), Some(lab.world.personal()));
        let mark = format!("{}:1:{}", inner.pid, lab.codex.display());
        assert_eq!(inner.var(MARK), Some(mark.into()));
    }),
    // The wrapper that people had before us: a script that becomes codex is no script any more.
    ("a codex behind a script that starts the launcher as a child gets another codex", |lab| {
        lab.person(ACCOUNT);
        let nested = lab.root().join("out/nested.json");
        let wrapper = script(lab, &format!("#!/bin/sh\nexec '{}' \"$@\"\n", lab.codex.display()));
        let mut command = with(lab.serve(lab.broken()), stand_in::NEST, lab.own_launcher());
        command.env("CODEX_HOME_SHIM_CODEX", &wrapper).env(stand_in::NESTED_REPORT, &nested);
        let ended = lab.start(&mut command);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert_eq!(Report::read(&nested).unwrap().var("CODEX_HOME"), Some(lab.world.personal()));
    }),
    ("a mark for another codex is no loop", |lab| {
        let ended = lab.start(&mut with(in_this_process(lab), "ELSEWHERE", "1"));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }),
    ("a link named codex to a program of another name keeps its own name", |lab| {
        let (first, shim) = (shelf(lab, "first"), lab.root().join("bin/version-manager"));
        place(&lab.codex, &shim);
        symlink(shim, first.join("codex")).unwrap();
        starts(lab, &[&first], &first.join("codex"));
    }),
    ("a link named codex to another codex gives codex its real name", |lab| {
        let (first, real) = (shelf(lab, "first"), lab.root().join("bin/codex-x86_64"));
        place(&lab.codex, &real);
        symlink(&real, first.join("codex")).unwrap();
        starts(lab, &[&first], &real);
    }),
    ("a settings file that is wrong is 78, and its place is named", |lab| {
        let file = lab.settings("strategy = \"auto\"\ncodecs = \"/bin/true\"\n");
        for args in [&["app-server"][..], &["exec", "hello"], &["login"]] {
            let ended = lab.start(&mut lab.codex(lab.broken_beside_person(), args));
            assert_eq!((ended.code, ended.report.is_none()), (Some(78), true), "{ended:?}");
            let shown = file.strip_prefix(lab.world.home()).unwrap().display();
            let words = format!("`~/{shown}`, line 2, column 1: `codecs` is no setting; the nearest is `codex`");
            assert!(ended.stderr.contains(&words), "{}", ended.stderr);
        }
    }),
    ("the codex that the settings file names is started", |lab| {
        let first = shelf(lab, "first");
        copy_codex(lab, &first);
        lab.settings(&format!("codex = \"{}\"\n", lab.codex.display()));
        starts(lab, &[&first], &lab.codex);
    }),
    ("a codex that the settings file names and that is not there is an error, whatever is on PATH", |lab| {
        lab.settings("\ncodex = \"/nowhere/at/all\"\n");
        let mut command = lab.on_path(lab.codex.parent().unwrap());
        let ended = lab.start(command.arg("app-server"));
        assert_eq!((ended.code, ended.report.is_none()), (Some(127), true), "{ended:?}");
        assert!(ended.stderr.contains("`codex` in `~/") && ended.stderr.contains("line 2"), "{}", ended.stderr);
    }),
    ("a setting that is none of its values is 78 and named", |lab| {
        for (name, value) in [
            ("CODEX_HOME_SHIM_STRATEGY", "always"),
            ("CODEX_HOME_SHIM_PERSONAL_HOME", "relative"),
            ("CODEX_HOME_SHIM_BRIDGES", "/fine:relative"),
            ("CODEX_HOME_SHIM_LEAVE", "relative"),
        ] {
            let ended = lab.start(&mut with(lab.launcher(), name, value));
            assert_eq!((ended.code, ended.report.is_none()), (Some(78), true), "{ended:?}");
            assert!(ended.stderr.contains(name) && ended.stderr.contains("help: "), "{}", ended.stderr);
        }
    }),
];

/// The launcher, which finds the mark of a start of another codex in its own process.
fn in_this_process(lab: &Lab) -> Command {
    let text = format!("export {MARK}=$$:0:/elsewhere/codex; exec \"$0\" \"$@\"");
    in_shell(lab, &lab.serve(lab.broken_beside_person()), &text)
}

/// A directory for PATH.
fn shelf(lab: &Lab, name: &str) -> PathBuf {
    let path = lab.root().join(name);
    fs::create_dir(&path).unwrap();
    path
}

fn copy_codex(lab: &Lab, directory: &Path) {
    place(&lab.codex, &directory.join("codex"));
}

/// Which codex is started on such a PATH, by the name it is given.
fn starts(lab: &Lab, path: &[&Path], codex: &Path) {
    let ended = lab.start(&mut lab.on_path(std::env::join_paths(path).unwrap()));
    let report = ended.report.unwrap_or_else(|| panic!("{}", ended.stderr));
    assert_eq!(report.argv, [Bytes::from(codex)]);
    assert_eq!(ended.stderr, "");
}

fn not_found(lab: &Lab, mut command: Command) {
    let ended = lab.start(&mut command);
    assert_eq!((ended.code, ended.report.is_none()), (Some(127), true), "{ended:?}");
    assert!(ended.stderr.contains("npm i -g @openai/codex"), "{}", ended.stderr);
    assert!(ended.stdout.is_empty() && ended.stderr.lines().count() <= 3, "{}", ended.stderr);
}

// ---- What is not even looked at ----

/// The files that a start names to the system, where a tracer can tell.
fn traced(lab: &Lab, strategy: &str) -> Result<String, String> {
    let trace = lab.root().join("out/trace");
    let mut command = lab.world.command("strace");
    command.args(["-f", "-qq", "-s", "400", "-e", "trace=%file", "-o"]).arg(&trace);
    command.arg(lab.launcher().get_program()).arg("app-server").current_dir(lab.work());
    command.env("CODEX_HOME_SHIM_CODEX", &lab.codex).env(stand_in::REPORT, &lab.report);
    command.env("CODEX_HOME", lab.broken()).env("CODEX_HOME_SHIM_STRATEGY", strategy);
    let status = {
        let _alone = forking();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    match status {
        Ok(status) if status.success() => Ok(fs::read_to_string(trace).unwrap()),
        Ok(status) => Err(format!("strace cannot trace here: {status}")),
        Err(error) => Err(format!("strace cannot be started: {error}")),
    }
}

/// The strategy off, under a tracer that is first seen to see.
fn off_looks_at_nothing(lab: &Lab) -> Result<(), String> {
    lab.person(ACCOUNT);
    if !traced(lab, "auto")?.contains("auth.json") {
        return Err("strace does not see what is opened here".to_owned());
    }
    let trace = traced(lab, "off")?;
    for looked in ["auth.json", "config.toml", "harness-auth", "/home/.codex"] {
        // Our own settings may be what says so.
        let is_ours = |line: &&str| line.contains("execve") || line.contains("codex-home-shim/config.toml");
        let lines: Vec<_> = trace.lines().filter(|line| line.contains(looked) && !is_ours(line)).collect();
        assert!(lines.is_empty(), "{lines:#?}");
    }
    Ok(())
}

// ---- All of it ----

fn trial(name: String, test: impl FnOnce(&Lab) + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test(&Lab::new());
        Ok(())
    })
}

fn sentences(sentences: &'static [Sentence]) -> impl Iterator<Item = Trial> {
    sentences.iter().map(|(name, test)| trial((*name).to_owned(), *test))
}

fn rows(rows: &'static [Row], patience: Duration) -> impl Iterator<Item = Trial> {
    rows.iter().map(move |(name, want, lay)| {
        trial((*name).to_owned(), move |lab| check_within(lab, *want, lay(lab), patience))
    })
}

/// The same rows at the loudest: [`Lab::start`] looks for secrets in what is said.
fn loud_rows(rows: &'static [Row]) -> impl Iterator<Item = Trial> {
    rows.iter().map(|(name, want, lay)| {
        trial(format!("at trace, no secret is said: {name}"), move |lab| {
            check(lab, *want, with(lay(lab), "CODEX_HOME_SHIM_LOG", "trace"));
        })
    })
}

fn unprivileged_rows() -> impl Iterator<Item = Trial> {
    UNPRIVILEGED.iter().map(|(name, want, lay)| {
        Trial::ignorable_test(*name, move || {
            if let Err(reason) = nobody() {
                return Ok(Completion::ignored_with(reason));
            }
            let lab = Lab::new();
            let command = lab.as_nobody(lay(&lab));
            check_within(&lab, *want, command, AT_ONCE);
            Ok(Completion::Completed)
        })
    })
}

fn starts_with(args: &'static [&'static [&'static str]], want: Want, what: &str) -> impl Iterator<Item = Trial> {
    args.iter().map(move |args| {
        trial(format!("`codex {}` {what}", args.join(" ")), move |lab| {
            lab.person(ACCOUNT);
            check(lab, want, lab.codex(lab.broken(), args));
        })
    })
}

fn main() -> ExitCode {
    if let Some(code) = stand_in::act() {
        return code;
    }
    let arguments = Arguments::from_args();
    // Gone when the last trial is over.
    let _programs = lab::lay_programs();

    let off = Trial::ignorable_test("the strategy off looks at no home", || {
        Ok(off_looks_at_nothing(&Lab::new()).map_or_else(Completion::ignored_with, |()| Completion::Completed))
    });
    let trials = sentences(BECOMING)
        .chain(rows(VERDICTS, PATIENCE))
        .chain(loud_rows(VERDICTS))
        .chain(starts_with(UNTOUCHED, Trusted, "keeps the home it was given"))
        .chain(starts_with(JUDGED, Redirected, "gets a home that can log in"))
        .chain(unprivileged_rows())
        .chain(oddities())
        .chain(rows(ODD_HOMES, AT_ONCE))
        .chain(sentences(STEADY))
        .chain(torn())
        .chain(sentences(REPAIR))
        .chain(foreign_rows())
        .chain(settings())
        .chain(sentences(WHICH))
        .chain([off])
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
