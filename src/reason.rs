//! The stable ids that messages, JSON and documentation share.
//!
//! A public contract from 0.1.0 on: ids are added, never renamed. The policy never compares them. It matches on facts; reasons are
//! for people. No text here holds anything that was read from a file.

use std::borrow::Cow;
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $id:literal $text:literal,)*) => {
        /// Why a home can or cannot log in, or why a start is kept, redirected or refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode { $($(#[$doc])* #[doc = $text] $name,)* }

        impl ReasonCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the stable kebab-case id.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// Returns the reason in words, for a message about a home.
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
    HomeReadFailed "home-read-failed" "the directory could not be looked at",
    HomeNotOwned "home-not-owned" "it belongs to another user",
    HomeWritableByOthers "home-writable-by-others" "other users may write to it",
    InstallationIdUnusable "installation-id-unusable" "codex cannot read and write its `installation_id`",
    NoPersonalHome "no-personal-home" "this user has no home directory that could be found",
    // config.toml and the layers around it.
    ConfigUnreadable "config-unreadable" "config.toml cannot be read",
    ConfigReadFailed "config-read-failed" "config.toml could not be read",
    ConfigTooLarge "config-too-large" "config.toml is too large to be judged",
    ConfigInvalid "config-invalid" "config.toml is one codex cannot load",
    ConfigProfile "config-profile" "its config.toml selects a profile, which codex versions treat differently",
    ConfigFileMissing "config-file-missing" "its config.toml names a file that cannot be read",
    CustomBaseUrl "custom-base-url" "its config.toml sends requests to another address",
    CustomProvider "custom-provider" "its model provider does not use the OpenAI login",
    ProviderUndefined "provider-undefined" "its config.toml selects a model provider that is not defined",
    LayerUnknown "layer-unknown" "a system-wide configuration of codex could not be judged",
    KeyringStore "keyring-store" "its login is kept in the keyring",
    EphemeralStore "ephemeral-store" "its config.toml keeps logins in memory only",
    // auth.json as a file.
    AuthMissing "auth-missing" "there is no auth.json",
    AuthNotRegularFile "auth-not-regular-file" "auth.json is not a regular file",
    AuthUnreadable "auth-unreadable" "auth.json cannot be read",
    AuthReadFailed "auth-read-failed" "auth.json could not be read",
    AuthTooLarge "auth-too-large" "auth.json is too large to be judged",
    AuthEmpty "auth-empty" "auth.json is empty",
    AuthNotUtf8 "auth-not-utf8" "auth.json is not UTF-8",
    AuthNotJson "auth-not-json" "auth.json is not one JSON value",
    AuthIsArray "auth-is-array" "auth.json is a JSON array, which cannot be judged",
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
    UnknownAuthMode "unknown-auth-mode" "the `auth_mode` in auth.json is not one that this launcher knows",
    StaleWithoutRefreshToken "stale-without-refresh-token" "the `access_token` in auth.json is past its end and there is no `refresh_token` to renew it",
    StaleWithoutAccount "stale-without-account" "the `access_token` in auth.json is past its end and cannot be renewed without an `account_id`",
    LoginForbidden "login-forbidden" "the configuration forbids the login that auth.json holds",
    OkChatgpt "ok-chatgpt" "it holds a ChatGPT login",
    OkApiKey "ok-api-key" "it holds an API key",
    OtherAuth "other-auth" "it holds a login that cannot be judged from its files",
    // Starts that are left alone.
    NotJudged "not-judged" "this start does not use a login",
    NotUnderstood "not-understood" "the arguments are not ones this launcher knows",
    ProfileSelected "profile-selected" "the arguments select a configuration profile, whose file may say anything about the login",
    MaySignOut "may-sign-out" "the arguments force a login method, and codex may sign out the home it is given",
    StrategyOff "strategy-off" "the strategy is `off`",
    LeftAlone "left-alone" "the settings leave this home alone",
    PersonalHome "personal-home" "it is the personal home",
    LinkedToPersonal "linked-to-personal" "its auth.json is the personal auth.json",
    HostLogsIn "host-logs-in" "the host logs in after the start",
    AccessTokenInEnvironment "access-token-in-environment" "`CODEX_ACCESS_TOKEN` is set",
    WorkloadIdentityInEnvironment "workload-identity-in-environment" "`OPENAI_FEDERATION_RULE_ID` or `OPENAI_IDENTITY_TOKEN_FILE` is set",
    ApiKeyInEnvironment "api-key-in-environment" "`CODEX_API_KEY` is set",
    // Redirects that rest on less than the same account on both sides.
    UnnamedBridge "unnamed-bridge" "the bridge holds no login at all, so that nothing in it names another account",
    TrustedBySettings "trusted-by-settings" "the settings say that this bot is yours",
    // Why a bridge is neither repaired nor redirected.
    AccountsDiffer "accounts-differ" "the two homes hold different accounts",
    OwnerUnknown "owner-unknown" "the two homes cannot be shown to hold the same account",
    ApiKeyLogin "api-key-login" "one of the homes is for an API key, and work is never redirected to or from one",
    LoginNotRenewable "login-not-renewable" "its login must be renewed now, and a renewed login could not be kept there",
    StartNotRedirected "start-not-redirected" "a start of this kind is not redirected by default, because a project's configuration can sign out the home it runs in",
    ForcedByProject "forced-by-project" "a configuration on the way to the working directory may sign out the home that codex runs in",
    NotRepairable "not-repairable" "auth.json holds nothing it could be repaired from",
    OnlyRefreshToken "only-refresh-token" "a repair would remove a `refresh_token` that may have no other copy",
    AccessTokenEnds "access-token-ends" "its `access_token` ends within five minutes",
    RepairFailed "repair-failed" "auth.json could not be repaired",
    StrategyForbids "strategy-forbids" "the strategy does not allow it",
    // Why nothing is started, whatever the homes are like.
    PrivilegedStart "privileged-start" "the launcher runs with rights that its caller does not have",
    SettingInvalid "setting-invalid" "a setting of this launcher is wrong",
    CodexSettingInvalid "codex-setting-invalid" "the codex that the settings name cannot be started",
    CodexNotFound "codex-not-found" "codex is not found",
    CodexNotExecutable "codex-not-executable" "codex cannot be executed",
    ExecLoop "exec-loop" "codex starts this launcher again",
    StartTooDeep "start-too-deep" "too many starts of this launcher are above this one",
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A code and, if there is more to say than the code's own text, a detail.
///
/// A detail consists of our own words, names of fields, paths, line numbers and shortened account ids, and of nothing that could be
/// a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The stable part.
    pub code: ReasonCode,
    /// The text that replaces [`ReasonCode::text`].
    pub detail: Option<Cow<'static, str>>,
}

impl Reason {
    /// Makes a reason with a detail.
    pub fn new(code: ReasonCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: Some(detail.into()) }
    }
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self { code, detail: None }
    }
}

impl fmt::Display for Reason {
    /// In words; `{:#}` adds the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(self.code.text()))?;
        if f.alternate() { write!(f, " ({})", self.code) } else { Ok(()) }
    }
}
