//! A scratch person, a stand-in for OpenAI, and one real codex.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::judge::UNSAFE;
use crate::support::app_server::{AppServer, Turn};
use crate::support::backend::Backend;
use crate::support::tokens::{self, ACCOUNT};
use crate::support::{Case, Finished, Fixture, Need, case, npm, run, versions};

/// A check of the launcher, or of our judge, with one codex.
pub type Check = (&'static str, fn(&Lab));

/// One real codex, and what it needs for a turn.
pub struct Lab {
    pub person: Fixture,
    pub backend: Backend,
    pub version: &'static str,
    /// A script, so that what reaches codex through the launcher is exactly what OpenClaw passes.
    codex: PathBuf,
}

/// Makes a case of each check for each of [`versions::codex`].
pub fn cases(checks: &'static [Check], needs: &'static [Need]) -> impl Iterator<Item = Case> {
    cases_with(versions::codex(), checks, needs)
}

/// Makes a case of each check for each of these releases of codex.
pub fn cases_with(
    versions: impl IntoIterator<Item = &'static str>,
    checks: &'static [Check],
    needs: &'static [Need],
) -> impl Iterator<Item = Case> {
    versions.into_iter().flat_map(move |version| {
        checks.iter().map(move |(name, check)| {
            let case = case(format!("codex {version}: {name}"), move || check(&Lab::new(version)));
            needs.iter().fold(case, |case, need| case.needs(*need))
        })
    })
}

/// The access token of every bridge here.
pub fn bridge_bearer() -> String {
    tokens::access_token(ACCOUNT, "bridge")
}

/// The access token of every personal home here.
pub fn personal_bearer() -> String {
    tokens::access_token(ACCOUNT, "personal")
}

impl Lab {
    pub fn new(version: &'static str) -> Lab {
        let person = Fixture::new();
        // codex skips some of its work in a home below the temporary directory.
        fs::create_dir(person.root().join("tmp")).unwrap();
        let backend = Backend::start();
        let script = backend.script(&npm::codex(version).unwrap());
        let codex = person.write_program(&person.root().join("real/codex"), &script);
        Lab { person, backend, version, codex }
    }

    /// Whether this is the newest codex known.
    pub fn is_newest(&self) -> bool {
        versions::codex()[1] == self.version
    }

    /// The launcher, as OpenClaw starts it in a home.
    pub fn launcher(&self, home: &Path) -> Command {
        let mut launcher = self.person.command(self.person.launcher());
        self.prepare(&mut launcher, home);
        launcher
    }

    /// The same start without the launcher.
    pub fn codex(&self, home: &Path) -> Command {
        let mut codex = self.person.command(&self.codex);
        self.prepare(&mut codex, home);
        codex
    }

    /// Gives a program the environment of a start in a home.
    pub fn prepare(&self, command: &mut Command, home: &Path) {
        command.env("CODEX_HOME", home).env("CODEX_HOME_SHIM_CODEX", &self.codex);
        command.env("XDG_STATE_HOME", self.person.state()).env("TMPDIR", self.person.root().join("tmp"));
        self.backend.fence(command);
    }

    /// Runs a start to its end.
    pub fn run(&self, mut command: Command, args: &[&str]) -> Finished {
        run(command.args(args))
    }

    /// Starts `app-server`.
    pub fn serve(&self, mut command: Command) -> AppServer {
        command.args(["app-server", "--listen", "stdio://"]);
        AppServer::spawn(command)
    }

    /// One turn, from the start to the end of codex, and the home in the answer to `initialize`.
    pub fn turn(&self, command: Command) -> (Turn, PathBuf) {
        let mut server = self.serve(command);
        let answer = server.initialize().unwrap();
        let home = answer["codexHome"].as_str().unwrap().into();
        let thread = server.start_thread().unwrap();
        let turn = server.say(&thread, "ping").unwrap();
        let (code, stderr) = server.close().unwrap();
        assert_eq!(code, Some(0), "{stderr}");
        (turn, home)
    }

    /// Checks that there were this many turns, each with this bearer, that no other bearer was sent, and that no login was renewed.
    #[track_caller]
    pub fn assert_sent(&self, turns: usize, bearer: &str) {
        let requests = self.backend.requests();
        let expected = vec![Some(bearer.to_owned()); turns];
        assert_eq!(self.backend.bearers(), expected, "{UNSAFE}another login was used, or none: {requests:?}");
        for request in &requests {
            assert!(request.bearer().is_none_or(|sent| sent == bearer), "{request:?}");
            assert!(request.account.as_deref().is_none_or(|account| account == ACCOUNT), "{request:?}");
            assert_ne!(request.path, "/oauth/token", "{request:?}");
        }
    }

    /// Checks the last line of the journal.
    #[track_caller]
    pub fn assert_decision(&self, decision: &str) {
        let line = self.person.journal_lines().pop().unwrap();
        assert_eq!(line["decision"].as_str(), Some(decision), "{line:#}");
    }
}

/// Checks that a turn was answered.
#[track_caller]
pub fn assert_pong(turn: &Turn) {
    assert_eq!((&*turn.status, &*turn.said), ("completed", "pong"), "{turn:?}");
}

/// Checks the answer of `login status`, which releases print on different streams.
#[track_caller]
pub fn assert_logged_in(status: &Finished, how: &str) {
    let said = format!("{}{}", status.stdout, status.stderr);
    assert!(status.code == Some(0) && said.contains(how), "{status:?}");
}

/// Reads an `auth.json`.
pub fn read_auth(home: &Path) -> Value {
    serde_json::from_slice(&fs::read(home.join("auth.json")).unwrap()).unwrap()
}
