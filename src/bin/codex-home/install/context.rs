//! The facts that `install` and `uninstall` read first, under a lock.

use std::fs::File;
use std::path::{Path, PathBuf};

use codex_home::display::{cause, plain_text, shell_word};
use codex_home::invocation::Invocation;
use codex_home::settings::{Key, Settings, Source};
use nix::fcntl::Flock;
use serde_json::Value;

use super::carried::Carried;
use super::receipt::{self, Receipt, Receipts};
use super::tree;
use crate::doctor::app_server::{AppServerCommand, Configured};
use crate::error::CliError;
use crate::gateways::{OpenClawCommand, Pick, the_gateway};
use crate::launcher::Launcher;
use crate::openclaw::OpenClaw;
use crate::openclaw::config::{Includes, KEY, OpenClawConfig};
use crate::printer::Printer;
use crate::write;

/// The facts that both commands read first.
pub struct Context<'a> {
    pub invocation: &'a Invocation,
    pub openclaw: OpenClaw,
    /// The `openclaw` command for this gateway.
    pub command: Option<OpenClawCommand>,
    pub launcher: Option<Launcher>,
    /// A start in the gateway's environment.
    pub start: Invocation,
    /// The program that OpenClaw runs as codex now.
    pub configured: Configured,
    pub config_file: PathBuf,
    pub config: OpenClawConfig,
    /// The configuration file without what it includes; `None` if there is none.
    pub tree: Option<Value>,
    pub receipts_file: PathBuf,
    pub receipts: Receipts,
    /// Held until the command is done, so that no other `install` changes what was read.
    _lock: Flock<File>,
}

