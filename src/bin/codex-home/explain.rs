//! `codex-home explain`: what the launcher would do now, and why.
//!
//! Everything comes from one [`Rehearsal`], the walk that a start goes too.

use std::ffi::OsString;
use std::path::PathBuf;

use codex_home::home::auth::Usable;
use codex_home::home::completion::IdTokenFrom;
use codex_home::inspection::Inspection;
use codex_home::invocation::Invocation;
use codex_home::rehearsal::{Outcome, Rehearsal};
use codex_home::settings::Strategy;
use codex_home::start::Start;
use codex_home::verdict::Verdict;
use serde_json::{Value, json};

use crate::hosts;
use crate::inspect::mark;
use crate::screen::{ASIDE, BAD, Ended, GOOD, HEAD, Screen, painted};

/// What OpenClaw starts codex with, from 2026.4.20 on.
const DEFAULT: [&str; 3] = ["app-server", "--listen", "stdio://"];

/// Explains the start of codex with `args` in the home of the environment, or in `home`.
pub fn run(
    invocation: Invocation,
    home: Option<PathBuf>,
    args: Option<Vec<OsString>>,
    json: bool,
    screen: &mut Screen,
) -> Ended {
    let invocation = asked(invocation, home, args);
    let rehearsal = Rehearsal::of(&invocation);
    let settings = &rehearsal.settings;
    let explanation = Explanation {
        injected: invocation.codex_home().map(|home| Inspection::of(&home, settings)),
        personal: Inspection::of_personal(settings),
        outcome: rehearsal.outcome(),
        rehearsal,
    };
    if json {
        screen.json(&explanation.to_json(&invocation))?;
    } else {
        explanation.tell(&invocation, screen)?;
    }
    Ok(explanation.outcome.map_or_else(|failure| failure.exit_code(), |_| 0))
}

/// The start that is asked about.
fn asked(mut invocation: Invocation, home: Option<PathBuf>, args: Option<Vec<OsString>>) -> Invocation {
    // `--` alone means codex without arguments.
    let is_bare = invocation.args.iter().any(|arg| arg == "--");
    invocation.args = match args {
        Some(args) => args,
        None if is_bare => Vec::new(),
        None => DEFAULT.map(OsString::from).into(),
    };
    if let Some(home) = home {
        let home = invocation.absolute(home);
        invocation.env.insert("CODEX_HOME".into(), home.into());
    }
    invocation
}

/// Everything that is said about one start.
struct Explanation {
    rehearsal: Rehearsal,
    injected: Option<Inspection>,
    personal: Inspection,
    outcome: Result<Outcome, codex_home::failure::Failure>,
}

