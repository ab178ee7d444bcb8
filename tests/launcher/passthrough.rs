//! What the launcher leaves alone: the process, arguments, environment, descriptors, signals, umask, directory, exit codes.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use codex_home::launch::GUARD_VARIABLE;
use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getsid};

use crate::support::fixture::BRIDGE_REFRESH;
use crate::support::stand_in::{self, Bytes, Report};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, Need, PATIENCE, Start, auth, case, forking};

pub fn cases() -> Vec<Case> {
    [process(), arguments(), environment(), surroundings(), ends()].into_iter().flatten().collect()
}

fn process() -> Vec<Case> {
    vec![
        case("codex is the process that was started, and has no children", || {
            let person = Fixture::issue_70511();
            let ended = person.serve().run();
            let report = ended.report.unwrap();
            assert_eq!((report.pid, report.parent), (ended.pid, std::process::id()));
            assert!(report.children.is_none_or(|children| children.is_empty()));
        }),
        case("a start that is kept is the direct start, but for the recursion guard", || {
            let person = Fixture::new();
            person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
            is_the_direct_start(&person, &person.bridge(), PLAIN);
        }),
        case("a start that is redirected is the direct start, but for the recursion guard and CODEX_HOME", || {
            let person = Fixture::issue_70511();
            is_the_direct_start(&person, &person.personal(), PLAIN);
        }),
        case("a start that is repaired is the direct start, but for the recursion guard", || {
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            is_the_direct_start(&person, &person.bridge(), PLAIN);
        }),
    ]
}

fn arguments() -> Vec<Case> {
    fn arrive(args: &[OsString]) {
        let person = Fixture::issue_70511();
        let mut start = person.start(&[]).home(person.bridge());
        start.command.args(args);
        let report = start.run().report.unwrap();
        assert!(report.argv[1..].iter().eq(&args.iter().map(Bytes::from).collect::<Vec<_>>()));
    }
    vec![
        case("every byte of every argument arrives", || {
            let words = ["exec", "--", "", " ", "two\nlines", "'\"`$(x)\\", "-", "--", "--version", "\u{1f980}"];
            let all_bytes = OsString::from_vec((1..=255).collect());
            arrive(&words.map(OsString::from).into_iter().chain([all_bytes]).collect::<Vec<_>>());
        }),
        case("no argument, five thousand arguments, and one of 128,000 bytes arrive", || {
            arrive(&[]);
            arrive(&(0..5000).map(|number| format!("word {number}").into()).collect::<Vec<_>>());
            arrive(&["exec".into(), "x".repeat(128_000).into()]);
        }),
        case("argv[0] is codex's real path, whatever the launcher was called", || {
            let person = Fixture::new();
            let link = person.root().join("bin/link-to-it");
            symlink("codex", &link).unwrap();
            let mut start = person.start(&[]).setting("codex", link);
            start.command.arg0("another-name");
            assert_eq!(start.run().report.unwrap().argv, [Bytes::from(&person.codex())]);
        }),
        case("a script behind a symlink finds what is beside the symlink, as in a shell", || {
            for first in ["#!/bin/sh\n", ""] {
                let person = Fixture::new();
                let text = format!("{first}# mine\nexec \"$(dirname \"$0\")/real-codex\" \"$@\"\n");
                let script = person.write_program(&person.root().join("dotfiles/codex"), &text);
                person.place_codex(&person.root().join("links/real-codex"));
                let link = person.root().join("links/codex");
                symlink(script, &link).unwrap();
                let path = format!("{}:/usr/bin:/bin", person.root().join("links").display());
                for start in [person.start(&[]).setting("codex", link), person.start(&[]).path(path)] {
                    let ended = start.run();
                    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
                    assert!(ended.report.unwrap().argv[0].0.ends_with(b"links/real-codex"));
                }
            }
        }),
    ]
}

