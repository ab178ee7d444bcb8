//! What `install` and `uninstall` do not do, or not without being told: guess, and write more than one setting.

use std::path::Path;

use codex_home::display::{plain_text, shell_word};
use codex_home::invocation::Invocation;

use super::Context;
use crate::disk;
use crate::error::CliError;
use crate::gateways::{Gateway, Gateways, Pick, pick};
use crate::openclaw::config::{Includes, KEY};
use crate::printer::Printer;

/// Returns the one gateway that is meant.
pub fn the_gateway(invocation: &Invocation, pick: &Pick, verb: &str) -> Result<Gateway, CliError> {
    let found = Gateways::find(invocation, pick).map_err(|names| pick::none(&names))?;
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
    all.pop().ok_or_else(|| pick::none(&[]))
}

/// Refuses if OpenClaw can log codex in itself or may be able to, if it would use no command, or if the change could write too
/// much.
pub fn refuse_if_unwise(context: &Context<'_>, printer: &Printer) -> Result<(), CliError> {
    let option = context.openclaw.gateway.option();
    let anyway = format!("run `codex-home install{option} --force`");
    let (file, config) = (printer.path(&context.config_file), &context.config);
    if disk::is_symlink(&context.config_file) {
        let target = codex_home::fs::canonicalize(&context.config_file).unwrap_or_else(|| context.config_file.clone());
        let target = printer.path(&target);
        let message = format!(
            "`{file}` is a symlink to `{target}`, and `openclaw config set` puts a file in its place (2026.5.12)"
        );
        return Err(CliError::new(message, format!("set `{KEY}` in `{target}` by hand, or {anyway}")));
    }
    if config.includes == Includes::Elsewhere {
        return Err(CliError::new(
            "`openclaw.json` includes other files (`$include`), and `openclaw config set` may copy their contents into it",
            format!("set it by hand, or {anyway}"),
        ));
    }
    let nothing = match (config.plugin_off, &config.websocket) {
        (Some(setting), _) => Some(format!("its codex plugin is off (`{setting}`)")),
        (None, Some(address)) => Some(format!("it connects to `{}`", plain_text(address))),
        (None, None) => None,
    };
    if let Some(why) = nothing {
        let message = format!("OpenClaw starts no codex, so the launcher would not be used: {why}");
        return Err(CliError::new(message, format!("change `{file}` first, or {anyway}")));
    }
    let Some(version) = context.openclaw.version() else {
        if !context.openclaw.is_there() {
            return Ok(());
        }
        let message =
            "the version of OpenClaw is not known, so it may be able to log codex in itself (2026.7.1 and later)";
        return Err(CliError::new(message, format!("run `openclaw --version`; if it is an earlier one, {anyway}")));
    };
    let Some(way) = version.own_way() else { return Ok(()) };
    let message = format!("OpenClaw {version} can log codex in itself, which is better than a launcher");
    let way = context.openclaw.gateway.addressed(way);
    Err(CliError::new(message, format!("{way}; `codex-home install{option} --force` installs the launcher anyway")))
}

/// Refuses to write among another user's files: `sudo` would leave files that their owner cannot change or read.
pub fn refuse_if_owned_by_other_user(paths: &[&Path], uid: u32) -> Result<(), CliError> {
    let Some(path) = paths.iter().find(|path| disk::owned_by_other_user(path, uid)) else { return Ok(()) };
    let message =
        format!("`{}` belongs to another user, or would be created in that user's directory", plain_text(path));
    Err(CliError::new(message, "run this as that user, without `sudo`"))
}
