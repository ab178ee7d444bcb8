//! A start that is killed, fails or is overtaken at any of its system calls: are the files whole, in which home does codex run, and
//! does the next start log in?
//!
//! `strace` lists the calls of a start, and then injects one fault after the other, each into a start of its own: into the first
//! call of each kind or, in the deep checks, into every call.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use chrono::Utc;
use codex_home::home::auth::Login;
use codex_home::request::Overrides;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, geteuid, mkfifo};

use crate::support::fixture::BRIDGE_REFRESH;
use crate::support::harness::is_deep;
use crate::support::start::assert_repaired;
use crate::support::strace::{self, Call};
use crate::support::tokens::{ACCOUNT, OTHER_ACCOUNT, access_token};
use crate::support::{Case, Ended, Entry, Fixture, Need, Start, assert_same, auth, case, entry, snapshot};

/// The longest time for a start with a fault.
const AT_ONCE: Duration = Duration::from_secs(20);
/// The temporary file of a repair.
const TEMPORARY: &str = ".auth.json.codex-home-shim";
/// The errors that are injected: one of each kind that is answered in a way of its own.
const ERRORS: [&str; 6] = ["EIO", "EACCES", "EMFILE", "EINTR", "EAGAIN", "ENOSPC"];
/// The number of them that are tried by default.
const FEW_ERRORS: usize = 3;
/// Calls that have no such errors, and those for memory, which no process survives without.
const NOT_REFUSED: [&str; 12] = [
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "getpid",
    "geteuid",
    "rt_sigaction",
    "kill",
    "umask",
    "exit_group",
];

/// The files before a start.
struct Layout {
    name: &'static str,
    lay: fn(&Fixture),
    end: End,
}

/// The end of a start without a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Repair,
    Redirect,
    Keep,
    Refuse,
}

static REPAIR: Layout = Layout {
    name: "a repair beside the login of another account",
    lay: |person| {
        person.log_in(ACCOUNT);
        person.break_bridge(OTHER_ACCOUNT);
    },
    end: End::Repair,
};
static REDIRECT: Layout = Layout {
    name: "a redirect",
    lay: |person| {
        person.log_in(ACCOUNT);
        person.break_bridge(ACCOUNT);
    },
    end: End::Redirect,
};
static LAYOUTS: [&Layout; 4] = [
    &REPAIR,
    &REDIRECT,
    &Layout {
        name: "a bridge that can log in, beside the login of another account",
        lay: |person| {
            person.log_in(ACCOUNT);
            person.write_auth(&person.bridge(), &auth::healthy(OTHER_ACCOUNT, "bridge", BRIDGE_REFRESH));
            person.write_config(&person.bridge(), "model = \"gpt-5\"\n");
        },
        end: End::Keep,
    },
    &Layout {
        name: "a refusal",
        lay: |person| {
            person.log_in(ACCOUNT);
            person.break_bridge_for_good();
        },
        end: End::Refuse,
    },
];

