//! The cost of a start, counted in system calls because a clock is too noisy.
//!
//! Counted are the launcher's own calls, from the beginning of `main` to the `execve` of codex, including those of the allocator
//! and of the standard library.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use codex_home::codex::locations::INSTALLERS;

use crate::support::fixture::BRIDGE_REFRESH;
use crate::support::strace::{self, Call};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, Need, auth, case};

/// The most calls of a redirecting start.
const LIMIT: usize = 31;

/// Calls that make a child or a thread, use the network, list a directory, or wait.
const NEVER: [&str; 22] = [
    "fork",
    "vfork",
    "clone",
    "clone3",
    "socket",
    "socketpair",
    "connect",
    "bind",
    "sendto",
    "sendmsg",
    "getdents",
    "getdents64",
    "nanosleep",
    "clock_nanosleep",
    "pause",
    "wait4",
    "waitid",
    "select",
    "pselect6",
    "epoll_wait",
    "epoll_pwait",
    "io_uring_setup",
];

/// The bridge of openclaw#70511 beside a personal home as most people have it.
fn person() -> Fixture {
    let person = Fixture::issue_70511();
    person.write_config(&person.personal(), "model = \"gpt-5\"\n");
    fs::create_dir(person.root().join("later")).unwrap();
    person.place_codex(&person.root().join("later/codex"));
    person
}

/// The calls of a second start: the first one makes the journal and its directory.
fn calls(person: &Fixture, more_path: &[PathBuf], decision: &str) -> Vec<Call> {
    let path = [person.root().join("bin"), person.root().join("later")].into_iter().chain(more_path.iter().cloned());
    let path: OsString = std::env::join_paths(path).unwrap();
    let output = person.root().join("calls");
    for _ in 0..2 {
        let start = strace::under(person.serve().path(&path), "all", &[], &output);
        let ended = start.run();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert_eq!(ended.journal.unwrap()["decision"], decision);
    }
    strace::calls(&fs::read_to_string(&output).unwrap())
}

fn own(calls: &[Call]) -> Vec<&Call> {
    calls.iter().filter(|call| call.is_own).collect()
}

/// The paths that a start opens, without those of `/proc`, by which a path is resolved.
fn opened(calls: &[Call]) -> Vec<&Path> {
    let opens = own(calls).into_iter().filter(|call| call.name.starts_with("open"));
    opens.filter_map(Call::path).filter(|path| !path.starts_with("/proc")).collect()
}

pub fn cases() -> Vec<Case> {
    let cases = vec![
        case(format!("a redirect makes at most {LIMIT} system calls of its own"), || {
            let calls = calls(&person(), &[], "redirect");
            let mut own = own(&calls);
            assert_eq!(own.pop().unwrap().name, "execve");
            let list: Vec<String> = own.iter().map(|call| call.line.chars().take(120).collect()).collect();
            assert!(own.len() <= LIMIT, "{} calls:\n{}", own.len(), list.join("\n"));
        }),
        case("a redirect starts no child or thread, asks no network, lists no directory and waits for nothing", || {
            let calls = calls(&person(), &[], "redirect");
            for call in &calls {
                assert!(!NEVER.contains(&call.name.as_str()), "{}", call.line);
                let waits_for_a_lock = (call.name == "flock" && !call.line.contains("LOCK_NB"))
                    || (call.name == "fcntl" && call.line.contains("SETLKW"))
                    || (call.name == "futex" && call.line.contains("FUTEX_WAIT"));
                assert!(!waits_for_a_lock, "{}", call.line);
            }
            // The runtime asks once whether its descriptors are open.
            assert!(own(&calls).iter().all(|call| !call.name.contains("poll")), "{calls:#?}");
        }),
        case("a redirect writes one line to the journal and changes nothing else", || {
            let calls = calls(&person(), &[], "redirect");
            let changes = ["write", "mkdir", "unlink", "rename", "link", "symlink", "chmod", "chown", "truncate"];
            let is_change = |call: &&Call| {
                changes.iter().any(|change| call.name.contains(change)) && !call.name.contains("readlink")
            };
            let changes: Vec<_> = own(&calls).into_iter().filter(is_change).collect();
            assert_eq!(changes.len(), 1, "{changes:#?}");
            assert!(changes[0].line.contains(r#"\"decision\":\"redirect\""#), "{changes:#?}");
        }),
        case("a start in a bridge that can log in opens neither the personal home's files nor /etc/codex", || {
            let person = person();
            person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
            let calls = calls(&person, &[], "keep");
            let opened = opened(&calls);
            assert!(opened.contains(&person.bridge().as_path()), "{opened:?}");
            // The files of a home are opened relative to its directory, each once.
            for name in ["auth.json", "config.toml"] {
                assert_eq!(opened.iter().filter(|path| path.ends_with(name)).count(), 1, "{name} in {opened:?}");
            }
            assert!(!opened.iter().any(|path| path.starts_with("/etc")), "{opened:?}");
        }),
        case("a place of an installer that is not there costs one system call", || {
            let person = person();
            let near = calls(&person, &[], "redirect");
            let last = person.home().join("Applications/Codex (Beta).app/Contents/Resources/codex");
            person.place_codex(&last);
            for near in ["bin/codex", "later/codex"] {
                fs::remove_file(person.root().join(near)).unwrap();
            }
            let far = calls(&person, &[], "redirect");
            let is_memory = |name: &str| ["brk", "mmap", "munmap", "mremap"].contains(&name);
            let count = |calls: &[Call]| own(calls).into_iter().filter(|call| !is_memory(&call.name)).count();
            let roots = INSTALLERS.iter().flat_map(|installer| installer.roots);
            let roots = roots.filter(|root| !root.path.starts_with('$') || root.path.starts_with("$XDG")).count();
            // Both directories on PATH, and what is there on any machine: `/usr/local`, `~/.local/state`.
            let limit = count(&near) + roots + 2 + 4;
            let list: Vec<_> = own(&far).iter().map(|call| call.line.chars().take(120).collect::<String>()).collect();
            assert!(count(&far) <= limit, "{} calls, not {limit}:\n{}", count(&far), list.join("\n"));
        })
        .needs(Need::NoSystemCodex),
        case("directories on PATH behind codex, and sessions in the homes, cost no call", || {
            let person = person();
            let few = calls(&person, &[], "redirect");
            for home in [person.bridge(), person.personal()] {
                let day = home.join("sessions/2026/04/22");
                fs::create_dir_all(&day).unwrap();
                for session in 0..100 {
                    fs::write(day.join(format!("rollout-{session}.jsonl")), "{}\n").unwrap();
                }
            }
            let more_path: Vec<_> = (0..200).map(|number| person.root().join(format!("path/{number}"))).collect();
            let many = calls(&person, &more_path, "redirect");
            // A longer environment takes more memory.
            let is_memory = |name: &str| ["brk", "mmap", "munmap", "mremap"].contains(&name);
            let names = |calls: &[Call]| -> Vec<String> {
                own(calls).into_iter().map(|call| call.name.clone()).filter(|name| !is_memory(name)).collect()
            };
            assert_eq!(names(&many), names(&few));
            assert!(!many.iter().any(|call| call.name != "execve" && call.line.contains("/later/")), "{many:#?}");
        }),
    ];
    cases.into_iter().map(|case| case.needs(Need::Strace)).collect()
}
