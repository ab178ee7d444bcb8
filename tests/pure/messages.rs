//! Every message that ends a start, word for word: what is wrong, with which file, and one thing to do.

use std::path::{Path, PathBuf};

use codex_home::codex::{Skipped, Unfit};
use codex_home::decide::{Decision, RepairState, decide};
use codex_home::describe::{chat_line, data, messages, terminal};
use codex_home::display::TRIGGER_WORDS;
use codex_home::failure::{Failure, NoUsableHome, UnusableHome};
use codex_home::home::Kind;
use codex_home::home::auth::Login;
use codex_home::reason::{Reason, ReasonCode};
use codex_home::settings::FileProblem;
use nix::errno::Errno;
use serde_json::json;

use crate::decide::world::{Axis, World};
use crate::support::{Case, case};

const BRIDGE: &str = "~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241";
const ME: Option<&str> = Some("/home/me");

fn home(kind: Kind, path: &str, reason: impl Into<Reason>) -> UnusableHome {
    let reason = reason.into();
    UnusableHome { path: path.replace('~', "/home/me").into(), kind, login: Login::Broken(reason.clone()), reason }
}

fn refusal(repair: impl Into<Reason>, personal: Result<Reason, ReasonCode>, help: &str) -> Failure {
    Failure::NoUsableHome(Box::new(NoUsableHome {
        bridge: home(Kind::Bridge, BRIDGE, ReasonCode::MissingIdToken),
        repair: repair.into(),
        personal: personal.map(|reason| home(Kind::Personal, "~/.codex", reason)).map_err(Into::into),
        help: help.to_owned(),
    }))
}

