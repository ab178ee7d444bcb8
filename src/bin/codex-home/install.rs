//! `codex-home install` and `uninstall`: set one setting of OpenClaw to the launcher, and restore its previous value.
//!
//! Never edits `openclaw.json`: OpenClaw's own command checks the value and writes the file. The file is read before and after,
//! because `openclaw config get` prints `codex` if nothing is set (2026.4.21).

mod change;
mod receipt;
mod refusal;

use std::path::{Path, PathBuf};

use codex_home::display::{plain_text, shell_word};
use codex_home::invocation::Invocation;
use serde_json::Value;

use crate::disk;
use crate::doctor::app_server::VARIABLE;
use crate::error::{CliError, CliResult};
use crate::gateways::{OpenClawCommand, Pick, the_gateway};
use crate::launcher;
use crate::openclaw::OpenClaw;
use crate::openclaw::config::{Includes, KEY, OpenClawConfig};
use crate::printer::Printer;
use crate::write::refuse_if_owned_by_other_user;
use change::Change;
use receipt::{Receipt, Receipts};
use refusal::refuse_if_unwise;

/// The exit code if there is no `openclaw` command, so that something is left to do by hand.
const BY_HAND: u8 = 3;

/// The options of both commands.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Print the command, do not run it.
    pub dry_run: bool,
    /// Install even if OpenClaw can log codex in itself.
    pub force: bool,
}

/// What both commands read first.
struct Context<'a> {
    invocation: &'a Invocation,
    openclaw: OpenClaw,
    /// The `openclaw` command, as it has to be run for this gateway.
    command: Option<OpenClawCommand>,
    /// The launcher, symlinks resolved.
    launcher: Option<PathBuf>,
    config_file: PathBuf,
    config: OpenClawConfig,
    receipts_file: PathBuf,
    receipts: Receipts,
}

impl<'a> Context<'a> {
    fn read(invocation: &'a Invocation, pick: &Pick, verb: &str, printer: &Printer) -> Result<Self, CliError> {
        let openclaw = OpenClaw::observe(invocation, the_gateway(invocation, pick, verb)?);
        let no_home = || CliError::new("this user has no home directory that could be found", "set `HOME`");
        let config_file = openclaw.config_file.clone().ok_or_else(no_home)?;
        let config = match &openclaw.config {
            Ok(config) => config.clone().unwrap_or_default(),
            Err(error) => {
                let message = format!("`{}` cannot be used: {}", printer.path(&config_file), plain_text(error));
                return Err(CliError::new(message, "correct it, then run `openclaw config validate`"));
            }
        };
        let receipts_file = receipt::path(invocation).ok_or_else(no_home)?;
        let receipts = Receipts::read(&receipts_file, invocation.uid).map_err(|error| {
            let message = format!("`{}` cannot be read: {}", printer.path(&receipts_file), plain_text(&error));
            CliError::new(message, format!("move {} away", shell_word(&receipts_file, None)))
        })?;
        let launcher = launcher::find(invocation);
        let command = openclaw.command.as_deref().map(|command| openclaw.gateway.command(command));
        Ok(Self { invocation, openclaw, command, launcher, config_file, config, receipts_file, receipts })
    }

    /// Returns the configured program, variables resolved.
    fn program(&self) -> Option<&str> {
        self.config.program.as_ref().filter(|program| program.is_complete).map(|program| program.text.as_str())
    }

    fn receipt(&self) -> Option<&Receipt> {
        self.receipts.of(&self.config_file)
    }

    /// Returns whether the configured program is the launcher, or what `install` has set.
    fn is_installed(&self) -> bool {
        let Some(program) = self.program() else { return false };
        let program = Path::new(program);
        let is_same = |launcher: &Path| program.is_absolute() && disk::is_same(launcher, program);
        let is_launcher = self.launcher.as_deref().is_some_and(is_same);
        is_launcher || self.receipt().is_some_and(|receipt| Some(&receipt.installed) == self.config.command.as_ref())
    }

    /// Reads anew what is configured; `None` if that cannot be read.
    fn command_now(&self) -> Option<Option<String>> {
        let openclaw = OpenClaw::observe(self.invocation, self.openclaw.gateway.clone());
        openclaw.config.ok().map(|config| config.and_then(|config| config.command))
    }

    fn change_receipts(&self, change: impl FnOnce(Receipts) -> Receipts, printer: &Printer) -> Result<(), CliError> {
        Receipts::change(&self.receipts_file, self.invocation.uid, change).map_err(|cause| {
            let message = format!("`{}` cannot be written: {cause}", printer.path(&self.receipts_file));
            let directory = self.receipts_file.parent().unwrap_or(&self.receipts_file);
            CliError::new(message, format!("run `ls -la {0}` and `df {0}`", shell_word(directory, None)))
        })
    }

