//! `codex-home doctor`: shows what is wrong and what repairs it; with `--all` also what is right.
//!
//! [`findings`] reads, [`checks`] decides, [`screen`] and [`json`] print. Runs nothing but `systemctl show`, writes nothing, uses no
//! network.

pub mod app_server;
pub mod checks;
pub mod findings;
mod homes;
mod json;
mod screen;
pub mod wrapper;

use std::cmp::Reverse;
use std::collections::HashSet;
use std::path::Path;

use codex_home::invocation::Invocation;

use crate::error::{CliError, CliResult};
use crate::gateways::{Gateway, Gateways, Pick};
use crate::printer::Printer;
use checks::{Check, Status};
use findings::Findings;

/// One gateway, examined.
pub struct Examined {
    /// What was read.
    pub findings: Findings,
    /// The checks about it alone.
    pub checks: Vec<Check>,
}

/// Every gateway, examined.
pub struct Examination {
    /// The checks about all of them.
    pub common: Vec<Check>,
    pub gateways: Vec<Examined>,
}

/// Examines every gateway or the one that is picked, and prints what was found.
pub fn run(invocation: &Invocation, pick: &Pick, all: bool, json: bool, printer: &mut Printer) -> CliResult {
    let person_home = invocation.person_home().filter(|_| !json);
    let examination = Examination::new(invocation, pick, person_home.as_deref())?;
    if json {
        printer.json(&json::of(&examination))?;
    } else {
        screen::print(&examination, all, printer)?;
    }
    Ok(u8::from(examination.status() == Status::Fail))
}

impl Examination {
    /// Examines every gateway or the one that is picked. Paths have `person_home` as `~`.
    ///
    /// # Errors
    /// If there is no such gateway.
    pub fn new(invocation: &Invocation, pick: &Pick, person_home: Option<&Path>) -> Result<Self, CliError> {
        let gateways = Gateways::find(invocation, pick)?;
        let examine = |gateway: &Gateway| {
            let findings = Findings::observe(invocation, gateway.clone());
            let checks = checks::all(&findings, person_home);
            Examined { findings, checks }
        };
        let mut examined: Vec<_> = gateways.all.iter().map(examine).collect();
        let mut common = checks::about_others(&gateways, pick);
        if let [_, _, ..] = examined.as_slice() {
            common.extend(take_common(&mut examined));
        } else if let Some(only) = examined.first_mut() {
            common.append(&mut only.checks);
        }
        common.sort_by_key(|check| Reverse(check.status));
        Ok(Self { common, gateways: examined })
    }

    /// Returns every line, those about all gateways first.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.common.iter().chain(self.gateways.iter().flat_map(|one| &one.checks))
    }

    /// Returns how bad the worst line is.
    pub fn status(&self) -> Status {
        self.checks().map(|check| check.status).max().unwrap_or(Status::Ok)
    }
}

/// Removes the lines that every gateway has, and returns them.
fn take_common(examined: &mut [Examined]) -> Vec<Check> {
    let Some((first, others)) = examined.split_first() else { return Vec::new() };
    let others: Vec<HashSet<&Check>> = others.iter().map(|other| other.checks.iter().collect()).collect();
    let in_all = |check: &&Check| others.iter().all(|other| other.contains(check));
    let common: Vec<_> = first.checks.iter().filter(in_all).cloned().collect();
    let set: HashSet<_> = common.iter().collect();
    for one in examined {
        one.checks.retain(|check| !set.contains(check));
    }
    common
}
