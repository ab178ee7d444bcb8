//! A start as a point in a space of facts. Every axis has a few values; the first is that of the plain redirect of openclaw#70511.
//! A point becomes an [`Observed`] without any disk.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Index;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use chrono::{DateTime, Utc};
use codex_home::fs::{FileId, Stat};
use codex_home::home::config::{Config, ConfigFile, Layer};
use codex_home::home::{self, auth::Auth};
use codex_home::home::{AuthFile, Fact, Home, HomeDirectory, SecretBytes};
use codex_home::observe::{Layers, Observed, Personal, observe};
use codex_home::reason::{Reason, ReasonCode};
use codex_home::request::{Overrides, Request};
use codex_home::settings;
use serde_json::json;

use crate::support::auth;
use crate::support::fixture::{BRIDGE_REFRESH, KEY, OPAQUE_ACCESS, PERSONAL_REFRESH, broken};
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};

/// The user who starts, and another one.
pub const ME: u32 = 1000;
const MALLORY: u32 = 1001;
/// The bridge.
pub const INJECTED: &str = "/home/me/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241";
/// The person's home, and its path without symlinks.
pub const PERSONAL: &str = "/home/me/.codex";
pub const PERSONAL_REAL: &str = "/data/codex";

macro_rules! axes {
    ($($axis:ident: $($value:literal),+;)+) => {
        /// One fact.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Axis { $($axis),+ }

        /// Every axis, with its values.
        pub const AXES: &[(Axis, &[&str])] = &[$((Axis::$axis, &[$($value),+])),+];
    };
}

axes! {
    Kind: "bridge", "other", "left alone", "personal", "host login";
    Strategy: "auto", "redirect", "repair", "off";
    Start: "app-server", "login status", "exec", "resume", "review", "fork", "", "logout";
    AccessToken: "unset", "set";
    ApiKey: "unset", "set";
    Listed: "no", "yes";
    Identity: "known", "unknown";
    SameFile: "no", "yes";
    InjectedDirectory: "seen", "absent", "unusable", "unknown", "not writable";
    InjectedConfig: "absent", "harmless", "keyring", "ephemeral", "own provider", "profile", "forces the account",
        "forces another", "forces an API key", "unusable", "unknown";
    InjectedAuth: "broken", "healthy", "absent", "empty", "unusable", "unknown", "not JSON", "array", "broken, another account",
        "broken, another person", "broken, ended", "broken, two accounts", "opaque", "opaque, account", "API key",
        "no API key", "other mode";
    PersonalDirectory: "seen", "absent", "unusable", "unknown", "not writable", "mallory's", "root's", "open", "no home";
    PersonalConfig: "absent", "harmless", "keyring", "auto", "ephemeral", "own provider", "OpenAI through a proxy",
        "undefined provider", "profile", "base URL", "forces the account", "forces another", "forces an API key", "unusable",
        "unknown";
    PersonalConfigFile: "private", "mallory's", "open";
    PersonalAuth: "healthy", "absent", "unusable", "unknown", "broken", "another account", "another person", "two accounts",
        "unnamed", "no person", "API key", "other mode";
    PersonalAuthFile: "private", "mallory's", "open", "read-only", "linked";
    Renewable: "yes", "no";
    NamedFile: "usable", "unusable";
    InstallationId: "usable", "unusable";
    SystemConfig: "absent", "harmless", "keyring", "own provider", "profile", "base URL", "forces the account",
        "forces another", "unusable", "unknown";
    ManagedConfig: "absent", "harmless", "keyring", "own provider", "profile", "base URL", "forces the account",
        "forces another", "unusable", "unknown";
    Requirements: "absent", "admits it", "admits API keys", "admits another", "unusable", "unknown";
    Preferences: "absent", "unknown";
    Project: "silent", "may sign out";
}

/// A value for every axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct World([&'static str; AXES.len()]);

impl Index<Axis> for World {
    type Output = &'static str;

    fn index(&self, axis: Axis) -> &&'static str {
        &self.0[axis as usize]
    }
}

impl std::fmt::Debug for World {
    /// The values that differ from the plain redirect.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut map = f.debug_map();
        for ((axis, values), value) in AXES.iter().zip(self.0) {
            if value != values[0] {
                map.entry(axis, &value);
            }
        }
        map.finish()
    }
}

impl World {
    /// The plain redirect.
    pub fn plain() -> World {
        let mut world = World([""; AXES.len()]);
        for (axis, values) in AXES {
            world.0[*axis as usize] = values[0];
        }
        world
    }