    /// Prints that `openclaw config set` drops comments, if there are any (2026.4.21, 2026.9.6).
    fn warn_of_comments(&self, printer: &Printer) {
        if self.config.has_comments {
            let file = printer.path(&self.config_file);
            printer.remark(&format!(
                "`openclaw config` drops the comments in `{file}`; it keeps the previous file in `{file}.bak`"
            ));
        }
    }

    /// Refuses to change a setting whose present value is in another file.
    fn refuse_if_included(&self, printer: &Printer) -> Result<(), CliError> {
        if self.config.includes < Includes::AroundCodex {
            return Ok(());
        }
        let message = format!(
            "`{}` includes other files (`$include`) around its settings for codex, so the present value could not be restored",
            printer.path(&self.config_file)
        );
        Err(CliError::new(message, format!("set `{KEY}` by hand, in the file that has it")))
    }

    /// Returns the error for a change that OpenClaw reports as done and that is not in its file.
    fn had_no_effect(&self, printer: &Printer) -> CliError {
        let file = printer.path(&self.config_file);
        let message = format!("`openclaw` reports no error, but `{KEY}` in `{file}` does not have the new value");
        CliError::new(message, format!("run `openclaw config get {KEY}`, and `openclaw config file`"))
    }
}

/// Configures OpenClaw to run codex through the launcher.
pub fn install(invocation: &Invocation, pick: &Pick, options: Options, printer: &mut Printer) -> CliResult {
    let context = Context::read(invocation, pick, "install", printer)?;
    let Some(launcher) = &context.launcher else {
        let message = "the launcher `codex-home-shim` is neither beside this program nor on PATH";
        return Err(CliError::new(message, "reinstall codex-home-shim"));
    };
    let path = launcher::stable(invocation, launcher);
    let Some(value) = path.to_str().map(str::to_owned) else {
        let message = format!("the launcher's path `{}` is not UTF-8, and `openclaw.json` is", printer.path(&path));
        return Err(CliError::new(message, "install the launcher in a directory whose path is UTF-8"));
    };
    if let Some(current) = already_set(&context, &path, &value) {
        let current = printer.path(Path::new(current));
        printer.line(format!("already installed: OpenClaw runs `{current}`; nothing was changed"))?;
        return Ok(0);
    }
    context.refuse_if_included(printer)?;
    if !options.force {
        refuse_if_unwise(&context, printer)?;
    }
    let Some(openclaw) = &context.command else { return by_hand(&context, &value, printer) };
    if launcher::is_versioned(&path) {
        let path = printer.path(&path);
        printer.remark(&format!("`{path}` has a version in it: run `codex-home install` again after an upgrade"));
    }
    let change = Change::Set(value.clone());
    if options.dry_run {
        return print_command(&context, openclaw, &change, printer);
    }
    if !options.force {
        refuse_if_owned_by_other_user(&[&context.config_file, &context.receipts_file], invocation.uid)?;
    }
    context.warn_of_comments(printer);
    let hint = set(&context, openclaw, value, &change, printer)?;
    let was = match &context.config.command {
        None => "was absent".to_owned(),
        Some(command) => format!("was `{}`", plain_text(command)),
    };
    printer.line(format!("installed: `{KEY}` is `{}`; it {was}", printer.path(&path)))?;
    printer.line(hint.text())?;
    printer
        .line("then run `codex-home verify`: it starts codex as OpenClaw would, and shows which login codex holds")?;
    Ok(0)
}

/// Returns the path by which OpenClaw runs the launcher, if an upgrade does not remove it.
fn already_set<'a>(context: &'a Context<'_>, path: &Path, value: &str) -> Option<&'a str> {
    if context.config.command.as_deref() == Some(value) {
        return context.config.command.as_deref();
    }
    let by_variable = || context.openclaw.gateway.environment.text(VARIABLE);
    let by_variable = if context.config.command.is_none() { by_variable() } else { None };
    let current = context.program().or(by_variable)?;
    // A bare name is searched for on the gateway's PATH, and a relative path starts at its directory.
    let trimmed = Path::new(current.trim());
    let leads_there = trimmed.is_absolute() && (disk::is_same(trimmed, path) || is_launcher(trimmed));
    (leads_there && !launcher::is_versioned(trimmed)).then_some(current)
}

/// Returns whether a program is a launcher, if another copy than the one beside this program.
fn is_launcher(path: &Path) -> bool {
    codex_home::fs::is_program(path)
        && codex_home::fs::canonicalize(path)
            .is_some_and(|real| real.file_name().is_some_and(|name| name == launcher::NAME))
}

