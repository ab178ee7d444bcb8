//! What OpenClaw runs as codex: `appServer.command`.

use std::path::PathBuf;

use codex_home::fs::{canonicalize, is_program};
use codex_home::invocation::Invocation;

use super::findings::Launcher;
use super::wrapper::Wrapper;
use crate::disk;
use crate::launcher::{self, is_versioned};
use crate::openclaw::OpenClaw;
use crate::openclaw::config::{Includes, has_variable};

/// What OpenClaw runs as codex.
pub enum AppServerCommand {
    /// Nothing is configured: OpenClaw runs a codex that it brings or finds itself.
    Unset,
    /// The configuration could not be read completely.
    Unknown,
    /// A path that depends on the gateway's environment.
    Variable(String),
    /// A path that is relative, or begins with `~`.
    Relative(String),
    /// A path without a program.
    Missing(PathBuf),
    /// The launcher.
    Launcher {
        /// The path as configured.
        path: PathBuf,
        /// Whether the next upgrade removes that path.
        is_versioned: bool,
    },
    /// A script.
    Wrapper(PathBuf, Wrapper),
    /// Any other program, presumably a codex.
    Program(PathBuf),
}

impl AppServerCommand {
    /// Reads what is configured. `service` is a start by the gateway's service.
    pub fn observe(openclaw: &OpenClaw, service: &Invocation, launcher: Option<&Launcher>) -> Self {
        let Ok(config) = &openclaw.config else { return Self::Unknown };
        let Some(program) = config.as_ref().and_then(|config| config.program()) else {
            let is_complete = config.as_ref().is_none_or(|config| config.includes < Includes::AroundCodex);
            return if is_complete { Self::Unset } else { Self::Unknown };
        };
        if has_variable(program) {
            return Self::Variable(program.to_owned());
        }
        let path = PathBuf::from(program);
        let path = match (path.is_absolute(), program.contains('/')) {
            (true, _) => path,
            // As execvp does: a bare name is searched for on the gateway's PATH.
            (false, false) => match disk::on_path(service, program) {
                Some(found) => found,
                None => return Self::Missing(path),
            },
            (false, true) => return Self::Relative(program.to_owned()),
        };
        if !is_program(&path) {
            return Self::Missing(path);
        }
        let real = canonicalize(&path);
        let is_named = real.as_deref().is_some_and(|real| real.file_name().is_some_and(|name| name == launcher::NAME));
        if is_named || launcher.is_some_and(|launcher| disk::is_same(&launcher.path, &path)) {
            let is_versioned = is_versioned(&path);
            return Self::Launcher { path, is_versioned };
        }
        let is_codex = real.is_some_and(|real| real.ends_with("@openai/codex/bin/codex.js"));
        match Wrapper::parse(&disk::head(&path)).filter(|_| !is_codex) {
            Some(wrapper) => Self::Wrapper(path, wrapper),
            None => Self::Program(path),
        }
    }

    /// Returns whether it is the launcher.
    pub const fn is_launcher(&self) -> bool {
        matches!(self, Self::Launcher { .. })
    }
}