    pub fn with(mut self, axis: Axis, value: &'static str) -> World {
        assert!(AXES[axis as usize].1.contains(&value), "{axis:?} has no value `{value}`");
        self.0[axis as usize] = value;
        self
    }

    /// A random world. Each axis has the plain value with a probability of three fifths.
    pub fn random(rng: &mut fastrand::Rng) -> World {
        AXES.iter().fold(World::plain(), |world, (axis, values)| match rng.u32(..5) {
            0..3 => world,
            _ => world.with(*axis, values[rng.usize(..values.len())]),
        })
    }

    /// The launcher's observation.
    pub fn observed(&self) -> Observed {
        use Axis::*;
        let mut observed = BASE.clone();
        let args: Vec<_> = self[Start].split_whitespace().map(OsString::from).collect();
        observed.request = Request::parse(&args);
        observed.settings.strategy =
            *settings::Strategy::ALL.iter().find(|strategy| strategy.name() == self[Axis::Strategy]).unwrap();
        observed.kind = Some(match self[Axis::Kind] {
            "bridge" => home::Kind::Bridge,
            "other" => home::Kind::Other,
            "left alone" => home::Kind::LeftAlone,
            "personal" => home::Kind::Personal,
            _ => home::Kind::HostLogin,
        });
        observed.login_in_environment = (self[AccessToken] == "set").then_some(ReasonCode::AccessTokenInEnvironment);
        observed.has_api_key = self[ApiKey] == "set";
        observed.is_listed_bridge = self[Listed] == "yes";
        observed.identity_unknown = (self[Identity] == "unknown").then(|| ReasonCode::HomeReadFailed.into());
        let injected = self.injected();
        let layers = self.layers();
        observed.personal = (self[PersonalDirectory] != "no home").then(|| self.personal(&layers));
        observed.injected = Some(injected);
        observed.layers = Some(layers);
        observed
    }

    fn injected(&self) -> Home {
        use Axis::*;
        let auth = match self[InjectedAuth] {
            "unusable" => Fact::Unusable(ReasonCode::AuthUnreadable.into()),
            "unknown" => Fact::Unknown(ReasonCode::AuthReadFailed.into()),
            "absent" => Fact::Absent,
            name => auth_file(name, injected_auth, private(0o600, if self[SameFile] == "yes" { 2 } else { 1 })),
        };
        lay_home(INJECTED, self[InjectedDirectory], self[InjectedConfig], auth)
    }

    fn personal(&self, layers: &Layers) -> Personal {
        use Axis::*;
        let mut stat = private(0o600, 2);
        match self[PersonalAuthFile] {
            "mallory's" => stat.uid = MALLORY,
            "open" => stat.mode = 0o666,
            "read-only" => stat.mode = 0o400,
            "linked" => stat.links = 2,
            _ => {}
        }
        let auth = match self[PersonalAuth] {
            "unusable" => Fact::Unusable(ReasonCode::AuthUnreadable.into()),
            "unknown" => Fact::Unknown(ReasonCode::AuthReadFailed.into()),
            "absent" => Fact::Absent,
            name => auth_file(name, personal_auth, stat),
        };
        let mut home = lay_home(PERSONAL, self[PersonalDirectory], self[PersonalConfig], auth);
        if let Some(stat) = &mut home.config_stat {
            match self[PersonalConfigFile] {
                "mallory's" => stat.uid = MALLORY,
                "open" => stat.mode = 0o666,
                _ => {}
            }
        }
        let broken = |axis, code: ReasonCode| (self[axis] != AXES[axis as usize].1[0]).then(|| code.into());
        Personal {
            config: merged(&home, layers),
            home,
            unusable_file: broken(NamedFile, ReasonCode::ConfigFileMissing),
            installation_id: broken(InstallationId, ReasonCode::InstallationIdUnusable),
            not_renewable: broken(Renewable, ReasonCode::LoginNotRenewable),
        }
    }