fn environment() -> Vec<Case> {
    vec![
        case("of a variable that is set twice, codex gets the first, which every program reads", || {
            let person = Fixture::issue_70511();
            let bridge = format!("CODEX_HOME={}", person.bridge().display());
            let given = ["TWICE=first", "TWICE=second", "=odd=name", "EMPTY=", &bridge, "CODEX_HOME=/second"];
            let report = spawn(&person, &given).unwrap();
            assert_eq!(report.var("TWICE"), Some("first".into()));
            assert_eq!(report.var("EMPTY"), Some("".into()));
            assert_eq!(report.var("=odd"), Some("name".into()));
            assert_eq!(report.var("CODEX_HOME"), Some(person.personal()), "the first CODEX_HOME was judged");
            assert_eq!(report.env.iter().filter(|(name, _)| name.0 == b"CODEX_HOME").count(), 1);
        }),
        case("a recursion guard of another kind is replaced and otherwise ignored", || {
            let person = Fixture::issue_70511();
            for guard in ["1:/usr/bin/codex", "", "nonsense", "1:2:3", ":::", "-1:0:0:/x"] {
                let report =
                    person.serve().env(GUARD_VARIABLE, guard).is_redirected("missing-id-token").report.unwrap();
                let guards: Vec<_> =
                    report.env.iter().filter(|(name, _)| name.0 == GUARD_VARIABLE.as_bytes()).collect();
                assert_eq!(guards.len(), 1, "{guards:?}");
                assert!(guards[0].1.0.ends_with(person.codex().as_os_str().as_bytes()), "{guards:?}");
            }
        }),
        case("an environment that only the launcher's own variable makes too long is reported as such", || {
            let person = Fixture::new();
            person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
            // As large as the system permits for the launcher's own start.
            let start = |size: usize| {
                let piece = "y".repeat(100_000);
                let mut start = person.start(&["exec", "hi"]).home(person.bridge());
                for (number, at) in (0..size).step_by(piece.len()).enumerate() {
                    start = start.env(&format!("B{number}"), &piece[..piece.len().min(size - at)]);
                }
                start
            };
            let fits = |size: usize| {
                let mut command = start(size).command;
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                let _alone = forking();
                command.status().is_ok()
            };
            let (mut fitting, mut too_large) = (100_000, 8 << 20);
            // The guard alone has more than these 16 bytes.
            while too_large - fitting > 16 {
                let middle = usize::midpoint(fitting, too_large);
                if fits(middle) { fitting = middle } else { too_large = middle }
            }
            let ended = start(fitting).run();
            assert!(ended.code == Some(126) && ended.report.is_none(), "{ended:?}");
            assert!(ended.stderr.contains("arguments and environment are too long"), "{}", ended.stderr);
            start(fitting - 4000).is_kept("ok-chatgpt");
        })
        .needs(Need::Linux),
    ]
}

fn surroundings() -> Vec<Case> {
    let scripts = [
        (
            "descriptors, ignored signals and umask of the caller are codex's",
            "trap '' INT HUP XFSZ; umask 027; exec 7</dev/null 9>&1; exec \"$@\"",
        ),
        ("a closed stdin is closed for codex, and no reason not to start it", "exec \"$@\" <&-"),
        ("a closed stderr is closed for codex, and no reason not to start it", "exec \"$@\" 2>&-"),
    ];
    let mut cases: Vec<_> = scripts
        .into_iter()
        .map(|(name, script)| {
            case(name, move || {
                let person = Fixture::issue_70511();
                is_the_direct_start(&person, &person.personal(), script);
            })
        })
        .collect();
    cases.extend([
        case("without stdin, stdout and stderr codex is started all the same", || {
            let person = Fixture::issue_70511();
            for closed in [">&-", "<&- >&- 2>&-"] {
                person.serve().behind(&format!("exec \"$@\" {closed}")).is_redirected("missing-id-token");
            }
        }),
        case("signals that the caller blocked are blocked for codex", || {
            let person = Fixture::issue_70511();
            let mut set = SigSet::empty();
            [Signal::SIGUSR2, Signal::SIGTERM, Signal::SIGPIPE].into_iter().for_each(|signal| set.add(signal));
            set.thread_block().unwrap();
            is_the_direct_start(&person, &person.personal(), PLAIN);
            set.thread_unblock().unwrap();
        }),
        case("a working directory that was removed is where codex starts", || {
            let person = Fixture::issue_70511();
            let gone = person.root().join("gone");
            fs::create_dir(&gone).unwrap();
            let script = format!("cd '{0}' && rmdir '{0}' && exec \"$@\"", gone.display());
            let report = person.serve().behind(&script).is_redirected("missing-id-token").report.unwrap();
            assert_eq!(report.cwd, None);
        }),
    ]);
    cases
}

