//! Many starts at once on one broken bridge, which its host rewrites every few milliseconds while another program reads it.
//!
//! The decision of each start is not predictable, because a start keeps what an earlier one repaired until the host writes again.
//! But no reader ever sees half a file, and codex gets a home that can log in, unless the host rewrites it during that very start.

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
use codex_home::home::auth::{Auth, Login};
use serde_json::{Value, json};

use crate::support::tokens::{ACCOUNT, access_token};
use crate::support::{Case, Fixture, Need, assert_same, auth, case, forking, snapshot};

/// The pause of the host between two files.
const PAUSE: Duration = Duration::from_millis(3);
/// The file for the reports of the crowd's stand-in.
const FOUND: &str = "CROWD_FOUND";

pub fn cases() -> Vec<Case> {
    vec![
        case("forty starts at once on a bridge that its host rewrites each end in a home that logs in", || {
            crowd(40);
        }),
        case("two hundred starts at once, three times over, end in all four decisions", || {
            let decisions: BTreeSet<_> = (0..3).flat_map(|_| crowd(200)).collect();
            assert_eq!(decisions, ["keep", "redirect", "refuse", "repair"].map(str::to_owned).into());
        })
        .needs(Need::Deep),
    ]
}

/// Acts as codex if this process was started by a crowd. Looks at its home at once, and only once, as codex does.
pub fn act() -> Option<ExitCode> {
    let found = env::var_os(FOUND)?;
    let home = PathBuf::from(env::var_os("CODEX_HOME").unwrap());
    let bytes = fs::read(home.join("auth.json")).unwrap_or_default();
    let line = json!({
        "pid": std::process::id(),
        "home": home,
        "logs_in": matches!(Auth::parse(&bytes, Utc::now()).login, Login::Usable(_)),
        "generation": generation(&bytes),
    });
    let mut file = OpenOptions::new().append(true).create(true).open(found).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
    Some(ExitCode::SUCCESS)
}

/// The number of the host's file, repaired or not; `None` if it is not a whole file.
fn generation(bytes: &[u8]) -> Option<usize> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let tokens = &value["tokens"];
    let is_whole = tokens["access_token"] == access_token(ACCOUNT, "bridge")
        && (tokens["id_token"].is_null() || value["last_refresh"].is_string());
    is_whole.then(|| value["generation"].as_u64()?.try_into().ok())?
}

/// Writes as OpenClaw 2026.4.21 does for every turn: a new file, renamed into place. Returns the time at which it was there.
fn write(person: &Fixture, generation: usize) -> SystemTime {
    let bytes = auth::issue_70511(&access_token(ACCOUNT, "bridge"), "rt.generation-canary");
    let mut value: Value = serde_json::from_slice(&bytes).unwrap();
    value["generation"] = generation.into();
    person.write_auth(&person.bridge(), &auth::bytes(&value));
    SystemTime::now()
}

/// The possible decisions, besides keeping a bridge that another start has just repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    Repair,
    Redirect,
    Refuse,
}

struct Member {
    pid: u32,
    may: May,
    began: SystemTime,
    output: Output,
}

fn prepared(person: &Fixture, number: usize) -> (May, Command) {
    let may = [May::Repair, May::Redirect, May::Repair, May::Refuse][number % 4];
    let mut start = person.serve().env(FOUND, found(person));
    if may != May::Redirect {
        start = start.setting("personal_home", person.root().join("nowhere"));
    }
    if may == May::Refuse {
        start = start.setting("strategy", "redirect");
    }
    start.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (may, start.command)
}

fn started((may, mut command): (May, Command)) -> Member {
    let began = SystemTime::now();
    let child = {
        let _alone = forking();
        command.spawn().unwrap()
    };
    let pid = child.id();
    Member { pid, may, began, output: child.wait_with_output().unwrap() }
}

fn found(person: &Fixture) -> PathBuf {
    person.root().join("out/found.jsonl")
}

/// The reports, by process.
fn lines(path: &Path) -> BTreeMap<u32, Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (u32::try_from(line["pid"].as_u64().unwrap()).unwrap(), line)).collect()
}

/// Returns the decisions of the starts.
fn crowd(size: usize) -> BTreeSet<String> {
    let person = &Fixture::new();
    person.log_in(ACCOUNT);
    let before = snapshot(&person.personal());
    let mut written = vec![write(person, 0)];
    let commands: Vec<_> = (0..size).map(|number| prepared(person, number)).collect();
    let (is_over, barrier) = (&AtomicBool::new(false), &Barrier::new(size));

    let (members, written) = thread::scope(|scope| {
        let host = scope.spawn(move || {
            while !is_over.load(SeqCst) {
                thread::sleep(PAUSE);
                written.push(write(person, written.len()));
            }
            written
        });
        scope.spawn(move || {
            while !is_over.load(SeqCst) {
                let bytes = fs::read(person.bridge().join("auth.json")).unwrap();
                assert!(generation(&bytes).is_some(), "a reader saw: {}", String::from_utf8_lossy(&bytes));
            }
        });
        let starts = commands.into_iter().map(|command| {
            scope.spawn(move || {
                barrier.wait();
                started(command)
            })
        });
        let starts: Vec<_> = starts.collect();
        let members: Vec<_> = starts.into_iter().map(|member| member.join().unwrap()).collect();
        is_over.store(true, SeqCst);
        (members, host.join().unwrap())
    });

    let (journal, looks) = (lines(&person.journal()), lines(&found(person)));
    let mut decisions = BTreeSet::new();
    for member in &members {
        let line = &journal[&member.pid];
        let decision = line["decision"].as_str().unwrap();
        decisions.insert(decision.to_owned());
        let said = String::from_utf8_lossy(&member.output.stderr);
        let code = member.output.status.code();
        let Some(look) = looks.get(&member.pid) else {
            assert_eq!((decision, code), ("refuse", Some(78)), "{line}\n{said}");
            // Three times the host was faster.
            assert!(member.may == May::Refuse || said.contains("repair-failed"), "{said}");
            continue;
        };
        assert_eq!((code, &*said), (Some(0), ""), "{line}");
        let is_redirected = decision == "redirect";
        assert!(!is_redirected || member.may == May::Redirect, "{line}");
        assert!(decision == "keep" || is_redirected || member.may == May::Repair, "{line}");
        let home = if is_redirected { person.personal() } else { person.bridge() };
        assert_eq!(Path::new(look["home"].as_str().unwrap()), home, "{line}");
        if look["logs_in"] == true {
            continue;
        }
        // The host took the login away again, while this start was under way.
        let generation = usize::try_from(look["generation"].as_u64().expect("codex sees a whole file")).unwrap();
        assert!(!is_redirected && written[generation] >= member.began, "{line}\n{look}");
    }

    // The host has written for the last time: from here on every start ends in a home that logs in.
    for number in [0, 0, 1, 2] {
        let member = started(prepared(person, number));
        let look = &lines(&found(person))[&member.pid];
        assert_eq!((member.output.status.code(), &look["logs_in"]), (Some(0), &Value::Bool(true)), "{look}");
    }
    let left: Vec<_> = snapshot(&person.bridge()).into_keys().collect();
    assert_eq!(left, ["", "auth.json"].map(PathBuf::from), "no temporary file is left");
    assert_same(&before, &snapshot(&person.personal()));
    decisions
}
