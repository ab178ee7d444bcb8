//! The output of `verify`: before the start, and about it. Prints no token, and no e-mail address in full.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use codex_home::decide::Decision;
use codex_home::display::{cause, plain_text, shell_word};
use codex_home::request::without_values;
use codex_home::settings::Settings;
use serde_json::{Value, json};

use super::forecast::Forecast;
use super::gateway::GatewayStart;
use super::redact::{masked, shown};
use super::session::{Account, Stopped, Turn};
use super::{MOST, Seen, UNKNOWN};
use crate::error::CliError;
use crate::openclaw::version::Version;
use crate::printer::Printer;

/// What codex writes into its home at any start (0.123.0, 0.169.0).
const OF_CODEX: &str = "what it writes at any start: databases (`*.sqlite`), `installation_id`, `skills/.system`, `tmp`, a login that it renews, and more";

pub struct Report {
    pub start: GatewayStart,
    /// The forecast, if the launcher is started.
    pub forecast: Option<Forecast>,
    /// The result.
    pub seen: Seen,
    /// The limit, in seconds.
    pub limit: u64,
}

/// Whether codex is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Yes,
    No,
    /// It is not known.
    Unknown,
}

impl Report {
    /// Prints what is about to be started, and what codex may write.
    pub fn announce(&self, printer: &mut Printer) -> Result<(), CliError> {
        let start = &self.start;
        let args = self.args();
        let program = printer.path(&start.program);
        printer.item("starts", &[program].into_iter().chain(args).collect::<Vec<_>>().join(" "))?;
        let home = match start.invocation.codex_home() {
            Some(home) => format!("`{}`", printer.path(&home)),
            None => "no home of OpenClaw's".to_owned(),
        };
        printer.item("in", &home)?;
        if let Some(from) = &start.environment_of {
            printer.item("with", &format!("the environment of {from}"))?;
        }
        for assumed in &start.assumed {
            printer.item("assumes", assumed)?;
        }
        printer.item("may ask", "codex, OpenAI's servers about the login")?;
        let writes = self.may_write(|path| printer.path(path));
        writes.iter().try_for_each(|text| printer.item("may write", text))
    }

    /// Returns the arguments without their values.
    fn args(&self) -> Vec<String> {
        let args = self.start.invocation.args.iter().map(|arg| arg.to_string_lossy().into_owned());
        without_values(&args.collect::<Vec<_>>())
    }

    /// Returns the paths that the start may write. `verify` itself writes nothing.
    fn may_write(&self, shown: impl Fn(&Path) -> String) -> Vec<String> {
        let mut writes = Vec::new();
        if let Some(journal) = self.forecast.as_ref().and_then(|forecast| forecast.journal.as_deref()) {
            writes.push(format!("the launcher, a line in `{}`", shown(journal)));
        }
        let home = match &self.forecast {
            Some(forecast) => forecast.start.home().map(Path::to_owned),
            None => self.start.home(),
        };
        let Some(home) = home else {
            let is_chosen = self.start.script().is_some();
            writes.extend(is_chosen.then(|| format!("codex, in the home that the script chooses: {OF_CODEX}")));
            return writes;
        };
        if self.forecast.as_ref().is_some_and(|forecast| matches!(forecast.start.decision, Decision::Repair(_))) {
            writes.push(format!("the launcher, `{}`, which it repairs", shown(&home.join("auth.json"))));
        }
        writes.push(format!("codex, in `{}`: {OF_CODEX}", shown(&home)));
        writes
    }

    /// Returns whether codex is logged in, and whether a turn was answered if one was asked for.
    fn status(&self) -> Status {
        match (&self.seen.account, &self.seen.stopped) {
            (Some(account), None) if account.kind.is_some() => match &self.seen.turn {
                Some((turn, _)) if turn.status != "completed" => Status::No,
                _ => Status::Yes,
            },
            (Some(account), None) if self.start.host_logs_in || !account.is_needed => Status::Unknown,
            (None, Some(Stopped::Refused(_))) if self.seen.hello.is_some() => Status::Unknown,
            _ => Status::No,
        }
    }

