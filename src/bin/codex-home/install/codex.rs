//! The codex that an installed launcher would start for the gateway, and whether OpenClaw accepts it.

use std::path::{Path, PathBuf};

use codex_home::codex::{self, Codex};
use codex_home::describe;
use codex_home::display::{plain_text, shell_word};
use codex_home::failure::Failure;
use codex_home::fs::is_program;
use codex_home::settings::{Key, Settings, Source};

use super::carried::Carried;
use super::context::Context;
use super::plan::Concern;
use crate::codex::{Gate, at, gate, passes, stable};
use crate::disk;
use crate::doctor::app_server::AppServerCommand;
use crate::launcher::is_versioned;
use crate::openclaw::version::Version;
use crate::printer::Printer;

#[derive(Default)]
pub struct Choice {
    /// The setting to set, so that the launcher finds it.
    pub carried: Option<Carried>,
    /// Why the launcher would start no codex that OpenClaw accepts.
    pub concern: Option<Concern>,
    pub remark: Option<String>,
    /// Whether it is the same script that OpenClaw runs. Then nothing of the script is lost.
    pub is_the_script: bool,
}

/// Chooses the codex, and what has to be set for it.
pub fn choose(context: &Context<'_>, printer: &Printer) -> Choice {
    let (settings, problems) = Settings::read(&context.start);
    if let Some(problem) = problems.first() {
        let message = describe::problem(problem, settings.person_home.as_deref()).join("; ");
        let message = format!("the launcher would start nothing: {message}");
        let help = describe::help(problem, settings.person_home.as_deref());
        return Choice { concern: Some(Concern { message, help }), ..Choice::default() };
    }
    let chooser = Chooser { context, settings, printer };
    if let AppServerCommand::Wrapper(script, _) = &context.configured.command
        && codex::find(&context.start, &chooser.settings).is_ok_and(|codex| disk::is_same(&codex.path, script))
    {
        return Choice { is_the_script: true, ..chooser.search() };
    }
    let pinned = pinned(context, &chooser.settings).filter(|_| chooser.may_set());
    // If there is no codex at that path, OpenClaw cannot start it now either.
    let carried = pinned.and_then(|path| Some((chooser.at(&path)?, Carried::new(&path, &chooser.settings)?)));
    match carried {
        Some((codex, carried)) => chooser.judge(&codex, Some(carried)),
        None => chooser.search(),
    }
}

/// Returns the codex that OpenClaw is configured to run, by an absolute path.
pub fn pinned(context: &Context<'_>, settings: &Settings) -> Option<PathBuf> {
    let text = context.config.program.as_ref().map(|program| program.text.trim());
    let is_absolute = context.configured.is_by_variable || text.is_some_and(|text| text.starts_with('/'));
    match &context.configured.command {
        AppServerCommand::Program(path) => Some(path.clone()).filter(|path| is_absolute && path.is_absolute()),
        AppServerCommand::Wrapper(_, wrapper) => {
            wrapper.codex(settings.person_home.as_deref()).filter(|path| is_program(path))
        }
        _ => None,
    }
}

/// Objects if the launcher's one setting `codex` would make a gateway start another codex than it starts now: this gateway if an
/// `install` made the setting, an installed one if this `install` would make it.
pub fn swapped(context: &Context<'_>, carried: Option<&Carried>, printer: &Printer) -> Option<Concern> {
    let chooser = Chooser { context, settings: Settings::read(&context.start).0, printer };
    let is_its_own = |path: &Path| {
        let path = printer.path(path);
        let option = context.openclaw.gateway.picked();
        let variable = Key::Codex.variable();
        format!(
            "set `{variable}` to `{path}` where this gateway is started, or run `codex-home install{option} --force`"
        )
    };
    if let Some(carried) = carried {
        let other = context.receipts.others(&context.config_file).find(|other| other.is_in_place())?;
        let (codex, file) = (Path::new(&carried.codex), printer.path(&other.config));
        let message = format!(
            "the setting `codex` counts for every gateway: the launcher would start `{}` for the one of `{file}`, too",
            printer.path(codex)
        );
        return Some(Concern { message, help: is_its_own(codex) });
    }
    let carried = context.carried()?;
    let codex = chooser.at(Path::new(&carried.codex)).filter(|codex| !chooser.is_started_now(codex))?;
    let accepted = |codex: &Codex| !matches!(gate(codex, context.openclaw.version.as_ref()), Gate::Fails(_));
    let now = chooser.started_now().into_iter().find(|path| chooser.at(path).is_some_and(|codex| accepted(&codex)))?;
    let message = format!(
        "OpenClaw runs `{}`, and the launcher would start `{}`, which an earlier `install` set as `codex` for every gateway",
        printer.path(&now),
        printer.path(&codex.path)
    );
    let help = match context.shares(carried) {
        Some(_) => is_its_own(&now),
        None => "run `codex-home config unset codex`, then this again".to_owned(),
    };
    Some(Concern { message, help })
}

struct Chooser<'a> {
    context: &'a Context<'a>,
    settings: Settings,
    printer: &'a Printer,
}

