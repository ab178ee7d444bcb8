//! Every message that a person can be left with, word for word, as it stands in a chat window.
//!
//! Reviewed as its reader would: what is wrong, with which home, and the one thing to do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::PathBuf;

use codex_home::failure::{Ailing, Failure, NoUsableHome};
use codex_home::home::Kind;
use codex_home::home::auth::Usable;
use codex_home::reason::{Because, Reason};
use codex_home::words::ROUTED;

const BRIDGE: &str = "~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241";

fn ailing(kind: Kind, shown: &str, because: impl Into<Because>) -> Ailing {
    Ailing {
        home: PathBuf::from(shown.replace('~', "/home/me")),
        shown: shown.to_owned(),
        kind,
        usable: Usable::No,
        because: because.into(),
    }
}

fn no_home(bridge: Ailing, personal: Option<Ailing>, help: &str) -> NoUsableHome {
    NoUsableHome { reason: bridge.because.reason, bridge, unmended: None, personal, help: help.to_owned() }
}

fn rows() -> Vec<(Failure, &'static str, u8)> {
    let bridge = || ailing(Kind::Bridge, BRIDGE, Reason::MissingIdToken);
    let personal = |because: Because| Some(ailing(Kind::Personal, "~/.codex", because));
    let home = |home: NoUsableHome| Failure::NoUsableHome(Box::new(home));
    let codex = |path: &str, cause: &str, is_there| Failure::CodexSetting {
        name: "`CODEX_HOME_SHIM_CODEX`".to_owned(),
        path: path.to_owned(),
        cause: cause.to_owned(),
        is_there,
    };
    vec![
        (
            home(no_home(
                bridge(),
                personal(Reason::HomeMissing.into()),
                "run `codex login`, then send the message again",
            )),
            "no usable Codex home: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json \
             has no `id_token` (missing-id-token); personal `~/.codex`: the directory does not exist (home-missing); run \
             `codex login`, then send the message again",
            78,
        ),
        (
            home(no_home(
                bridge(),
                personal(Because::of(
                    Reason::AccountsDiffer,
                    "it is logged in as account …2222, the bridge is for account …1111",
                )),
                "run `codex login` with the account of the bridge, or give the host the other account",
            )),
            "no usable Codex home: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json \
             has no `id_token` (missing-id-token); personal `~/.codex`: it is logged in as account …2222, the bridge is for account \
             …1111 (accounts-differ); run `codex login` with the account of the bridge, or give the host the other account",
            78,
        ),
        (
            home(NoUsableHome {
                unmended: Some(Reason::SharedRefreshToken.into()),
                ..no_home(
                    bridge(),
                    personal(Because::of(Reason::ConfigInvalid, "config.toml is not valid TOML at 3:7")),
                    "correct `~/.codex/config.toml`, then send the message again",
                )
            }),
            "no usable Codex home: bridge `…/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no \
             `id_token` (missing-id-token); not completed: it shares its `refresh_token` with the personal home, and two holders would \
             end the login (shared-refresh-token); personal `~/.codex`: config.toml is not valid TOML at 3:7 (config-invalid); \
             correct `~/.codex/config.toml`, then send the message again",
            78,
        ),
        (
            home(no_home(bridge(), None, "set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with")),
            "no usable Codex home: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json \
             has no `id_token` (missing-id-token); personal home: this user has no home directory that could be found \
             (home-unknown); set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with",
            78,
        ),
        (
            Failure::Setting {
                name: "CODEX_HOME_SHIM_STRATEGY",
                value: "always".to_owned(),
                rule: "one of `auto`, `redirect`, `repair`, `observe`, `off`",
            },
            "`CODEX_HOME_SHIM_STRATEGY` is `always`, not one of `auto`, `redirect`, `repair`, `observe`, `off`; correct \
             `CODEX_HOME_SHIM_STRATEGY` or unset it, where the gateway is started",
            78,
        ),
        (
            Failure::SettingsFile {
                path: "~/.config/codex-home-shim/config.toml".to_owned(),
                at: Some((2, 1)),
                cause: "`codecs` is no setting; the nearest is `codex`".to_owned(),
                help: "correct that line, then run `codex-home config check`".to_owned(),
            },
            "`~/.config/codex-home-shim/config.toml`, line 2, column 1: `codecs` is no setting; the nearest is `codex`; \
             correct that line, then run `codex-home config check`",
            78,
        ),
        (
            codex("/opt/codex", "there is no such file", false),
            "`CODEX_HOME_SHIM_CODEX` is `/opt/codex`, and there is no such file; set `CODEX_HOME_SHIM_CODEX` to the absolute \
             path of codex, or unset it",
            127,
        ),
        (
            codex("~/bin/codex", "that is this launcher", true),
            "`CODEX_HOME_SHIM_CODEX` is `~/bin/codex`, and that is this launcher; set `CODEX_HOME_SHIM_CODEX` to the absolute \
             path of codex, or unset it",
            126,
        ),
        (
            Failure::CodexNotFound { looked: "`/usr/bin`, `/bin`".to_owned(), passed_over: None },
            "codex is not found: no executable `codex` other than this launcher in `/usr/bin`, `/bin`; run `npm i -g \
             @openai/codex`, or set `CODEX_HOME_SHIM_CODEX` to the absolute path of codex",
            127,
        ),
        (
            Failure::CodexNotFound {
                looked: "`/usr/bin`, `/bin`".to_owned(),
                passed_over: Some("`/shared/codex`: anybody may write to that file".to_owned()),
            },
            "codex is not found: no executable `codex` other than this launcher in `/usr/bin`, `/bin`; passed over \
             `/shared/codex`: anybody may write to that file; take the right to write there from others (`chmod o-w`), or set \
             `CODEX_HOME_SHIM_CODEX` to another codex",
            127,
        ),
        (
            Failure::Privileged,
            "the launcher is setuid, setgid or has file capabilities: it will not use them for whoever calls it; take them \
             away (`chmod ug-s`, `setcap -r`), or start codex without the launcher",
            126,
        ),
        (
            Failure::Loop { codex: "~/bin/codex".to_owned(), launcher: "/usr/bin/codex-home-shim".to_owned() },
            "`~/bin/codex` starts this launcher (`/usr/bin/codex-home-shim`) again, so that no codex ever starts; set \
             `CODEX_HOME_SHIM_CODEX` to the absolute path of the real codex",
            126,
        ),
        (
            Failure::Exec {
                codex: "/usr/bin/codex".to_owned(),
                cause: "no such file or directory".to_owned(),
                remark: ": the interpreter it names is not there",
                is_there: true,
            },
            "`/usr/bin/codex` cannot be executed: no such file or directory: the interpreter it names is not there; \
             reinstall codex, or set `CODEX_HOME_SHIM_CODEX` to another one",
            126,
        ),
    ]
}

