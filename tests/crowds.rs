//! A crowd: two hundred starts at once on one broken bridge, which its host rewrites every few milliseconds while somebody
//! reads it all the time.
//!
//! What each start is to come to is not known beforehand: what one completes the next one finds whole, until the host writes
//! again. What is known is that no reader ever sees half a file, and that codex has a home that logs in, unless the host took
//! it away during that very start. The figures are printed.

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

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, SystemTime};

use chrono::Utc;
use codex_home::home::auth::{Auth, Usable};
use lab::Lab;
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use support::tokens::{ACCOUNT, access_token};
use support::{World, auth, snapshot};

/// How many start at once.
const CROWD: usize = 200;
/// How often that happens.
const ROUNDS: usize = 3;
/// How long the host rests between two files.
const PAUSE: Duration = Duration::from_millis(3);
/// Where the stand-in of this crowd writes down what it found; whoever has this variable is one.
const FOUND: &str = "CROWD_FOUND";

// ---- The stand-in ----

/// Looks at its home first of all, as codex does, and once.
fn act() -> Option<ExitCode> {
    let found = env::var_os(FOUND)?;
    let home = PathBuf::from(env::var_os("CODEX_HOME").unwrap());
    let bytes = fs::read(home.join("auth.json")).unwrap_or_default();
    let line = json!({
        "pid": std::process::id(),
        "home": home,
        "usable": Auth::read(&bytes, Utc::now()).usable == Usable::Yes,
        "generation": generation(&bytes),
    });
    let mut file = OpenOptions::new().append(true).create(true).open(found).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
    Some(ExitCode::SUCCESS)
}

/// Which of the host's files this is, completed or not; `None` for what is no whole file.
fn generation(bytes: &[u8]) -> Option<usize> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let tokens = &value["tokens"];
    let is_whole = tokens["access_token"] == access_token(ACCOUNT, "bridge")
        && (tokens["id_token"].is_null() || value["last_refresh"].is_string());
    is_whole.then(|| tokens["refresh_token"].as_str()?.strip_prefix("rt.generation-")?.parse().ok())?
}

// ---- The host ----

/// What OpenClaw 2026.4.21 writes, anew for every turn: a new file, renamed into place. Returns when it was there.
fn write(world: &World, generation: usize) -> SystemTime {
    world.lay_bridge(&auth::issue_70511(&access_token(ACCOUNT, "bridge"), &format!("rt.generation-{generation:08}")));
    SystemTime::now()
}

// ---- The crowd ----

/// What a start can come to, beside a bridge that another one has just completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Repair,
    Redirect,
    Refuse,
}

/// One start.
struct Member {
    pid: u32,
    kind: Kind,
    began: SystemTime,
    took: Duration,
    output: Output,
}

fn prepared(lab: &Lab, number: usize) -> (Kind, Command) {
    let kind = [Kind::Repair, Kind::Redirect, Kind::Repair, Kind::Refuse][number % 4];
    let mut command = lab.serve(lab.world.bridge());
    command.env(FOUND, found(lab)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if kind != Kind::Redirect {
        command.env("CODEX_HOME_SHIM_PERSONAL_HOME", lab.root().join("nobody"));
    }
    if kind == Kind::Refuse {
        command.env("CODEX_HOME_SHIM_STRATEGY", "redirect");
    }
    (kind, command)
}

fn started(kind: Kind, mut command: Command) -> Member {
    let began = SystemTime::now();
    let child = command.spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    Member { pid, kind, began, took: began.elapsed().unwrap_or_default(), output }
}

fn found(lab: &Lab) -> PathBuf {
    lab.root().join("out/found.jsonl")
}

/// What was written down, by process.
fn lines(path: &Path) -> BTreeMap<u32, Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (u32::try_from(line["pid"].as_u64().unwrap()).unwrap(), line)).collect()
}