/// An obstacle stays an obstacle if it cannot be read.
static OBSTACLE: Layout = Layout {
    name: "a repair beside a personal home that sends work elsewhere",
    lay: |person| {
        person.log_in(ACCOUNT);
        person.write_config(&person.personal(), "openai_base_url = \"http://127.0.0.1:9/v1\"\n");
        person.break_bridge(ACCOUNT);
    },
    end: End::Repair,
};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for layout in LAYOUTS {
        let name = format!("{}, killed at any call, leaves whole files, and the next start logs in", layout.name);
        cases.push(case(name, move || killed(layout)).can_be_deeper());
    }
    // With one failing call a bridge of another account was once redirected to the person's.
    for layout in LAYOUTS.into_iter().chain([&OBSTACLE]) {
        let name = format!("{}: no failing call makes codex run where it must not", layout.name);
        cases.push(case(name, move || refused(layout)).can_be_deeper());
    }
    cases.push(
        case("a layer of /etc/codex that cannot be read permits no redirect", unread_layers)
            .needs(Need::MountNamespace),
    );
    let overtaken: [(&str, fn()); 9] = [
        (
            "starts that are killed one after the other leave whole files, and the one that lives logs in",
            killed_in_a_row,
        ),
        ("the host's newer bytes win, whenever it writes them during a repair", rewritten),
        ("a bridge that becomes a symlink during a repair is not written through", || relinked(0)),
        ("a bridge whose parent becomes a symlink during a repair is not written through", || relinked(1)),
        ("an auth.json that becomes a symlink to the personal one is not written through", linked_to_personal),
        ("a personal auth.json that codex is writing in place is waited for, once", || written_in_place(true)),
        ("a personal auth.json that codex left half written stays as it is", || written_in_place(false)),
        ("a personal auth.json that codex renews by a rename is redirected to, and nothing is said", renewed),
        ("a codex that becomes a FIFO is not waited for", codex_becomes_a_fifo),
    ];
    cases.extend(overtaken.map(|(name, run)| case(name, run).needs(Need::Deep)));
    cases = cases.into_iter().map(|case| case.needs(Need::Linux).needs(Need::Strace)).collect();
    cases.push(
        case("a start whose stderr is full loses its warning, and starts codex", || {
            let person = Fixture::new();
            fs::create_dir(person.other()).unwrap();
            let mut start = person.start(&["app-server"]).home(person.other());
            start.command = full_stderr(&start);
            let ended = start.run();
            assert_eq!((ended.code, home_of(&ended)), (Some(0), Some(person.other())), "{ended:?}");
        })
        .needs(Need::Linux),
    );
    cases.extend(disks());
    cases
}

/// A person with a layout, and the files before the start.
struct Scene {
    layout: &'static Layout,
    person: Fixture,
    auth: Entry,
}

impl Scene {
    fn new(layout: &'static Layout) -> Scene {
        let person = Fixture::new();
        (layout.lay)(&person);
        let auth = entry(&person.bridge().join("auth.json")).unwrap();
        Scene { layout, person, auth }
    }

    fn start(&self) -> Start<'_> {
        self.person.serve().within(AT_ONCE)
    }

    fn log(&self) -> PathBuf {
        self.person.root().join("out/calls")
    }

    /// The start, with a fault.
    fn with_fault(&self, call: &str, fault: &str) -> Ended {
        strace::under(self.start(), call, &[format!("{call}:{fault}")], &self.log()).run()
    }

    /// Every call of the start without a fault.
    fn calls(layout: &'static Layout) -> Vec<Call> {
        let scene = Scene::new(layout);
        let ended = strace::under(scene.start(), "all", &[], &scene.log()).run();
        scene.ends_as_expected(&ended);
        strace::calls(&fs::read_to_string(scene.log()).unwrap())
    }

    /// Checks what must hold after any fault: the bytes are the old ones or the repaired ones, and a temporary file is the only
    /// other file of ours. Every start checks that the personal home is unchanged.
    fn is_whole(&self) {
        let now = entry(&self.person.bridge().join("auth.json")).expect("auth.json is there");
        if now != self.auth {
            assert!(matches!(self.layout.end, End::Repair | End::Redirect), "{now:?}");
            assert_repaired(&self.auth.content, &now.content);
            assert_eq!(now.mode, 0o600);
        }
        for path in snapshot(&self.person.bridge()).into_keys() {
            let name = path.to_string_lossy();
            assert!(["", "auth.json", "config.toml", TEMPORARY].contains(&&*name), "`{name}` was made");
        }
    }

    fn has_temporary(&self) -> bool {
        entry(&self.person.bridge().join(TEMPORARY)).is_some()
    }

    /// Expects the end of a start without a fault, with nothing left behind.
    fn ends_as_expected(&self, ended: &Ended) {
        self.is_whole();
        let bridge = self.person.bridge();
        // A bridge that an earlier start has repaired is kept.
        let end = match self.layout.end {
            End::Repair | End::Redirect if logs_in(&bridge) => End::Keep,
            end => end,
        };
        match end {
            End::Refuse => assert_eq!(ended.code, Some(78), "{ended:?}"),
            End::Redirect => assert_eq!(home_of(ended), Some(self.person.personal()), "{ended:?}"),
            End::Repair | End::Keep => {
                assert_eq!(home_of(ended), Some(bridge.clone()), "{ended:?}");
                assert!(logs_in(&bridge), "codex runs in a home that cannot log in: {ended:?}");
            }
        }
    }
}

