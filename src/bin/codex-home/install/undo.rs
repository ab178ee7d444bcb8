//! `codex-home uninstall`: restores what OpenClaw ran before `install`, and the launcher's settings.

use std::path::Path;

use codex_home::display::{plain_text, shell_word};
use codex_home::invocation::Invocation;

use super::change::{Change, Outcome};
use super::context::Context;
use super::receipt::Receipt;
use super::{Options, by_hand, kept, print_command, refused, steps, tell_changes, tree};
use crate::disk;
use crate::doctor::app_server::VARIABLE;
use crate::error::{CliError, CliResult};
use crate::gateways::{OpenClawCommand, Pick};
use crate::openclaw::config::KEY;
use crate::printer::Printer;
use crate::write::refuse_if_owned_by_other_user;

/// Restores what OpenClaw ran before `install`.
pub fn uninstall(invocation: &Invocation, pick: &Pick, options: Options, printer: &mut Printer) -> CliResult {
    let context = Context::read(invocation, pick, "uninstall", printer)?;
    let code = restore(&context, options, printer)?;
    if code == 0 {
        kept::finish(&context, options, printer)?;
    }
    Ok(code)
}

fn restore(context: &Context<'_>, options: Options, printer: &mut Printer) -> CliResult {
    let receipt = context.receipt();
    if !context.is_installed() {
        return not_installed(context, receipt, options, printer);
    }
    context.refuse_if_included(printer)?;
    let change = to_previous(context, receipt);
    if receipt.is_none() {
        printer.remark("no previous value was recorded, so the setting is removed");
    }
    if disk::is_symlink(&context.config_file) {
        let file = printer.path(&context.config_file);
        printer.remark(&format!("`{file}` is a symlink, and `openclaw config` puts a file in its place (2026.5.12)"));
        return by_hand(context, &change, None, printer);
    }
    let Some(openclaw) = &context.command else {
        printer.remark("no `openclaw` command is found");
        return by_hand(context, &change, None, printer);
    };
    if options.dry_run {
        return print_command(context, openclaw, &change, printer);
    }
    // An installation among another user's files can be undone there; nothing else is written among them.
    let written = [&*context.receipts_file, &*context.config_file];
    let written = if receipt.is_some() { &written[..1] } else { &written[..] };
    refuse_if_owned_by_other_user(written, context.invocation.uid)?;
    make(context, openclaw, &change, receipt, printer)
}

/// Returns the change after which everything is as it was before `install`.
fn to_previous(context: &Context<'_>, receipt: Option<&Receipt>) -> Change {
    match receipt.and_then(|receipt| receipt.previous.clone()) {
        Some(previous) => Change::Set(previous),
        None => {
            let absent = receipt.and_then(|receipt| receipt.absent.as_deref());
            Change::Unset(tree::to_remove(context.tree.as_ref(), absent))
        }
    }
}

fn make(
    context: &Context<'_>,
    openclaw: &OpenClawCommand,
    change: &Change,
    receipt: Option<&Receipt>,
    printer: &mut Printer,
) -> CliResult {
    printer.pasted("", 2, &format!("running `{}`", change.shown(openclaw)))?;
    if let Outcome::Refused { cause, output } = change.run(openclaw, printer)? {
        refused(&cause, &output, printer);
        return by_hand(context, change, None, printer);
    }
    if context.command_now() != Some(change.value()) {
        return Err(context.had_no_effect(printer));
    }
    if let Some(receipt) = receipt {
        remove_carried(context, receipt, printer)?;
    }
    context.change_receipts(|receipts| receipts.without(&context.config_file), printer)?;
    printer.say(match change {
        Change::Set(value) => format!("uninstalled: `{KEY}` is `{}` again", plain_text(value)),
        Change::Unset(_) => format!("uninstalled: `{KEY}` is absent"),
    })?;
    let mut changed = receipt.map(|receipt| receipt.changed.clone()).unwrap_or_default();
    changed.extend(tree::changed(context.tree.as_ref(), tree::read(&context.config_file).as_ref()));
    changed.sort();
    changed.dedup();
    // A changed part changes the whole.
    let all = changed.clone();
    changed.retain(|key| !all.iter().any(|other| key.starts_with(&format!("{other}."))));
    let installed = receipt.map(|receipt| &receipt.installed).or(context.config.command.as_ref());
    tell_changes(context, &changed, installed.map_or("", String::as_str), printer)?;
    if receipt.is_some_and(|receipt| receipt.made_file) {
        let file = printer.path(&context.config_file);
        printer.say(format!("before `install` there was no `{file}`; OpenClaw keeps it"))?;
    }
    if let Some(link) = receipt.and_then(|receipt| receipt.link.as_deref()) {
        let [target, file] = [link, &context.config_file].map(|path| shell_word(path, None));
        printer.pasted("", 2, &format!(
            "before `install` it was a symlink: run `ln -sf {target} {file}` if you want nothing that is in the file now"
        ))?;
    }
    steps(context, None, printer)?;
    Ok(0)
}

fn remove_carried(context: &Context<'_>, receipt: &Receipt, printer: &mut Printer) -> Result<(), CliError> {
    let Some(carried) = &receipt.carried else { return Ok(()) };
    if let Some(other) = context.shares(carried) {
        let file = printer.path(&other.config);
        return printer.say(format!("the launcher's setting `codex` is kept, for `{file}`"));
    }
    printer.say(match carried.remove(&context.start, printer)? {
        true => "the launcher's setting `codex` is as it was before",
        false => "the launcher's setting `codex` was changed since, or cannot be read, and is left",
    })
}

/// Ends `uninstall` if OpenClaw does not run the launcher.
fn not_installed(
    context: &Context<'_>,
    receipt: Option<&Receipt>,
    options: Options,
    printer: &mut Printer,
) -> CliResult {
    let current = &context.config.command;
    if current.is_none() && context.configured.is_launcher() {
        let message = format!("OpenClaw runs the launcher by the variable `{VARIABLE}`, which `install` has not set");
        return Err(CliError::new(message, "unset it where the gateway is started"));
    }
    let Some(receipt) = receipt else {
        printer.say("not installed: OpenClaw does not run the launcher; nothing was changed")?;
        return Ok(0);
    };
    if receipt.previous == *current {
        printer.say("not installed: the previous value is in place")?;
        if receipt.carried.is_some() && !options.dry_run {
            remove_carried(context, receipt, printer)?;
            // The receipt stays, because the OpenClaw of an interrupted `install` may still set the launcher.
            let receipt = Receipt { carried: None, ..receipt.clone() };
            context.change_receipts(|receipts| receipts.with(receipt), printer)?;
        }
        return Ok(0);
    }
    let now = current.as_ref().map_or_else(|| "absent".to_owned(), |current| format!("`{}`", plain_text(current)));
    let message = format!("`{KEY}` is {now}, not what `codex-home install` set, and is left unchanged");
    let openclaw = context.openclaw.gateway.command(Path::new("openclaw"));
    let command = to_previous(context, Some(receipt)).shown(&openclaw);
    Err(CliError::new(message, format!("run `{command}` to restore the previous value anyway")))
}