/// How many starts came to each verdict.
fn two_hundred() -> BTreeMap<String, usize> {
    let lab = Lab::new();
    let personal = lab.person(ACCOUNT);
    let (world, bridge, before) = (&lab.world, lab.world.bridge(), snapshot(&personal));
    let mut written = vec![write(world, 0)];
    let commands: Vec<_> = (0..CROWD).map(|number| prepared(&lab, number)).collect();
    let (is_over, barrier) = (&AtomicBool::new(false), &Barrier::new(CROWD));

    let began = SystemTime::now();
    let (members, written, reads) = thread::scope(|scope| {
        let host = scope.spawn(move || {
            while !is_over.load(SeqCst) {
                thread::sleep(PAUSE);
                written.push(write(world, written.len()));
            }
            written
        });
        let path = bridge.join("auth.json");
        let reader = scope.spawn(move || {
            let mut reads = 0_u32;
            while !is_over.load(SeqCst) {
                let bytes = fs::read(&path).unwrap();
                assert!(generation(&bytes).is_some(), "a reader saw: {}", String::from_utf8_lossy(&bytes));
                reads += 1;
            }
            reads
        });
        let crowd: Vec<_> = commands
            .into_iter()
            .map(|(kind, command)| {
                scope.spawn(move || {
                    barrier.wait();
                    started(kind, command)
                })
            })
            .collect();
        let members: Vec<_> = crowd.into_iter().map(|member| member.join().unwrap()).collect();
        is_over.store(true, SeqCst);
        (members, host.join().unwrap(), reader.join().unwrap())
    });
    let wall = began.elapsed().unwrap();

    let (journal, looks) = (lines(&lab.root().join("out/journal.jsonl")), lines(&found(&lab)));
    let mut verdicts = BTreeMap::<String, usize>::new();
    let mut overtaken = 0;
    for member in &members {
        let line = &journal[&member.pid];
        let verdict = line["verdict"].as_str().unwrap();
        *verdicts.entry(verdict.to_owned()).or_default() += 1;
        let said = String::from_utf8_lossy(&member.output.stderr);
        let code = member.output.status.code();
        let Some(look) = looks.get(&member.pid) else {
            assert_eq!((member.kind, verdict, code), (Kind::Refuse, "refuse", Some(78)), "{line}\n{said}");
            assert!(said.contains("no usable Codex home"), "{said}");
            continue;
        };
        assert_eq!((code, &*said), (Some(0), ""), "{line}");
        let is_redirected = verdict == "redirect";
        assert!(!is_redirected || member.kind == Kind::Redirect, "{line}");
        assert!(verdict == "trust" || is_redirected || member.kind == Kind::Repair, "{line}");
        assert_eq!(
            Path::new(look["home"].as_str().unwrap()),
            if is_redirected { &personal } else { &bridge },
            "{line}"
        );
        if look["usable"] == true {
            continue;
        }
        // The host took it away again, and it did so while this start was under way.
        let generation = usize::try_from(look["generation"].as_u64().expect("codex sees a whole file")).unwrap();
        assert!(!is_redirected && written[generation] >= member.began, "{line}\n{look}");
        overtaken += 1;
    }

    // The host has written for the last time: from here on every start ends in a home that logs in.
    for number in [0, 0, 1, 2] {
        let (kind, command) = prepared(&lab, number);
        let member = started(kind, command);
        let look = &lines(&found(&lab))[&member.pid];
        assert_eq!((member.output.status.code(), &look["usable"]), (Some(0), &Value::Bool(true)), "{look}");
    }
    let left: Vec<_> = snapshot(&bridge).into_keys().collect();
    assert_eq!(left, ["", "auth.json"].map(PathBuf::from), "no temporary file is left");
    lab::assert_same(&before, &snapshot(&personal));

    let mut took: Vec<_> = members.iter().map(|member| member.took).collect();
    took.sort();
    let _ = writeln!(
        std::io::stderr(),
        "{CROWD} starts at once: {wall:.1?} in all, {:.1?} in the median, {:.1?} at most; {verdicts:?}; the host wrote {} \
         files, in {overtaken} starts behind the launcher's back; a reader read {reads} whole files",
        took[CROWD / 2],
        took[CROWD - 1],
        written.len(),
    );
    verdicts
}

fn main() -> ExitCode {
    if let Some(code) = act().or_else(stand_in::act) {
        return code;
    }
    let arguments = Arguments::from_args();
    // Gone when the last trial is over.
    let _programs = lab::lay_programs();
    let name = "of two hundred starts at once on a bridge that its host rewrites, each ends in a home that logs in";
    let trial = Trial::test(name, || {
        let verdicts: BTreeSet<_> = (0..ROUNDS).flat_map(|_| two_hundred().into_keys()).collect();
        assert_eq!(verdicts, ["redirect", "refuse", "repair", "trust"].map(str::to_owned).into(), "all four verdicts");
        Ok(())
    });
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}
