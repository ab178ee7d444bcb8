//! Killed, refused and overtaken at every system call: what is left of the files, and does the next start log in?
//!
//! `strace` counts the calls of one start, and then does to one start after the other what a power cut, a full disk or a
//! second writer does: at the first call, at the second, at every one. Each injected fault is one start; the figures are
//! printed. Where there is no `strace`, or it may not trace, the sentences are ignored with that reason, unless
//! `CODEX_HOME_SHIM_REQUIRE_STRACE` is set.

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
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use codex_home::home::auth::Usable;
use codex_home::start::Overrides;
use lab::{
    BRIDGE_REFRESH, Ended, Lab, NOBODY, OPAQUE_ACCESS, assert_same, broken, forking, healthy, is_completed, nobody,
    with,
};
use libtest_mimic::{Arguments, Completion, Trial};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, geteuid, mkfifo};
use support::strace::{self, Moment};
use support::tokens::{ACCOUNT, OTHER_ACCOUNT, access_token};
use support::{Content, Entry, auth, entry, snapshot};

/// No start with a fault in it takes longer.
const AT_ONCE: Duration = Duration::from_secs(10);
/// What a temporary file of ours is called at its beginning.
const TEMPORARY: &str = ".auth.json.codex-home-shim.";

/// The end of one whose process is gone.
const STALE: &str = "2147483647.00000000deadbeef";

/// What is there before a start, and which start it is.
struct Layout {
    name: &'static str,
    lay: fn(&Lab),
    start: fn(&Lab) -> Command,
    /// Whether it is somebody without privileges who starts it.
    is_nobody: bool,
    want: Want,
}

/// What becomes of the start where nothing is in its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Repaired,
    Redirected,
    Trusted,
    Refused,
}

fn serve(lab: &Lab) -> Command {
    lab.serve(lab.world.bridge())
}

const LAYOUTS: &[Layout] = &[
    // https://github.com/openclaw/openclaw/issues/70511
    Layout {
        name: "a repair",
        lay: |lab| {
            lab.broken();
        },
        start: serve,
        is_nobody: false,
        want: Want::Repaired,
    },
    Layout {
        name: "a repair for codex exec, beside another account, with a journal to be made",
        lay: |lab| {
            lab.person(OTHER_ACCOUNT);
            lab.world.lay_cli_bridge(&broken(ACCOUNT));
        },
        start: |lab| {
            let command = lab.codex(lab.world.cli_bridge(), &["exec", "say hello"]);
            with(command, "CODEX_HOME_SHIM_JOURNAL", lab.root().join("out/made/journal.jsonl"))
        },
        is_nobody: false,
        want: Want::Repaired,
    },
    Layout {
        name: "a repair with the personal identity token, of a read-only file beside a stale temporary one",
        lay: |lab| {
            let bridge = lab.broken_beside_person();
            fs::set_permissions(bridge.join("auth.json"), fs::Permissions::from_mode(0o400)).unwrap();
            // No process has this id.
            fs::write(bridge.join(format!("{TEMPORARY}{STALE}")), "{\"tokens\"").unwrap();
        },
        start: |lab| with(serve(lab), "CODEX_HOME_SHIM_STRATEGY", "repair"),
        is_nobody: false,
        want: Want::Repaired,
    },
    Layout {
        name: "a repair by somebody without privileges",
        lay: |lab| {
            lab.broken();
        },
        start: serve,
        is_nobody: true,
        want: Want::Repaired,
    },
    Layout {
        name: "a redirect",
        lay: |lab| {
            lab.broken_beside_person();
        },
        start: serve,
        is_nobody: false,
        want: Want::Redirected,
    },
    Layout {
        name: "a home that can log in",
        lay: |lab| {
            lab.world.lay_bridge(&healthy(ACCOUNT));
        },
        start: serve,
        is_nobody: false,
        want: Want::Trusted,
    },
    Layout {
        name: "a refusal",
        lay: |lab| {
            lab.person(OTHER_ACCOUNT);
            lab.world.lay_bridge(&auth::issue_70511_with_account(OPAQUE_ACCESS, BRIDGE_REFRESH, ACCOUNT));
        },
        start: serve,
        is_nobody: false,
        want: Want::Refused,
    },
];

