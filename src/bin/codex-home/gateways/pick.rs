//! The options that pick a gateway.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use codex_home::display::{plain_text, shell_word};
use codex_home::invocation::Invocation;
use codex_home::settings::lexically_normal;

use super::environment::expanded;
use super::{Gateway, Gateways};
use crate::error::CliError;

/// The options that pick a gateway.
#[derive(Args, Clone, Debug, Default)]
pub struct Pick {
    /// The gateway of this OpenClaw profile, as in `openclaw --profile NAME`
    #[arg(long, visible_alias = "gateway", value_name = "NAME", conflicts_with_all = ["dev", "state_dir"])]
    pub profile: Option<String>,
    /// The gateway of `openclaw --dev`
    #[arg(long, conflicts_with = "state_dir")]
    pub dev: bool,
    /// The gateway with this state directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
}

impl Pick {
    /// Returns whether no option picks one.
    pub const fn is_from_shell(&self) -> bool {
        self.profile.is_none() && !self.dev && self.state_dir.is_none()
    }

    /// Returns the state directory of the picked gateway, by the options, else by OpenClaw's variables; `None` if none is picked.
    pub fn state(&self, invocation: &Invocation, person: Option<&Path>) -> Option<PathBuf> {
        let variable = |name: &str, home: Option<&Path>| {
            let text = invocation.var(name)?.to_str()?.trim();
            let path = expanded(text, home).unwrap_or_else(|| invocation.absolute(text.into()));
            (!text.is_empty()).then(|| lexically_normal(&path))
        };
        let moved = variable("OPENCLAW_HOME", person);
        let home = moved.as_deref().or(person);
        if let Some(directory) = &self.state_dir {
            return Some(lexically_normal(&invocation.absolute(directory.clone())));
        }
        if let Some(profile) = self.profile.as_deref().or(self.dev.then_some("dev")) {
            return of_profile(profile, home);
        }
        let state = variable("OPENCLAW_STATE_DIR", home);
        let is_moved = moved.is_some() || invocation.is_not_blank("OPENCLAW_CONFIG_PATH");
        state.or_else(|| home.filter(|_| is_moved).map(|home| home.join(".openclaw")))
    }
}

/// Returns the state directory of a profile.
pub fn of_profile(profile: &str, home: Option<&Path>) -> Option<PathBuf> {
    let suffix = if profile.eq_ignore_ascii_case("default") { String::new() } else { format!("-{profile}") };
    Some(home?.join(format!(".openclaw{suffix}")))
}

/// Returns the error if none of these gateways is the one that was picked.
pub fn none(gateways: &[Gateway]) -> CliError {
    let names: Vec<_> = gateways.iter().map(|gateway| gateway.name.as_str()).collect();
    let there_are = match names.is_empty() {
        true => "there is no gateway at all".to_owned(),
        false => format!("there are: `{}`", names.join("`, `")),
    };
    CliError::new(format!("no such gateway; {there_are}"), "run `codex-home doctor`, which shows every gateway")
}

/// Returns the picked gateway.
pub fn the_gateway(invocation: &Invocation, pick: &Pick, verb: &str) -> Result<Gateway, CliError> {
    let found = Gateways::find(invocation, pick)?;
    let profile = invocation.var("OPENCLAW_PROFILE").map(|profile| profile.to_string_lossy().trim().to_owned());
    if let Some(profile) = profile.filter(|profile| pick.is_from_shell() && !profile.is_empty()) {
        let is_meant = matches!(found.all.as_slice(), [only] if only.profile.as_ref() == Some(&profile));
        if !is_meant && !profile.eq_ignore_ascii_case("default") {
            let message = format!(
                "`OPENCLAW_PROFILE` is `{}`, by which OpenClaw names only its service: it finds its files by `--profile`",
                plain_text(&profile)
            );
            let word = shell_word(Path::new(&profile), None);
            return Err(CliError::new(
                message,
                format!("run `codex-home {verb} --profile {word}`, or unset the variable"),
            ));
        }
    }
    let mut all = found.all;
    match all.as_slice() {
        [_] => {}
        several => {
            let names = several.iter().map(|gateway| {
                let state = gateway.state.as_deref().map(Path::display);
                format!(
                    "`{}` ({})",
                    plain_text(&gateway.name),
                    state.map(|state| state.to_string()).unwrap_or_default()
                )
            });
            let message = format!("there are several gateways: {}", names.collect::<Vec<_>>().join(", "));
            let options = several.iter().map(|gateway| format!("`codex-home {verb}{}`", gateway.picked()));
            return Err(CliError::new(message, format!("run {}", options.collect::<Vec<_>>().join(" or "))));
        }
    }
    let gateway = all.pop().ok_or_else(|| none(&[]))?;
    match gateway.hidden(verb) {
        Some(hidden) => Err(CliError::new(hidden.what, hidden.help)),
        None => Ok(gateway),
    }
}
