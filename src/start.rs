//! WHICH START IT IS: codex's subcommand behind its options, and what argv overrides in its configuration.
//!
//! Pure. Knows codex's command line (read off `--help` of codex 0.123.0 and 0.169.0, and tried on both) and nothing
//! else. What it does not know, it does not guess: such a start is exec'ed as it came.

use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::reason::{Because, Reason};

/// The subcommands whose start uses a login.
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
    /// As it is written on the command line; empty for the interactive program.
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

/// What the arguments ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// A start that uses a login, so that its home is judged.
    Judged {
        /// Which one.
        subcommand: Subcommand,
        /// What argv says about the configuration.
        overrides: Overrides,
    },
    /// Any other start: codex gets it as it came.
    Passed(Because),
}

/// What argv says over `config.toml`, in the order of argv.
#[derive(Clone, Default, PartialEq)]
pub struct Overrides {
    /// `-c key=value`: the dotted key and its value.
    values: Vec<(String, toml::Value)>,
    /// `--ignore-user-config`: `config.toml` is not read (`exec` only).
    pub ignores_config: bool,
}

impl Overrides {
    /// The value that counts for `key`: the last one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&toml::Value> {
        self.values.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Whether argv overrides nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Lays the overrides over `config` as codex does: each dotted key makes the tables on its way, and takes the
    /// place of whatever was not a table there.
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
    /// Names only: a value may be a key of somebody's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overrides")
            .field("values", &self.values.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("ignores_config", &self.ignores_config)
            .finish()
    }
}

/// How many values an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    One,
    /// As many as follow, up to the next option: `-i a.png b.png`.
    Many,
}

/// The options of every judged subcommand, in any supported version. An option that is not here makes the start one
/// that is not understood: `app-server --startup-sign-out` (0.169) ends a login, and its like may come.
const OPTIONS: &[(&str, char, Takes)] = {
    use Takes::{Many, Nothing, One};
    const NONE: char = '\0';
    &[
        ("config", 'c', One),
        ("enable", NONE, One),
        ("disable", NONE, One),
        ("strict-config", NONE, Nothing),
        ("model", 'm', One),
        ("profile", 'p', One),
        ("sandbox", 's', One),
        ("cd", 'C', One),
        ("add-dir", NONE, One),
        ("image", 'i', Many),
        ("ask-for-approval", 'a', One),
        ("oss", NONE, Nothing),
        ("local-provider", NONE, One),
        ("full-auto", NONE, Nothing),
        ("approve-for-me", NONE, Nothing),
        ("yolo", NONE, Nothing),
        ("dangerously-bypass-approvals-and-sandbox", NONE, Nothing),
        ("dangerously-bypass-hook-trust", NONE, Nothing),
        ("search", NONE, Nothing),
        ("no-alt-screen", NONE, Nothing),
        ("no-daemon", NONE, Nothing),
        ("worktree", NONE, Nothing),
        ("trust", NONE, Nothing),
        ("remote", NONE, One),
        ("remote-auth-token-env", NONE, One),
        // app-server
        ("listen", NONE, One),
        ("stdio", NONE, Nothing),
        ("remote-control", NONE, Nothing),
        ("analytics-default-enabled", NONE, Nothing),
        ("code-mode-host", NONE, One),
        ("cloud-skills-snapshot", NONE, One),
        ("ws-auth", NONE, One),
        ("ws-token-file", NONE, One),
        ("ws-token-sha256", NONE, One),
        ("ws-shared-secret-file", NONE, One),
        ("ws-issuer", NONE, One),
        ("ws-audience", NONE, One),
        ("ws-max-clock-skew-seconds", NONE, One),
        // exec, resume, review, fork
        ("skip-git-repo-check", NONE, Nothing),
        ("ephemeral", NONE, Nothing),
        ("ignore-user-config", NONE, Nothing),
        ("ignore-rules", NONE, Nothing),
        ("json", NONE, Nothing),
        ("experimental-json", NONE, Nothing),
        ("output-schema", NONE, One),
        ("output-last-message", 'o', One),
        ("color", NONE, One),
        ("thread-source", NONE, One),
        ("cyber-access-program", NONE, One),
        ("last", NONE, Nothing),
        ("all", NONE, Nothing),
        ("include-non-interactive", NONE, Nothing),
        ("uncommitted", NONE, Nothing),
        ("base", NONE, One),
        ("commit", NONE, One),
        ("title", NONE, One),
    ]
};