/// A world with a layout in it, and what it was before the start.
struct Scene {
    layout: &'static Layout,
    lab: Lab,
    bridge: PathBuf,
    /// `auth.json` of the bridge.
    old: Entry,
    personal: BTreeMap<PathBuf, Entry>,
    /// When anything in the personal home was last touched.
    stamps: BTreeMap<PathBuf, [i64; 4]>,
    /// What may be done, beside what is wanted, where the system refuses something: complete the bridge in place of a redirect.
    is_refused: bool,
}

impl Scene {
    fn new(layout: &'static Layout) -> Scene {
        let lab = Lab::new();
        (layout.lay)(&lab);
        if layout.is_nobody {
            // What is laid is theirs from here on.
            let _ = lab.as_nobody((layout.start)(&lab));
        }
        let command = (layout.start)(&lab);
        let home = command.get_envs().find(|(name, _)| *name == "CODEX_HOME").unwrap().1.unwrap();
        let bridge = PathBuf::from(home);
        let old = entry(&bridge.join("auth.json")).unwrap();
        let personal = lab.world.personal();
        Scene { layout, bridge, old, personal: snapshot(&personal), stamps: stamps(&personal), is_refused: false, lab }
    }

    fn command(&self) -> Command {
        let command = (self.layout.start)(&self.lab);
        if self.layout.is_nobody { self.lab.as_nobody(command) } else { command }
    }

