//! What `install` and `uninstall` do not do, or not without being told: guess, and write more than one setting.

use codex_home::display::plain_text;

use super::Context;
use crate::disk;
use crate::error::CliError;
use crate::openclaw::config::{Includes, KEY};
use crate::printer::Printer;

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
