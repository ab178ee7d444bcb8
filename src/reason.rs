//! WHY: the stable ids that messages, JSON and documentation share.
//!
//! A public contract: ids are added, never renamed. Nothing here decides anything, and no text here may hold
//! anything that was read from a file.

use std::borrow::Cow;
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $id:literal $text:literal,)*) => {
        /// Why a home can or cannot log in, or why a start is treated as it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* #[doc = $text] $name,)* }

        impl Reason {
            /// Every reason there is, in the order in which they are documented.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable kebab-case id.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The reason in words, as a message says it about a home.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    // The directory.
    HomeMissing "home-missing" "the directory does not exist",
    HomeNotDirectory "home-not-directory" "it is not a directory",
    HomeUnreadable "home-unreadable" "the directory cannot be entered",
    HomeNotWritable "home-not-writable" "codex cannot write into the directory",
    HomeUnknown "home-unknown" "this user has no home directory that could be found",
    // config.toml.
    ConfigUnreadable "config-unreadable" "config.toml cannot be read",
    ConfigTooLarge "config-too-large" "config.toml is too large to be looked at",
    ConfigInvalid "config-invalid" "config.toml is one codex cannot load",
    // auth.json as a file.
    AuthMissing "auth-missing" "there is no auth.json",
    AuthNotRegularFile "auth-not-regular-file" "auth.json is not a regular file",
    AuthUnreadable "auth-unreadable" "auth.json cannot be read",
    AuthTooLarge "auth-too-large" "auth.json is too large to be looked at",
    AuthEmpty "auth-empty" "auth.json is empty",
    AuthNotUtf8 "auth-not-utf8" "auth.json is not UTF-8",
    AuthNotJson "auth-not-json" "auth.json is not one JSON value",
    AuthWrongType "auth-wrong-type" "auth.json holds a value of the wrong type",
    // auth.json as a login.
    MissingIdToken "missing-id-token" "auth.json has no `id_token`",
    MalformedIdToken "malformed-id-token" "the `id_token` in auth.json is not one codex can read",
    MissingAccessToken "missing-access-token" "auth.json has no `access_token`",
    BlankAccessToken "blank-access-token" "the `access_token` in auth.json cannot be sent",
    MissingRefreshToken "missing-refresh-token" "auth.json has no `refresh_token`",
    MissingLastRefresh "missing-last-refresh" "auth.json has no `last_refresh`",
    BadLastRefresh "bad-last-refresh" "the `last_refresh` in auth.json is not an RFC 3339 time",
    NoTokens "no-tokens" "auth.json is for a ChatGPT login and holds no tokens",
    NoApiKey "no-api-key" "auth.json is for an API key and holds none",
    BlankApiKey "blank-api-key" "the API key in auth.json cannot be sent",
    UnknownAuthMode "unknown-auth-mode" "the `auth_mode` in auth.json is not one codex knows",
    StaleWithoutRefreshToken "stale-without-refresh-token" "the `access_token` in auth.json is past its end and there is no `refresh_token` to renew it",
    StaleWithoutAccount "stale-without-account" "the `access_token` in auth.json is past its end and cannot be renewed without an `account_id`",
    // Homes that can log in, or that cannot be judged from their files.
    OkChatgpt "ok-chatgpt" "it holds a ChatGPT login",
    OkApiKey "ok-api-key" "it holds an API key",
    OtherAuth "other-auth" "it holds a login that cannot be judged from its files",
    KeyringStore "keyring-store" "its login is kept in the keyring",
    EphemeralStore "ephemeral-store" "its config.toml keeps logins in memory only",
    ConfigProfile "config-profile" "its config.toml selects a profile, which codex versions treat differently",
    CustomProvider "custom-provider" "its model provider does not use the OpenAI login",
    // Starts whose home does not matter, or is not ours to judge.
    NotJudged "not-judged" "this start does not use a login",
    NotUnderstood "not-understood" "the arguments are not ones this launcher knows",
    ProfileSelected "profile-selected" "the arguments select a configuration profile, whose file may say anything about the login",
    MaySignOut "may-sign-out" "the arguments force a login method, and codex may sign out the home it is given",
    StrategyOff "strategy-off" "the strategy is `off`",
    Observed "observed" "the strategy is `observe`",
    LeftAlone "left-alone" "the settings leave this home alone",
    PersonalHome "personal-home" "it is the personal home",
    LinkedToPersonal "linked-to-personal" "its auth.json is the personal auth.json",
    HostLogsIn "host-logs-in" "the host logs in after the start",
    AccessTokenInEnvironment "access-token-in-environment" "`CODEX_ACCESS_TOKEN` is set",
    ApiKeyInEnvironment "api-key-in-environment" "`CODEX_API_KEY` is set",
    // What stands between a bridge and a way out.
    AccountsDiffer "accounts-differ" "the two homes hold different accounts",
    LoginsDiffer "logins-differ" "one home is for a ChatGPT login, the other for an API key",
    LoginForbidden "login-forbidden" "its config.toml forbids the login it holds",
    LoginNotRenewable "login-not-renewable" "its login must be renewed now, and auth.json cannot be written",
    SharedRefreshToken "shared-refresh-token" "it shares its `refresh_token` with the personal home, and two holders would end the login",
    StaleBesidePersonal "stale-beside-personal" "its `access_token` is past its end and renewing it could end the personal login",
    NotCompletable "not-completable" "auth.json holds nothing it could be completed from",
    RepairFailed "repair-failed" "auth.json could not be completed",
    StrategyForbids "strategy-forbids" "the strategy does not allow it",
    // What stops us before any home does.
    PrivilegedStart "privileged-start" "the launcher runs with rights that its caller does not have",
    SettingInvalid "setting-invalid" "a setting of this launcher is wrong",
    CodexSettingInvalid "codex-setting-invalid" "the codex that the settings name cannot be started",
    CodexNotFound "codex-not-found" "codex is not found",
    CodexNotExecutable "codex-not-executable" "codex cannot be executed",
    ExecLoop "exec-loop" "codex starts this launcher again",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A reason and, where it says more than the reason's own text, the detail.
///
/// A detail is made of our own words, names of fields, paths, line numbers and shortened account ids: never of
/// anything that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The stable part.
    pub reason: Reason,
    /// The words to use in place of [`Reason::text`].
    pub detail: Option<Cow<'static, str>>,
}

impl Because {
    /// `reason` in the words of `detail`.
    pub fn of(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: Some(detail.into()) }
    }
}

impl From<Reason> for Because {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: None }
    }
}

impl fmt::Display for Because {
    /// In words; `{:#}` adds the stable id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(self.reason.text()))?;
        if f.alternate() { write!(f, " ({})", self.reason) } else { Ok(()) }
    }
}
