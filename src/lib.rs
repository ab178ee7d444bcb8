//! codex-home-shim: a launcher that gives codex a home that can log in. This is its map.
//!
//! One start is one walk: observe, decide, act.
//!
//! ```text
//! capture ─▶ observe ─────────────▶ decide ─▶ act
//! argv, env  settings, request,     pure      repair | redirect | keep | refuse, journal, exec
//! user       codex, homes, layers
//! ```
//!
//! | module | job | may touch |
//! |---|---|---|
//! | [`invocation`] | argv, environment, user, clock, base directories: captured once | the process |
//! | [`platform`] | the differences between Linux and macOS, as values | |
//! | [`request`] | codex's command line → which kind of start it is | |
//! | [`settings`] | our file and variables → one serde definition | [`fs`] |
//! | [`fs`] | bounded, non-blocking reads; what may be concluded from an error | the disk, reading |
//! | [`mod@observe`] | everything a decision rests on, read once | [`fs`] |
//! | [`home`] | what the files of a home say; the table of the homes that hosts make | |
//! | [`codex`] | which codex; the table of installers' places | [`fs`] |
//! | [`mod@decide`] | the policy, and nothing else | |
//! | [`advice`] | what to do about a refusal, tried on a copy of what was observed | |
//! | [`describe`] | a decision in words and JSON | |
//! | [`repair`] | one `auth.json`, replaced by a rename or not at all | the disk, writing |
//! | [`journal`] | stderr by `tracing`; one line of JSON for each judged start | stderr, its file |
//! | [`refusal`] | answers a JSON-RPC host that no codex will answer | stdout |
//! | [`launch`] | exec, and the guard against recursion | exec |
//! | [`reason`], [`failure`], [`display`] | ids, what stops a start, the format of paths | |
//!
//! `codex-home` (`src/bin/codex-home/`) explains, diagnoses and installs. It calls the same [`observe::observe`] and
//! [`decide::decide`] and prints what they say.
//!
//! Deliberately absent: a network, a child process, a second thread, a memory of earlier starts, any output on stdout if codex is
//! going to run, and any way for a token to get from one home into another.

pub mod advice;
pub mod codex;
pub mod decide;
pub mod describe;
pub mod display;
pub mod failure;
pub mod fs;
pub mod home;
pub mod invocation;
pub mod journal;
mod json;
pub mod launch;
pub mod observe;
pub mod platform;
pub mod reason;
pub mod refusal;
pub mod repair;
pub mod request;
pub mod settings;

use std::convert::Infallible;

use tracing::Level;

use crate::decide::{Decision, RepairState, decide};
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::journal::Record;
use crate::observe::{Observed, observe};
use crate::repair::RepairError;

/// The most attempts at a bridge that its host keeps rewriting.
const ATTEMPTS: u32 = 3;

/// Makes one start. Returns only if that fails.
///
/// # Errors
/// Why codex was not started.
pub fn run(invocation: &Invocation) -> Result<Infallible, Failure> {
    if invocation.is_privileged {
        // Nothing that this start names is read or written, the journal included.
        return Err(Failure::Privileged);
    }
    let (observed, decision) = settle(invocation);
    let messages = describe::messages(&observed, &decision);
    journal::say(invocation, &messages);
    let mut record = Record::new(invocation, &observed, &decision, &messages);
    let append = |record: &Option<Record<'_>>| {
        if let Some(record) = record {
            journal::append(invocation, &observed.settings, record);
        }
    };
    append(&record);
    let home = match &decision {
        Decision::Keep { .. } | Decision::Repair(_) => None,
        Decision::Redirect(redirect) => Some(redirect.to.as_path()),
        Decision::Refuse(failure) => return Err(failure.clone()),
    };
    let codex = observed.codex.as_ref().map_err(Clone::clone)?;
    launch::exec(codex, home, invocation).inspect_err(|failure| {
        if let Some(record) = &mut record {
            record.fail(failure, &observed.settings);
        }
        append(&record);
    })
}

/// Observes, decides, and carries out a repair. If the host rewrites the file meanwhile, all of it is done again.
fn settle(invocation: &Invocation) -> (Observed, Decision) {
    let mut attempt = 1;
    loop {
        let observed = observe(invocation);
        let decision = decide(&observed, RepairState::Untried);
        let Decision::Repair(repair) = &decision else { return (observed, decision) };
        match repair::apply(repair, invocation.uid) {
            Ok(()) => return (observed, decision),
            Err(RepairError::Changed) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => {
                let decision = decide(&observed, RepairState::Failed(&error));
                return (observed, decision);
            }
        }
    }
}

/// Reports why codex was not started, in the form that this start's host understands.
pub fn refuse(failure: &Failure, invocation: &Invocation) {
    let person_home = invocation.person_home();
    if request::serves_stdio(&invocation.args) {
        let line = describe::chat_answer(failure, person_home.as_deref(), &invocation.user());
        journal::say(invocation, &[(Level::ERROR, line.clone())]);
        refusal::answer(failure, person_home.as_deref(), line);
    } else {
        journal::say(invocation, &[(Level::ERROR, describe::terminal(failure, person_home.as_deref()))]);
        refusal::drain();
    }
}
