//! Errors of commands.

use std::io;

use codex_home::failure::Failure;
use nix::sys::signal::Signal;

/// The exit code of a command, or its error.
pub type CliResult = Result<u8, CliError>;

/// Why a command failed.
#[derive(Debug)]
pub enum CliError {
    /// The output cannot be written, or its reader is gone.
    Output(io::Error),
    /// A failure that would stop a start too.
    Failure(Failure),
    /// This program was asked to end.
    Interrupted(Signal),
    /// Anything else.
    Other { message: String, help: String, code: u8 },
}

impl CliError {
    /// Returns an error with exit code 1.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Other { message: message.into(), help: help.into(), code: 1 }
    }

    /// Returns the same with another exit code, if it has none of its own.
    pub fn with_code(self, code: u8) -> Self {
        match self {
            Self::Other { message, help, .. } => Self::Other { message, help, code },
            other => other,
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