/// Keys that make codex compare the login with a rule and, where it does not fit, delete `auth.json` and revoke its
/// tokens (`exec` of 0.123.0 and 0.169.0: "… is currently being used. Logging out."). A home that is not the one the
/// start was meant for must never meet them.
pub const SIGN_OUT_KEYS: [&str; 2] = ["forced_login_method", "forced_chatgpt_workspace_id"];

/// How many parts the key of `-c` may have: each is a table in another, and taking ten thousand of them apart again would
/// end the stack. Codex's own keys have five.
const DEEPEST: usize = 64;

impl Start {
    /// Reads what follows `argv[0]`.
    #[must_use]
    pub fn read(args: &[OsString]) -> Self {
        match Reading::of(args).and_then(Reading::settle) {
            Ok((subcommand, overrides)) => Self::Judged { subcommand, overrides },
            Err(because) => Self::Passed(because),
        }
    }

    /// The judged subcommand as it is written on the command line; empty for the interactive program, and for a start
    /// that is not judged.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Judged { subcommand, .. } => subcommand.name(),
            Self::Passed(_) => "",
        }
    }
}

/// Whether the start is an `app-server` that speaks JSON-RPC on stdin and stdout, judged or not.
#[must_use]
pub fn serves_stdio(args: &[OsString]) -> bool {
    Reading::of(args).is_ok_and(|reading| reading.is_app_server_itself() && !reading.listens_elsewhere)
}

#[derive(Default)]
struct Reading<'a> {
    overrides: Overrides,
    oss: bool,
    /// A configuration profile was selected.
    profile: bool,
    /// What stands between the options.
    positionals: Vec<&'a OsStr>,
    /// The subcommand, once one was met.
    subcommand: Option<Subcommand>,
    /// `login` was met; only `status` makes it a start that is judged.
    login: bool,
    /// `--listen` names something else than stdin and stdout.
    listens_elsewhere: bool,
    /// An option of `app-server` is not known.
    is_strange: bool,
}

/// Not one of the starts that are judged.
fn not_judged() -> Because {
    Reason::NotJudged.into()
}

fn not_understood() -> Because {
    Reason::NotUnderstood.into()
}

impl<'a> Reading<'a> {
    /// Reads all of argv.
    fn of(args: &'a [OsString]) -> Result<Self, Because> {
        let mut reading = Self::default();
        let mut args = args.iter().map(OsString::as_os_str).peekable();
        while let Some(arg) = args.next() {
            if arg == "--" {
                // Nothing after it is an option or a subcommand.
                reading.positionals.extend(args);
                break;
            }
            let given = match option(arg) {
                // Enough is known to tell whom the start serves, though not what it may do to a home.
                Err(because) if because.reason == Reason::NotUnderstood && reading.is_app_server_itself() => {
                    reading.is_strange = true;
                    args.next_if(|value| !is_option(value));
                    continue;
                }
                given => given?,
            };
            let Some(Given { takes, name, attached }) = given else {
                reading.positional(arg)?;
                continue;
            };
            match (takes, attached) {
                (Takes::Nothing, Some(_)) => return Err(not_understood()),
                (Takes::Nothing, None) => reading.flag(name),
                (_, Some(value)) => reading.value(name, OsStr::new(value))?,
                (_, None) => {
                    // No value may look like an option (tried: `-c -x=1`, `-m -x`).
                    let value = args.next_if(|value| !is_option(value)).ok_or_else(not_understood)?;
                    reading.value(name, value)?;
                }
            }
            // An attached value is the only one (tried: `--image=a logout` logs out).
            if takes == Takes::Many && attached.is_none() {
                while args.next_if(|value| !is_option(value)).is_some() {}
            }
        }
        Ok(reading)
    }

