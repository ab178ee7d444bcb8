//! `codex-home verify`: starts what the gateway would start, as it would start it, and reports which login codex says it holds.
//!
//! Writes nothing itself; what it starts may, and that is said beforehand. The child ends with this program, within a second.

mod forecast;
mod gateway;
mod redact;
mod report;
mod session;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use codex_home::invocation::Invocation;

use crate::child::command;
use crate::error::{CliError, CliResult};
use crate::gateways::Pick;
use crate::printer::Printer;
use crate::write::refuse_if_owned_by_other_user;
use forecast::Forecast;
use gateway::{GatewayStart, what_the_gateway_starts};
use report::Report;
use session::{Session, Stopped};

/// The exit code if it cannot be told whether codex is logged in.
pub const UNKNOWN: u8 = 3;
/// How long codex may take, in seconds, to say which login it holds. It usually needs less than one.
const LIMIT: u64 = 30;
/// How long codex and the model may take together, in seconds.
const LIMIT_WITH_TURN: u64 = 180;

/// The most that it may be told to take, in seconds.
pub const MOST: u64 = 3600;

#[derive(Clone, Debug)]
pub struct Options {
    /// The home to inject, in place of the one that OpenClaw would.
    pub home: Option<PathBuf>,
    pub pick: Pick,
    /// Ask the model a question.
    pub turn: bool,
    /// How long all of it may take, in seconds.
    pub limit: Option<u64>,
    pub json: bool,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// What codex says of itself, and after how long.
    pub hello: Option<(session::Hello, Duration)>,
    /// Which login codex says it holds.
    pub account: Option<session::Account>,
    /// What became of a turn, and how long it took.
    pub turn: Option<(session::Turn, Duration)>,
    /// What ended the exchange before its time.
    pub stopped: Option<Stopped>,
    /// The exit code of what was started, if it ended by itself after it refused.
    pub code: Option<i32>,
    /// How long all of it took.
    pub took: Duration,
}

/// Verifies the gateway's start.
pub fn run(invocation: &Invocation, options: Options, printer: &mut Printer) -> CliResult {
    let start = what_the_gateway_starts(invocation, options.home.clone(), &options.pick)?;
    refuse_for_other_user(&start)?;
    let forecast = start.is_launcher().then(|| Forecast::new(&start.invocation));
    let limit = options.limit.unwrap_or(if options.turn { LIMIT_WITH_TURN } else { LIMIT });
    let mut report = Report { start, forecast, seen: Seen::default(), limit };
    if !options.json {
        report.announce(printer)?;
    }
    let spinner = printer.spinner("waiting for codex");
    report.seen = converse(&report.start, Duration::from_secs(limit), options.turn);
    drop(spinner);
    if let Some(Stopped::Interrupted(signal)) = report.seen.stopped {
        return Err(CliError::Interrupted(signal));
    }
    if options.json {
        printer.json(&report.to_json())?;
    } else {
        report.print(printer)?;
    }
    Ok(report.exit_code())
}

/// Starts the program and asks it everything.
fn converse(start: &GatewayStart, limit: Duration, with_turn: bool) -> Seen {
    let since = Instant::now();
    let mut seen = Seen::default();
    let mut command = command(&start.program);
    command.args(&start.invocation.args).env_clear();
    // Of a repeated name every program reads the first; std would keep the last.
    command.envs(start.invocation.env().iter().rev().map(|(name, value)| (name, value)));
    let mut session = match Session::start(&mut command, since + limit) {
        Ok(session) => session,
        Err(stopped) => return Seen { stopped: Some(stopped), took: since.elapsed(), ..seen },
    };
    let asked = ask(&mut session, &mut seen, with_turn, start.host_logs_in, since);
    seen.took = since.elapsed();
    match asked {
        Ok(()) => drop(session.end()),
        // A launcher that refuses answers first, and ends when nothing more is asked.
        Err(stopped @ Stopped::Refused(_)) => {
            seen.code = session.end().filter(|_| seen.hello.is_none());
            seen.stopped = Some(stopped);
        }
        // Its end, when the session is dropped, is not waited for longer than needed.
        Err(stopped) => seen.stopped = Some(stopped),
    }
    seen
}

fn ask(
    session: &mut Session,
    seen: &mut Seen,
    with_turn: bool,
    host_logs_in: bool,
    since: Instant,
) -> Result<(), Stopped> {
    let hello = session.initialize()?;
    seen.hello = Some((hello, since.elapsed()));
    let account = session.account()?;
    seen.account = Some(account);
    // A login that the host would bring later is not there to be used.
    let is_awaited = host_logs_in && seen.account.as_ref().is_some_and(|account| account.kind.is_none());
    if with_turn && !is_awaited {
        let since = Instant::now();
        let turn = session.turn()?;
        seen.turn = Some((turn, since.elapsed()));
    }
    Ok(())
}

/// Refuses to start codex in a home of another user: `sudo` would leave files there that their owner cannot write.
fn refuse_for_other_user(start: &GatewayStart) -> Result<(), CliError> {
    let start_of = &start.invocation;
    let homes = [start_of.person_home(), start_of.codex_home(), start_of.default_home(), start.home()];
    let homes: Vec<_> = homes.iter().flatten().map(PathBuf::as_path).collect();
    refuse_if_owned_by_other_user(&homes, start_of.uid)
}
