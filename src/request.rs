//! codex's command line: the kind of start, and the configuration that it overrides.
//!
//! Pure. Knows the options of codex (from `--help` of 0.123.0 and 0.169.0, tried on both) and nothing else. A command line with
//! anything unknown is not judged; codex gets it unchanged.

mod options;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use crate::reason::{Reason, ReasonCode};
pub use options::without_values;
use options::{Given, Takes, is_option, option};

/// The subcommands that use a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcommand {
    /// No subcommand: the interactive program.
    Interactive,
    /// `app-server` without a nested subcommand.
    AppServer,
    /// `exec`, `e`.
    Exec,
    /// `resume`.
    Resume,
    /// `review`.
    Review,
    /// `fork`.
    Fork,
    /// `login status`.
    LoginStatus,
}

impl Subcommand {
    /// Its name on the command line; empty for the interactive program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interactive => "",
            Self::AppServer => "app-server",
            Self::Exec => "exec",
            Self::Resume => "resume",
            Self::Review => "review",
            Self::Fork => "fork",
            Self::LoginStatus => "login status",
        }
    }
}

/// A parsed command line.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// A start that uses a login, so its home is judged.
    Judged(Judged),
    /// Any other start, and why its home is not judged.
    PassThrough(Reason),
}

/// A start that uses a login.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What is started.
    pub subcommand: Subcommand,
    /// The configuration in argv.
    pub overrides: Overrides,
    /// Every `-C`, `--cd`: codex works in one of them, or in the working directory.
    pub directories: Vec<PathBuf>,
    /// `--worktree` (0.171): codex makes the directory that it works in.
    pub makes_worktree: bool,
    /// Whether argv trusts a project (`--trust` of 0.169, `-c projects…`). codex then reads the project's configuration.
    pub trusts_project: bool,
}

/// The overrides of `config.toml`, in the order of argv.
#[derive(Clone, Default, PartialEq)]
pub struct Overrides {
    /// `-c key=value`: the dotted key and its value.
    values: Vec<(String, toml::Value)>,
    /// `--ignore-user-config`: `config.toml` is not read (`exec` only).
    pub ignores_config: bool,
}

impl Overrides {
    /// Returns the value that counts for `key`: the last one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&toml::Value> {
        self.values.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Returns whether argv overrides `key` or anything below it.
    #[must_use]
    pub fn has_below(&self, key: &str) -> bool {
        self.values
            .iter()
            .any(|(name, _)| name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }

    /// Returns whether argv overrides nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Applies the overrides to the layer `config` as codex does: a dotted key creates the tables on its way and replaces any other
    /// value there.
    pub fn apply(&self, config: &mut toml::Table) {
        for (key, value) in &self.values {
            let mut table = &mut *config;
            let mut parts = key.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    table.insert(part.to_owned(), value.clone());
                    break;
                }
                let next = table.entry(part).or_insert_with(|| toml::Table::new().into());
                if !next.is_table() {
                    *next = toml::Table::new().into();
                }
                let toml::Value::Table(next) = next else { break };
                table = next;
            }
        }
    }
}

impl fmt::Debug for Overrides {
    /// Shows names only, because a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overrides")
            .field("values", &self.values.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("ignores_config", &self.ignores_config)
            .finish()
    }
}

/// Keys that make codex check the login. If the login fails the check, `exec` of 0.123.0 and 0.169.0 deletes `auth.json` and
/// revokes its tokens.
pub const SIGN_OUT_KEYS: [&str; 2] = ["forced_login_method", "forced_chatgpt_workspace_id"];

/// The most parts that the key of `-c` may have. Each is a table inside another, and dropping ten thousand nested tables overflows
/// the stack. The keys of codex have five.
const DEEPEST: usize = 64;

impl Request {
    /// Parses the arguments after `argv[0]`.
    #[must_use]
    pub fn parse(args: &[OsString]) -> Self {
        match Parser::parse(args).and_then(Parser::finish) {
            Ok(judged) => Self::Judged(judged),
            Err(reason) => Self::PassThrough(reason),
        }
    }

    /// Returns the name of the judged subcommand; empty for the interactive program, and for a start that is not judged.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Judged(judged) => judged.subcommand.name(),
            Self::PassThrough(_) => "",
        }
    }
}

