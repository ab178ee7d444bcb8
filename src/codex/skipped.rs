//! Candidates that cannot start codex: why, and what repairs them.

use std::fmt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::locations;
use crate::display::{plain_text, shell_word};
use crate::fs;

/// A candidate that was skipped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path, or that of a directory of versions that cannot be listed.
    pub path: PathBuf,
    /// Its path without symlinks, if known.
    pub real_path: PathBuf,
    /// Why it cannot start codex.
    pub unfit: Unfit,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", plain_text(&self.path), self.unfit)
    }
}

/// Why a candidate cannot start codex.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// This user has no permission to look at it.
    #[error("this user may not look at it")]
    Closed,
    /// It is in the person's home and belongs to another user.
    #[error("it belongs to another user")]
    NotOwned,
    /// It could not be read.
    #[error("it could not be looked at: {}", .0.desc().to_lowercase())]
    NotRead(Errno),
    /// A directory, a socket, a FIFO.
    #[error("it is not a regular file")]
    NotAFile,
    /// This user has no permission to execute it.
    #[error("it is not executable")]
    NotExecutable,
    /// It is this program, or a copy of it.
    #[error("it is this launcher")]
    Ourselves,
    /// A script that starts this launcher.
    #[error("it is a script that starts this launcher")]
    StartsUs,
    /// A program for another machine or another system.
    #[error("it is a program for another machine")]
    OtherMachine,
    /// Neither a program nor a script, such as an empty file.
    #[error("it is neither a program nor a script")]
    NotAProgram,
    /// A program that is longer than its file, as an interrupted installation leaves it.
    #[error("it is incomplete")]
    Incomplete,
    /// A script whose interpreter is missing, is no program, or is not on PATH.
    #[error("its interpreter `{}` is missing or is not a program", plain_text(.0))]
    NoInterpreter(PathBuf),
    /// A shim whose version manager is missing, or is not on PATH.
    #[error("it is a shim of `{}`, which is missing", plain_text(.0))]
    NoManager(PathBuf),
    /// A shim of a version manager that has no codex to start.
    #[error("it is a shim of {0}, which has no codex installed")]
    ShimWithoutCodex(&'static str),
    /// A shim of a version manager that finds no version to start outside a project.
    #[error("it is a shim of {0}, and no version is set outside a project")]
    NoVersionSet(&'static str),
    /// npm's script without the native package that it starts.
    #[error("it is npm's script, and the native package that it starts is not installed")]
    NoNative,
    /// The package called `codex` on npm (openai/codex#796).
    #[error("it belongs to npm's package `codex`, which is another program than `@openai/codex`")]
    AnotherPackage,
}

impl Unfit {
    /// Returns whether PATH would have started a candidate with this fault. Skipping it is then reported even if another codex is
    /// found.
    pub(super) const fn would_be_started(&self) -> bool {
        !matches!(self, Self::Missing | Self::Closed | Self::NotAFile | Self::NotExecutable | Self::Ourselves)
    }
}

impl Skipped {
    /// Returns whether both are the same file with the same fault, because an installer's place may be on PATH too.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.real_path == other.real_path && self.unfit == other.unfit
    }

    /// Returns whether this is the person's installation and needs a repair.
    pub(crate) const fn is_repaired_in_place(&self) -> bool {
        matches!(self.unfit, Unfit::NoNative | Unfit::Incomplete | Unfit::NoVersionSet(_) | Unfit::NotRead(_))
    }

    /// Returns the remedy: a command, or one thing to change. `is_last` if there is no other codex.
    #[must_use]
    pub fn help(&self, person_home: Option<&Path>, is_last: bool) -> String {
        let word = shell_word(&self.path, person_home);
        let fallback = || match is_last {
            true => format!("run `{}`", locations::INSTALL),
            false => "remove it, or its directory from PATH".to_owned(),
        };
        match &self.unfit {
            Unfit::NoNative | Unfit::NotAProgram | Unfit::Incomplete | Unfit::NoInterpreter(_) => {
                locations::repair(&self.real_path, person_home)
                    .map_or_else(fallback, |repair| format!("run `{repair}`"))
            }
            Unfit::NotExecutable if is_last => format!("run `chmod +x {word}`"),
            Unfit::AnotherPackage => locations::npm_prefix(&self.real_path).map_or_else(fallback, |prefix| {
                let prefix = shell_word(&prefix, person_home);
                format!("run `npm rm -g --prefix {prefix} codex && npm i -g --prefix {prefix} @openai/codex`")
            }),
            Unfit::NoVersionSet("mise") => "run `mise use -g npm:@openai/codex@latest`".to_owned(),
            Unfit::NoVersionSet("nodenv") => "write a version of node into `~/.nodenv/version`".to_owned(),
            Unfit::NoVersionSet(manager) => format!("set a version of nodejs for {manager} in `~/.tool-versions`"),
            Unfit::NotRead(Errno::EMFILE | Errno::ENFILE) => "raise the gateway's limit of open files".to_owned(),
            Unfit::NotRead(Errno::EAGAIN) => "send the message again".to_owned(),
            Unfit::NotRead(Errno::ELOOP) => {
                let link = self.path.ancestors().filter(|path| fs::is_symlink(path)).last().unwrap_or(&self.path);
                format!("remove the symlink `{}`", shell_word(link, person_home))
            }
            Unfit::NotRead(_) => format!("check the file system of `{word}`"),
            Unfit::NoManager(_) | Unfit::StartsUs if is_last => {
                "set `codex` in the settings to the absolute path of the real codex".to_owned()
            }
            _ => fallback(),
        }
    }
}