    /// Returns the exit code: 0 only if codex says that it is logged in.
    pub fn exit_code(&self) -> u8 {
        let is_launchers = |code: i32| u8::try_from(code).ok().filter(|code| matches!(code, 78 | 126 | 127));
        match (&self.seen.stopped, self.status()) {
            (Some(Stopped::NotStarted(error)), _) if error.kind() == ErrorKind::NotFound => 127,
            (Some(Stopped::NotStarted(_)), _) => 126,
            (Some(Stopped::Ended(status, _)), _) => status.code().and_then(is_launchers).unwrap_or(1),
            (Some(Stopped::Refused(_)), Status::No) => self.seen.code.and_then(is_launchers).unwrap_or(1),
            (_, Status::Yes) => 0,
            (_, Status::No) => 1,
            (_, Status::Unknown) => UNKNOWN,
        }
    }

    /// Returns why the exchange ended early, in words.
    fn error(&self) -> Option<String> {
        let with = |words: &str| if words.is_empty() { String::new() } else { format!(": {}", shown(words)) };
        Some(match self.seen.stopped.as_ref()? {
            Stopped::NotStarted(error) => {
                format!("`{}` cannot be started: {}", plain_text(&self.start.program), cause(error))
            }
            Stopped::Refused(message) => shown(message),
            Stopped::Ended(status, words) => {
                let how = match status.code() {
                    Some(code) => format!("ended with exit code {code}"),
                    None => "was killed".to_owned(),
                };
                format!("it {how} before it had answered{}", with(words))
            }
            Stopped::Late(words) => format!("it had not answered after {} s{}", self.limit, with(words)),
            Stopped::Interrupted(signal) => format!("stopped by {signal}"),
        })
    }

    /// Returns the help if codex is not known to be logged in.
    fn help(&self, explain: impl Fn(&Path) -> String) -> Option<String> {
        let version = self.start.version.as_deref().and_then(Version::parse);
        let needs_launcher = version.as_ref().is_some_and(Version::needs_launcher);
        match (self.status(), &self.seen.stopped) {
            (Status::Yes, _) => None,
            (_, Some(Stopped::Late(_))) if self.limit < MOST => {
                Some(format!("run it again with `--limit {}`", (self.limit * 4).min(MOST)))
            }
            (Status::Unknown, None) if self.start.host_logs_in => Some(format!(
                "{}: OpenClaw logs codex in after the start, which `verify` does not do",
                self.start.message
            )),
            (Status::No, None) if self.seen.turn.is_some() => Some("run `codex-home doctor`".to_owned()),
            _ if self.forecast.is_none() && needs_launcher => {
                let is_lost = self.start.script().is_some_and(|script| {
                    let (settings, _) = Settings::read(&self.start.invocation);
                    !script.lost(&settings).is_empty()
                });
                let which = if is_lost { ", which names what of the script would be lost" } else { "" };
                Some(format!("run `codex-home install`{which}"))
            }
            _ => {
                let foretold = self.forecast.as_ref().filter(|forecast| forecast.differences(&self.seen).is_empty());
                let help = foretold.and_then(|forecast| forecast.help.clone());
                let home = self.start.invocation.codex_home();
                let explain = home.map(|home| format!("run `codex-home explain --home {}`", explain(&home)));
                help.or(explain).or_else(|| Some("run `codex-home doctor`".to_owned()))
            }
        }
    }

    /// Prints the result.
    pub fn print(&self, printer: &mut Printer) -> Result<(), CliError> {
        let seen = &self.seen;
        if let Some((hello, took)) = &seen.hello {
            let version = hello.version.as_deref().map(plain_text).unwrap_or_else(|| "of unknown version".to_owned());
            printer.marked('✓', &format!("codex {version} answered after {}", seconds(*took)))?;
            if let Some(home) = &hello.home {
                printer.marked('✓', &format!("its home is `{}`", printer.path(home)))?;
            }
        }
        if let Some(account) = &seen.account {
            self.print_account(account, printer)?;
        }
        if let Some((turn, took)) = &seen.turn {
            let (mark, text) = match turn.status.as_str() {
                "completed" => ('✓', format!("the model answered after {}: {}", seconds(*took), shown(&turn.answer))),
                _ => ('✗', format!("the model did not answer: {}", shown(&turn.error))),
            };
            printer.marked(mark, &text)?;
        }
        let help = self.help(|path| shell_word(path, None));
        if let Some(error) = self.error() {
            // The answer of the launcher ends with the same help.
            let end = help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            printer.marked('✗', error.strip_suffix(&end).unwrap_or(&error))?;
        }
        if let Some(help) = help {
            printer.help(2, &help)?;
        }
        let Some(forecast) = &self.forecast else {
            let note = "the gateway does not start the launcher, so `codex-home explain` foretells nothing";
            return printer.item("note", note);
        };
        let differences = forecast.differences(seen);
        if differences.is_empty() {
            let (decision, because) = (forecast.start.decision.name(), forecast.start.because());
            let text = format!("as `codex-home explain` foretells: {decision}: {because}");
            return printer.marked('✓', &text);
        }
        let text = format!("not as `codex-home explain` foretells: {}", differences.join("; "));
        printer.marked('?', &text)
    }