/// Prints the fault if a check fails.
struct Fault<'a>(&'a str);

impl Drop for Fault<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = writeln!(std::io::stderr(), "with this fault: {}", self.0);
        }
    }
}

/// The home that codex ran in; `None` if it did not run.
fn home_of(ended: &Ended) -> Option<PathBuf> {
    ended.report.as_ref().map(|report| report.var("CODEX_HOME").unwrap())
}

fn logs_in(home: &Path) -> bool {
    let home = codex_home::observe::home(home, Utc::now(), geteuid().as_raw());
    matches!(home.login(&Overrides::default()), Login::Usable(_))
}

/// Returns the calls that are tried: all of the launcher's own, or by default the first of each kind.
fn tried(layout: &'static Layout) -> Vec<Call> {
    let mut calls = Scene::calls(layout);
    let mut seen = BTreeSet::new();
    calls.retain(|call| call.is_own && (seen.insert(call.name.clone()) || is_deep()));
    calls
}

fn killed(layout: &'static Layout) {
    for Call { name, nth, line, .. } in tried(layout) {
        let _fault = Fault(&format!("killed before call {nth} of {name}: {line}"));
        let scene = Scene::new(layout);
        let ended = scene.with_fault(&name, &format!("signal=KILL:when={nth}"));
        assert!(ended.signal == Some(9) && ended.report.is_none(), "{ended:?}");
        scene.is_whole();
        scene.ends_as_expected(&scene.start().run());
        // The next repair replaces what a killed one left.
        let is_repaired = scene.layout.end == End::Repair
            && entry(&scene.person.bridge().join("auth.json")).as_ref() != Some(&scene.auth);
        assert!(!scene.has_temporary() || !is_repaired, "a temporary file is left");
    }
}

fn refused(layout: &'static Layout) {
    for call in tried(layout) {
        let Call { name, nth, line, .. } = &call;
        if NOT_REFUSED.contains(&name.as_str()) {
            continue;
        }
        for error in errors() {
            for is_lasting in [false, true] {
                let until = match (is_lasting, error) {
                    (false, _) => String::new(),
                    // A call that is interrupted for ever is retried for ever, by the standard library too.
                    (true, "EINTR" | "EAGAIN") => format!("..{}", nth + 8),
                    (true, _) => "+".to_owned(),
                };
                let _fault = Fault(&format!("{error} at call {nth}{until} of {name}: {line}"));
                let scene = Scene::new(layout);
                let ended = scene.with_fault(name, &format!("error={error}:when={nth}{until}"));
                scene.is_whole();
                is_started_or_refused(&scene, &ended, name);
                assert!(!scene.has_temporary() || name == "unlinkat", "a temporary file is left");
            }
        }
    }
}

/// The errors that are tried: all of them, or by default a few.
fn errors() -> impl Iterator<Item = &'static str> {
    ERRORS.into_iter().take(if is_deep() { ERRORS.len() } else { FEW_ERRORS })
}

/// Each layer forbids the redirect as long as it can be read. If it cannot be read, codex fails too, or the bridge is kept.
fn unread_layers() {
    let forced = "forced_chatgpt_workspace_id = \"acc-team\"\n";
    for (file, text) in [
        ("config.toml", forced),
        ("managed_config.toml", forced),
        ("requirements.toml", "allowed_chatgpt_workspaces = [\"acc-team\"]\n"),
    ] {
        let scene = Scene::new(&REDIRECT);
        let start = |calls: &str, inject: &[String]| {
            let ended = strace::under(scene.start(), calls, inject, &scene.log()).with_etc_codex(&[(file, text)]).run();
            is_started_or_refused(&scene, &ended, calls);
            home_of(&ended)
        };
        assert_eq!(start("all", &[]), None);
        let calls = strace::calls(&fs::read_to_string(scene.log()).unwrap());
        // It is opened, examined, and read.
        let opened = calls.iter().position(|call| call.names(&format!("/etc/codex/{file}"))).unwrap();
        for Call { name, nth, line, .. } in &calls[opened..opened + 3] {
            for error in errors() {
                let _fault = Fault(&format!("{error} at call {nth} of {name}: {line}"));
                let home = start(name, &[format!("{name}:error={error}:when={nth}")]);
                assert_ne!(home, Some(scene.person.personal()));
                // It says nothing about the file. codex may read it a moment later.
                if error == "EIO" {
                    assert_eq!(home, Some(scene.person.bridge()));
                }
            }
        }
    }
}

