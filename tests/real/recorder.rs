//! Records what a release of codex does with the files of `tests/vectors/auth-homes.json`, and writes the result into that file:
//!
//!     CODEX_HOME_SHIM_RECORD=0.169.0 cargo test --locked --test real recorded
//!
//! As a user without privileges, because root reads every file and writes into every directory.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use std::{env, fs, thread};

use chrono::Utc;
use nix::unistd::geteuid;
use serde::Serialize as _;
use serde_json::json;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::judge::{Codex, Probe, unprivileged};
use crate::support::fixture::UNPRIVILEGED;
use crate::support::{Case, Need, case, npm, run_within};
use crate::vectors::{Observed, Vector, Vectors};

/// The variable that names the version to be recorded. Without it there is nothing to do.
const RECORD: &str = "CODEX_HOME_SHIM_RECORD";
/// The longest time for `login status`, which waits for ever for a writer of a FIFO.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn cases() -> Vec<Case> {
    static VERSION: OnceLock<Option<String>> = OnceLock::new();
    let version = VERSION.get_or_init(|| env::var(RECORD).ok()).as_deref();
    let record = |version| {
        case(format!("codex {version}: what it does with every vector is recorded"), move || record(version))
            .needs(Need::Npm)
    };
    version.map(record).into_iter().collect()
}

fn record(version: &'static str) {
    let codex = Codex { version, binary: npm::codex(version).unwrap() };
    let (codex, _place) = codex.for_everyone();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/auth-homes.json");
    let mut recorded: Vectors = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let (next, seen) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(vector) = recorded.vectors.get(number) else { break };
                    let observed = observe(vector, &codex);
                    seen.lock().unwrap().push((number, observed));
                }
            });
        }
    });
    for (number, observed) in seen.into_inner().unwrap() {
        recorded.vectors[number].observed.insert(version.to_owned(), observed);
    }
    let mut text = Vec::new();
    recorded.serialize(&mut Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" "))).unwrap();
    text.push(b'\n');
    fs::write(file, text).unwrap();
}

fn observe(vector: &Vector, codex: &Codex) -> Observed {
    let probe = Probe::new();
    vector.lay(&probe.home(), Utc::now());
    if geteuid().is_root() {
        probe.person.give_to(probe.person.root(), UNPRIVILEGED);
    }
    let mut command = probe.command(codex, unprivileged);
    let status = run_within(command.args(["login", "status"]), PATIENCE);
    let (login_status_exit, login_status) = match status {
        Ok(status) => (json!(status.code), said(&format!("{}{}", status.stdout, status.stderr))),
        Err(_) => (json!("timeout"), String::new()),
    };
    let mut server = probe.serve(codex, unprivileged);
    let starts = server.initialize().is_ok();
    if starts && let Ok(thread) = server.start_thread() {
        // The end of the turn does not matter, only the request.
        let _ = server.say(&thread, "ping");
    }
    let bearers = probe.backend.bearers();
    // If the request is rejected, codex renews its login and then sends another token.
    let outcome = match bearers.first() {
        Some(Some(_)) => "bearer-sent",
        Some(None) => "request-without-bearer",
        None if starts => "turn-failed-before-request",
        None => "startup-failed",
    };
    Observed { login_status_exit, login_status, outcome: outcome.to_owned() }
}

/// Returns what codex said, without warnings and without the number of the thread that panicked.
fn said(text: &str) -> String {
    let number = text.split_once("' (").and_then(|(_, rest)| rest.split_once(") panicked")).map(|(number, _)| number);
    let text = number.map_or_else(|| text.to_owned(), |number| text.replacen(&format!(" ({number})"), "", 1));
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("WARNING: ")).collect();
    lines.join("\n").trim().to_owned()
}
