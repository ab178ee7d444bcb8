//! What the doctor found, for a terminal: what is wrong with its help, what is right as a count, and the first thing to do.

use std::collections::{HashMap, HashSet};

use super::checks::{Check, ELSEWHERE, FIND_OUT, Status};
use super::{Examination, Examined};
use crate::error::CliError;
use crate::gateways::Gateway;
use crate::printer::{DIM, HEAD, Printer, painted};

/// How many lines with the same id and status are shown without `--all`.
const ALIKE: usize = 4;

/// Prints the lines, those of each of several gateways under a heading.
pub fn print(examination: &Examination, all: bool, printer: &mut Printer) -> Result<(), CliError> {
    let Examination { common, gateways } = examination;
    print_checks(common, all, printer)?;
    if let [_, _, ..] = gateways.as_slice() {
        for Examined { findings, checks } in gateways {
            printer.gap()?;
            printer.sentence("", 2, &painted(HEAD, &heading(&findings.openclaw.gateway, printer)))?;
            print_checks(checks, all, printer)?;
        }
    }
    let count = |status| examination.checks().filter(|check| check.status == status).count();
    let first = first_help(examination);
    let ways: HashSet<_> = examination.checks().filter_map(|check| check.find_out.as_deref()).collect();
    let find_out = match ways.len() {
        0 => None,
        1 => ways.into_iter().next(),
        // Each of several gateways has a command of its own; this one is for all.
        _ => Some(FIND_OUT),
    };
    // Once, and not again as the first thing to do.
    if let Some(find_out) = find_out.filter(|find_out| first != Some(*find_out)) {
        printer.gap()?;
        printer.pasted("what is marked `?` rests on an assumption: ", 2, find_out)?;
    }
    // What was not examined is not right.
    let is_right = |check: &&Check| check.status == Status::Ok && check.id != ELSEWHERE;
    let right = examination.checks().filter(is_right).count();
    if right > 0 && !all {
        let are = if right == 1 { "1 check is right".to_owned() } else { format!("{right} checks are right") };
        let text = format!("{are}: `codex-home doctor --all` shows {}", if right == 1 { "it" } else { "them" });
        printer.gap()?;
        printer.marked(mark(Status::Ok), &text)?;
    }
    printer.gap()?;
    print_summary(count, printer)?;
    first.map_or(Ok(()), |first| printer.pasted("first: ", 7, first))
}

/// Returns the line over what is said about one of several gateways.
fn heading(gateway: &Gateway, printer: &Printer) -> String {
    let state = gateway.state.as_deref().map(|state| printer.path(state)).unwrap_or_default();
    let how = match (gateway.pid, &gateway.service) {
        _ if gateway.container.is_some() => "with other files than are seen here".to_owned(),
        (Some(pid), _) => format!("running as process {pid}"),
        (None, Some(service)) => format!("started by `{}`", printer.path(&service.file)),
        (None, None) => "not running here".to_owned(),
    };
    match gateway.name == state || gateway.name.starts_with('/') {
        true => format!("gateway with its state in `{state}`, {how}"),
        false => format!("gateway `{}`, its state in `{state}`, {how}", gateway.name),
    }
}

const fn mark(status: Status) -> char {
    match status {
        Status::Ok => '✓',
        Status::Warn => '!',
        Status::Unknown => '?',
        Status::Fail => '✗',
    }
}

/// Lines that the same help is for.
struct Group<'a> {
    checks: Vec<&'a Check>,
    /// How many more there are like the last one.
    more: usize,
}

/// Returns the lines that are shown, those with the same help together, and none twice.
fn groups(checks: &[Check], all: bool) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut group_of_advice: HashMap<(Status, String), usize> = HashMap::new();
    // How many there are, and the group of the last one that is shown.
    let mut alike: HashMap<(&str, Status), (usize, usize)> = HashMap::new();
    let mut seen = HashSet::new();
    for check in checks.iter().filter(|check| all || check.status != Status::Ok) {
        if !seen.insert((check.status, &check.text, check.advice())) {
            continue;
        }
        let (count, last) = alike.entry((check.id, check.status)).or_default();
        *count += 1;
        if *count > ALIKE && !all {
            if let Some(group) = groups.get_mut(*last) {
                group.more += 1;
            }
            continue;
        }
        let next = groups.len();
        let of_advice = |advice| *group_of_advice.entry((check.status, advice)).or_insert(next);
        let at = check.advice().map_or(next, of_advice);
        *last = at;
        match groups.get_mut(at) {
            Some(group) => group.checks.push(check),
            None => groups.push(Group { checks: vec![check], more: 0 }),
        }
    }
    groups
}

fn print_checks(checks: &[Check], all: bool, printer: &mut Printer) -> Result<(), CliError> {
    for group in groups(checks, all) {
        for check in &group.checks {
            printer.marked(mark(check.status), &check.text)?;
        }
        if group.more > 0 {
            printer.line(painted(DIM, &format!("  and {} more like it", group.more)))?;
        }
        // How to find out is printed once, at the end.
        if let Some(help) = group.checks.first().and_then(|check| check.help.as_deref()) {
            printer.help(2, help)?;
        }
    }
    Ok(())
}

/// Prints how much is wrong.
fn print_summary(count: impl Fn(Status) -> usize, printer: &mut Printer) -> Result<(), CliError> {
    let words = |status, one: &str, many: &str| match count(status) {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let broken = words(Status::Fail, "thing does not work", "things do not work");
    let is_broken = broken.is_some();
    let doubtful = [
        words(Status::Warn, "deserves a look", "deserve a look"),
        words(Status::Unknown, "is not known", "are not known"),
    ];
    let counts: Vec<_> = [broken].into_iter().chain(doubtful).flatten().collect();
    let text = match (counts.is_empty(), is_broken) {
        (true, _) => "nothing is wrong".to_owned(),
        (false, true) => counts.join(", "),
        (false, false) => format!("nothing is broken: {}", counts.join(", ")),
    };
    printer.sentence("", 0, &painted(HEAD, &text))
}

/// Returns the first thing to do about the worst line. What depends on a condition or has a risk is never named alone.
fn first_help<'a>(examination: &'a Examination) -> Option<&'a str> {
    let advice = |check: &'a Check| Some((check.status, check.find_out.as_deref().or(check.help.as_deref())?));
    let helps = examination.checks().filter_map(advice);
    let is_conditional = |help: &str| ["if ", "to ", "with "].iter().any(|word| help.starts_with(word));
    let helps: Vec<_> = helps.filter(|(status, help)| *status != Status::Ok && !is_conditional(help)).collect();
    // Of several that are as bad, the first.
    helps.into_iter().rev().max_by_key(|(status, _)| *status).map(|(_, help)| first_of(help))
}

/// Returns the first thing that a help says.
fn first_of(help: &str) -> &str {
    let mut is_code = false;
    let end = help.find(|c| {
        is_code ^= c == '`';
        !is_code && matches!(c, ':' | ';')
    });
    help.get(..end.unwrap_or(help.len())).unwrap_or(help)
}