    /// What it comes to.
    fn settle(mut self) -> Result<(Subcommand, Overrides), Because> {
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
            return Err(Reason::MaySignOut.into());
        }
        // `-p name` lays `name.config.toml` over the home's config.toml (0.169.0), and what that file forces a login to
        // be signs the home out as well.
        if self.profile || self.overrides.get("profile").is_some() {
            return Err(Reason::ProfileSelected.into());
        }
        if self.oss {
            // A provider of one's own machine, stronger than any `-c`.
            self.overrides.values.push(("model_provider".to_owned(), toml::Value::String("oss".to_owned())));
        }
        Ok((subcommand, self.overrides))
    }

    /// `app-server` without a nested subcommand.
    fn is_app_server_itself(&self) -> bool {
        self.subcommand == Some(Subcommand::AppServer) && self.positionals.is_empty()
    }

    fn flag(&mut self, name: &str) {
        match name {
            "oss" => self.oss = true,
            "stdio" => self.listens_elsewhere = false,
            "ignore-user-config" => self.overrides.ignores_config = true,
            _ => {}
        }
    }

    fn value(&mut self, name: &str, value: &OsStr) -> Result<(), Because> {
        match name {
            "config" => {
                let (key, value) = value.to_str().and_then(|pair| pair.split_once('=')).ok_or_else(not_understood)?;
                if key.trim().is_empty() || key.split('.').count() > DEEPEST {
                    return Err(not_understood());
                }
                self.overrides.values.push((key.trim().to_owned(), toml_value(value)));
            }
            "profile" => self.profile = true,
            "listen" => self.listens_elsewhere = value != "stdio://",
            _ => {}
        }
        Ok(())
    }

    /// A word between the options: a subcommand, or a prompt.
    ///
    /// codex finds a subcommand behind a prompt too (tried: `codex hello logout` logs out), so nothing that could be
    /// one may pass for a word of a prompt.
    fn positional(&mut self, arg: &'a OsStr) -> Result<(), Because> {
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
                return if self.positionals.is_empty() { Ok(()) } else { Err(not_understood()) };
            }
            (Some(word), None) if could_be_a_subcommand(word) => return Err(not_judged()),
            _ => None,
        };
        match judged {
            // A subcommand behind a prompt: codex takes it, but nobody means it.
            Some(_) if !self.positionals.is_empty() => return Err(not_understood()),
            Some(subcommand) => self.subcommand = Some(subcommand),
            None => self.positionals.push(arg),
        }
        Ok(())
    }
}

/// Whether a word has the form of a subcommand, known or to come.
fn could_be_a_subcommand(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_option(arg: &OsStr) -> bool {
    let bytes = arg.as_encoded_bytes();
    bytes.len() > 1 && bytes.starts_with(b"-")
}

/// An option as it was given.
struct Given<'a> {
    takes: Takes,
    /// Its long name.
    name: &'static str,
    /// The value attached to it: `--name=value`, `-nvalue`.
    attached: Option<&'a str>,
}

/// The option that `arg` is; `None` where it is none.
fn option(arg: &OsStr) -> Result<Option<Given<'_>>, Because> {
    if !is_option(arg) {
        return Ok(None);
    }
    let arg = arg.to_str().ok_or_else(not_understood)?;
    if matches!(arg, "-h" | "--help" | "-V" | "--version") {
        return Err(not_judged());
    }
    if let Some(long) = arg.strip_prefix("--") {
        let (name, attached) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let known = OPTIONS.iter().find(|(long, ..)| *long == name);
        let (name, _, takes) = known.ok_or_else(not_understood)?;
        return Ok(Some(Given { takes: *takes, name, attached }));
    }
    // `-cfoo=1` and `-c=foo=1` both; no short option of codex's goes without a value.
    let mut chars = arg.chars();
    let short = chars.nth(1);
    let rest = chars.as_str();
    let known = OPTIONS.iter().find(|(_, letter, _)| Some(*letter) == short);
    let (name, _, takes) = known.ok_or_else(not_understood)?;
    let attached = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest));
    Ok(Some(Given { takes: *takes, name, attached }))
}

/// The value of `-c key=value` as codex reads it: TOML, or else the text itself without its quotes.
fn toml_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.trim().trim_matches(['"', '\'']).to_owned()))
}