    /// The start under `strace`.
    fn under(&self, calls: &str, inject: &[String]) -> Command {
        let mut command = strace::under(&strace::program().unwrap(), &self.command(), calls, inject, &self.calls());
        if self.layout.is_nobody && geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn calls(&self) -> PathBuf {
        self.lab.root().join("out/calls")
    }

    fn start(&self, mut command: Command) -> Ended {
        self.lab.start_within(&mut command, Some(&[]), AT_ONCE)
    }

    /// Every moment of this start.
    fn moments(layout: &'static Layout) -> Vec<Moment> {
        let scene = Scene::new(layout);
        let ended = scene.start(scene.under("all", &[]));
        scene.is_as_wanted(&ended, "nothing is in its way");
        strace::moments(&fs::read_to_string(scene.calls()).unwrap())
    }

    /// The promises that hold whatever happens: old bytes or new ones, a personal home as it was, nothing of ours beside
    /// them but a temporary file.
    fn is_whole(&self, what: &str) {
        let now = entry(&self.bridge.join("auth.json")).unwrap_or_else(|| panic!("{what}: auth.json is gone"));
        if now != self.old {
            let may_repair =
                self.layout.want == Want::Repaired || (self.is_refused && self.layout.want == Want::Redirected);
            assert!(may_repair, "{what}: {now:?}");
            is_completed(&self.old, &now);
        }
        for path in snapshot(&self.bridge).into_keys() {
            let name = path.to_string_lossy();
            assert!(["", "auth.json"].contains(&&*name) || name.starts_with(TEMPORARY), "{what}: `{name}` was made");
        }
        let personal = self.lab.world.personal();
        assert_same(&self.personal, &snapshot(&personal));
        assert_eq!(self.stamps, stamps(&personal), "{what}: the personal home was touched");
    }

    /// What a start ends as where nothing is in its way, with nothing left behind.
    fn is_as_wanted(&self, ended: &Ended, what: &str) {
        self.is_whole(what);
        if self.layout.want == Want::Refused {
            assert_eq!(ended.code, Some(78), "{what}: {ended:?}");
        } else {
            let home = self.started(ended, what);
            let personal = self.lab.world.personal();
            // A bridge that was completed before is nothing to be redirected from.
            let is_redirected = self.layout.want == Want::Redirected && !logs_in(&self.bridge);
            assert_eq!(home, if is_redirected { personal } else { self.bridge.clone() }, "{what}");
        }
        let left: Vec<_> = snapshot(&self.bridge).into_keys().filter(|path| is_temporary(path)).collect();
        // What could not be removed is removed by the next repair.
        assert!(left.is_empty() || what.contains("of unlinkat"), "{what}: {left:?} is left");
    }

    /// The home that codex was started in, which is one that logs in.
    fn started(&self, ended: &Ended, what: &str) -> PathBuf {
        assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
        let report = ended.report.as_ref().unwrap_or_else(|| panic!("{what}: no codex: {ended:?}"));
        let home = report.var("CODEX_HOME").unwrap();
        assert!(logs_in(&home), "{what}: codex is started in `{}`, which cannot log in: {ended:?}", home.display());
        home
    }
}

fn is_temporary(path: &Path) -> bool {
    path.to_string_lossy().starts_with(TEMPORARY)
}

fn logs_in(home: &Path) -> bool {
    codex_home::survey::home(home, &Overrides::default(), Utc::now()).can_log_in().0 == Usable::Yes
}

/// When each path of a tree was last written or otherwise touched.
fn stamps(tree: &Path) -> BTreeMap<PathBuf, [i64; 4]> {
    let stamp = |path: PathBuf| {
        let metadata = fs::symlink_metadata(tree.join(&path)).unwrap();
        (path, [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()])
    };
    snapshot(tree).into_keys().map(stamp).collect()
}

// ---- Killed ----

/// Kills a start at every call it makes, and starts once more after each.
fn killed(layout: &'static Layout) -> String {
    let mut kills = 0;
    for Moment { name, nth, line, .. } in &Scene::moments(layout) {
        let scene = Scene::new(layout);
        let what = format!("killed before call {nth} of {name}: {line}");
        let ended = scene.start(scene.under(name, &[format!("{name}:signal=KILL:when={nth}")]));
        assert!(ended.signal == Some(9) && ended.report.is_none(), "{what}: {ended:?}");
        scene.is_whole(&what);
        // The stale one of the layout, and one of the start that was killed.
        assert!(snapshot(&scene.bridge).into_keys().filter(|path| is_temporary(path)).count() <= 2, "{what}");
        scene.is_as_wanted(&scene.start(scene.command()), &format!("the start after one {what}"));
        kills += 1;
    }
    format!("{kills} kills")
}

/// The same on one bridge, over and over, with no start in between that lives.
fn killed_in_a_row() -> String {
    let mut kills = 0;
    let moments = Scene::moments(&LAYOUTS[0]);
    let scene = Scene::new(&LAYOUTS[0]);
    for Moment { name, nth, line, .. } in (0..18).flat_map(|_| moments.iter().filter(|moment| moment.is_own)) {
        // As OpenClaw does before every turn.
        scene.lab.world.lay_bridge(&broken(ACCOUNT));
        let ended = scene.start(scene.under(name, &[format!("{name}:signal=KILL:when={nth}")]));
        // Where one was killed whose temporary file this start removes, it makes a call or two more.
        assert!(ended.signal == Some(9) || ended.code == Some(0), "{line}: {ended:?}");
        scene.is_whole(line);
        kills += u32::from(ended.signal == Some(9));
    }
    scene.lab.world.lay_bridge(&broken(ACCOUNT));
    scene.is_as_wanted(&scene.start(scene.command()), "the first start that lives");
    format!("{kills} kills in a row")
}

// ---- Refused by the system ----

const ERRORS: [&str; 6] = ["ENOSPC", "EROFS", "EACCES", "EIO", "EMFILE", "EINTR"];

/// Calls that have no such errors (`kill` with no signal in it), or that no process survives the failure of: memory.
const NOT_REFUSED: [&str; 11] =
    ["brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "getpid", "geteuid", "rt_sigaction", "kill", "umask"];

/// Refuses every call of the launcher's own, once and from then on.
fn refused(layout: &'static Layout, error: &str) -> String {
    let (mut faults, mut started) = (0, 0);
    for moment in Scene::moments(layout) {
        let Moment { name, nth, line, .. } = &moment;
        if !moment.is_own || NOT_REFUSED.contains(&&**name) {
            continue;
        }
        for is_once in [true, false] {
            let how_long = match (is_once, error) {
                (true, _) => String::new(),
                // What is interrupted for ever is tried again for ever, by the standard library too.
                (_, "EINTR") => format!("..{}", nth + 8),
                _ => "+".to_owned(),
            };
            let scene = Scene { is_refused: true, ..Scene::new(layout) };
            let what = format!("{error} at call {nth}{how_long} of {name}: {line}");
            let ended = scene.start(scene.under(name, &[format!("{name}:error={error}:when={nth}{how_long}")]));
            scene.is_whole(&what);
            is_started_or_says_why(&scene, &ended, &what);
            started += u32::from(ended.report.is_some());
            faults += 1;
            // Who lives cleans up; a stale one stays where nothing is repaired.
            let is_ours = |path: &PathBuf| is_temporary(path) && !path.to_string_lossy().ends_with(STALE);
            let left = snapshot(&scene.bridge).into_keys().find(is_ours);
            assert!(left.is_none() || name == "unlinkat", "{what}: {left:?} is left");
            if ended.report.is_none() {
                scene.is_as_wanted(&scene.start(scene.command()), &format!("the start after one with {what}"));
            }
        }
    }
    format!("{faults} refused calls, codex started all the same in {started}")
}

/// Either codex has a home that logs in, or somebody reads why it was not started.
fn is_started_or_says_why(scene: &Scene, ended: &Ended, what: &str) {
    assert_eq!(ended.signal, None, "{what}: {ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{what}: {ended:?}");
    assert!(ended.stdout.is_empty(), "{what}: {ended:?}");
    if ended.report.is_some() {
        scene.started(ended, what);
        return;
    }
    assert!(matches!(ended.code, Some(78 | 126 | 127)), "{what}: {ended:?}");
    let said = ended.stderr.lines().last().unwrap_or_default();
    let is_said = said.starts_with("codex-home-shim: ") || said.starts_with("  help: ");
    // Where stderr itself is what fails, there is nobody to tell.
    assert!(is_said || what.contains("of write"), "{what}: {ended:?}");
}

// ---- Overtaken ----

/// Stops a start behind a moment, and each time it sleeps after that; `acts` has its turn at each stop.
fn overtaken(scene: &Scene, moment: &Moment, acts: Vec<Box<dyn FnOnce() + Send>>) -> Ended {
    const NAP: &str = "clock_nanosleep";
    let Moment { name, nth, .. } = moment;
    let mut inject = vec![format!("{name}:signal=STOP:when={nth}")];
    let mut calls = name.clone();
    if acts.len() > 1 {
        inject.push(format!("{NAP}:signal=STOP:when=1"));
        calls.push_str(&format!(",{NAP}"));
    }
    let log = scene.calls();
    let _ = fs::remove_file(&log);
    let command = scene.under(&calls, &inject);
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for (at, act) in acts.into_iter().enumerate() {
                let stopped = loop {
                    let text = fs::read_to_string(&log).unwrap_or_default();
                    let mut stops = text.lines().filter(|line| line.ends_with("--- stopped by SIGSTOP ---"));
                    if let Some(line) = stops.nth(at) {
                        break line.split(' ').next().and_then(|pid| pid.parse().ok());
                    }
                    if is_over.recv_timeout(Duration::from_millis(1)) != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                    {
                        break None;
                    }
                };
                act();
                // One that did not stop is over.
                if let Some(pid) = stopped {
                    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
                }
                assert!(stopped.is_some() || at > 0, "the start was not stopped");
            }
        });
        let ended = scene.start(command);
        drop(over);
        ended
    })
}