fn rows() -> Vec<(Failure, String, u8)> {
    let file = PathBuf::from("/home/me/.config/codex-home-shim/config.toml");
    let skipped = |path: &str, unfit| Skipped { path: path.into(), real_path: path.into(), unfit };
    let not_found = |skipped: Option<Unfit>| Failure::CodexNotFound {
        searched: vec!["/usr/bin".into(), "/home/me/bin".into()],
        skipped: skipped
            .into_iter()
            .map(|unfit| Skipped {
                path: "/home/me/bin/codex".into(),
                real_path: "/home/me/lib/node_modules/@openai/codex/bin/codex.js".into(),
                unfit,
            })
            .collect(),
        settings_file: Some(file.clone()),
    };
    let exec = |errno, is_there| Failure::Exec { codex: "/usr/bin/codex".into(), errno, is_there };
    let settings = |problem| Failure::SettingsFile { path: file.clone(), problem };
    let bridge = format!("no usable Codex home: bridge `{BRIDGE}`: auth.json has no `id_token` (missing-id-token)");
    let set = "set `CODEX_HOME_SHIM_CODEX` to the absolute path of codex";
    let shown = "~/.config/codex-home-shim/config.toml";
    vec![
        (
            refusal(ReasonCode::NotRepairable, Ok(ReasonCode::HomeMissing.into()), "run `codex login`"),
            format!("{bridge}; personal `~/.codex`: the directory does not exist (home-missing); run `codex login`"),
            78,
        ),
        (
            refusal(
                ReasonCode::NotRepairable,
                Ok(Reason::new(ReasonCode::AccountsDiffer, "it holds account …2222, and the bridge is for account …1111")),
                "run `codex login` with account …1111, which replaces the login there",
            ),
            format!(
                "{bridge}; personal `~/.codex`: it holds account …2222, and the bridge is for account …1111 (accounts-differ); run \
                 `codex login` with account …1111, which replaces the login there"
            ),
            78,
        ),
        (
            refusal(
                ReasonCode::AccessTokenEnds,
                Ok(ReasonCode::HomeMissing.into()),
                "run `openclaw models auth login --provider openai-codex`",
            ),
            format!(
                "{bridge}; not repaired: its `access_token` ends within five minutes (access-token-ends); personal `~/.codex`: the \
                 directory does not exist (home-missing); run `openclaw models auth login --provider openai-codex`"
            ),
            78,
        ),
        (
            refusal(
                ReasonCode::NotRepairable,
                Err(ReasonCode::NoPersonalHome),
                "set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with",
            ),
            format!(
                "{bridge}; personal home: this user has no home directory that could be found (no-personal-home); set \
                 `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with"
            ),
            78,
        ),
        (
            settings(FileProblem::Denied(Errno::EACCES)),
            format!("`{shown}`: it cannot be read: permission denied; run `chmod u+r {shown}`"),
            78,
        ),
        (
            settings(FileProblem::NotOwned(file.clone())),
            format!(
                "`{shown}`: `/home/me/.config/codex-home-shim/config.toml` belongs to another user, and the settings name a program \
                 to run; run `sudo chown \"$(id -un)\" {shown}`"
            ),
            78,
        ),
        (
            settings(FileProblem::Invalid { at: (2, 1), cause: "unknown field `codecs`".to_owned() }),
            format!(
                "`{shown}`: line 2, column 1: unknown field `codecs`; correct that line, then run `codex-home config check`"
            ),
            78,
        ),
        (
            Failure::CodexSetting { file: None, skipped: skipped("/opt/codex", Unfit::Missing) },
            format!("`CODEX_HOME_SHIM_CODEX` is `/opt/codex`: there is no such file; {set}, or unset it"),
            127,
        ),
        (
            Failure::CodexSetting { file: Some(file.clone()), skipped: skipped("/opt/codex", Unfit::Ourselves) },
            format!("`codex` in `{shown}` is `/opt/codex`: it is this launcher; run `codex-home config unset codex`, or set it to the absolute path of codex"),
            126,
        ),
        (
            not_found(None),
            format!(
                "codex is not found in `/usr/bin`, `~/bin` or the usual places of installers; run `npm i -g @openai/codex@latest`, or set \
                 `codex` in `{shown}` or `CODEX_HOME_SHIM_CODEX` to the absolute path of codex"
            ),
            127,
        ),
        (
            not_found(Some(Unfit::OtherMachine)),
            "codex is not found in `/usr/bin`, `~/bin` or the usual places of installers; skipped `~/bin/codex`: it is a program for \
             another machine; run `npm i -g @openai/codex@latest`"
                .to_owned(),
            126,
        ),
        (
            not_found(Some(Unfit::NoNative)),
            "codex is not found in `/usr/bin`, `~/bin` or the usual places of installers; skipped `~/bin/codex`: it is npm's script, and \
             the native package that it starts is not installed; run `npm i -g --include=optional --prefix ~ @openai/codex@latest`"
                .to_owned(),
            126,
        ),
        (
            Failure::Privileged,
            "the launcher is setuid, setgid or has file capabilities, and does not use them for its caller; run `chmod ug-s` and \
             `setcap -r` on the launcher"
                .to_owned(),
            126,
        ),
        (
            Failure::Loop { codex: "/home/me/bin/codex".into(), launcher: Some("/usr/bin/codex-home-shim".into()) },
            "`~/bin/codex` starts this launcher (`/usr/bin/codex-home-shim`) again, so that no codex ever starts; set \
             `CODEX_HOME_SHIM_CODEX` to the absolute path of the real codex"
                .to_owned(),
            126,
        ),
        (
            Failure::TooDeep { codex: "/home/me/bin/codex".into() },
            "16 starts of this launcher are above this one; the last of them started `~/bin/codex`; set \
             `CODEX_HOME_SHIM_CODEX` to the absolute path of the real codex; if it is that already, run \
             `unset CODEX_HOME_SHIM_GUARD` and start the gateway again"
                .to_owned(),
            126,
        ),
        (
            exec(Errno::ENOENT, true),
            "`/usr/bin/codex` cannot be executed: no such file or directory (the interpreter it names is missing); reinstall codex, \
             or set `CODEX_HOME_SHIM_CODEX` to another one"
                .to_owned(),
            126,
        ),
        (
            exec(Errno::ENOENT, false),
            "`/usr/bin/codex` cannot be executed: no such file or directory; reinstall codex, or set `CODEX_HOME_SHIM_CODEX` to \
             another one"
                .to_owned(),
            127,
        ),
    ]
}