/// Expects codex in the bridge, or in the personal home if it has the same account; otherwise a reason.
fn is_started_or_refused(scene: &Scene, ended: &Ended, call: &str) {
    assert_eq!(ended.signal, None, "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    assert!(ended.stdout.is_empty() || ended.report.is_none(), "{ended:?}");
    let Some(home) = home_of(ended) else {
        assert!(matches!(ended.code, Some(78 | 126 | 127)), "{ended:?}");
        // If stderr itself fails there is no way to say it.
        assert!(ended.stderr.contains("codex-home-shim: ") || call == "write", "{ended:?}");
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let is_same_account = scene.layout.end == End::Redirect;
    let (bridge, personal) = (scene.person.bridge(), scene.person.personal());
    assert!(home == bridge || (is_same_account && home == personal), "codex runs in {home:?}: {ended:?}");
    // A home that could not be judged is kept, with a warning.
    assert!(logs_in(&home) || ended.stderr.contains("warning: ") || call == "write", "{ended:?}");
}

/// Kills start after start on the same bridge.
fn killed_in_a_row() {
    let calls = Scene::calls(&REPAIR);
    let scene = Scene::new(&REPAIR);
    for Call { name, nth, line, .. } in (0..8).flat_map(|_| calls.iter().filter(|call| call.is_own)) {
        let _fault = Fault(line);
        // OpenClaw does this before every turn.
        scene.person.break_bridge(OTHER_ACCOUNT);
        let ended = scene.with_fault(name, &format!("signal=KILL:when={nth}"));
        // A start that removes a temporary file makes a call or two more.
        assert!(ended.signal == Some(9) || ended.code == Some(0), "{ended:?}");
        scene.is_whole();
    }
    scene.person.break_bridge(OTHER_ACCOUNT);
    scene.ends_as_expected(&scene.start().run());
    assert!(!scene.has_temporary());
}

/// Stops a start after a call, and at its first wait after that; `acts` runs at each stop.
fn overtaken(scene: &Scene, call: &Call, acts: Vec<Box<dyn FnOnce() + Send>>) -> Ended {
    const NAP: &str = "clock_nanosleep";
    let (name, mut inject) = (call.name.clone(), vec![format!("{}:signal=STOP:when={}", call.name, call.nth)]);
    let mut calls = name;
    if acts.len() > 1 {
        inject.push(format!("{NAP}:signal=STOP:when=1"));
        calls.push_str(&format!(",{NAP}"));
    }
    let log = scene.log();
    let _ = fs::remove_file(&log);
    let start = strace::under(scene.start(), &calls, &inject, &log).personal_may_change();
    let (over, is_over) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for (at, act) in acts.into_iter().enumerate() {
                let stopped = loop {
                    let text = fs::read_to_string(&log).unwrap_or_default();
                    let mut stops = text.lines().filter(|line| line.ends_with("--- stopped by SIGSTOP ---"));
                    if let Some(line) = stops.nth(at) {
                        break line.split(' ').next().and_then(|pid| pid.parse().ok());
                    }
                    if is_over.recv_timeout(Duration::from_millis(1)) != Err(RecvTimeoutError::Timeout) {
                        break None;
                    }
                };
                act();
                // A start that did not stop is over.
                if let Some(pid) = stopped {
                    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
                }
                assert!(stopped.is_some() || at > 0, "the start was not stopped");
            }
        });
        let ended = start.run();
        drop(over);
        ended
    })
}

/// The calls after which a start can be stopped, for another program to act.
fn stops(layout: &'static Layout) -> Vec<Call> {
    let is_stop =
        |call: &Call| call.is_own && !["execve", "exit_group", "brk", "mmap", "munmap"].contains(&&*call.name);
    Scene::calls(layout).into_iter().filter(is_stop).collect()
}