/// Where the start can be stopped so that somebody else has a turn.
fn stops(layout: &'static Layout) -> Vec<Moment> {
    let is_stop =
        |moment: &Moment| moment.is_own && !["execve", "exit_group", "brk", "mmap", "munmap"].contains(&&*moment.name);
    Scene::moments(layout).into_iter().filter(is_stop).collect()
}

fn newer() -> Vec<u8> {
    auth::issue_70511(&access_token(ACCOUNT, "newer"), "rt.newer-canary-0123456789")
}

fn text(entry: &Entry) -> String {
    let Content::File(bytes) = &entry.content else { panic!("{entry:?}") };
    String::from_utf8(bytes.clone()).unwrap()
}

/// OpenClaw writes a newer file, at every moment of a repair.
fn rewritten() -> String {
    let stops = stops(&LAYOUTS[0]);
    // From the last look at the file to the rename there is nothing that could be looked at.
    let rename = stops.iter().position(|moment| moment.name.starts_with("rename")).unwrap();
    let last_look = stops[..rename].iter().rposition(|moment| moment.name == "openat").unwrap();
    for (at, moment) in stops.iter().enumerate() {
        let scene = Scene::new(&LAYOUTS[0]);
        let (home, newer) = (scene.bridge.clone(), newer());
        let write = move || {
            let fresh = home.join(".auth.json.fresh");
            fs::write(&fresh, newer).unwrap();
            fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).unwrap();
            fs::rename(fresh, home.join("auth.json")).unwrap();
        };
        let what = format!("rewritten after: {}", moment.line);
        let ended = overtaken(&scene, moment, vec![Box::new(write)]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{what}");
        assert_eq!(ended.report.unwrap().var("CODEX_HOME").as_ref(), Some(&scene.bridge), "{what}");
        let now = text(&entry(&scene.bridge.join("auth.json")).unwrap());
        if at < last_look || at >= rename {
            assert!(now.contains("rt.newer-canary"), "{what}: the newer bytes win: {now}");
        }
        // Before the rename there is another look at it, after it nobody can help it until the next start.
        assert!(at >= rename || logs_in(&scene.bridge), "{what}: {now}");
        assert!(!snapshot(&scene.bridge).into_keys().any(|path| is_temporary(&path)), "{what}");
    }
    format!("{} rewrites, of which {} between the last look and the rename", stops.len(), rename - last_look)
}

