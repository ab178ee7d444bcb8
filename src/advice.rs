//! What to do about a refusal: the first advice that helps. Each is applied to a copy of what was observed, and decided again.
//!
//! Pure. Advice that would not help is not given.

mod after;

use std::path::{Path, PathBuf};

use crate::decide::{Decision, RepairState, decide_home};
use crate::display::shell_word;
use crate::failure::NoUsableHome;
use crate::home::{AUTH_FILE, CONFIG_FILE, Fact, Home};
use crate::observe::{Layers, Observed, Personal};
use crate::reason::ReasonCode;
use crate::request::{Overrides, Request};
use crate::settings::{FILE_VARIABLE, Key, Settings, Source, Strategy};

/// The command that logs OpenClaw 2026.4 in again.
pub const OPENCLAW_LOGIN: &str = "openclaw models auth login --provider openai-codex";

/// The advice if no personal home is known. Then no place for a settings file is known either.
pub const NAME_PERSONAL_HOME: &str = "set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with";

/// One thing that a person can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    /// Try again, because a file that could not be read may be readable the next time.
    TryAgain,
    /// Correct the system-wide files.
    CorrectLayer,
    /// Log OpenClaw in again.
    LogOpenClawIn,
    /// Name the personal home.
    NamePersonalHome,
    /// Let the strategy redirect and repair.
    AllowAll,
    /// Declare the bot your own.
    TrustBot,
    /// Change the owner of the home's files to this user.
    TakeOwnership,
    /// Deny other users the right to write.
    CloseToOthers,
    /// Give yourself the right to read and write the home.
    AllowOneself,
    /// Correct the home's `config.toml`.
    CorrectConfig,
    /// Make `auth.json` one file that codex can replace.
    MakeReplaceable,
    /// Log in.
    LogIn,
    /// Log in with another account than the one that is logged in.
    ReplaceLogin,
    /// Give yourself the right to read and write the bridge.
    OpenBridge,
    /// Correct the bridge's `config.toml`.
    CorrectBridgeConfig,
}

/// Every advice, in the order in which it is tried.
const ALL: [Advice; 15] = [
    Advice::TryAgain,
    Advice::CorrectLayer,
    Advice::NamePersonalHome,
    Advice::OpenBridge,
    Advice::CorrectBridgeConfig,
    Advice::TakeOwnership,
    Advice::CloseToOthers,
    Advice::AllowOneself,
    Advice::CorrectConfig,
    Advice::MakeReplaceable,
    Advice::LogIn,
    Advice::AllowAll,
    Advice::TrustBot,
    Advice::LogOpenClawIn,
    Advice::ReplaceLogin,
];

/// Returns the advice about a refusal: one thing to do, or two that help together.
#[must_use]
pub(crate) fn for_refusal(observed: &Observed, homes: &NoUsableHome) -> String {
    // Only OpenClaw can renew a bridge with an expired token; other advice would help for a while at most.
    let first = (homes.repair.code == ReasonCode::AccessTokenEnds).then_some(Advice::LogOpenClawIn);
    let candidates = || first.into_iter().chain(ALL);
    let helps = |advice: &[Advice]| {
        let mut after = observed.clone();
        let applied = advice.iter().all(|advice| advice.apply(&mut after));
        applied && !matches!(decide_home(&after, RepairState::Untried), Decision::Refuse(_))
    };
    let text = |advice: Advice| advice.text(observed);
    if let Some(advice) = candidates().find(|advice| helps(&[*advice])) {
        return text(advice);
    }
    for one in ALL {
        for other in ALL.into_iter().skip_while(|other| *other != one).skip(1) {
            if helps(&[one, other]) {
                return format!("{}, then {}", text(one), text(other));
            }
        }
    }
    "run `codex-home doctor`".to_owned()
}

impl Advice {
    /// Changes the observation as the advice would change the machine. Returns whether there is anything to change.
    fn apply(self, observed: &mut Observed) -> bool {
        let changed = self.change(observed);
        if let (Some(personal), Some(layers)) = (&mut observed.personal, &observed.layers) {
            let overrides = match &observed.request {
                Request::Judged(judged) => judged.overrides.clone(),
                Request::PassThrough(_) => Overrides::default(),
            };
            personal.config = layers.merge(&personal.home, &overrides);
        }
        changed
    }

    fn change(self, observed: &mut Observed) -> bool {
        let (uid, now) = (observed.uid, observed.now);
        let owners = observed.injected.as_ref().and_then(|home| home.owners().cloned()).unwrap_or_default();
        let bridge = observed.injected.as_mut();
        let personal = observed.personal.as_mut();
        match self {
            Self::AllowAll => replace(&mut observed.settings.strategy, Strategy::Auto),
            Self::TrustBot => replace(&mut observed.settings.strategy, Strategy::Redirect),
            Self::TryAgain => personal.is_some_and(|personal| personal.read_this_time(owners, uid)),
            Self::CorrectLayer => {
                let layers = observed.layers.as_mut().filter(|layers| !layers.unusable_files().is_empty());
                layers.map(Layers::forget).is_some()
            }
            Self::NamePersonalHome if personal.is_none() => {
                observed.personal = Some(Personal::hypothetical(Path::new("/")));
                Self::ReplaceLogin.change(observed)
            }
            Self::NamePersonalHome => false,
            // OpenClaw then writes a bridge that the launcher can repair.
            Self::LogOpenClawIn => bridge.is_some_and(|home| home.write_bridge(now, uid)),
            Self::OpenBridge => bridge.is_some_and(|home| home.open_bridge(now, uid)),
            Self::CorrectBridgeConfig => bridge.is_some_and(|home| {
                let is_there = !matches!(home.config, Fact::Absent);
                home.config = Fact::Absent;
                is_there
            }),
            Self::LogIn if personal.as_ref().is_some_and(|personal| personal.is_logged_in()) => false,
            Self::LogIn | Self::ReplaceLogin => personal.is_some_and(|personal| personal.log_in(owners, uid)),
            Self::MakeReplaceable => personal.is_some_and(|personal| personal.not_renewable.take().is_some()),
            Self::CorrectConfig => personal.is_some_and(Personal::correct_config),
            // root would take the files away from the home's owner.
            Self::TakeOwnership if uid == 0 => false,
            Self::TakeOwnership | Self::CloseToOthers | Self::AllowOneself => {
                personal.is_some_and(|personal| personal.permit(self, owners, uid))
            }
        }
    }

