//! WHAT TO DO: [`Verdict`] → [`Plan`], and in what words it is said.
//!
//! Pure, and printable before it is done. Prefers nothing: what is right was settled by the verdict.

use std::path::{Path, PathBuf};

use tracing::Level;

use crate::failure::{Ailing, Failure, NoUsableHome};
use crate::home::auth::{Login, Usable};
use crate::home::completion::{Completion, IdTokenFrom, Sealed};
use crate::home::{Home, Kind};
use crate::reason::{Because, Reason};
use crate::settings::Settings;
use crate::survey::Facts;
use crate::verdict::{Refusal, Verdict};
use crate::words::{shell_word, short_path};

/// What to do, and what to say of it.
#[derive(Debug)]
pub struct Plan {
    /// The one thing to do.
    pub step: Step,
    /// What is said once it is done, each at its level.
    pub says: Vec<(Level, String)>,
}

/// The one thing to do.
#[derive(Debug)]
pub enum Step {
    /// Start codex with the home it was given.
    Start,
    /// Start codex with this home.
    StartIn(PathBuf),
    /// Write this over the `auth.json` of the home in `path`, then start codex with the home it was given.
    Mend {
        /// The bridge.
        path: PathBuf,
        /// Its `auth.json` as it was judged.
        judged: Sealed,
        /// Its `auth.json` as it should be.
        completion: Completion,
    },
    /// Start nothing.
    Stop(Failure),
}

impl Plan {
    /// Turns a verdict on `facts` into what is to be done.
    #[must_use]
    pub fn of(verdict: &Verdict<'_>, facts: &Facts, settings: &Settings) -> Self {
        let shown = |home: &Home| short_path(&home.path, settings.person_home.as_deref());
        match verdict {
            Verdict::Redirect { from, to, because } => {
                let unseen = match to.can_log_in().1.reason {
                    Reason::KeyringStore => ", whose login is kept in the keyring and was not looked at",
                    _ => "",
                };
                let (kind, from, shown) = (facts.kind.name(), shown(from), shown(to));
                let mut says = vec![(Level::INFO, format!("using `{shown}`{unseen}: {kind} `{from}`: {because:#}"))];
                let is_chatgpt = to.auth().is_some_and(|auth| auth.because.reason == Reason::OkChatgpt);
                if is_chatgpt && !to.auth.can_be_renewed {
                    says.push((
                        Level::WARN,
                        format!(
                            "`{shown}/auth.json` cannot be written in place (read-only, or hard-linked): codex loses \
                             this login when it renews it"
                        ),
                    ));
                }
                Self { step: Step::StartIn(to.path.clone()), says }
            }
            Verdict::Repair { bridge, completion, because } => {
                let from = match completion.id_token {
                    IdTokenFrom::Itself => "its own `id_token`",
                    IdTokenFrom::Personal => "the identity token of the personal home, the account being the same",
                    IdTokenFrom::AccessToken => "the claims of its own `access_token`",
                };
                let said = format!("completed `{}/auth.json` from {from}: {because:#}", shown(bridge));
                let (path, judged) = (bridge.path.clone(), bridge.auth.bytes.clone());
                let step = Step::Mend { path, judged, completion: (*completion).clone() };
                Self { step, says: vec![(Level::INFO, said)] }
            }
            Verdict::Refuse { bridge, personal, refusal } => {
                let failure = no_usable_home(refusal, bridge, *personal, settings);
                Self { step: Step::Stop(failure), says: Vec::new() }
            }
            Verdict::Trust(because) => {
                let home = facts.injected.as_ref().map(|home| format!("{} `{}`", facts.kind.name(), shown(home)));
                let home = home.as_deref().unwrap_or("the home");
                let said = format!("leaving {home} as it is: {because:#}");
                Self { step: Step::Start, says: vec![(loudness(because, facts), said)] }
            }
        }
    }
}

/// How loud a home is left alone: a warning where codex will fail and somebody meant it not to.
fn loudness(because: &Because, facts: &Facts) -> Level {
    let cannot = facts.injected.as_ref().is_some_and(|home| home.can_log_in() == (Usable::No, because.clone()));
    match (because.reason, facts.kind) {
        (Reason::Observed | Reason::AuthTooLarge | Reason::ConfigTooLarge | Reason::LinkedToPersonal, _) => Level::WARN,
        // Perhaps nobody meant this home to log in.
        (Reason::AuthMissing | Reason::HomeMissing | Reason::HomeNotDirectory, Kind::Other) => Level::INFO,
        (Reason::NotUnderstood | Reason::MaySignOut | Reason::ProfileSelected, _) => Level::INFO,
        _ if cannot => Level::WARN,
        _ => Level::DEBUG,
    }
}