#[test]
fn each_message_is_the_one_that_was_reviewed() {
    for (failure, message, code) in rows() {
        assert_eq!(failure.message(), message);
        assert_eq!(failure.exit_code(), code, "{message}");
    }
}

#[test]
fn on_a_terminal_the_same_is_said_in_lines() {
    let (failure, ..) = rows().into_iter().next().unwrap();
    assert_eq!(
        failure.to_string(),
        format!(
            "no usable Codex home: bridge `{BRIDGE}`: auth.json has no `id_token` (missing-id-token)\n  \
             personal `~/.codex`: the directory does not exist (home-missing)\n  \
             help: run `codex login`, then send the message again"
        )
    );
}

#[test]
fn a_program_finds_the_same_in_the_data() {
    let (failure, ..) = rows().into_iter().next().unwrap();
    assert_eq!(
        failure.data(),
        serde_json::json!({
            "source": "codex-home-shim",
            "reason": "missing-id-token",
            "bridge": {
                "home": BRIDGE.replace('~', "/home/me"),
                "kind": "bridge",
                "usable": "no",
                "reason": "missing-id-token",
                "detail": "auth.json has no `id_token`",
            },
            "personal": {
                "home": "/home/me/.codex",
                "kind": "personal",
                "usable": "no",
                "reason": "home-missing",
                "detail": "the directory does not exist",
            },
            "help": "run `codex login`, then send the message again",
        })
    );
}

/// Whatever the reasons of the two homes and however long their paths.
#[test]
fn no_message_is_longer_than_a_chat_window_or_acted_upon_by_a_host() {
    let long = format!("/srv/401/{}", "a very long path/expired/".repeat(200));
    for bridge in Reason::ALL {
        for personal in Reason::ALL {
            // The long one is slow to take apart: once a reason is enough.
            let paths = [BRIDGE, "/data/401/timeout"].into_iter().chain((bridge == personal).then_some(long.as_str()));
            for shown in paths {
                let failure = Failure::NoUsableHome(Box::new(NoUsableHome {
                    unmended: Some((*personal).into()),
                    ..no_home(
                        ailing(Kind::Bridge, shown, *bridge),
                        Some(ailing(Kind::Personal, shown, *personal)),
                        "run `codex login`, then send the message again",
                    )
                }));
                let message = failure.message();
                assert!(message.chars().count() <= 400 && !message.contains('\n'), "{message}");
                assert!(message.starts_with("no usable Codex home: bridge `"), "{message}");
                for word in ROUTED {
                    assert!(!message.to_lowercase().contains(word), "{word} in {message}");
                    assert!(!failure.to_string().to_lowercase().contains(word), "{word} in {failure}");
                }
            }
        }
    }
}