    fn print_account(&self, account: &Account, printer: &mut Printer) -> Result<(), CliError> {
        let Some(kind) = &account.kind else {
            let text = match self.status() {
                Status::Unknown if !account.is_needed => {
                    "it holds no login, and its model provider needs none of OpenAI's"
                }
                Status::Unknown => "it holds no login yet",
                _ => "it is not logged in",
            };
            let mark = if self.status() == Status::Unknown { '?' } else { '✗' };
            return printer.marked(mark, text);
        };
        let plan = account.plan.as_deref().map(|plan| format!(", plan {}", shown(plan)));
        let email = account.email.as_deref().map(|email| format!(", {}", masked(email)));
        let text =
            format!("it is logged in: {}{}{}", login_name(kind), plan.unwrap_or_default(), email.unwrap_or_default());
        printer.marked('✓', &text)?;
        match &account.remark {
            Some(remark) => printer.marked('?', &format!("it could not ask about the account: {}", shown(remark))),
            None => Ok(()),
        }
    }

    /// Returns everything as JSON.
    pub fn to_json(&self) -> Value {
        let (start, seen) = (&self.start, &self.seen);
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let milliseconds = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let account = seen.account.as_ref();
        let kind = account.and_then(|account| account.kind.as_deref());
        let hello = seen.hello.as_ref();
        let turn = |(turn, took): &(Turn, Duration)| {
            json!({
                "status": shown(&turn.status),
                "answer": shown(&turn.answer),
                "error": (!turn.error.is_empty()).then(|| shown(&turn.error)),
                "milliseconds": milliseconds(*took),
            })
        };
        json!({
            "openclaw": start.version,
            "environment_of": start.environment_of,
            "assumed": start.assumed,
            "started": {
                "program": path(&start.program),
                "args": self.args(),
                "codex_home": start.invocation.codex_home().as_deref().map(path),
                "is_launcher": start.is_launcher(),
            },
            "may_write": self.may_write(path),
            "codex_version": hello.and_then(|(hello, _)| hello.version.as_deref()),
            "codex_home": hello.and_then(|(hello, _)| hello.home.as_deref()).map(path),
            "logged_in": match self.status() {
                _ if kind.is_some() => Some(true),
                Status::Unknown => None,
                _ => Some(false),
            },
            "login": kind.map(login_name),
            "plan": account.and_then(|account| account.plan.as_deref()).map(shown),
            "email": account.and_then(|account| account.email.as_deref()).map(masked),
            "remark": account.and_then(|account| account.remark.as_deref()).map(shown),
            "turn": seen.turn.as_ref().map(turn),
            "milliseconds": {
                "answered": hello.map(|(_, took)| milliseconds(*took)),
                "in_all": milliseconds(seen.took),
            },
            "foretold": self.forecast.as_ref().map(|forecast| json!({
                "decision": forecast.start.decision.name(),
                "because": forecast.start.because(),
                "codex_home": forecast.start.home().map(path),
                "codex_version": forecast.version(),
                "logged_in": forecast.logged_in,
            })),
            "as_foretold": self.forecast.as_ref().map(|forecast| forecast.differences(seen).is_empty()),
            "differences": self.forecast.as_ref().map(|forecast| forecast.differences(seen)),
            "error": self.error(),
            "help": self.help(|path| shell_word(path, None)),
            "exit_code": self.exit_code(),
        })
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Returns codex's word for a login in ours: `account/read` and `getAuthStatus` differ in it.
fn login_name(kind: &str) -> String {
    match kind {
        "apiKey" | "apikey" => "api-key".to_owned(),
        kind => shown(kind),
    }
}