fn no_usable_home(refusal: &Refusal, injected: &Home, personal: Option<&Home>, settings: &Settings) -> Failure {
    let ailing = |home: &Home, kind: Kind, because: &Because| Ailing {
        home: home.path.clone(),
        shown: short_path(&home.path, settings.person_home.as_deref()),
        kind,
        usable: home.can_log_in().0,
        because: because.clone(),
    };
    Failure::NoUsableHome(Box::new(NoUsableHome {
        reason: refusal.reason(),
        unmended: Some(refusal.repair.clone()).filter(|repair| {
            matches!(
                repair.reason,
                Reason::SharedRefreshToken
                    | Reason::StaleBesidePersonal
                    | Reason::RepairFailed
                    | Reason::StrategyForbids
            )
        }),
        bridge: ailing(injected, Kind::Bridge, &refusal.bridge),
        personal: personal.map(|home| ailing(home, Kind::Personal, &refusal.personal)),
        help: help(refusal, injected, personal, settings),
    }))
}

/// What follows a mend where somebody waits for an answer in a chat.
const AGAIN: &str = ", then send the message again";

/// The one thing to do about a refusal.
fn help(refusal: &Refusal, bridge: &Home, personal: Option<&Home>, settings: &Settings) -> String {
    match personal {
        None => "set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with".to_owned(),
        // What the bridge is for is what can stand in for it.
        Some(personal) => mending(personal, refusal.personal.reason, bridge.login(), settings),
    }
}

/// The one thing to do about a home of this kind that cannot log in for this reason.
#[must_use]
pub fn help_for(home: &Home, kind: Kind, reason: Reason, settings: &Settings) -> String {
    match kind {
        Kind::Bridge => {
            "its host writes it anew: run `codex-home install`, and the launcher stands in between".to_owned()
        }
        Kind::HostLogin => "nothing is to be done in it: its host logs in after the start".to_owned(),
        Kind::LeftAlone | Kind::Personal | Kind::Other => {
            let help = mending(home, reason, home.login(), settings);
            help.strip_suffix(AGAIN).map(str::to_owned).unwrap_or(help)
        }
    }
}

/// What makes `home` one that can log in with this kind of login.
fn mending(home: &Home, reason: Reason, login: Login, settings: &Settings) -> String {
    let word = |path: &Path| shell_word(path, settings.person_home.as_deref());
    let path = word(&home.path);
    let is_default = settings.person_home.as_ref().is_some_and(|person| person.join(".codex") == home.path);
    // codex makes no home but the default one.
    let is_there = home.directory.is_ok() || is_default;
    let mut command = String::new();
    if !is_there {
        command.push_str(&format!("mkdir -p {path} && "));
    }
    if !is_default {
        command.push_str(&format!("CODEX_HOME={path} "));
    }
    // The key comes on stdin.
    command.push_str(if login == Login::ApiKey { "codex login --with-api-key" } else { "codex login" });
    let config = word(&home.path.join("config.toml"));
    let auth = word(&home.path.join("auth.json"));
    match reason {
        Reason::HomeNotDirectory => format!("move `{path}` away, run `{command}`"),
        Reason::HomeUnreadable | Reason::HomeNotWritable => format!("run `chmod u+rwx {path}`"),
        Reason::ConfigUnreadable | Reason::ConfigTooLarge | Reason::ConfigInvalid => {
            format!("correct `{config}`{AGAIN}")
        }
        Reason::AuthUnreadable => format!("run `chmod u+rw {auth}`"),
        Reason::LoginNotRenewable => format!("run `chmod u+rw {auth}` and remove any second link to it"),
        Reason::AuthNotRegularFile | Reason::AuthTooLarge => format!("move `{auth}` away, run `{command}`"),
        Reason::AccountsDiffer => format!(
            "give the host the account of that home, or run `{command}` with the bridge's, which replaces it there"
        ),
        Reason::LoginsDiffer => {
            format!("give the host the login of that home, or run `{command}`, which replaces it there")
        }
        Reason::LoginForbidden => format!("run `{command}` with a login that `{config}` allows"),
        Reason::ConfigProfile => format!("take `profile` out of `{config}`{AGAIN}"),
        Reason::CustomProvider | Reason::EphemeralStore | Reason::OtherAuth => format!("log the host in again{AGAIN}"),
        Reason::StrategyForbids => format!("set `CODEX_HOME_SHIM_STRATEGY=auto`{AGAIN}"),
        _ => format!("run `{command}`{AGAIN}"),
    }
}
