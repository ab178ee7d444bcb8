//! The files that stay after `uninstall`: settings and journal. `uninstall --purge` removes them.

use std::path::PathBuf;

use codex_home::display::{cause, shell_word};
use codex_home::invocation::Invocation;
use codex_home::journal;

use super::Options;
use super::context::Context;
use crate::disk;
use crate::error::CliError;
use crate::printer::Printer;
use crate::write::{refuse_if_owned_by_other_user, remove, remove_directory};

/// Removes the launcher's files, or names them.
pub fn finish(context: &Context<'_>, options: Options, printer: &mut Printer) -> Result<(), CliError> {
    let mut files: Vec<_> = [context.invocation, &context.start].into_iter().flat_map(own_files).collect();
    files.sort();
    files.dedup();
    files.retain(|file| disk::is_there(file));
    if !options.purge {
        if !files.is_empty() && !options.dry_run {
            let names: Vec<_> = files.iter().map(|file| format!("`{}`", printer.path(file))).collect();
            let them = if files.len() == 1 { "it" } else { "them" };
            printer.say(format!("kept: {}; `codex-home uninstall --purge` removes {them} too", names.join(", ")))?;
        }
        return Ok(());
    }
    if let Some(other) = context.receipts.others(&context.config_file).next() {
        let message = format!(
            "the launcher is still installed for `{}`, so its settings and its journal are kept",
            printer.path(&other.config)
        );
        return Err(CliError::new(
            message,
            "uninstall it there first: run `codex-home doctor`, which shows every gateway",
        ));
    }
    files.extend(Some(context.receipts_file.clone()).filter(|file| disk::is_there(file)));
    refuse_if_owned_by_other_user(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>(), context.invocation.uid)?;
    for file in &files {
        let shown = printer.path(file);
        if options.dry_run {
            printer.line(format!("rm {}", shell_word(file, None)))?;
            continue;
        }
        remove(file).map_err(|error| {
            let message = format!("`{shown}` cannot be removed: {}", cause(&error));
            CliError::new(message, format!("run `ls -ld {}`", shell_word(file, None)))
        })?;
        printer.say(format!("removed `{shown}`"))?;
    }
    if !options.dry_run {
        files.iter().filter_map(|file| file.parent()).for_each(remove_directory);
    }
    Ok(())
}

/// Returns the files in the launcher's own directories. A file that `CODEX_HOME_SHIM_CONFIG` names is not one: it may be any file.
fn own_files(invocation: &Invocation) -> Vec<PathBuf> {
    let settings = invocation.config_directory().map(|directory| directory.join("codex-home-shim/config.toml"));
    let journal = journal::path(invocation);
    let rotated = journal.as_deref().map(journal::rotated);
    [settings, journal, rotated].into_iter().flatten().filter(|path| path.is_absolute()).collect::<Vec<PathBuf>>()
}
