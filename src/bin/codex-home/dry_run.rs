//! A dry run of one start: observes and decides as the launcher does, and changes nothing.

use std::path::Path;

use codex_home::decide::{Decision, Redirect, Repair, RepairState, decide};
use codex_home::describe;
use codex_home::failure::Failure;
use codex_home::invocation::Invocation;
use codex_home::observe::{Observed, observe, observe_with};
use codex_home::reason::Reason;
use codex_home::repair;
use codex_home::request::serves_stdio;
use codex_home::settings::{Settings, Strategy};

/// An observation and its decision.
pub struct DryRun {
    /// Everything that the decision rests on.
    pub observed: Observed,
    pub decision: Decision,
    /// The user, for a refusal that is answered in a chat.
    user: Option<String>,
}

impl DryRun {
    /// Makes a dry run of this start.
    pub fn new(invocation: &Invocation) -> Self {
        Self::decided(observe(invocation), invocation)
    }

    /// Makes a dry run of the same start under another strategy.
    pub fn under(&self, strategy: Strategy, invocation: &Invocation) -> Self {
        let mut settings: Settings = self.observed.settings.clone();
        settings.strategy = strategy;
        Self::decided(observe_with(invocation, settings, self.observed.problems.clone()), invocation)
    }

    fn decided(observed: Observed, invocation: &Invocation) -> Self {
        let mut decision = decide(&observed, RepairState::Untried);
        if let Decision::Repair(repair) = &decision
            && let Err(error) = repair::check(repair, observed.uid)
        {
            decision = decide(&observed, RepairState::Failed(&error));
        }
        let user = serves_stdio(&invocation.args).then(|| invocation.user());
        Self { observed, decision, user }
    }

    /// Returns the home in which codex would be started; `None` if it would not be started, or would find no home itself.
    pub fn home(&self) -> Option<&Path> {
        self.observed.home_of(&self.decision)
    }

    /// Returns why nothing would be started; `None` if codex would be.
    pub const fn failure(&self) -> Option<&Failure> {
        match &self.decision {
            Decision::Refuse(failure) => Some(failure),
            Decision::Keep { .. } | Decision::Redirect(_) | Decision::Repair(_) => None,
        }
    }

    /// Returns the reason of the decision in words, with its code.
    pub fn because(&self) -> String {
        match &self.decision {
            Decision::Keep { reason, .. } | Decision::Redirect(Redirect { exception: Some(reason), .. }) => {
                format!("{reason:#}")
            }
            Decision::Redirect(Redirect { broken, .. }) | Decision::Repair(Repair { broken, .. }) => {
                format!("{broken:#}")
            }
            Decision::Refuse(Failure::NoUsableHome(homes)) => {
                let personal = match &homes.personal {
                    Ok(home) => &home.reason,
                    Err(reason) => reason,
                };
                format!("bridge: {:#}; personal: {personal:#}", homes.bridge.reason)
            }
            Decision::Refuse(failure) => format!("{:#}", Reason::from(failure.code())),
        }
    }

    /// Returns the launcher's messages, each as one line.
    pub fn messages(&self) -> Vec<String> {
        let said = describe::messages(&self.observed, &self.decision).into_iter().map(|(_, text)| text);
        let person_home = self.observed.settings.person_home.as_deref();
        let refusal = self.failure().map(|failure| match &self.user {
            Some(user) => describe::chat_answer(failure, person_home, user),
            None => describe::chat_line(failure, person_home),
        });
        match refusal {
            Some(refusal) => vec![refusal],
            None => said.collect(),
        }
    }
}