/// Returns whether the start is an `app-server` that speaks JSON-RPC on stdin and stdout, judged or not.
#[must_use]
pub fn serves_stdio(args: &[OsString]) -> bool {
    Parser::parse(args).is_ok_and(|parser| parser.is_app_server_itself() && !parser.listens_elsewhere)
}

#[derive(Default)]
struct Parser<'a> {
    overrides: Overrides,
    oss: bool,
    /// A configuration profile was selected.
    profile: bool,
    /// The words between the options.
    positionals: Vec<&'a OsStr>,
    /// The subcommand, if there is one.
    subcommand: Option<Subcommand>,
    /// `login` was seen. Only `login status` is judged.
    login: bool,
    /// `--listen` names something other than stdin and stdout.
    listens_elsewhere: bool,
    /// `--trust` was given.
    trusts_project: bool,
    /// Every `-C`.
    directories: Vec<PathBuf>,
    /// `--worktree` was given.
    makes_worktree: bool,
    /// An option of `app-server` is unknown.
    is_strange: bool,
    /// There are overrides in front of the innermost subcommand so far.
    overrides_in_front: bool,
    /// There are overrides on more than one level of subcommands.
    overrides_on_levels: bool,
}

/// The start is not judged.
fn not_judged() -> Reason {
    ReasonCode::NotJudged.into()
}

fn not_understood() -> Reason {
    ReasonCode::NotUnderstood.into()
}

impl<'a> Parser<'a> {
    /// Reads all of argv.
    fn parse(args: &'a [OsString]) -> Result<Self, Reason> {
        let mut parser = Self::default();
        let mut args = args.iter().map(OsString::as_os_str).peekable();
        while let Some(arg) = args.next() {
            if arg == "--" {
                // Nothing after it is an option or a subcommand.
                parser.positionals.extend(args);
                break;
            }
            let given = match option(arg) {
                // This is enough to know which host the start serves, but not what the start may do to a home.
                Err(reason) if reason == not_understood() && parser.is_app_server_itself() => {
                    parser.is_strange = true;
                    args.next_if(|value| !is_option(value));
                    continue;
                }
                given => given?,
            };
            let Some(Given { takes, name, attached }) = given else {
                parser.positional(arg)?;
                continue;
            };
            match (takes, attached) {
                (Takes::Nothing, Some(_)) => return Err(not_understood()),
                (Takes::Nothing, None) => parser.flag(name),
                (_, Some(value)) => parser.value(name, OsStr::new(value))?,
                (_, None) => {
                    // No value may look like an option (tried: `-c -x=1`, `-m -x`).
                    let value = args.next_if(|value| !is_option(value)).ok_or_else(not_understood)?;
                    parser.value(name, value)?;
                }
            }
            // An attached value is the only one (tried: `--image=a logout` logs out).
            if takes == Takes::Many && attached.is_none() {
                while args.next_if(|value| !is_option(value)).is_some() {}
            }
        }
        Ok(parser)
    }

    /// Returns the result.
    fn finish(mut self) -> Result<Judged, Reason> {
        if self.is_strange {
            return Err(not_understood());
        }
        let subcommand = match self.subcommand {
            _ if self.login && self.subcommand.is_none() => return Err(not_judged()),
            Some(Subcommand::AppServer | Subcommand::LoginStatus) if !self.positionals.is_empty() => {
                return Err(not_judged());
            }
            Some(subcommand) => subcommand,
            None => Subcommand::Interactive,
        };
        if SIGN_OUT_KEYS.iter().any(|key| self.overrides.get(key).is_some()) {
            return Err(ReasonCode::MaySignOut.into());
        }
        // `-p name` lays `name.config.toml` over the home's config.toml (0.169.0), and a login that this file forbids is signed
        // out as well.
        if self.profile || self.overrides.get("profile").is_some() {
            return Err(ReasonCode::ProfileSelected.into());
        }
        // codex up to 0.150.1 counts those of the innermost level only, and 0.171.0 all.
        if self.overrides_on_levels {
            let detail = "`-c` is in front of a subcommand and behind it, which codex versions treat differently";
            return Err(Reason::new(ReasonCode::NotUnderstood, detail));
        }
        if self.oss {
            // A provider on the person's own machine, which overrides any `-c`.
            self.overrides.values.push(("model_provider".to_owned(), toml::Value::String("oss".to_owned())));
        }
        let trusts_project = self.trusts_project || self.overrides.has_below("projects");
        let Self { overrides, directories, makes_worktree, .. } = self;
        Ok(Judged { subcommand, overrides, directories, makes_worktree, trusts_project })
    }