/// The host writes every few milliseconds, and the disk takes longer than that.
fn rewritten_faster_than_the_disk() -> String {
    let scene = Scene::new(&LAYOUTS[0]);
    let (world, is_over) = (&scene.lab.world, &AtomicBool::new(false));
    let command = scene.under("fsync", &["fsync:delay_enter=100000".to_owned()]);
    thread::scope(|scope| {
        let host = scope.spawn(move || {
            let mut files = 0;
            while !is_over.load(SeqCst) {
                world.lay_bridge(&newer());
                files += 1;
                thread::sleep(Duration::from_millis(8));
            }
            files
        });
        let ended = scene.start(command);
        is_over.store(true, SeqCst);
        let files: u32 = host.join().unwrap();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{files} files");
        assert_eq!(ended.report.unwrap().var("CODEX_HOME").as_ref(), Some(&scene.bridge));
        format!("{files} files during one start")
    })
}

/// A directory of the path is moved away and a link to a decoy put in its place; or the other way round.
fn relinked(depth: usize, is_link_first: bool) -> String {
    static LINKED: Layout = Layout {
        name: "a bridge behind a link",
        lay: |lab| {
            let bridge = lab.broken();
            fs::rename(&bridge, lab.root().join("away")).unwrap();
            symlink(lab.root().join("away"), bridge).unwrap();
        },
        start: serve,
        is_nobody: false,
        want: Want::Refused,
    };
    let layout = if is_link_first { &LINKED } else { &LAYOUTS[0] };
    let stops = stops(layout);
    let mut repaired = 0;
    for moment in &stops {
        let scene = Scene::new(layout);
        let part = scene.bridge.ancestors().nth(depth).unwrap().to_owned();
        let below = scene.bridge.strip_prefix(&part).unwrap().to_owned();
        // Just the bytes that were judged, where nobody may write.
        let decoy = scene.lab.root().join("decoy");
        fs::create_dir_all(decoy.join(&below)).unwrap();
        fs::write(decoy.join(&below).join("auth.json"), text(&scene.old)).unwrap();
        let before = snapshot(&decoy);
        let what = format!("depth {depth} relinked after: {}", moment.line);
        let (part, to, away) = (part, decoy.clone(), scene.lab.root().join("away"));
        let relink = move || {
            if is_link_first {
                fs::remove_file(&part).unwrap();
                fs::create_dir(&part).unwrap();
                fs::write(part.join("auth.json"), newer()).unwrap();
            } else {
                fs::rename(&part, away).unwrap();
                symlink(to, &part).unwrap();
            }
        };
        let ended = overtaken(&scene, moment, vec![Box::new(relink)]);
        assert!(matches!(ended.code, Some(0 | 78)), "{what}: {ended:?}");
        assert_same(&before, &snapshot(&decoy));
        // What was judged is old or new, wherever it is now.
        let away = scene.lab.root().join("away");
        let judged = entry(&away.join(if is_link_first { PathBuf::new() } else { below }).join("auth.json")).unwrap();
        if judged != scene.old {
            assert!(!is_link_first, "{what}: written through a link");
            is_completed(&scene.old, &judged);
            repaired += 1;
        }
        if is_link_first {
            let now = text(&entry(&scene.bridge.join("auth.json")).unwrap());
            assert!(now.contains("rt.newer-canary"), "{what}: the newer bytes win: {now}");
        }
        let everything = snapshot(scene.lab.root()).into_keys();
        let left: Vec<_> =
            everything.filter(|path| is_temporary(Path::new(path.file_name().unwrap_or_default()))).collect();
        assert!(left.is_empty(), "{what}: {left:?}");
    }
    format!("{} links, the judged directory itself repaired in {repaired}", stops.len())
}

