//! The plan of `install`, and the objections to it. `install` does not guess, and replaces nothing that works.

use codex_home::display::{plain_text, shell_word};
use codex_home::settings::Settings;

use super::carried::Carried;
use super::codex::{choose, swapped};
use super::context::Context;
use crate::disk;
use crate::doctor::app_server::AppServerCommand;
use crate::error::CliError;
use crate::openclaw::config::{Includes, KEY};
use crate::printer::Printer;

/// An objection to an installation.
pub struct Concern {
    pub message: String,
    pub help: String,
}

/// The plan, beside the setting of OpenClaw.
#[derive(Default)]
pub struct Plan {
    /// The launcher's setting to set.
    pub carried: Option<Carried>,
    /// The objections, the most important first.
    pub concerns: Vec<Concern>,
    pub remark: Option<String>,
}

impl Plan {
    /// Makes the plan; changes nothing.
    pub fn new(context: &Context<'_>, printer: &Printer) -> Self {
        let option = context.openclaw.gateway.option();
        let planner = Planner { context, printer, anyway: format!("run `codex-home install{option} --force`") };
        let concerns =
            [planner.open_to_all(), planner.symlink(), planner.includes(), planner.starts_nothing(), planner.gain()];
        let mut concerns: Vec<_> = concerns.into_iter().flatten().collect();
        if !context.openclaw.is_there() {
            return Self { concerns, ..Self::default() };
        }
        let choice = choose(context, printer);
        concerns.extend(planner.replaced().filter(|_| !choice.is_the_script));
        let swapped = swapped(context, choice.carried.as_ref(), printer);
        // A codex that OpenClaw does not accept is named before what it would do to other gateways.
        let both = if choice.carried.is_some() { [choice.concern, swapped] } else { [swapped, choice.concern] };
        concerns.extend(both.into_iter().flatten());
        Self { carried: choice.carried, concerns, remark: choice.remark }
    }

    /// Refuses if there is an objection. If the installation is forced, prints the objections instead.
    pub fn allow(&self, is_forced: bool, printer: &Printer) -> Result<(), CliError> {
        for concern in &self.concerns {
            if !is_forced {
                return Err(CliError::new(&*concern.message, &*concern.help));
            }
            printer.remark(&format!("installed all the same: {}", concern.message));
        }
        if let Some(remark) = &self.remark {
            printer.remark(remark);
        }
        Ok(())
    }
}

struct Planner<'a> {
    context: &'a Context<'a>,
    printer: &'a Printer,
    /// How to install it anyway.
    anyway: String,
}

impl Planner<'_> {
    /// Objects if every user may replace the program that is about to be run.
    fn open_to_all(&self) -> Option<Concern> {
        let open = disk::open_to_all(self.context.openclaw.command.as_deref()?)?;
        Some(Concern {
            message: format!("every user may replace `{}`, and so what is run as `openclaw`", self.printer.path(open)),
            help: format!("run `chmod o-w {}`", shell_word(open, None)),
        })
    }

    fn symlink(&self) -> Option<Concern> {
        let context = self.context;
        if !disk::is_symlink(&context.config_file) {
            return None;
        }
        let target = codex_home::fs::canonicalize(&context.config_file).unwrap_or_else(|| context.config_file.clone());
        let [file, target] = [&context.config_file, &target].map(|path| self.printer.path(path));
        Some(Concern {
            message: format!(
                "`{file}` is a symlink to `{target}`, and `openclaw config set` puts a file in its place (2026.5.12)"
            ),
            help: format!("set `{KEY}` in `{target}` by hand, or {}", self.anyway),
        })
    }

    fn includes(&self) -> Option<Concern> {
        (self.context.config.includes == Includes::Elsewhere).then(|| Concern {
            message:
                "`openclaw.json` includes other files (`$include`), and `openclaw config set` may copy their contents \
                      into it"
                    .to_owned(),
            help: format!("set it by hand, or {}", self.anyway),
        })
    }

    fn starts_nothing(&self) -> Option<Concern> {
        let AppServerCommand::Nothing { why, .. } = &self.context.configured.command else { return None };
        let file = self.printer.path(&self.context.config_file);
        Some(Concern {
            message: format!("OpenClaw starts no codex, so the launcher would not be used: {why}"),
            help: format!("change `{file}` first, or {}", self.anyway),
        })
    }

    /// Objects if the launcher does nothing for this release.
    fn gain(&self) -> Option<Concern> {
        let context = self.context;
        let Some(version) = &context.openclaw.version else {
            return context.openclaw.is_there().then(|| Concern {
                message: "the version of OpenClaw is not known, so it may have no use for the launcher".to_owned(),
                help: format!("run `openclaw --version`; if it is 2026.4.20 or 2026.4.21, {}", self.anyway),
            });
        };
        if let Some(way) = version.own_way() {
            let way = context.openclaw.gateway.addressed(way);
            return Some(Concern {
                message: format!("OpenClaw {version} can log codex in itself, which is better than a launcher"),
                help: format!("{way}; {} installs the launcher anyway", self.anyway.trim_start_matches("run ")),
            });
        }
        let (message, remedy) = if version.borrows_id_token() {
            ("takes what codex needs from `~/.codex`, or makes no home", "run `codex login` if a bot does not answer")
        } else {
            ("makes no home that the launcher would change", "run `codex-home doctor` if a bot does not answer")
        };
        (!version.needs_launcher()).then(|| Concern {
            message: format!("OpenClaw {version} {message}: the launcher would leave every start alone"),
            help: format!("{remedy}; {} installs it anyway", self.anyway.trim_start_matches("run ")),
        })
    }

    /// Objects if OpenClaw runs a program that does more than the launcher.
    fn replaced(&self) -> Option<Concern> {
        let (what, losses) = match &self.context.configured.command {
            AppServerCommand::Wrapper(path, wrapper) => {
                let losses = wrapper.lost(&Settings::read(&self.context.start).0);
                (format!("`{}`", self.printer.path(path)), losses)
            }
            AppServerCommand::Variable(text) => {
                let why = "depends on the gateway's environment, so what it does is not known".to_owned();
                (format!("`{}`", plain_text(text)), vec![why])
            }
            _ => return None,
        };
        let message = format!("OpenClaw runs {what}, and what it does would be lost: it {}", losses.join("; it "));
        (!losses.is_empty()).then(|| Concern {
            message,
            help: format!("read it; if the launcher is to replace it all the same, {}", self.anyway),
        })
    }
}