/// A newer file of the host, with the same fault.
fn newer() -> Vec<u8> {
    auth::issue_70511(&access_token(OTHER_ACCOUNT, "newer"), "rt.newer-canary-0123456789")
}

fn is_newer(auth: &Path) -> bool {
    fs::read_to_string(auth).unwrap().contains(&access_token(OTHER_ACCOUNT, "newer"))
}

fn rewritten() {
    let stops = stops(&REPAIR);
    // Between the last look at the file and the rename nothing can be checked.
    let rename = stops.iter().position(|call| call.name.starts_with("rename")).unwrap();
    let last_look = stops[..rename].iter().rposition(|call| call.name == "openat").unwrap();
    for (at, call) in stops.iter().enumerate() {
        let _fault = Fault(&format!("rewritten after {}", call.line));
        let scene = Scene::new(&REPAIR);
        let home = scene.person.bridge();
        let path = home.join("auth.json");
        let write = move || drop(crate::support::fixture::lay_home(home, &newer()));
        let ended = overtaken(&scene, call, vec![Box::new(write)]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert_eq!(home_of(&ended), Some(scene.person.bridge()));
        assert!((last_look..rename).contains(&at) || is_newer(&path), "the newer bytes win");
        // After the rename the next start will repair it.
        assert!(at >= rename || logs_in(&scene.person.bridge()));
        assert!(!scene.has_temporary());
    }
}

/// A directory of the path is moved away, and a symlink to a decoy put in its place.
fn relinked(depth: usize) {
    for call in stops(&REPAIR) {
        let _fault = Fault(&format!("relinked after {}", call.line));
        let scene = Scene::new(&REPAIR);
        let bridge = scene.person.bridge();
        let part = bridge.ancestors().nth(depth).unwrap().to_owned();
        let below = bridge.strip_prefix(&part).unwrap().to_owned();
        // The bytes that were judged, in a file that the host does not rewrite.
        let [decoy, away] = ["decoy", "away"].map(|name| scene.person.root().join(name));
        fs::create_dir_all(decoy.join(&below)).unwrap();
        fs::copy(bridge.join("auth.json"), decoy.join(&below).join("auth.json")).unwrap();
        let before = snapshot(&decoy);
        let (to, moved) = (decoy.clone(), away.clone());
        let relink = move || {
            fs::rename(&part, moved).unwrap();
            std::os::unix::fs::symlink(to, &part).unwrap();
        };
        let ended = overtaken(&scene, &call, vec![Box::new(relink)]);
        assert!(matches!(ended.code, Some(0 | 78)), "{ended:?}");
        assert_same(&before, &snapshot(&decoy));
        // The judged file is old or repaired, wherever it is now.
        let judged = entry(&away.join(below).join("auth.json")).unwrap();
        if judged != scene.auth {
            assert_repaired(&scene.auth.content, &judged.content);
        }
        assert_ne!(home_of(&ended), Some(scene.person.personal()), "another account's home");
    }
}

fn linked_to_personal() {
    for call in stops(&REPAIR) {
        let _fault = Fault(&format!("linked after {}", call.line));
        let scene = Scene::new(&REPAIR);
        let [path, personal] = [scene.person.bridge(), scene.person.personal()].map(|home| home.join("auth.json"));
        let before = entry(&personal);
        let link = move || {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(personal, path).unwrap();
        };
        let ended = overtaken(&scene, &call, vec![Box::new(link)]);
        assert!(matches!(ended.code, Some(0 | 78)), "{ended:?}");
        assert_eq!(before, entry(&scene.person.personal().join("auth.json")));
        assert!(!scene.has_temporary());
    }
}

/// codex up to 0.166 writes `auth.json` in place: it empties the file, then fills it.
fn written_in_place(is_filled: bool) {
    for call in stops(&REDIRECT) {
        let _fault = Fault(&format!("half written after {}", call.line));
        let scene = Scene::new(&REDIRECT);
        let (bridge, personal) = (scene.person.bridge(), scene.person.personal());
        let path = personal.join("auth.json");
        let renewed = auth::healthy(ACCOUNT, "renewed", "rt.renewed-canary-0123456789");
        let half = renewed[..renewed.len() / 2].to_vec();
        let (first, second) = ((path.clone(), half.clone()), (path.clone(), renewed.clone()));
        // Written in place, as `fs::write` does.
        let tear = move || fs::write(first.0, first.1).unwrap();
        let fill = move || {
            if is_filled {
                fs::write(second.0, second.1).unwrap();
            }
        };
        let ended = overtaken(&scene, &call, vec![Box::new(tear), Box::new(fill)]);
        let home = home_of(&ended).unwrap_or_else(|| panic!("{ended:?}"));
        if is_filled {
            assert_eq!(home, personal, "it was half written for a moment only");
        } else {
            assert!(home == personal || (home == bridge && logs_in(&bridge)), "{ended:?}");
        }
        assert!(fs::read(&path).unwrap() == if is_filled { renewed } else { half }, "only codex writes there");
    }
}

fn renewed() {
    for call in stops(&REDIRECT) {
        let _fault = Fault(&format!("renewed after {}", call.line));
        let scene = Scene::new(&REDIRECT);
        let personal = scene.person.personal();
        let home = personal.clone();
        let renew = move || {
            let auth = auth::healthy(ACCOUNT, "renewed", "rt.renewed-canary-0123456789");
            drop(crate::support::fixture::lay_home(home, &auth));
        };
        let ended = overtaken(&scene, &call, vec![Box::new(renew)]);
        assert_eq!((home_of(&ended), ended.stderr.as_str()), (Some(personal), ""));
    }
}

fn codex_becomes_a_fifo() {
    for call in stops(&REPAIR) {
        let _fault = Fault(&format!("a FIFO after {}", call.line));
        let scene = Scene::new(&REPAIR);
        let codex = scene.person.codex();
        let become_fifo = move || {
            fs::remove_file(&codex).unwrap();
            mkfifo(&codex, Mode::S_IRWXU).unwrap();
        };
        let ended = overtaken(&scene, &call, vec![Box::new(become_fifo)]);
        assert_eq!(ended.code, Some(126), "{ended:?}");
        scene.is_whole();
    }
}

/// The command of a start behind a shell that makes stderr a full device.
fn full_stderr(start: &Start<'_>) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec \"$@\" 2>/dev/full", "sh"]).arg(start.command.get_program());
    command.args(start.command.get_args()).env_clear();
    command.envs(start.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(start.command.get_current_dir().unwrap());
    command
}

/// Real disks, each mounted over the bridge.
fn disks() -> Vec<Case> {
    let read_only = |person: &Fixture| {
        let bridge = person.bridge();
        let bridge = bridge.display();
        format!("mount --bind {bridge} {bridge} && mount -o remount,bind,ro {bridge}")
    };
    let cases = vec![
        case("a repair on a full disk is refused, and that is said", || {
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            let (bridge, seed) = (person.bridge(), person.root().join("seed"));
            let (bridge, seed) = (bridge.display(), seed.display());
            let full = format!(
                "cp -a {bridge} {seed} && mount -t tmpfs -o size=16k,mode=700 none {bridge} && \
                 cp -a {seed}/auth.json {bridge}/ && {{ cat /dev/zero >{bridge}/full 2>/dev/null; [ -s {bridge}/full ]; }}"
            );
            let parts = ["repair-failed", "no space left on device"];
            person.serve().in_namespace(&full).is_refused("missing-id-token", 78, &parts);
        }),
        case("a repair on a read-only disk is refused, and that is said", move || {
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            let script = read_only(&person);
            person.serve().in_namespace(&script).is_refused("home-not-writable", 78, &["home-not-writable"]);
        }),
        case("a bridge on a read-only disk is redirected from", move || {
            let person = Fixture::issue_70511();
            let script = read_only(&person);
            person.serve().in_namespace(&script).is_redirected("home-not-writable");
        }),
    ];
    cases.into_iter().map(|case| case.needs(Need::MountNamespace)).collect()
}