impl Explanation {
    /// The verdict's name; a start that the settings stop is refused, whatever the homes are like.
    fn verdict(&self) -> &'static str {
        if self.rehearsal.problems.is_empty() { self.rehearsal.verdict().name() } else { "refuse" }
    }

    /// The verdict's reason: the id, and the words with the id.
    fn because(&self) -> (&'static str, String) {
        if let Some(problem) = self.rehearsal.problems.first() {
            return (problem.reason().id(), problem.message());
        }
        let verdict = self.rehearsal.verdict();
        let text = match &verdict {
            Verdict::Trust(because) | Verdict::Repair { because, .. } | Verdict::Redirect { because, .. } => {
                format!("{because:#}")
            }
            Verdict::Refuse { refusal, .. } => {
                format!("bridge: {:#}; personal: {:#}", refusal.bridge, refusal.personal)
            }
        };
        (verdict.reason().id(), text)
    }

    /// What the launcher would say.
    fn message(&self) -> String {
        match &self.outcome {
            Err(failure) => failure.message(),
            Ok(_) => {
                let says: Vec<_> = self.rehearsal.plan().says.into_iter().map(|(_, text)| text).collect();
                says.join("; ")
            }
        }
    }

    fn mends(&self) -> Vec<Value> {
        let Verdict::Repair { completion, .. } = self.rehearsal.verdict() else { return Vec::new() };
        let Ok(Outcome { mends: Some(home), .. }) = &self.outcome else { return Vec::new() };
        vec![json!({
            "file": home.join("auth.json").to_string_lossy(),
            "id_token_from": match completion.id_token {
                IdTokenFrom::Itself => "itself",
                IdTokenFrom::Personal => "personal",
                IdTokenFrom::AccessToken => "access-token",
            },
        })]
    }

    fn to_json(&self, invocation: &Invocation) -> Value {
        let rehearsal = &self.rehearsal;
        let (reason, because) = self.because();
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let launch = match (&self.outcome, &rehearsal.codex) {
            (Ok(outcome), Ok(codex)) => json!({
                "codex": path(&codex.path),
                "codex_version": codex.version(),
                "found_by": codex.found_by.name(),
                "codex_home": outcome.home.as_ref().map(path),
                "passed_over": codex.passed_over,
            }),
            _ => Value::Null,
        };
        json!({
            "invocation": {
                "subcommand": rehearsal.start.name(),
                "judged": matches!(rehearsal.start, Start::Judged { .. }),
                "codex_home": invocation.codex_home().as_ref().map(path),
            },
            "injected": self.injected,
            "personal": self.personal,
            "verdict": self.verdict(),
            "reason": reason,
            "because": because,
            "mends": self.mends(),
            "launch": launch,
            "message": self.message(),
            "exit_code": self.outcome.as_ref().map_or_else(|failure| Some(failure.exit_code()), |_| None),
            "risk": self.risk(),
            "strategies": self.strategies(invocation).map(|other| json!({
                "strategy": other.rehearsal.settings.strategy.name(),
                "verdict": other.verdict(),
                "reason": other.because().0,
                "codex_home": other.outcome.as_ref().ok().and_then(|outcome| outcome.home.as_ref().map(path)),
            })).collect::<Vec<_>>(),
        })
    }

    /// What a redirect of this home would risk, where it is a home that is left alone although it cannot log in.
    fn risk(&self) -> Option<&'static str> {
        let injected = self.injected.as_ref().filter(|injected| injected.usable == Usable::No)?;
        let is_trusted = matches!(self.rehearsal.verdict(), Verdict::Trust(_));
        hosts::risk(injected.home.as_deref()?, injected.kind).filter(|_| is_trusted)
    }

    /// The same start under each strategy.
    fn strategies(&self, invocation: &Invocation) -> impl Iterator<Item = Self> {
        Strategy::ALL.into_iter().map(|strategy| {
            let rehearsal = Rehearsal::of(invocation).under(strategy);
            let (injected, personal) = (self.injected.clone(), self.personal.clone());
            Self { outcome: rehearsal.outcome(), rehearsal, injected, personal }
        })
    }

    fn tell(&self, invocation: &Invocation, screen: &mut Screen) -> Result<(), crate::screen::Trouble> {
        let start = match &self.rehearsal.start {
            Start::Judged { subcommand, .. } if subcommand.name().is_empty() => "codex".to_owned(),
            Start::Judged { subcommand, .. } => format!("codex {}", subcommand.name()),
            Start::Passed(because) => format!("a start that is passed on as it comes: {because:#}"),
        };
        screen.line(format!("{} {start}", painted(HEAD, "asked for")))?;
        for (name, home) in [("injected", self.injected.as_ref()), ("personal", Some(&self.personal))] {
            match home {
                None => screen.line(format!("{}  none", painted(HEAD, name)))?,
                Some(home) => {
                    let (mark, can) = mark(home.usable);
                    let path = home.home.as_deref().map_or_else(|| "none known".to_owned(), |path| screen.path(path));
                    let kind = painted(ASIDE, &format!("({})", home.kind.name()));
                    screen.line(format!("{}  {mark} {path} {kind}", painted(HEAD, name)))?;
                    let account = home.account.as_ref().map(|account| format!(", account {account}"));
                    screen.line(format!("          {can}: {:#}{}", home.because, account.unwrap_or_default()))?;
                }
            }
        }
        let style = if self.outcome.is_ok() { GOOD } else { BAD };
        screen.line(format!(
            "{}   {}: {}",
            painted(HEAD, "verdict"),
            painted(style, self.verdict()),
            self.because().1
        ))?;
        match (&self.outcome, &self.rehearsal.codex) {
            (Ok(outcome), Ok(codex)) => {
                let version = codex.version().unwrap_or_else(|| "of unknown version".to_owned());
                let found = format!("({version}, found by {})", codex.found_by.name());
                screen.line(format!(
                    "{}    {} {}",
                    painted(HEAD, "starts"),
                    screen.path(&codex.path),
                    painted(ASIDE, &found)
                ))?;
                let home =
                    outcome.home.as_deref().map_or_else(|| "its default home".to_owned(), |home| screen.path(home));
                screen.line(format!("{}        {home}", painted(HEAD, "in")))?;
                for one in &codex.passed_over {
                    screen.line(format!("{}      passed over {one}", painted(HEAD, "says")))?;
                }
                for said in self.rehearsal.plan().says {
                    screen.line(format!("{}      {}", painted(HEAD, "says"), said.1))?;
                }
            }
            (Err(failure), _) => {
                let code = failure.exit_code();
                screen.line(format!("{}    nothing, with exit code {code}", painted(HEAD, "starts")))?;
                for line in failure.to_string().lines() {
                    screen.line(format!("  {line}"))?;
                }
            }
            (Ok(_), Err(_)) => {}
        }
        if let (Some(risk), Some(path)) = (self.risk(), invocation.codex_home()) {
            screen.line(format!(
                "{}      `bridges = [\"{}\"]` in the settings would have it treated as a bridge. What that risks: {risk}.",
                painted(HEAD, "note"),
                screen.path(&path)
            ))?;
        }
        screen.line("")?;
        let rows = self.strategies(invocation).map(|other| {
            let home = match &other.outcome {
                Ok(outcome) => {
                    outcome.home.as_deref().map_or_else(|| "codex's default".to_owned(), |home| screen.path(home))
                }
                Err(failure) => format!("none: {}", failure.reason()),
            };
            let strategy = other.rehearsal.settings.strategy;
            let is_ours = if strategy == self.rehearsal.settings.strategy { "in force" } else { "" };
            vec![strategy.name().to_owned(), other.verdict().to_owned(), home, is_ours.to_owned()]
        });
        let rows = rows.collect();
        screen.table(&["strategy", "verdict", "home", ""], rows)
    }
}