/// `auth.json` becomes a link to the personal one.
fn linked_to_personal() -> String {
    static LAYOUT: Layout = Layout {
        name: "a repair beside a personal login",
        lay: |lab| {
            lab.broken_beside_person();
        },
        start: |lab| with(serve(lab), "CODEX_HOME_SHIM_STRATEGY", "repair"),
        is_nobody: false,
        want: Want::Repaired,
    };
    let stops = stops(&LAYOUT);
    for moment in &stops {
        let scene = Scene::new(&LAYOUT);
        let (path, personal) = (scene.bridge.join("auth.json"), scene.lab.world.personal().join("auth.json"));
        let link = move || {
            fs::remove_file(&path).unwrap();
            symlink(personal, path).unwrap();
        };
        let ended = overtaken(&scene, moment, vec![Box::new(link)]);
        assert!(matches!(ended.code, Some(0 | 78)), "{}: {ended:?}", moment.line);
        assert_eq!(scene.stamps, stamps(&scene.lab.world.personal()), "the personal home is as it was");
        assert!(!snapshot(&scene.bridge).into_keys().any(|path| is_temporary(&path)), "{}", moment.line);
    }
    format!("{} links", stops.len())
}

/// codex up to 0.166 writes the personal `auth.json` in place: empties it, then fills it.
fn written_in_place(is_filled: bool) -> String {
    let layout = LAYOUTS.iter().find(|layout| layout.want == Want::Redirected).unwrap();
    let stops = stops(layout);
    let mut repaired = 0;
    for moment in &stops {
        let scene = Scene::new(layout);
        scene.lab.personal_moves.set(true);
        let personal = scene.lab.world.personal();
        let path = personal.join("auth.json");
        let renewed = auth::healthy(ACCOUNT, "renewed", "rt.renewed-canary-0123456789");
        let half = renewed[..renewed.len() / 2].to_vec();
        let (torn, filled, bytes) = (path.clone(), path.clone(), renewed.clone());
        let first = half.clone();
        let tear = move || {
            let mut file = fs::OpenOptions::new().write(true).truncate(true).open(torn).unwrap();
            file.write_all(&first).unwrap();
        };
        let fill = move || {
            if is_filled {
                fs::write(filled, bytes).unwrap();
            }
        };
        let what = format!("torn after: {}", moment.line);
        let ended = overtaken(&scene, moment, vec![Box::new(tear), Box::new(fill)]);
        let home = ended.report.as_ref().unwrap_or_else(|| panic!("{what}: {ended:?}")).var("CODEX_HOME").unwrap();
        if is_filled {
            assert_eq!(home, personal, "{what}: it was torn for a moment only");
            assert!(logs_in(&personal), "{what}");
        } else if home == scene.bridge {
            assert!(logs_in(&scene.bridge), "{what}");
            repaired += 1;
        } else {
            assert_eq!(home, personal, "{what}");
        }
        let now = fs::read(&path).unwrap();
        assert!(now == if is_filled { renewed } else { half }, "{what}: only codex writes there");
    }
    format!("{} writes in place, {repaired} bridges completed instead", stops.len())
}