    fn text(self, observed: &Observed) -> String {
        let settings = &observed.settings;
        let personal = observed.personal.as_ref().map(|personal| &personal.home);
        // `chmod -R` and `chown -R` follow no symlink.
        let in_home = |home: Option<&Home>, name: &str| {
            let path = home.map(|home| home.directory.seen().map_or(&home.path, |directory| &directory.real_path));
            let path = path.map(|path| path.join(name)).unwrap_or_default();
            shell_word(path.components().as_path(), settings.person_home.as_deref())
        };
        let word = |name: &str| in_home(personal, name);
        let bridge = |name: &str| in_home(observed.injected.as_ref(), name);
        match self {
            Self::TryAgain => "send the message again".to_owned(),
            Self::CorrectLayer => {
                let files = observed.layers.as_ref().map(Layers::unusable_files).unwrap_or_default();
                let word = |file: &PathBuf| format!("`{}`", shell_word(file, settings.person_home.as_deref()));
                format!("correct {}", files.iter().map(word).collect::<Vec<_>>().join(" and "))
            }
            Self::LogOpenClawIn => format!("run `{OPENCLAW_LOGIN}`"),
            Self::NamePersonalHome => NAME_PERSONAL_HOME.to_owned(),
            Self::AllowAll => set_strategy(settings, Strategy::Auto),
            Self::TrustBot => format!("if this bot is yours, {}", set_strategy(settings, Strategy::Redirect)),
            Self::TakeOwnership => format!("run `sudo chown -R \"$(id -un)\" {}`", word("")),
            Self::CloseToOthers => {
                let open = observed.personal.as_ref().map(|personal| personal.open_to_others(observed.uid));
                let words: Vec<_> = open.iter().flatten().map(|name| word(name)).collect();
                format!("run `chmod go-w {}`", words.join(" "))
            }
            Self::AllowOneself => format!("run `chmod -R u+rwX {}`", word("")),
            Self::CorrectConfig => format!("correct `{}`", word(CONFIG_FILE)),
            Self::MakeReplaceable => format!("make `{}` a writable file of its own", word(AUTH_FILE)),
            Self::LogIn | Self::ReplaceLogin => personal.map_or_else(String::new, |home| {
                let login = login_command(home, settings);
                let account = observed.injected.as_ref().and_then(|home| home.owners()?.account.one());
                let account = account.map(|account| format!(" with account {account}")).unwrap_or_default();
                let replaces = if self == Self::ReplaceLogin { ", which replaces the login there" } else { "" };
                format!("run `{login}`{account}{replaces}")
            }),
            Self::OpenBridge if observed.injected.as_ref().and_then(Home::closed_by_others) == Some(true) => {
                format!("run `sudo chown -R \"$(id -un)\" {}`", bridge(""))
            }
            Self::OpenBridge => format!("run `chmod -R u+rwX {}`", bridge("")),
            Self::CorrectBridgeConfig => format!("correct `{}`", bridge(CONFIG_FILE)),
        }
    }
}

/// Returns the advice to set the strategy: in the file, unless a variable overrides the file.
fn set_strategy(settings: &Settings, strategy: Strategy) -> String {
    match settings.source(Key::Strategy) {
        Source::Variable => {
            format!("set `{}={}` where the gateway is started", Key::Strategy.variable(), strategy.name())
        }
        Source::Default | Source::File => {
            let person_home = settings.person_home.as_deref();
            // The default places of both systems. The reader's shell may lack the variable that moves them for the gateway.
            let usual = [".config", "Library/Application Support"]
                .map(|config| person_home.map(|home| home.join(config).join("codex-home-shim").join("config.toml")));
            let file = settings.file.as_ref().filter(|file| !usual.iter().flatten().any(|usual| usual == *file));
            let file = file.map(|file| format!("{FILE_VARIABLE}={} ", shell_word(file, person_home)));
            format!("run `{}codex-home config set strategy {}`", file.unwrap_or_default(), strategy.name())
        }
    }
}

/// Returns the command that logs in to a home.
#[must_use]
pub fn login_command(home: &Home, settings: &Settings) -> String {
    let word = shell_word(&home.path, settings.person_home.as_deref());
    let is_default = settings.person_home.as_ref().is_some_and(|person| person.join(".codex") == home.path);
    match (is_default, &home.directory) {
        (true, _) => "codex login".to_owned(),
        // codex creates no home but the default one.
        (false, Fact::Absent) => format!("mkdir -p {word} && CODEX_HOME={word} codex login"),
        (false, _) => format!("CODEX_HOME={word} codex login"),
    }
}

fn replace<T: PartialEq>(value: &mut T, new: T) -> bool {
    std::mem::replace(value, new) != *value
}
