//! The map of codex-home-shim: a launcher that gives codex a home that can log in.
//!
//! One start is one walk, front to back:
//!
//! ```text
//! invocation ─▶ settings, start ─▶ survey ─▶ verdict ─▶ plan ─▶ repair ─▶ launch
//! what we       what we were told,  what is   what is    what to  the only  the only
//! were asked    which start it is   there     right      do       writes    exec
//! (the process) (pure)              (disk)    (pure)     (pure)
//! ```
//!
//! | the line…                                        | lives in                                     |
//! |--------------------------------------------------|----------------------------------------------|
//! | asks the process: argv, environment, user, cwd   | [`invocation`]                               |
//! | knows codex's command line                       | [`start`]                                    |
//! | knows our own file and variables                 | [`settings`]                                 |
//! | reads a home, asks the clock                     | [`survey`]                                   |
//! | knows a file inside a home, or the path of one   | [`home`]                                     |
//! | says what an `auth.json` is good for             | [`home::auth`], [`home::claims`]             |
//! | says where a home keeps its login                | [`home::config`]                             |
//! | handles a token as text                          | [`home::completion`], and nowhere else       |
//! | compares two facts and prefers one               | [`verdict`]                                  |
//! | turns that into a step and into words            | [`plan`]                                     |
//! | writes                                           | [`repair`]; the journal: [`journal`]         |
//! | looks for codex, and behind npm's script         | [`codex`]                                    |
//! | executes                                         | [`launch`], and nowhere else                 |
//! | names a reason                                   | [`reason`]                                   |
//! | stops us                                         | [`failure`]                                  |
//! | answers a host that no codex will answer         | [`refusal`], the only one to write to stdout |
//! | shows a path or a value somebody else chose      | [`words`]                                    |
//! | writes to stderr, notes a start down             | [`journal`], and nowhere else                |
//! | tells what a start would do, or what a home is   | [`rehearsal`], [`inspection`]                |
//!
//! The last two are for the second program, `codex-home` (`src/bin/codex-home/`), which explains, diagnoses and installs; it
//! asks these rooms and decides nothing by itself.
//!
//! What is deliberately absent: a network, a child, a thread, a memory of earlier starts, anything on stdout while
//! there is a codex to come, and any way by which an access or refresh token could get from one home into another.

pub mod codex;
pub mod failure;
pub mod home;
pub mod inspection;
pub mod invocation;
pub mod journal;
pub mod launch;
pub mod plan;
pub mod reason;
pub mod refusal;
pub mod rehearsal;
pub mod repair;
pub mod settings;
pub mod start;
pub mod survey;
pub mod verdict;
pub mod words;

use std::convert::Infallible;
use std::path::PathBuf;

use tracing::Level;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::journal::Record;
use crate::launch::Launch;
use crate::plan::{Plan, Step};
use crate::repair::Flush;
use crate::settings::{Journal, Settings, Strategy};
use crate::start::Start;

/// How often a bridge is judged anew because somebody rewrote it while it was being repaired.
const ATTEMPTS: u32 = 64;
/// From which of these on the disk is no longer waited for in between.
const HURRIED: u32 = 4;

/// One start. Only failures come back.
///
/// # Errors
/// Whatever keeps codex from being started.
pub fn run(invocation: &Invocation) -> Result<Infallible, Failure> {
    if invocation.is_privileged {
        // Nothing that this start names is read or written, the journal neither.
        journal::open(invocation, &Settings { journal: Journal::Off, ..Settings::default() });
        return Err(Failure::Privileged);
    }
    let (settings, problems) = Settings::gather(invocation);
    journal::open(invocation, &settings);
    if let (true, Some(file)) = (settings.file_is_missed, &settings.file) {
        let shown = words::short_path(file, settings.person_home.as_deref());
        journal::say(Level::WARN, &format!("`{}` names `{shown}`, and there is no such file", settings::FILE_VARIABLE));
    }
    let start = Start::read(&invocation.args);
    let mut record = Record { subcommand: start.name(), home: invocation.codex_home(), ..Record::default() };
    // Only a start that is judged is worth a line.
    let is_judged = matches!(start, Start::Judged { .. }) && settings.strategy != Strategy::Off;
    let note = |record: &Record, failure: Option<&Failure>| {
        if is_judged {
            record.write(invocation, failure);
        }
    };
    if let Some(failure) = problems.into_iter().next() {
        note(&record, Some(&failure));
        return Err(failure);
    }
    let launch = prepare(invocation, &settings, &start, &mut record);
    note(&record, launch.as_ref().err());
    launch::become_codex(&launch?, invocation, &settings).inspect_err(|failure| note(&record, Some(failure)))
}

/// Settles which codex is started, and in which home.
fn prepare(
    invocation: &Invocation,
    settings: &Settings,
    start: &Start,
    record: &mut Record,
) -> Result<Launch, Failure> {
    let codex = codex::find(invocation, settings)?;
    for one in &codex.passed_over {
        journal::say(Level::WARN, &format!("passed over {one}"));
    }
    record.passed_over.clone_from(&codex.passed_over);
    launch::check(&codex, invocation, settings)?;
    record.codex = Some(codex.path.clone());
    let home = if settings.strategy == Strategy::Off { None } else { settle(invocation, settings, start, record)? };
    record.effective_home = home.clone().or_else(|| record.home.clone()).or_else(|| invocation.default_home());
    Ok(Launch { codex, home })
}

/// Settles which home codex gets: `None` is the one it was given, mended where that was right.
fn settle(
    invocation: &Invocation,
    settings: &Settings,
    start: &Start,
    record: &mut Record,
) -> Result<Option<PathBuf>, Failure> {
    let mut facts = survey::look(invocation, settings, start);
    record.kind = Some(facts.kind);
    let mut attempts = 0;
    let mut says = Vec::new();
    loop {
        let verdict = verdict::judge(&facts);
        record.verdict = Some(verdict.name());
        record.reason = Some(verdict.reason());
        let plan = Plan::of(&verdict, &facts, settings);
        let home = match plan.step {
            Step::Start => None,
            Step::StartIn(home) => Some(home),
            Step::Stop(failure) => return Err(failure),
            Step::Mend { path, judged, completion } => {
                let flush = if attempts < HURRIED { Flush::First } else { Flush::Last };
                match repair::replace_auth(&path, &judged, &completion.bytes, invocation.pid, flush) {
                    Ok(()) => None,
                    Err(unmended) if unmended.is_worth_another_look() && attempts < ATTEMPTS => {
                        attempts += 1;
                        facts = survey::look(invocation, settings, start);
                        continue;
                    }
                    Err(unmended) => {
                        let shown = words::short_path(&path, settings.person_home.as_deref());
                        says.push((Level::WARN, format!("`{shown}/auth.json` is not completed: {unmended}")));
                        facts.not_completed(&unmended);
                        continue;
                    }
                }
            }
        };
        // A refusal says all of it by itself.
        says.extend(plan.says);
        for (level, text) in &says {
            journal::say(*level, text);
        }
        return Ok(home);
    }
}

/// Says why nothing was started, and in the way that the host of this start listens to.
pub fn refuse(failure: &Failure, invocation: &Invocation) {
    if start::serves_stdio(&invocation.args) {
        journal::say(Level::ERROR, &failure.message());
        refusal::answer(failure);
    } else {
        journal::say(Level::ERROR, &failure.to_string());
        refusal::drain();
    }
}