/// The personal `auth.json` is renewed by a rename.
fn renewed() -> String {
    let layout = LAYOUTS.iter().find(|layout| layout.want == Want::Redirected).unwrap();
    let stops = stops(layout);
    for moment in &stops {
        let scene = Scene::new(layout);
        scene.lab.personal_moves.set(true);
        let personal = scene.lab.world.personal();
        let path = personal.join("auth.json");
        let renew = move || {
            let fresh = path.with_extension("fresh");
            fs::write(&fresh, auth::healthy(ACCOUNT, "renewed", "rt.renewed-canary-0123456789")).unwrap();
            fs::rename(fresh, path).unwrap();
        };
        let what = format!("renewed after: {}", moment.line);
        let ended = overtaken(&scene, moment, vec![Box::new(renew)]);
        assert_eq!(scene.started(&ended, &what), personal, "{what}");
        assert_eq!(ended.stderr, "", "{what}: nothing is wrong with it");
    }
    format!("{} renewals", stops.len())
}

/// codex itself becomes something that whoever opens it waits for.
fn codex_becomes_a_fifo() -> String {
    let stops = stops(&LAYOUTS[0]);
    for moment in &stops {
        let scene = Scene::new(&LAYOUTS[0]);
        let codex = scene.lab.codex.clone();
        let become_fifo = move || {
            fs::remove_file(&codex).unwrap();
            mkfifo(&codex, Mode::S_IRWXU).unwrap();
        };
        let ended = overtaken(&scene, moment, vec![Box::new(become_fifo)]);
        assert_eq!(ended.code, Some(126), "{}: {ended:?}", moment.line);
        scene.is_whole(&moment.line);
    }
    format!("{} FIFOs", stops.len())
}

// ---- Real disks ----

/// One start in a mount namespace that a shell lays out; the script's `$0` is the bridge, `$1` a place for what is left.
fn mounted(lay: &str, layout: &'static Layout, check: fn(&Scene, &Ended, &Path)) -> Result<String, String> {
    let scene = Scene::new(layout);
    let left = scene.lab.root().join("out/left");
    let wrap = |text: &str, program: &Command| {
        let mut command = Command::new("unshare");
        command.arg(if geteuid().is_root() { "-m" } else { "-rm" }).args(["/bin/sh", "-c", text]);
        command.arg(&scene.bridge).arg(&left).arg(program.get_program()).args(program.get_args());
        command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").current_dir(scene.lab.work());
        command
    };
    let probe = {
        let _alone = forking();
        wrap(&format!("{lay} || exit 9"), &scene.command()).output()
    };
    match probe {
        Ok(output) if output.status.success() => {}
        Ok(output) => return Err(format!("no mount of our own: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => return Err(format!("unshare: {error}")),
    }
    let start = "left=$1; shift; \"$@\"; code=$?; cp -a \"$0\" \"$left\"; exit $code";
    let ended = scene.start(wrap(&format!("{{ {lay}; }} || exit 9; {start}"), &scene.command()));
    check(&scene, &ended, &left);
    scene.is_whole("after it");
    Ok("one start".to_owned())
}

const FULL: &str = "mkdir -p \"$1.seed\" && cp -a \"$0/.\" \"$1.seed/\" && mount -t tmpfs -o size=16k,mode=700 none \"$0\" \
                    && cp -a \"$1.seed/auth.json\" \"$0/\" && { cat /dev/zero >\"$0/full\" 2>/dev/null; [ -s \"$0/full\" ]; }";
const READ_ONLY: &str = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\"";

fn full_disk(scene: &Scene, ended: &Ended, left: &Path) {
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.stderr.contains("no space left on device"), "{}", ended.stderr);
    assert_eq!(entry(&left.join("auth.json")).as_ref(), Some(&scene.old), "the file is as it was");
    assert!(!snapshot(left).into_keys().any(|path| is_temporary(&path)), "nothing of ours is left");
}

fn read_only_disk(_: &Scene, ended: &Ended, _: &Path) {
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.stderr.contains("home-not-writable"), "{}", ended.stderr);
}

