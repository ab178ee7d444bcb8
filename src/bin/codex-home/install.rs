//! `codex-home install` and `uninstall`: set one setting of OpenClaw to the launcher, and restore what was there.
//!
//! Never edits `openclaw.json`: OpenClaw's own command checks the value and writes the file. The file is read before and after,
//! because `openclaw config get` prints `codex` if nothing is set (2026.4.21).

mod carried;
mod change;
mod codex;
mod context;
mod kept;
mod plan;
mod receipt;
mod tree;
mod undo;

use std::path::{Path, PathBuf};

use codex_home::display::plain_text;
use codex_home::invocation::Invocation;
use serde_json::Value;

use crate::disk;
use crate::error::{CliError, CliResult};
use crate::gateways::{OpenClawCommand, Pick};
use crate::launcher;
use crate::openclaw::config::KEY;
use crate::printer::Printer;
use crate::write::refuse_if_owned_by_other_user;
use carried::Carried;
use change::{Change, Outcome};
use context::Context;
use plan::Plan;
use receipt::{Receipt, Receipts};

pub use undo::uninstall;

/// The exit code if OpenClaw does not make the change, so that it is left to do by hand.
const BY_HAND: u8 = 3;

/// The options of both commands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Print the command, do not run it.
    pub dry_run: bool,
    /// Install even if something speaks against it.
    pub force: bool,
    /// Remove the launcher's own files too.
    pub purge: bool,
}

/// Configures OpenClaw to run codex through the launcher.
pub fn install(invocation: &Invocation, pick: &Pick, options: Options, printer: &mut Printer) -> CliResult {
    let context = Context::read(invocation, pick, "install", printer)?;
    let Some(launcher) = &context.launcher else {
        let message = "the launcher `codex-home-shim` is neither beside this program nor on PATH";
        return Err(CliError::new(message, "reinstall codex-home-shim"));
    };
    let path = &launcher.stable;
    let Some(value) = path.to_str().map(str::to_owned) else {
        let message = format!("the launcher's path `{}` is not UTF-8, and `openclaw.json` is", printer.path(path));
        return Err(CliError::new(message, "install the launcher in a directory whose path is UTF-8"));
    };
    if let Some(current) = already_set(&context, &value) {
        let current = printer.path(&current);
        printer.say(format!("already installed: OpenClaw runs `{current}`; nothing was changed"))?;
        return Ok(0);
    }
    context.refuse_if_included(printer)?;
    let plan = Plan::new(&context, printer);
    plan.allow(options.force, printer)?;
    let change = Change::Set(value);
    let Some(openclaw) = &context.command else {
        printer.remark("no `openclaw` command is found");
        return by_hand(&context, &change, plan.carried.as_ref(), printer);
    };
    if launcher::is_versioned(path) {
        let path = printer.path(path);
        printer.remark(&format!("`{path}` has a version in it: run `codex-home install` again after an upgrade"));
    }
    if options.dry_run {
        if let Some(carried) = &plan.carried {
            printer.line(carried.command())?;
        }
        return print_command(&context, openclaw, &change, printer);
    }
    let written = [&*context.receipts_file, &*context.config_file];
    // A container may have the configuration of another user.
    let written = if options.force { &written[..1] } else { &written[..] };
    refuse_if_owned_by_other_user(written, invocation.uid)?;
    printer.pasted("", 2, &format!("running `{}`", change.shown(openclaw)))?;
    match set(&context, openclaw, &change, plan.carried.as_ref(), printer)? {
        Outcome::Made => {
            report(&context, &change, plan.carried.as_ref(), printer)?;
            Ok(0)
        }
        Outcome::Refused { cause, output } => {
            refused(&cause, &output, printer);
            by_hand(&context, &change, plan.carried.as_ref(), printer)
        }
    }
}

/// Returns the path by which OpenClaw runs the launcher, if an upgrade does not remove it.
fn already_set(context: &Context<'_>, value: &str) -> Option<PathBuf> {
    if context.config.command.as_deref() == Some(value) {
        return Some(value.into());
    }
    let (path, is_versioned) = context.configured_launcher()?;
    (!is_versioned).then(|| path.to_owned())
}

/// Sets the launcher, and first records what was there: an interrupted install can be undone.
fn set(
    context: &Context<'_>,
    openclaw: &OpenClawCommand,
    change: &Change,
    carried: Option<&Carried>,
    printer: &Printer,
) -> Result<Outcome, CliError> {
    let receipt = new_receipt(context, change, carried);
    context.change_receipts(|receipts| receipts.with(receipt.clone()), printer)?;
    let result = carried.map_or(Ok(()), |carried| carried.set(&context.start));
    let result = result.and_then(|()| change.run(openclaw, printer));
    if context.command_now().flatten() == change.value() {
        let changed = tree::changed(context.tree.as_ref(), tree::read(&context.config_file).as_ref());
        context.change_receipts(|receipts| receipts.with(Receipt { changed, ..receipt }), printer)?;
        return result.map(|_| Outcome::Made);
    }
    // Nothing was set, so there is nothing to restore.
    if let Some(carried) = carried {
        carried.remove(&context.start, printer)?;
    }
    let before = context.receipt().cloned();
    let restore = |receipts: Receipts| match before {
        Some(before) => receipts.with(before),
        None => receipts.without(&context.config_file),
    };
    context.change_receipts(restore, printer)?;
    match result? {
        Outcome::Made => Err(context.had_no_effect(printer)),
        refused @ Outcome::Refused { .. } => Ok(refused),
    }
}

