//! The forecast of a start by the launcher's own `observe` and `decide`, to be compared with the real start.

use std::path::{Path, PathBuf};

use codex_home::codex::Codex;
use codex_home::decide::Decision;
use codex_home::describe;
use codex_home::failure::Failure;
use codex_home::fs::canonicalize;
use codex_home::home::auth::Login;
use codex_home::invocation::Invocation;
use codex_home::journal;
use codex_home::observe;
use codex_home::request::{Overrides, Request};

use super::Seen;
use super::session::Stopped;
use crate::dry_run::DryRun;
use crate::inspection::Inspection;

pub struct Forecast {
    /// A dry run of the start.
    pub start: DryRun,
    /// Whether codex is logged in; `None` if the files do not tell.
    pub logged_in: Option<bool>,
    /// The journal, if the launcher writes a line to it.
    pub journal: Option<PathBuf>,
    /// The help, if the start does not log in.
    pub help: Option<String>,
}

impl Forecast {
    /// Makes the forecast; changes nothing.
    pub fn new(invocation: &Invocation) -> Self {
        let start = DryRun::new(invocation);
        let settings = &start.observed.settings;
        Self {
            logged_in: logged_in(&start, invocation),
            journal: journal::path(invocation).filter(|_| settings.journal),
            help: match start.failure() {
                Some(failure) => Some(describe::help(failure, settings.person_home.as_deref())),
                None => start.home().and_then(|home| Inspection::of(home, invocation, settings).help),
            },
            start,
        }
    }

    /// Returns the version of codex, if its files tell.
    pub fn version(&self) -> Option<String> {
        self.start.observed.codex.as_ref().ok().and_then(Codex::version)
    }

    /// Returns the differences between the start and the forecast, in words.
    pub fn differences(&self, seen: &Seen) -> Vec<String> {
        let mut differences = Vec::new();
        let refused = match &seen.stopped {
            Some(Stopped::Refused(message)) if seen.hello.is_none() => Some(message),
            _ => None,
        };
        let refusal = self.start.failure().map(|_| self.start.messages().join("; "));
        match (&refusal, refused) {
            (Some(_), None) if seen.hello.is_some() => differences.push("it was to start nothing".to_owned()),
            (None, Some(_)) => differences.push("it was to start codex".to_owned()),
            (Some(foretold), Some(said)) if foretold != said => {
                differences.push(format!("it was to answer: {foretold}"));
            }
            _ => {}
        }
        if let (Some((hello, _)), None) = (&seen.hello, &refusal) {
            let real = |path: &Path| canonicalize(path).unwrap_or_else(|| path.to_owned());
            if let (Some(foretold), Some(said)) = (self.start.home(), &hello.home)
                && real(foretold) != real(said)
            {
                differences.push(format!("its home was to be `{}`", foretold.display()));
            }
            if let (Some(foretold), Some(said)) = (self.version(), &hello.version)
                && foretold != *said
            {
                differences.push(format!("its version was to be {foretold}"));
            }
        }
        match (self.logged_in, seen.account.as_ref().map(|account| account.kind.is_some())) {
            (Some(true), Some(false)) => differences.push("it was to be logged in".to_owned()),
            (Some(false), Some(true)) => differences.push("it was not to be logged in".to_owned()),
            _ => {}
        }
        differences
    }
}

/// Returns whether codex will hold a login; `None` if the files do not tell.
fn logged_in(start: &DryRun, invocation: &Invocation) -> Option<bool> {
    match &start.decision {
        Decision::Refuse(Failure::NoUsableHome(_)) => Some(false),
        Decision::Refuse(_) => None,
        Decision::Redirect(_) | Decision::Repair(_) => Some(true),
        Decision::Keep { .. } if start.observed.login_in_environment.is_some() => None,
        Decision::Keep { .. } => {
            let none = Overrides::default();
            let overrides = match &start.observed.request {
                Request::Judged(judged) => &judged.overrides,
                Request::PassThrough(_) => &none,
            };
            match observe::home(start.home()?, invocation.now, invocation.uid).login(overrides) {
                Login::Usable(_) => Some(true),
                Login::Broken(_) => Some(false),
                Login::NotJudged(_) => None,
            }
        }
    }
}
