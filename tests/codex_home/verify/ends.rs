//! Nothing of a start outlives `codex-home verify`, however it ends.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::json;

use super::{Proof, chatgpt};
use crate::ask;
use crate::cli::in_a_terminal;
use crate::support::openclaw::Release;
use crate::support::{Case, assert_same, case, forking, run, snapshot};

/// Starts a command that leads a process group of its own.
fn spawn(command: &mut Command) -> Child {
    let _alone = forking();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_for(what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !what() {
        assert!(Instant::now() < deadline, "it never came");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether nothing is left of a process group.
fn is_gone(group: i32) -> bool {
    killpg(Pid::from_raw(group), None).is_err()
}

pub fn cases() -> Vec<Case> {
    vec![
        case("verify: a codex that does not answer is ended at the limit, with all that it started", || {
            for script in ["silent", "stubborn"] {
                let proof = Proof::new(Release::April);
                let since = Instant::now();
                let finished = ask(&proof.person, &mut proof.verify(&["--limit", "1"], &json!(script)));
                assert_eq!(finished.code, Some(1), "{finished:?}");
                assert!(
                    finished.stdout.contains("✗ it had not answered after 1 s\n  help: run it again with `--limit 4`")
                );
                assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
                wait_for(|| is_gone(proof.report().group));
            }
        }),
        case("verify: if it is interrupted, codex ends first, within a second", || {
            for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
                let proof = Proof::new(Release::April);
                let mut verify = spawn(&mut proof.verify(&[], &json!("stubborn")));
                wait_for(|| proof.report_file().exists());
                let group = proof.report().group;
                let since = Instant::now();
                kill(Pid::from_raw(i32::try_from(verify.id()).unwrap()), signal).unwrap();
                assert_eq!(verify.wait().unwrap().code(), Some(code));
                assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
                wait_for(|| is_gone(group));
            }
        }),
        case("verify: if it is killed, codex sees the end of its input", || {
            let proof = Proof::new(Release::April);
            let mut verify = spawn(&mut proof.verify(&[], &json!("silent")));
            wait_for(|| proof.report_file().exists());
            let group = proof.report().group;
            verify.kill().unwrap();
            verify.wait().unwrap();
            wait_for(|| is_gone(group));
        }),
        case("verify: nothing is left running after an answer, and nothing was written", || {
            let proof = Proof::new(Release::April);
            let before = snapshot(&proof.person.home());
            assert_eq!(run(&mut proof.verify(&[], &chatgpt())).code, Some(0));
            assert_same(&before, &snapshot(&proof.person.home()));
            wait_for(|| is_gone(proof.report().group));
            assert_eq!(proof.report().blocked, [""; 0], "no signal is held back from codex");
        }),
        case("verify: the report in a terminal has colours; without one there is no spinner", || {
            let proof = Proof::new(Release::April);
            assert!(in_a_terminal(&mut proof.verify(&[], &chatgpt()), 100).contains("\u{1b}["));
            let finished = run(proof.verify(&["--json"], &chatgpt()).env("TERM", "xterm-256color"));
            assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
        }),
        case("verify: in a terminal the paths of homes are shortened", || {
            let proof = Proof::new(Release::April);
            let mut verify = proof.verify(&[], &chatgpt());
            verify.env("CODEX_HOME_SHIM_STRATEGY", "repair").env("NO_COLOR", "1");
            let text = in_a_terminal(&mut verify, 80).replace('\r', "");
            let short = "`~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`";
            for line in [format!("in        {short}\n"), format!("✓ its home is {short}\n")] {
                assert!(text.contains(&line), "{text}");
            }
        }),
    ]
}