/// Sets the launcher and keeps the previous value.
fn set(
    context: &Context<'_>,
    openclaw: &OpenClawCommand,
    value: String,
    change: &Change,
    printer: &mut Printer,
) -> Result<change::RestartHint, CliError> {
    let current = context.config.command.clone();
    // A value that `install` has set is not a previous value.
    let carried = context.receipt().filter(|receipt| Some(&receipt.installed) == current.as_ref());
    let previous = carried.map_or_else(|| current.clone(), |receipt| receipt.previous.clone());
    let receipt = Receipt { config: context.config_file.clone(), installed: value, previous };
    // Before the change, so that an interrupted install still knows the previous value.
    context.change_receipts(|receipts| receipts.with(receipt), printer)?;
    let result = change.run(openclaw, printer);
    if context.command_now().flatten() == change.value() {
        return result;
    }
    // Nothing was set, so there is nothing to restore.
    let before = context.receipt().cloned();
    let restore = |receipts: Receipts| match before {
        Some(before) => receipts.with(before),
        None => receipts.without(&context.config_file),
    };
    context.change_receipts(restore, printer)?;
    result.and_then(|_| Err(context.had_no_effect(printer)))
}

/// Restores what OpenClaw ran before `install`.
pub fn uninstall(invocation: &Invocation, pick: &Pick, options: Options, printer: &mut Printer) -> CliResult {
    let context = Context::read(invocation, pick, "uninstall", printer)?;
    let receipt = context.receipt().cloned();
    if !context.is_installed() {
        return not_installed(&context, receipt, options, printer);
    }
    context.refuse_if_included(printer)?;
    let change = Change::to(receipt.as_ref().and_then(|receipt| receipt.previous.clone()));
    if receipt.is_none() {
        printer.remark("no previous value was recorded, so the setting is removed");
    }
    let Some(openclaw) = &context.command else {
        printer.line(format!("no `openclaw` command is found; in `{}`", printer.path(&context.config_file)))?;
        match change.value() {
            Some(value) => printer.line(format!("set `{KEY}` to {}", Value::from(value)))?,
            None => printer.line(format!("remove `{KEY}`"))?,
        }
        return Ok(BY_HAND);
    };
    if options.dry_run {
        return print_command(&context, openclaw, &change, printer);
    }
    // The configuration may belong to another user: an installation can always be undone.
    refuse_if_owned_by_other_user(&[&context.receipts_file], invocation.uid)?;
    context.warn_of_comments(printer);
    let hint = change.run(openclaw, printer)?;
    if context.command_now() != Some(change.value()) {
        return Err(context.had_no_effect(printer));
    }
    context.change_receipts(|receipts| receipts.without(&context.config_file), printer)?;
    printer.line(match change.value() {
        Some(value) => format!("uninstalled: `{KEY}` is `{}` again", plain_text(value)),
        None => format!("uninstalled: `{KEY}` is absent"),
    })?;
    printer.line(hint.text())?;
    Ok(0)
}

/// Ends `uninstall` if OpenClaw does not run the launcher.
fn not_installed(
    context: &Context<'_>,
    receipt: Option<Receipt>,
    options: Options,
    printer: &mut Printer,
) -> CliResult {
    let current = &context.config.command;
    let Some(receipt) = receipt else {
        printer.line("not installed: OpenClaw does not run the launcher; nothing was changed")?;
        return Ok(0);
    };
    if receipt.previous == *current {
        printer.line("not installed: the previous value is in place; nothing was changed")?;
        if !options.dry_run {
            context.change_receipts(|receipts| receipts.without(&context.config_file), printer)?;
        }
        return Ok(0);
    }
    let now = current.as_ref().map_or_else(|| "absent".to_owned(), |current| format!("`{}`", plain_text(current)));
    let message = format!("`{KEY}` is {now}, not what `codex-home install` set, and is left unchanged");
    let openclaw = context.openclaw.gateway.command(Path::new("openclaw"));
    let command = Change::to(receipt.previous).shown(&openclaw);
    Err(CliError::new(message, format!("run `{command}` to restore the previous value anyway")))
}

/// Prints the command that would be run.
fn print_command(
    context: &Context<'_>,
    openclaw: &OpenClawCommand,
    change: &Change,
    printer: &mut Printer,
) -> CliResult {
    context.warn_of_comments(printer);
    printer.line(change.shown(openclaw))?;
    Ok(0)
}

/// Prints what to write by hand if there is no `openclaw` command.
fn by_hand(context: &Context<'_>, value: &str, printer: &mut Printer) -> CliResult {
    let file = printer.path(&context.config_file);
    printer.remark(&format!("no `openclaw` command is found; merge this into `{file}`:"));
    let value = Value::from(value);
    printer.line(format!(
        "{{ plugins: {{ entries: {{ codex: {{ config: {{ appServer: {{ command: {value} }} }} }} }} }} }}"
    ))?;
    Ok(BY_HAND)
}