    fn layers(&self) -> Layers {
        use Axis::*;
        let layer = |value| config_fact(value, ReasonCode::LayerUnknown, ReasonCode::LayerUnknown);
        let requirements = match self[Axis::Requirements] {
            "absent" => Fact::Absent,
            "unusable" => Fact::Unusable(ReasonCode::LayerUnknown.into()),
            "unknown" => Fact::Unknown(ReasonCode::LayerUnknown.into()),
            value => {
                let text = match value {
                    "admits it" => format!("allowed_chatgpt_workspaces = [\" {ACCOUNT} \"]\n"),
                    "admits another" => format!("allowed_chatgpt_workspaces = [\"{OTHER_ACCOUNT}\"]\n"),
                    _ => "allowed_login_methods = [\"api\"]\n".to_owned(),
                };
                Fact::Seen(home::config::Requirements::of(&toml_file(&text)).unwrap())
            }
        };
        Layers {
            directory: PathBuf::from("/etc/codex"),
            config: layer(self[SystemConfig]),
            managed: layer(self[ManagedConfig]),
            requirements,
            preferences: match self[Preferences] {
                "unknown" => Fact::Unknown(ReasonCode::LayerUnknown.into()),
                _ => Fact::Absent,
            },
            project: (self[Project] != "silent").then(|| ReasonCode::ForcedByProject.into()),
        }
    }
}

/// The constant part: a codex that can be started, default settings, the clock.
static BASE: LazyLock<Observed> = LazyLock::new(|| {
    let env = [("HOME", "/home/me"), ("CODEX_HOME_SHIM_CODEX", "/bin/sh"), ("CODEX_HOME", INJECTED)];
    let mut observed = observe(&crate::invocation(&env, &["logout"]));
    assert!(observed.codex.is_ok() && observed.problems.is_empty(), "{observed:?}");
    observed.uid = ME;
    observed
});

/// The time of the observation.
pub fn now() -> DateTime<Utc> {
    BASE.now
}

const fn private(mode: u32, inode: u64) -> Stat {
    Stat { id: FileId { device: 1, inode }, uid: ME, gid: ME, mode, links: 1, size: 1, changed: [0; 4] }
}

fn lay_home(path: &str, directory: &str, config: &'static str, auth: Fact<AuthFile>) -> Home {
    let path = PathBuf::from(path);
    let mut stat = private(0o700, 3);
    match directory {
        "mallory's" => stat.uid = MALLORY,
        "root's" => stat.uid = 0,
        "open" => stat.mode = 0o777,
        _ => {}
    }
    let nothing =
        |directory| Home { path: path.clone(), directory, config: Fact::Absent, config_stat: None, auth: Fact::Absent };
    match directory {
        "absent" => return nothing(Fact::Absent),
        "unusable" => return nothing(Fact::Unusable(ReasonCode::HomeUnreadable.into())),
        "unknown" => return nothing(Fact::Unknown(ReasonCode::HomeReadFailed.into())),
        _ => {}
    }
    let real_path = if path == Path::new(PERSONAL) { PathBuf::from(PERSONAL_REAL) } else { path.clone() };
    let not_writable = (directory == "not writable").then(|| ReasonCode::HomeNotWritable.into());
    let config = config_fact(config, ReasonCode::ConfigInvalid, ReasonCode::ConfigReadFailed);
    Home {
        directory: Fact::Seen(HomeDirectory { real_path, stat, not_writable }),
        config_stat: config.seen().map(|_| private(0o600, 4)),
        path,
        config,
        auth,
    }
}

fn config_fact(value: &'static str, unusable: ReasonCode, unknown: ReasonCode) -> Fact<ConfigFile> {
    match value {
        "absent" => Fact::Absent,
        "unusable" => Fact::Unusable(unusable.into()),
        "unknown" => Fact::Unknown(unknown.into()),
        value => Fact::Seen(toml_file(&toml(value))),
    }
}

fn toml_file(text: &str) -> ConfigFile {
    ConfigFile::parse(text.as_bytes(), "config.toml").unwrap()
}

fn toml(value: &str) -> String {
    const PROVIDER: &str = "model_provider = \"mine\"\n[model_providers.mine]\nname = \"Mine\"\n";
    match value {
        "harmless" => "model = \"gpt-5\"\n".to_owned(),
        "keyring" | "auto" | "ephemeral" => format!("cli_auth_credentials_store = \"{value}\"\n"),
        "own provider" => PROVIDER.to_owned(),
        "OpenAI through a proxy" => format!("{PROVIDER}requires_openai_auth = true\n"),
        "undefined provider" => "model_provider = \"mine\"\n".to_owned(),
        "profile" => "profile = \"work\"\n".to_owned(),
        "base URL" => "openai_base_url = \"https://proxy.example.com/v1\"\n".to_owned(),
        "forces the account" => format!("forced_chatgpt_workspace_id = \"{ACCOUNT}\"\n"),
        "forces another" => format!("forced_chatgpt_workspace_id = \"{OTHER_ACCOUNT}\"\n"),
        "forces an API key" => "forced_login_method = \"api\"\n".to_owned(),
        other => panic!("no configuration `{other}`"),
    }
}