    /// `app-server` without a nested subcommand.
    fn is_app_server_itself(&self) -> bool {
        self.subcommand == Some(Subcommand::AppServer) && self.positionals.is_empty()
    }

    fn flag(&mut self, name: &str) {
        match name {
            "oss" => self.oss = true,
            "trust" => self.trusts_project = true,
            "worktree" => self.makes_worktree = true,
            "stdio" => self.listens_elsewhere = false,
            "ignore-user-config" => self.overrides.ignores_config = true,
            _ => {}
        }
    }

    fn value(&mut self, name: &str, value: &OsStr) -> Result<(), Reason> {
        match name {
            "config" => {
                let (key, value) = value.to_str().and_then(|pair| pair.split_once('=')).ok_or_else(not_understood)?;
                if key.trim().is_empty() || key.split('.').count() > DEEPEST {
                    return Err(not_understood());
                }
                self.overrides.values.push((key.trim().to_owned(), toml_value(value)));
                self.overrides_on_levels |= self.overrides_in_front;
            }
            "profile" => self.profile = true,
            // The login of another app server is used (`exec` of 0.171.0; the interactive program by `--help` of 0.123.0 and later).
            "remote" => return Err(not_judged()),
            "cd" => self.directories.push(value.into()),
            "listen" => self.listens_elsewhere = value != "stdio://",
            _ => {}
        }
        Ok(())
    }

    /// A word between the options: a subcommand, or a prompt.
    ///
    /// codex finds a subcommand after a prompt too (`codex hello logout` logs out), so a word that could be a subcommand is never
    /// taken for a prompt.
    fn positional(&mut self, arg: &'a OsStr) -> Result<(), Reason> {
        let judged = match (arg.to_str(), self.subcommand) {
            (Some("status"), None) if self.login => Some(Subcommand::LoginStatus),
            _ if self.login && self.subcommand.is_none() => return Err(not_judged()),
            // A nested `exec resume`, `exec review` or `exec fork` uses the login as `exec` does.
            (Some("help"), Some(Subcommand::Exec)) => return Err(not_judged()),
            (_, Some(_)) => None,
            (Some("app-server"), None) => Some(Subcommand::AppServer),
            (Some("exec" | "e"), None) => Some(Subcommand::Exec),
            (Some("resume"), None) => Some(Subcommand::Resume),
            (Some("review"), None) => Some(Subcommand::Review),
            (Some("fork"), None) => Some(Subcommand::Fork),
            (Some("login"), None) => {
                self.login = true;
                self.descend();
                return if self.positionals.is_empty() { Ok(()) } else { Err(not_understood()) };
            }
            (Some(word), None) if could_be_a_subcommand(word) => return Err(not_judged()),
            _ => None,
        };
        match judged {
            // codex accepts a subcommand after a prompt, but hardly any caller means it.
            Some(_) if !self.positionals.is_empty() => return Err(not_understood()),
            Some(subcommand) => {
                self.subcommand = Some(subcommand);
                self.descend();
            }
            None => {
                if self.subcommand == Some(Subcommand::Exec)
                    && matches!(arg.to_str(), Some("fork" | "resume" | "review"))
                {
                    self.descend();
                }
                self.positionals.push(arg);
            }
        }
        Ok(())
    }

    /// Options that follow belong to a subcommand of the one so far.
    fn descend(&mut self) {
        self.overrides_in_front = !self.overrides.is_empty();
    }
}

/// Returns whether a word has the form of a subcommand, known or future.
fn could_be_a_subcommand(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Parses the value of `-c key=value` as codex does: as TOML, or else as the text without its quotes.
fn toml_value(text: &str) -> toml::Value {
    const SENTINEL: &str = "_x_";
    toml::from_str::<toml::Table>(&format!("{SENTINEL} = {text}"))
        .ok()
        .and_then(|mut table| table.remove(SENTINEL))
        .unwrap_or_else(|| toml::Value::String(text.trim().trim_matches(['"', '\'']).to_owned()))
}