impl Chooser<'_> {
    /// Returns the codex at a path.
    fn at(&self, path: &Path) -> Option<Codex> {
        at(path, &self.context.start, &self.settings)
    }

    /// Returns whether nothing names a codex yet. What the person has set would win, and is not replaced.
    fn may_set(&self) -> bool {
        self.settings.source(Key::Codex) == Source::Default
    }

    fn passes(&self, codex: &Codex) -> bool {
        passes(codex, self.context.openclaw.version.as_ref())
    }

    /// Takes the codex that the launcher finds for the gateway, else one that is only on this shell's PATH.
    fn search(&self) -> Choice {
        match codex::find(&self.context.start, &self.settings) {
            Ok(codex) => self.judge(&codex, None),
            Err(failure) => self.on_shells_path().unwrap_or_else(|| self.not_found(&failure)),
        }
    }

    fn judge(&self, codex: &Codex, carried: Option<Carried>) -> Choice {
        let path = self.printer.path(&codex.path);
        let needs = |lowest: &dyn std::fmt::Display| {
            let openclaw = self.context.openclaw.version.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("OpenClaw {openclaw} needs codex {lowest} or later, and the launcher would start `{path}`")
        };
        match gate(codex, self.context.openclaw.version.as_ref()) {
            Gate::Passes => Choice { carried, ..Choice::default() },
            Gate::Fails(lowest) => {
                let version = codex.version().map(plain_text).unwrap_or_default();
                let message = format!("{}, which is {version}", needs(&lowest));
                Choice { carried, ..self.concern(message, self.newer(codex)) }
            }
            // OpenClaw already starts this one.
            Gate::Unknown(lowest) if self.is_started_now(codex) => {
                let remark = format!("{}, whose version is not known, as OpenClaw does now", needs(&lowest));
                Choice { carried, remark: Some(remark), ..Choice::default() }
            }
            Gate::Unknown(lowest) => {
                let message = format!("{}, whose version is not known", needs(&lowest));
                let word = shell_word(&codex.program, self.settings.person_home.as_deref());
                let option = self.context.openclaw.gateway.option();
                let help = format!(
                    "run `{word} --version`; if it is {lowest} or later, run `codex-home install{option} --force`"
                );
                Choice { carried, ..self.concern(message, help) }
            }
        }
    }

    fn concern(&self, message: String, help: String) -> Choice {
        Choice { concern: Some(Concern { message, help }), ..Choice::default() }
    }

    /// Returns the programs that OpenClaw starts as codex without the launcher, as far as they are known.
    fn started_now(&self) -> Vec<PathBuf> {
        let on_path = || disk::on_path(&self.context.start, "codex");
        let writes_bridges = self.context.openclaw.is(Version::writes_bridges);
        match &self.context.configured.command {
            AppServerCommand::Program(path) => vec![path.clone()],
            AppServerCommand::Unset if writes_bridges => on_path().into_iter().collect(),
            AppServerCommand::Wrapper(script, wrapper) => {
                let named = on_path().filter(|_| wrapper.program.as_deref() == Some("codex"));
                pinned(self.context, &self.settings).into_iter().chain(named).chain([script.clone()]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns whether OpenClaw starts this codex without the launcher.
    fn is_started_now(&self, codex: &Codex) -> bool {
        let is_it = |path: &PathBuf| {
            disk::is_same(path, &codex.path)
                || self.at(path).is_some_and(|other| disk::is_same(&other.path, &codex.path))
        };
        self.started_now().iter().any(is_it)
    }

    /// Returns how to get a codex that is accepted in place of this one.
    fn newer(&self, codex: &Codex) -> String {
        let here = codex::find(self.context.invocation, &Settings::read(self.context.invocation).0);
        let here = here.ok().filter(|here| self.passes(here));
        let links = disk::candidates(self.context.invocation, "codex");
        let stable = |here: Codex| stable(&here, &links, &self.context.start, &self.settings).unwrap_or(here.path);
        match here.map(stable) {
            Some(path) => {
                let word = shell_word(&path, self.settings.person_home.as_deref());
                format!("run `codex-home config set codex {word}`")
            }
            None => codex.update(self.settings.person_home.as_deref()).map_or_else(
                || {
                    "update codex as it was installed, or run `codex-home config set codex PATH` for a later one"
                        .to_owned()
                },
                |command| format!("run `{command}`"),
            ),
        }
    }

    /// Chooses the first codex that is only on this shell's PATH and that OpenClaw accepts.
    fn on_shells_path(&self) -> Option<Choice> {
        let is_accepted = |path: &PathBuf| self.at(path).is_some_and(|codex| self.passes(&codex));
        let found = disk::candidates(self.context.invocation, "codex").into_iter().filter(|_| self.may_set());
        let path = found.filter(|path| is_program(path)).find(is_accepted)?;
        let carried = Carried::new(&path, &self.settings)?;
        if is_versioned(&path) {
            let message = format!(
                "the launcher would find no codex for the gateway: `{}` is on this shell's PATH only, in a directory that an \
                 upgrade removes",
                self.printer.path(&path)
            );
            return Some(self.concern(message, format!("run `{}`, again after each upgrade", carried.command())));
        }
        Some(Choice { carried: Some(carried), ..Choice::default() })
    }

    fn not_found(&self, failure: &Failure) -> Choice {
        let person_home = self.settings.person_home.as_deref();
        let problem = describe::problem(failure, person_home).join("; ");
        let is_fine_now = matches!(self.context.configured.command, AppServerCommand::Unset)
            && !self.context.openclaw.is(Version::writes_bridges);
        let but =
            if is_fine_now { "; OpenClaw may bring one of its own, which the launcher does not find" } else { "" };
        self.concern(
            format!("the launcher would find no codex for the gateway: {problem}{but}"),
            describe::help(failure, person_home),
        )
    }
}