/// The configuration of a home under the layers, in codex's order.
fn merged(home: &Home, layers: &Layers) -> Result<Config, Reason> {
    let overrides = Overrides::default();
    let mut stack = Vec::new();
    for (file, directory) in [(&layers.config, "/etc/codex"), (&home.config, PERSONAL), (&layers.managed, "/etc/codex")]
    {
        match file {
            Fact::Seen(file) => stack.push(Layer::File(file, Path::new(directory))),
            Fact::Absent => {}
            Fact::Unusable(reason) | Fact::Unknown(reason) => return Err(reason.clone()),
        }
    }
    if let Some(reason) = unknown(&layers.requirements).or_else(|| unknown(&layers.preferences)) {
        return Err(reason);
    }
    stack.insert(stack.len() - usize::from(layers.managed.seen().is_some()), Layer::Argv(&overrides));
    Config::of(stack)
}

fn unknown<T>(fact: &Fact<T>) -> Option<Reason> {
    match fact {
        Fact::Unusable(reason) | Fact::Unknown(reason) => Some(reason.clone()),
        Fact::Seen(_) | Fact::Absent => None,
    }
}

/// The file of that name, made once.
fn auth_file(name: &'static str, make: fn(&str) -> Vec<u8>, stat: Stat) -> Fact<AuthFile> {
    static FILES: Mutex<BTreeMap<(&str, usize), AuthFile>> = Mutex::new(BTreeMap::new());
    let mut files = FILES.lock().unwrap();
    let file = files.entry((name, make as usize)).or_insert_with(|| {
        let bytes = make(name);
        AuthFile { auth: Auth::parse(&bytes, now()), stat, bytes: SecretBytes::from(bytes) }
    });
    Fact::Seen(AuthFile { stat, ..file.clone() })
}

/// An access token of the same account and another member of its workspace.
fn another_person() -> String {
    let claims = json!({"chatgpt_account_id": ACCOUNT, "chatgpt_user_id": "user-of-another"});
    tokens::jwt(&json!({"exp": 4_102_444_800_u64, "https://api.openai.com/auth": claims}))
}

fn injected_auth(name: &str) -> Vec<u8> {
    match name {
        "broken" => broken(ACCOUNT),
        "healthy" => auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH),
        "empty" => Vec::new(),
        "not JSON" => b"{".to_vec(),
        "array" => b"[]".to_vec(),
        "broken, another account" => broken(OTHER_ACCOUNT),
        "broken, another person" => auth::issue_70511(&another_person(), BRIDGE_REFRESH),
        "broken, ended" => auth::issue_70511(&tokens::expired_access_token(ACCOUNT, "bridge"), BRIDGE_REFRESH),
        "broken, two accounts" => {
            auth::issue_70511_with_account(&tokens::access_token(ACCOUNT, "b"), BRIDGE_REFRESH, OTHER_ACCOUNT)
        }
        "opaque" => auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH),
        "opaque, account" => auth::issue_70511_with_account(OPAQUE_ACCESS, BRIDGE_REFRESH, ACCOUNT),
        "API key" => auth::api_key(KEY),
        "no API key" => br#"{"auth_mode":"apikey"}"#.to_vec(),
        "other mode" => br#"{"auth_mode":"personalAccessToken","personal_access_token":"pat-canary"}"#.to_vec(),
        other => panic!("no auth.json `{other}`"),
    }
}

fn personal_auth(name: &str) -> Vec<u8> {
    let mut login = auth::healthy_value(ACCOUNT, "personal", PERSONAL_REFRESH);
    match name {
        "healthy" => {}
        "another account" => return auth::healthy(OTHER_ACCOUNT, "personal", PERSONAL_REFRESH),
        "another person" => {
            login["tokens"]["access_token"] = another_person().into();
            login["tokens"]["id_token"] = another_person().into();
        }
        "two accounts" => login["tokens"]["account_id"] = OTHER_ACCOUNT.into(),
        "unnamed" | "no person" => {
            login["tokens"]["access_token"] = OPAQUE_ACCESS.into();
            login["tokens"]["id_token"] = tokens::jwt(&json!({})).into();
            if name == "unnamed" {
                login["tokens"]["account_id"] = json!(null);
            }
        }
        other => return injected_auth(other),
    }
    auth::bytes(&login)
}
