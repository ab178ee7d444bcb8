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
        (Reason::Observed | Reason::AuthTooLarge | Reason::LinkedToPersonal, _) => Level::WARN,
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

/// The one thing to do about it.
fn help(refusal: &Refusal, bridge: &Home, personal: Option<&Home>, settings: &Settings) -> String {
    let word = |path: &Path| shell_word(path, settings.person_home.as_deref());
    let Some(personal) = personal else {
        return "set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with".to_owned();
    };
    let home = word(&personal.path);
    let is_default = settings.person_home.as_ref().is_some_and(|home| home.join(".codex") == personal.path);
    // codex makes no home but the default one.
    let is_there = personal.directory.is_ok() || is_default;
    let mut login = String::new();
    if !is_there {
        login.push_str(&format!("mkdir -p {home} && "));
    }
    if !is_default {
        login.push_str(&format!("CODEX_HOME={home} "));
    }
    // What the bridge is for is what can stand in for it; the key comes on stdin.
    login.push_str(if bridge.login() == Login::ApiKey { "codex login --with-api-key" } else { "codex login" });
    let config = word(&personal.path.join("config.toml"));
    let auth = word(&personal.path.join("auth.json"));
    match refusal.personal.reason {
        Reason::HomeNotDirectory => format!("move `{home}` away, run `{login}`"),
        Reason::HomeUnreadable | Reason::HomeNotWritable => format!("run `chmod u+rwx {home}`"),
        Reason::ConfigUnreadable | Reason::ConfigInvalid => format!("correct `{config}`, then send the message again"),
        Reason::AuthUnreadable => format!("run `chmod u+rw {auth}`"),
        Reason::LoginNotRenewable => format!("run `chmod u+rw {auth}` and remove any second link to it"),
        Reason::AuthNotRegularFile => format!("move `{auth}` away, run `{login}`"),
        Reason::AccountsDiffer => {
            format!(
                "give the host the account of that home, or run `{login}` with the bridge's, which replaces it there"
            )
        }
        Reason::LoginsDiffer => {
            format!("give the host the login of that home, or run `{login}`, which replaces it there")
        }
        Reason::LoginForbidden => format!("run `{login}` with a login that `{config}` allows"),
        Reason::ConfigProfile => format!("take `profile` out of `{config}`, then send the message again"),
        Reason::CustomProvider | Reason::EphemeralStore | Reason::OtherAuth => {
            "log the host in again, then send the message again".to_owned()
        }
        Reason::StrategyForbids => "set `CODEX_HOME_SHIM_STRATEGY=auto`, then send the message again".to_owned(),
        _ => format!("run `{login}`, then send the message again"),
    }
}
