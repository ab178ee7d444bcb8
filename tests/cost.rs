//! What a start may cost, in what it asks of the system: a clock is too noisy to tell, `strace` is not.
//!
//! Counted is what the launcher does itself: everything from the moment the language's runtime hands over to `main` to the
//! `execve` that ends us, that one and what the allocator and the standard library ask on our behalf included. What comes
//! before is the loader's and the runtime's; a Rust program that does nothing makes the same calls. The runtime's last act on
//! Linux is its handler for SIGBUS, which nobody else sets: that is where `main` begins.
//!
//! Where there is no `strace`, or it may not trace, every test is ignored with the reason, unless `CODEX_HOME_SHIM_REQUIRE_STRACE`
//! is set.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

mod support;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::strace::{self, Call, own};
use support::tokens::{ACCOUNT, access_token};
use support::{Tried, Unable, World, auth, run};

/// How many calls of its own a redirecting start may make.
const LIMIT: usize = 40;

/// Calls that nothing before `main` makes either: a child, a thread, a network, a directory's list, a nap.
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

/// A bridge as in openclaw/openclaw#70511, a personal home as most people have it, and a codex on PATH with more after it.
struct Scene {
    world: World,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { world: World::new() };
        let world = &scene.world;
        world.lay_bridge(&auth::issue_70511_with_account(&access_token(ACCOUNT, "bridge"), "bridge-refresh", ACCOUNT));
        world.lay_personal(&auth::healthy(ACCOUNT, "personal", "personal-refresh"));
        fs::write(world.personal().join("config.toml"), "model = \"gpt-5\"\n").unwrap();
        for directory in [scene.bin(), scene.later()] {
            fs::create_dir(&directory).unwrap();
            // What codex does in the end is not ours to count. Copied by somebody else: a program that is open for writing in
            // this process would be open in every child that another test starts meanwhile, and could not be executed.
            let copied = Command::new("cp").arg(program("true")).arg(directory.join("codex")).status().unwrap();
            assert!(copied.success());
        }
        scene
    }

    fn bin(&self) -> PathBuf {
        self.world.root().join("bin")
    }

    /// A directory on PATH behind the one that holds codex.
    fn later(&self) -> PathBuf {
        self.world.root().join("later")
    }

    /// Every call of a redirecting start, from the loader's first to the one that ends us. `Err` where that cannot be seen.
    fn trace(&self, more_path: &[PathBuf]) -> Result<Vec<Call>, Unable> {
        let strace = match strace::program() {
            Ok(strace) => strace,
            Err(missing) if strace::is_required() => panic!("{missing}"),
            Err(missing) => return Err(missing.into()),
        };
        let path = [self.bin(), self.later()].into_iter().chain(more_path.iter().cloned());
        let path = env::join_paths(path.chain(["/usr/bin".into(), "/bin".into()])).unwrap();
        let launcher = self.world.launcher();
        let output = self.world.root().join("calls");
        // Twice: the first start makes the journal and its directory.
        for _ in 0..2 {
            let mut command = self.world.command(&strace);
            command.args(["-f", "-qq", "-s", "4096", "-o"]).arg(&output).arg("--").arg(launcher.get_program());
            command.arg("app-server").env("PATH", &path).env("CODEX_HOME", self.world.bridge());
            let finished = run(&mut command);
            assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
        }
        let text = fs::read_to_string(&output).unwrap();
        let mut calls: Vec<_> = text.lines().filter_map(Call::parse).collect();
        let end = calls.iter().rposition(|call| call.name == "execve").unwrap();
        calls.truncate(end + 1);
        assert!(calls.len() > 1, "nothing was executed:\n{text}");
        // Codex is started in the person's own home: this is the start that is meant.
        let journal = fs::read_to_string(self.state().join("journal.jsonl")).unwrap();
        assert!(journal.lines().all(|line| line.contains(r#""verdict":"redirect""#)), "{journal}");
        Ok(calls)
    }

    fn state(&self) -> PathBuf {
        self.world.home().join(".local/state/codex-home-shim")
    }
}

fn listed(calls: &[&Call]) -> String {
    calls.iter().enumerate().fold(String::new(), |mut text, (at, call)| {
        let _ = writeln!(text, "{:3}  {}", at + 1, call.line);
        text
    })
}

/// A program every system has.
fn program(name: &str) -> PathBuf {
    let path = ["/usr/bin", "/bin"].map(|directory| Path::new(directory).join(name));
    path.into_iter().find(|path| path.is_file()).unwrap()
}

fn a_redirect_makes_few_calls_of_its_own() -> Tried {
    let calls = Scene::new().trace(&[])?;
    let own = own(&calls);
    assert!(own.len() <= LIMIT, "{} calls of our own, {LIMIT} are allowed:\n{}", own.len(), listed(&own));
    Ok(())
}

fn a_redirect_starts_no_child_or_thread_asks_no_network_lists_nothing_and_waits_for_nothing() -> Tried {
    let calls = Scene::new().trace(&[])?;
    for call in &calls {
        assert!(!NEVER.contains(&call.name.as_str()), "{}", call.line);
        let waits_for_a_lock = (call.name == "flock" && !call.line.contains("LOCK_NB"))
            || (call.name == "fcntl" && call.line.contains("SETLKW"))
            || (call.name == "futex" && call.line.contains("FUTEX_WAIT"));
        assert!(!waits_for_a_lock, "{}", call.line);
    }
    // The runtime asks whether its descriptors are open; nobody asks after that.
    let polls = own(&calls).into_iter().find(|call| call.name.contains("poll"));
    assert!(polls.is_none(), "{polls:?}");
    Ok(())
}

fn a_redirect_opens_both_homes_files_the_journal_and_codex_and_nothing_else() -> Tried {
    let scene = Scene::new();
    let calls = scene.trace(&[])?;
    let homes = [scene.world.bridge(), scene.world.personal()];
    let mut expected: BTreeSet<_> =
        homes.iter().flat_map(|home| [home.join("auth.json"), home.join("config.toml")]).collect();
    // The journal is opened within its directory, and codex to see what machine it is for.
    expected.extend([scene.state(), scene.state().join("journal.jsonl"), "journal.jsonl".into()]);
    expected.insert(scene.bin().join("codex"));
    for call in own(&calls).iter().filter(|call| call.name.starts_with("open")) {
        assert!(call.path().is_some_and(|path| expected.contains(path)), "{}", call.line);
    }
    Ok(())
}

fn a_redirect_writes_one_line_to_the_journal_and_nothing_else() -> Tried {
    let calls = Scene::new().trace(&[])?;
    let changes =
        ["write", "pwrite64", "writev", "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "link"];
    let more = ["renameat2", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "chown", "ftruncate"];
    let changes = own(&calls).into_iter().filter(|call| changes.contains(&&*call.name) || more.contains(&&*call.name));
    let changes: Vec<_> = changes.collect();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert!(changes[0].line.contains(r#"\"verdict\":\"redirect\""#), "{changes:#?}");
    Ok(())
}

fn nothing_is_looked_at_once_codex_is_found() -> Tried {
    let scene = Scene::new();
    let calls = scene.trace(&[])?;
    for call in own(&calls).iter().filter(|call| call.name != "execve") {
        assert!(call.path().is_none_or(|path| !path.starts_with(scene.later())), "{}", call.line);
    }
    Ok(())
}

fn sessions_in_the_homes_and_directories_behind_codex_cost_no_call() -> Tried {
    let scene = Scene::new();
    let few = scene.trace(&[])?;
    for home in [scene.world.bridge(), scene.world.personal()] {
        let day = home.join("sessions/2026/04/22");
        fs::create_dir_all(&day).unwrap();
        for session in 0..500 {
            fs::write(day.join(format!("rollout-{session}.jsonl")), "{}\n").unwrap();
        }
    }
    let more_path: Vec<_> = (0..200).map(|entry| scene.world.root().join(format!("path/{entry}"))).collect();
    for directory in &more_path {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("codex"), "").unwrap();
        fs::set_permissions(directory.join("codex"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let many = scene.trace(&more_path)?;
    // More environment is more memory: what the allocator asks for is left out here.
    let names = |calls: &[Call]| -> Vec<String> {
        let is_memory = |name: &str| ["brk", "mmap", "munmap", "mremap"].contains(&name);
        own(calls).into_iter().map(|call| call.name.clone()).filter(|name| !is_memory(name)).collect()
    };
    assert_eq!(names(&many), names(&few));
    Ok(())
}

support::run_tests![
    a_redirect_makes_few_calls_of_its_own,
    a_redirect_starts_no_child_or_thread_asks_no_network_lists_nothing_and_waits_for_nothing,
    a_redirect_opens_both_homes_files_the_journal_and_codex_and_nothing_else,
    a_redirect_writes_one_line_to_the_journal_and_nothing_else,
    nothing_is_looked_at_once_codex_is_found,
    sessions_in_the_homes_and_directories_behind_codex_cost_no_call,
];