/// Returns what `uninstall` has to know.
fn new_receipt(context: &Context<'_>, change: &Change, carried: Option<&Carried>) -> Receipt {
    let current = context.config.command.clone();
    let installed = change.value().unwrap_or_default();
    let earlier = context.receipt().filter(|_| context.is_installed());
    if let Some(earlier) = earlier {
        // A value that `install` has set is not a previous value.
        let carried = carried.or(earlier.carried.as_ref()).cloned();
        return Receipt { installed, carried, ..earlier.clone() };
    }
    // What an `install` that was killed set, or one for another gateway, is no setting of the person's.
    let carried = carried.or_else(|| context.carried());
    let is_launcher = context.is_installed();
    let link = disk::is_symlink(&context.config_file).then(|| codex_home::fs::canonicalize(&context.config_file));
    Receipt {
        config: receipt::spelled(&context.config_file),
        installed,
        previous: current.filter(|_| !is_launcher),
        absent: tree::outermost_absent(context.tree.as_ref()).map(str::to_owned),
        made_file: !disk::is_there(&context.config_file),
        link: link.flatten(),
        changed: Vec::new(),
        carried: carried.cloned(),
    }
}

/// Says what was done, and what is left to do.
fn report(
    context: &Context<'_>,
    change: &Change,
    carried: Option<&Carried>,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let was = match &context.config.command {
        None => "was absent".to_owned(),
        Some(command) => format!("was `{}`", plain_text(command)),
    };
    let value = change.value().unwrap_or_default();
    printer.say(format!("installed: `{KEY}` is `{}`; it {was}", printer.path(Path::new(&value))))?;
    if let Some(carried) = carried {
        printer.say(format!("set for the launcher: `codex` is `{}`", printer.path(Path::new(&carried.codex))))?;
    }
    let changed = tree::changed(context.tree.as_ref(), tree::read(&context.config_file).as_ref());
    tell_changes(context, &changed, &value, printer)?;
    let option = context.openclaw.gateway.option();
    let verify = format!(
        "run `codex-home verify{option}`: it starts codex as OpenClaw would, and shows which login codex holds"
    );
    steps(context, Some(verify), printer)
}

/// Prints the next steps, numbered.
fn steps(context: &Context<'_>, last: Option<String>, printer: &mut Printer) -> Result<(), CliError> {
    let restart = context.openclaw.gateway.addressed("restart the gateway: run `openclaw gateway restart`");
    printer.line("next:")?;
    for (number, step) in (1..).zip([restart].into_iter().chain(last)) {
        printer.pasted(&format!("  {number}. "), 5, &step)?;
    }
    Ok(())
}

/// Says what OpenClaw itself changed in its file, and where the file from before the install is.
fn tell_changes(
    context: &Context<'_>,
    changed: &[String],
    installed: &str,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let file = printer.path(&context.config_file);
    let mut text = format!("OpenClaw wrote `{file}` anew, without comments");
    if !changed.is_empty() {
        let named: Vec<_> = changed.iter().map(plain_text).collect();
        text.push_str(&format!(", and changed `{}`", named.join("`, `")));
    }
    if let Some(backup) = tree::backup(&context.config_file, installed) {
        text.push_str(&format!("; the file as it was is `{}`", printer.path(&backup)));
    }
    printer.pasted("", 2, &text)
}

/// Prints what OpenClaw said when it did not make a change.
fn refused(cause: &str, output: &[String], printer: &Printer) {
    for line in output {
        printer.remark(line);
    }
    printer.remark(cause);
}

/// Prints the command that would be run.
fn print_command(
    context: &Context<'_>,
    openclaw: &OpenClawCommand,
    change: &Change,
    printer: &mut Printer,
) -> CliResult {
    let file = printer.path(&context.config_file);
    printer.remark(&format!("OpenClaw writes `{file}` anew, without comments"));
    printer.line(change.shown(openclaw))?;
    Ok(0)
}

/// Prints what to write by hand.
fn by_hand(context: &Context<'_>, change: &Change, carried: Option<&Carried>, printer: &mut Printer) -> CliResult {
    let file = printer.path(&context.config_file);
    if let Some(carried) = carried {
        printer.remark(&format!("run `{}`", carried.command()));
    }
    match (change, &context.config.command) {
        (Change::Unset(key), _) => printer.pasted("", 2, &format!("by hand: remove `{key}` in `{file}`"))?,
        (Change::Set(value), Some(_)) => {
            printer.pasted("", 2, &format!("by hand: set `{KEY}` in `{file}` to {}", Value::from(value.as_str())))?;
        }
        (Change::Set(value), None) => {
            printer.remark(&format!("merge this into `{file}`:"));
            let value = Value::from(value.as_str());
            printer.line(format!(
                "{{ plugins: {{ entries: {{ codex: {{ config: {{ appServer: {{ command: {value} }} }} }} }} }} }}"
            ))?;
        }
    }
    Ok(BY_HAND)
}