fn read_only_disk_beside_person(scene: &Scene, ended: &Ended, _: &Path) {
    assert_eq!(scene.started(ended, "a read-only disk"), scene.lab.world.personal());
}

// ---- The trials ----

/// Tries a sentence at every moment there is; its figures.
type Test = fn() -> String;

/// A sentence that strace is needed for; it says what it counted.
fn trial(name: String, is_nobody: bool, test: impl FnOnce() -> String + Send + 'static) -> Trial {
    let title = name.clone();
    Trial::ignorable_test(name, move || {
        let missing = strace::program().err().or_else(|| if is_nobody { nobody().err() } else { None });
        match missing {
            Some(missing) if strace::is_required() => Err(missing.into()),
            Some(missing) => Ok(Completion::ignored_with(missing)),
            None => {
                let began = Instant::now();
                let figures = test();
                // Past the harness, which keeps what a passing test prints to itself.
                let _ = writeln!(std::io::stderr(), "{title}: {figures}, {:.1?}", began.elapsed());
                Ok(Completion::Completed)
            }
        }
    })
}

fn mount_trial(name: &str, lay: &'static str, layout: &'static Layout, check: fn(&Scene, &Ended, &Path)) -> Trial {
    Trial::ignorable_test(name, move || {
        Ok(mounted(lay, layout, check).map_or_else(Completion::ignored_with, |_| Completion::Completed))
    })
}

fn main() -> ExitCode {
    if let Some(code) = stand_in::act() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    // Most of the time somebody waits: for a disk, for `strace`, for a start to end.
    let threads = 2 * thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(threads);
    // Gone when the last trial is over.
    let _programs = lab::lay_programs();
    let mut trials = Vec::new();
    for layout in LAYOUTS {
        let name = format!("{}, killed at any call, leaves whole files, and the next start logs in", layout.name);
        trials.push(trial(name, layout.is_nobody, move || killed(layout)));
        // One error is enough where another layout has had them all.
        let errors = if [LAYOUTS[0].name, "a redirect"].contains(&layout.name) { &ERRORS[..] } else { &ERRORS[3..4] };
        for error in errors {
            let name = format!("{}, with {error} at any call, still starts codex or says why not", layout.name);
            trials.push(trial(name, layout.is_nobody, move || refused(layout, error)));
        }
    }
    let more: &[(&str, Test)] = &[
        (
            "starts that are killed one after the other leave whole files, and the one that lives logs in",
            killed_in_a_row,
        ),
        ("a codex that becomes a FIFO at any moment is not waited for", codex_becomes_a_fifo),
        ("newer bytes of the host's win, whenever it writes them", rewritten),
        ("a host that writes more often than the disk is caught up with", rewritten_faster_than_the_disk),
        ("a bridge that becomes a link at any moment is not written through", || relinked(0, false)),
        ("a parent that becomes a link at any moment is not written through", || relinked(1, false)),
        ("a parent's parent that becomes a link at any moment is not written through", || relinked(2, false)),
        ("a link that becomes a bridge at any moment is not written through", || relinked(0, true)),
        (
            "an auth.json that becomes a link to the personal one at any moment is not written through",
            linked_to_personal,
        ),
        ("a personal auth.json that codex is writing in place at any moment is waited for", || written_in_place(true)),
        ("a personal auth.json that is replaced at any moment is redirected to, and nothing is said", renewed),
        ("a personal auth.json that codex left half written at any moment stays as it is", || written_in_place(false)),
    ];
    trials.extend(more.iter().map(|(name, test)| trial((*name).to_owned(), false, test)));
    trials.push(mount_trial("on a full disk a repair is refused, and that is said", FULL, &LAYOUTS[0], full_disk));
    trials.push(mount_trial(
        "on a read-only disk a repair is refused, and that is said",
        READ_ONLY,
        &LAYOUTS[0],
        read_only_disk,
    ));
    let redirect = LAYOUTS.iter().find(|layout| layout.want == Want::Redirected).unwrap();
    let name = "a bridge on a read-only disk is redirected from";
    trials.push(mount_trial(name, READ_ONLY, redirect, read_only_disk_beside_person));
    libtest_mimic::run(&arguments, trials).exit_code()
}