/// The messages about a start in this world.
fn said(world: World) -> Vec<String> {
    let observed = world.observed();
    let decision = decide(&observed, RepairState::Untried);
    messages(&observed, &decision).into_iter().map(|(level, text)| format!("{level}: {text}")).collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        case("each failure is the message that was reviewed, on one line in a chat", || {
            let me = ME.map(Path::new);
            let wrong: Vec<_> = rows()
                .into_iter()
                .map(|(failure, expected, code)| {
                    assert_eq!(failure.exit_code(), code, "{expected}");
                    (chat_line(&failure, me), expected)
                })
                .filter(|(line, expected)| line != expected)
                .collect();
            assert!(wrong.is_empty(), "{wrong:#?}");
        }),
        case("in a terminal the same is said on several lines", || {
            let (failure, ..) = rows().swap_remove(0);
            assert_eq!(
                terminal(&failure, ME.map(Path::new)),
                format!(
                    "no usable Codex home: bridge `{BRIDGE}`: auth.json has no `id_token` (missing-id-token)\n  \
                     personal `~/.codex`: the directory does not exist (home-missing)\n  \
                     help: run `codex login`"
                )
            );
        }),
        case("a program finds the same in the data of the answer", || {
            let (failure, ..) = rows().swap_remove(0);
            assert_eq!(
                data(&failure, ME.map(Path::new)),
                json!({
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
                    "help": "run `codex login`",
                })
            );
        }),
        case("what is said about a start is the message that was reviewed", || {
            let plain = World::plain();
            let bridge = format!("bridge `{BRIDGE}`: auth.json has no `id_token` (missing-id-token)");
            let rows = [
                (plain, vec![format!("INFO: using `~/.codex`: {bridge}")]),
                (
                    plain.with(Axis::PersonalAuthFile, "linked"),
                    vec![
                        format!("INFO: using `~/.codex`: {bridge}"),
                        "WARN: `~/.codex/auth.json` cannot be replaced (read-only, or hard-linked): codex loses this login when it \
                         renews it"
                            .to_owned(),
                    ],
                ),
                (
                    plain.with(Axis::InjectedAuth, "opaque").with(Axis::Listed, "yes"),
                    vec![format!(
                        "WARN: using `~/.codex` because the settings say that this bot is yours (trusted-by-settings); {bridge}"
                    )],
                ),
                (
                    plain.with(Axis::InjectedAuth, "absent"),
                    vec![format!(
                        "WARN: using `~/.codex` because the bridge holds no login at all, so that nothing in it names another \
                         account (unnamed-bridge); bridge `{BRIDGE}`: there is no auth.json (auth-missing)"
                    )],
                ),
                (
                    plain.with(Axis::Strategy, "repair"),
                    vec![format!(
                        "INFO: repaired `{BRIDGE}/auth.json` from the claims of its own `access_token`: auth.json has no `id_token` \
                         (missing-id-token)"
                    )],
                ),
                (
                    plain.with(Axis::InjectedAuth, "array"),
                    vec![format!(
                        "WARN: leaving bridge `{BRIDGE}` as it is: auth.json is a JSON array, which cannot be judged (auth-is-array)"
                    )],
                ),
                (
                    plain.with(Axis::Strategy, "off"),
                    vec![format!("DEBUG: leaving bridge `{BRIDGE}` as it is: the strategy is `off` (strategy-off)")],
                ),
            ];
            for (world, expected) in rows {
                assert_eq!(said(world), expected, "{world:?}");
            }
        }),
        case("a settings file that is named and missing is said, and so is a codex that was skipped", || {
            let mut observed = World::plain().with(Axis::Strategy, "off").observed();
            observed.settings.file = Some("/home/me/x.toml".into());
            observed.settings.file_is_missing = true;
            if let Ok(codex) = &mut observed.codex {
                codex.skipped = vec![Skipped {
                    path: "/home/me/bin/codex".into(),
                    real_path: "/home/me/bin/codex".into(),
                    unfit: Unfit::StartsUs,
                }];
            }
            let decision = decide(&observed, RepairState::Untried);
            assert!(matches!(decision, Decision::Keep { .. }));
            let said: Vec<_> = messages(&observed, &decision).into_iter().map(|(_, text)| text).collect();
            let expected = [
                "`CODEX_HOME_SHIM_CONFIG` names `~/x.toml`, and there is no such file",
                "skipped `~/bin/codex`: it is a script that starts this launcher",
            ];
            assert_eq!(said[..2], expected);
        }),
        case("no message is longer than a chat window or contains a word that a host acts on", || {
            let long = format!("/srv/401/{}", "a very long path/expired/".repeat(200));
            for bridge in ReasonCode::ALL {
                for personal in ReasonCode::ALL {
                    // The long path is slow to shorten: once a reason is enough.
                    let paths =
                        [BRIDGE, "/data/401/timeout"].into_iter().chain((bridge == personal).then_some(long.as_str()));
                    for path in paths.take(if bridge == personal { 3 } else { 1 }) {
                        let failure = Failure::NoUsableHome(Box::new(NoUsableHome {
                            bridge: home(Kind::Bridge, path, *bridge),
                            repair: (*personal).into(),
                            personal: Ok(home(Kind::Personal, path, *personal)),
                            help: "run `codex login`".to_owned(),
                        }));
                        let line = chat_line(&failure, None);
                        assert!(line.chars().count() <= 400 && !line.contains('\n'), "{line}");
                        let all = format!("{line} {} {}", terminal(&failure, None), data(&failure, None)["help"]);
                        for word in TRIGGER_WORDS {
                            assert!(!all.to_lowercase().contains(word), "{word} in {all}");
                        }
                    }
                }
            }
        }),
        case("every reason has an id of its own and words in lowercase without a full stop", || {
            let ids: std::collections::BTreeSet<_> = ReasonCode::ALL.iter().map(|code| code.id()).collect();
            assert_eq!(ids.len(), ReasonCode::ALL.len());
            for code in ReasonCode::ALL {
                let (id, text) = (code.id(), code.text());
                assert!(
                    id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !id.is_empty(),
                    "{id}"
                );
                assert!(!text.ends_with('.') && !text.starts_with(|c: char| c.is_uppercase()), "{text}");
            }
        }),
    ]
}
