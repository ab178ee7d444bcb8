//! WHAT WOULD BE DONE: the walk of a start without its effects.
//!
//! For those who explain. Looks where a start looks and asks the same rooms in the same order; changes nothing, starts
//! nothing, decides nothing by itself.

use std::path::PathBuf;

use crate::codex::{self, Codex};
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::launch;
use crate::plan::{Plan, Step};
use crate::repair;
use crate::settings::{Settings, Strategy};
use crate::start::Start;
use crate::survey::{self, Facts};
use crate::verdict::{Verdict, judge};

/// A start, up to where it would have an effect.
#[derive(Debug)]
pub struct Rehearsal {
    /// What we were told, as far as it is right.
    pub settings: Settings,
    /// What is wrong with the settings: with anything in here nothing is started.
    pub problems: Vec<Failure>,
    /// What was asked for.
    pub start: Start,
    /// What is there.
    pub facts: Facts,
    /// The codex that would be started, or why none would be.
    pub codex: Result<Codex, Failure>,
    /// What the system would say to that codex at the end, once the homes are settled.
    kept_from_execution: Option<Failure>,
    /// The home codex uses where it is given none.
    default_home: Option<PathBuf>,
    /// The home codex was given.
    injected: Option<PathBuf>,
}

/// What would become of a start.
#[derive(Debug)]
pub struct Outcome {
    /// The home codex would use; `None` where codex would find none itself.
    pub home: Option<PathBuf>,
    /// The bridge whose `auth.json` would be completed first.
    pub mends: Option<PathBuf>,
}

impl Rehearsal {
    /// Looks at everything that a start with this invocation depends on.
    #[must_use]
    pub fn of(invocation: &Invocation) -> Self {
        let (settings, problems) = Settings::gather(invocation);
        let start = Start::read(&invocation.args);
        let facts = survey::look(invocation, &settings, &start);
        let codex = codex::find(invocation, &settings)
            .and_then(|codex| launch::check(&codex, invocation, &settings).map(|()| codex));
        let rehearsal = Self {
            kept_from_execution: codex.as_ref().ok().and_then(|codex| launch::foresee(codex, &settings).err()),
            problems,
            start,
            facts,
            codex,
            default_home: invocation.default_home(),
            injected: invocation.codex_home(),
            settings,
        };
        rehearsal.rehearsed()
    }

    /// Where the verdict is to repair: whether that would be let.
    fn rehearsed(mut self) -> Self {
        let kept = match judge(&self.facts) {
            Verdict::Repair { bridge, .. } => repair::check(&bridge.path, &bridge.auth.bytes).err(),
            _ => None,
        };
        if let Some(unmended) = kept {
            self.facts.not_completed(&unmended);
        }
        self
    }

    /// The verdict on the homes, whatever else would stop the start.
    pub fn verdict(&self) -> Verdict<'_> {
        judge(&self.facts)
    }

    /// The plan that follows from the verdict.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::of(&self.verdict(), &self.facts, &self.settings)
    }

    /// What would become of the start.
    ///
    /// # Errors
    /// What would stop it: the settings, then codex, then the homes, then the system, as in a start.
    pub fn outcome(&self) -> Result<Outcome, Failure> {
        if let Some(failure) = self.problems.first() {
            return Err(failure.clone());
        }
        self.codex.as_ref().map_err(Clone::clone)?;
        let step = self.plan().step;
        if let (Some(failure), false) = (&self.kept_from_execution, matches!(step, Step::Stop(_))) {
            return Err(failure.clone());
        }
        let as_given = || self.injected.clone().or_else(|| self.default_home.clone());
        match step {
            Step::Start => Ok(Outcome { home: as_given(), mends: None }),
            Step::StartIn(home) => Ok(Outcome { home: Some(home), mends: None }),
            Step::Mend { path, .. } => Ok(Outcome { home: as_given(), mends: Some(path) }),
            Step::Stop(failure) => Err(failure),
        }
    }

    /// The same start under another strategy.
    #[must_use]
    pub fn under(self, strategy: Strategy) -> Self {
        // What this one would repair nobody may have tried yet.
        Self { settings: Settings { strategy, ..self.settings }, facts: Facts { strategy, ..self.facts }, ..self }
            .rehearsed()
    }
}