impl<'a> Context<'a> {
    /// Takes the lock, then reads.
    pub fn read(invocation: &'a Invocation, pick: &Pick, verb: &str, printer: &Printer) -> Result<Self, CliError> {
        refuse_under_sudo(invocation, verb)?;
        let gateway = the_gateway(invocation, pick, verb)?;
        let no_home = || CliError::new("this user has no home directory that could be found", "set `HOME`");
        let openclaw = OpenClaw::observe(invocation, gateway);
        let config_file = openclaw.config_file.clone().ok_or_else(no_home)?;
        let wait = || printer.spinner("waiting for another `codex-home` to end");
        let lock = write::lock_around(&receipt::spelled(&config_file), wait).map_err(|error| {
            let message =
                format!("the directory of `{}` cannot be locked: {}", printer.path(&config_file), cause(&error));
            let directory = config_file.parent().unwrap_or(&config_file);
            CliError::new(message, format!("run `ls -ld {}`", shell_word(directory, None)))
        })?;
        // Another `install` may have changed it.
        let openclaw = OpenClaw::observe(invocation, openclaw.gateway);
        let config = match &openclaw.config {
            Ok(config) => config.clone().unwrap_or_default(),
            Err(error) => {
                let message = format!("`{}` cannot be used: {}", printer.path(&config_file), plain_text(error));
                return Err(CliError::new(message, "correct it, then run `openclaw config validate`"));
            }
        };
        let receipts_file = receipt::path(invocation).ok_or_else(no_home)?;
        let receipts = Receipts::read(&receipts_file, invocation.uid).map_err(|error| {
            // Another user's receipts stay.
            let others = write::refuse_if_owned_by_other_user(&[&receipts_file], invocation.uid).err();
            others.unwrap_or_else(|| {
                let message = format!("`{}` cannot be read: {}", printer.path(&receipts_file), plain_text(&error));
                let old = receipts_file.with_extension("json.old");
                let [file, old] = [&receipts_file, &old].map(|path| shell_word(path, None));
                CliError::new(message, format!("run `mv {file} {old}`: what was there before is then not known"))
            })
        })?;
        let launcher = Launcher::find(invocation);
        let start = openclaw.start(invocation);
        let configured = Configured::app_server(&openclaw, &start, launcher.as_ref());
        let command = openclaw.command.as_deref().map(|command| openclaw.gateway.command(command));
        Ok(Self {
            tree: tree::read(&config_file),
            invocation,
            openclaw,
            command,
            launcher,
            start,
            configured,
            config_file,
            config,
            receipts_file,
            receipts,
            _lock: lock,
        })
    }

    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipts.of(&self.config_file)
    }

    /// Returns the launcher's setting `codex`, if an `install` made it, for this gateway or another.
    pub fn carried(&self) -> Option<&Carried> {
        let (settings, _) = Settings::read(&self.start);
        let codex = settings.codex.as_deref().filter(|_| settings.source(Key::Codex) == Source::File)?;
        self.receipts.carried(codex)
    }

    /// Returns the receipt of another gateway for which an `install` made or found this setting.
    pub fn shares(&self, carried: &Carried) -> Option<Receipt> {
        // Another `install` may have recorded it during the ten seconds that OpenClaw takes.
        let receipts = Receipts::read(&self.receipts_file, self.invocation.uid);
        let receipts = receipts.unwrap_or_else(|_| self.receipts.clone());
        let has_it = |other: &&Receipt| other.carried.as_ref().is_some_and(|other| other.codex == carried.codex);
        receipts.others(&self.config_file).find(has_it).cloned()
    }

    /// Returns the launcher that OpenClaw runs, as it is configured, and whether the next upgrade removes that path.
    pub fn configured_launcher(&self) -> Option<(&Path, bool)> {
        match &self.configured.command {
            AppServerCommand::Launcher { path, is_versioned } => Some((path, *is_versioned)),
            _ => None,
        }
    }

    /// Returns whether the configured program is the launcher, or what `install` has set.
    pub fn is_installed(&self) -> bool {
        let is_set = self.config.command.is_some() && self.configured.is_launcher();
        is_set || self.receipt().is_some_and(|receipt| Some(&receipt.installed) == self.config.command.as_ref())
    }

    /// Reads the configuration again; `None` if it cannot be read.
    pub fn command_now(&self) -> Option<Option<String>> {
        let openclaw = OpenClaw::observe(self.invocation, self.openclaw.gateway.clone());
        openclaw.config.ok().map(|config| config.and_then(|config| config.command))
    }

    pub fn change_receipts(
        &self,
        change: impl FnOnce(Receipts) -> Receipts,
        printer: &Printer,
    ) -> Result<(), CliError> {
        Receipts::change(&self.receipts_file, self.invocation.uid, change).map_err(|cause| {
            let message = format!("`{}` cannot be written: {cause}", printer.path(&self.receipts_file));
            let directory = self.receipts_file.parent().unwrap_or(&self.receipts_file);
            CliError::new(message, format!("run `ls -la {0}` and `df {0}`", shell_word(directory, None)))
        })
    }

    /// Refuses to change a setting if its present value is in another file.
    pub fn refuse_if_included(&self, printer: &Printer) -> Result<(), CliError> {
        if self.config.includes < Includes::AroundCodex {
            return Ok(());
        }
        let message = format!(
            "`{}` includes other files (`$include`) around its settings for codex, so the present value could not be restored",
            printer.path(&self.config_file)
        );
        Err(CliError::new(message, format!("set `{KEY}` by hand, in the file that has it")))
    }

    /// Returns the error for a change that OpenClaw reports as done but that is not in its file.
    pub fn had_no_effect(&self, printer: &Printer) -> CliError {
        let file = printer.path(&self.config_file);
        let message = format!("`openclaw` reports no error, but `{KEY}` in `{file}` does not have the new value");
        CliError::new(message, format!("run `openclaw config get {KEY}`, and `openclaw config file`"))
    }
}

/// Refuses to run as root by `sudo`: root's OpenClaw is another one, and in the user's directories root would leave files that the
/// user cannot change.
fn refuse_under_sudo(invocation: &Invocation, verb: &str) -> Result<(), CliError> {
    let caller = ["SUDO_USER", "DOAS_USER"].into_iter().find_map(|name| Some((name, invocation.var(name)?)));
    let Some((name, caller)) = caller.filter(|(_, caller)| invocation.uid == 0 && *caller != "root") else {
        return Ok(());
    };
    let message = format!("this is root, by `sudo` of the user `{}`, whose OpenClaw is meant", plain_text(caller));
    let help = format!(
        "run `codex-home {verb}` without `sudo`; if root has an OpenClaw of its own, run `sudo env -u {name} codex-home {verb}`"
    );
    Err(CliError::new(message, help))
}