fn ends() -> Vec<Case> {
    vec![
        case("every exit code is codex's own", || {
            let person = Fixture::new();
            for code in [0, 1, 2, 3, 64, 77, 78, 126, 127, 128, 130, 137, 254, 255] {
                let ended = person.start(&[]).env(stand_in::END, format!("exit {code}")).run();
                assert_eq!((ended.code, ended.stderr.as_str()), (Some(code), ""));
            }
        }),
        case("a signal that ends codex is seen by the caller", || {
            let person = Fixture::issue_70511();
            for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGINT, Signal::SIGSEGV] {
                let start = || person.serve().env(stand_in::END, format!("signal {}", signal as i32));
                let (launched, direct) = (start().run(), direct(start(), person.codex().as_os_str()).run());
                // codex ignores the signals that the caller ignores (SIGINT, in a background job).
                assert_eq!((launched.code, launched.signal), (direct.code, direct.signal));
            }
        }),
        case("a signal to the process that was started is a signal to codex", || {
            let person = Fixture::new();
            let mut command = person.start(&[]).env(stand_in::END, "wait").command;
            let mut child = {
                let _alone = forking();
                command.stdin(Stdio::null()).spawn().unwrap()
            };
            let deadline = Instant::now() + PATIENCE;
            while !person.report().exists() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
            kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
            assert!(person.report().exists(), "codex was there to be ended");
        }),
        case("stdin and stdout carry a mebibyte of any bytes unchanged", || {
            let person = Fixture::issue_70511();
            // Every pair of bytes, and no multiple of any buffer size.
            let bytes: Vec<u8> =
                (0..(1_u32 << 20) + 7).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
            let ended = person.serve().env(stand_in::ECHO, "1").stdin(&bytes).run();
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            assert!(ended.stdout == bytes, "{} bytes came back of {}", ended.stdout.len(), bytes.len());
        }),
    ]
}

const PLAIN: &str = "exec \"$@\"";

/// The same start without the launcher.
fn direct<'a>(mut start: Start<'a>, codex: &OsStr) -> Start<'a> {
    let mut command = Command::new(codex);
    command.args(start.command.get_args()).env_clear();
    command.envs(start.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(start.command.get_current_dir().unwrap());
    start.command = command;
    start
}

/// Makes a start with the launcher and one without, both behind a shell, and compares the reports of codex.
fn is_the_direct_start(person: &Fixture, effective: &std::path::Path, script: &str) {
    let start = || {
        let odd = OsStr::from_bytes(b"\xff\n=\x01");
        person.start(&["app-server", "--listen", "a\nb"]).home(person.bridge()).env("ODD", odd).env("EMPTY", "")
    };
    let before = direct(start(), person.codex().as_os_str()).behind(script).run().report.unwrap();
    let ended = start().behind(script).run();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let after = ended.report.unwrap();

    assert_eq!(after.pid, ended.pid);
    assert_eq!(after.group.unsigned_abs(), after.pid, "the group that the caller made");
    assert_eq!(after.session, getsid(None).unwrap().as_raw());
    let rest = |report: &Report| {
        let Report { parent, session, cwd, blocked, ignored, umask, descriptors, argv, .. } = report;
        format!("{:#?}", (parent, session, cwd, blocked, ignored, umask, descriptors, argv))
    };
    assert_eq!(rest(&after), rest(&before));

    assert_eq!(after.env.len(), before.env.len() + 1, "every variable once, and the guard");
    let mut expected: BTreeMap<_, _> = before.env.into_iter().collect();
    expected.insert(Bytes::from("CODEX_HOME"), Bytes::from(effective));
    let mut env: BTreeMap<_, _> = after.env.into_iter().collect();
    assert!(env.remove(&Bytes::from(GUARD_VARIABLE)).is_some(), "the guard");
    assert_eq!(env, expected);
}

/// Starts the launcher with exactly this environment, and what a start needs, in this order. [`Command`] would sort it.
fn spawn(person: &Fixture, env: &[&str]) -> Result<Report, Errno> {
    let start = person.start(&["app-server"]);
    let text = |bytes: &[u8]| CString::new(bytes).unwrap();
    let given = start.command.get_envs().filter_map(|(name, value)| Some((name.as_bytes(), value?.as_bytes())));
    let mut entries: Vec<_> = given.map(|(name, value)| text(&[name, b"=", value].concat())).collect();
    entries.extend(env.iter().map(|entry| text(entry.as_bytes())));
    let args = [text(b"launcher"), text(b"app-server")];
    let (actions, attributes) = (PosixSpawnFileActions::init()?, PosixSpawnAttr::init()?);
    let pid = {
        let _alone = forking();
        posix_spawn(&person.launcher(), &actions, &attributes, &args, &entries)?
    };
    waitpid(pid, None)?;
    Ok(Report::read(&person.report()).unwrap())
}
