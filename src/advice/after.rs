//! How following a piece of advice would change the observation.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::Advice;
use crate::fs::Stat;
use crate::home::auth::{Auth, Login, LoginKind, Named, Owners};
use crate::home::claims::{self, Id};
use crate::home::config::Config;
use crate::home::{AUTH_FILE, AuthFile, CONFIG_FILE, Fact, Home, HomeDirectory, SecretBytes};
use crate::observe::Personal;
use crate::reason::{Reason, ReasonCode};

/// A private file or directory of this user's.
const fn private(uid: u32, mode: u32, inode: u64) -> Stat {
    let id = crate::fs::FileId { device: 0, inode };
    Stat { id, uid, gid: uid, mode, links: 1, size: 1, changed: [0; 4] }
}

/// A private directory of this user's.
fn private_directory(uid: u32) -> Fact<HomeDirectory> {
    let stat = private(uid, 0o700, 0);
    Fact::Seen(HomeDirectory { real_path: PathBuf::from("/"), stat, not_writable: None })
}

/// Names a person. A login made by codex always does; a bridge may not.
fn with_person(mut owners: Owners) -> Owners {
    if owners.user == Named::None {
        Id::new("a person".to_owned()).into_iter().for_each(|id| owners.user.add(id));
    }
    owners
}

/// Returns whether the owner can change it. A read-only mount, which the detail names, stays read-only.
fn is_by_mode(reason: &Reason) -> bool {
    reason.code == ReasonCode::HomeNotWritable && reason.detail.is_none()
}

impl Home {
    /// Returns whether another user's ownership keeps this user from reading it; `None` if everything in it can be read.
    pub(super) fn closed_by_others(&self) -> Option<bool> {
        let not_writable = self.directory.seen().and_then(|directory| directory.not_writable.as_ref());
        let reasons = [not_writable, self.directory.unusable(), self.config.unusable(), self.auth.unusable()];
        let codes: Vec<_> = reasons.into_iter().flatten().map(|reason| reason.code).collect();
        let is_closed = |code: &ReasonCode| {
            use ReasonCode::{AuthUnreadable, ConfigUnreadable, HomeNotOwned, HomeUnreadable};
            matches!(code, AuthUnreadable | ConfigUnreadable | HomeNotOwned | HomeUnreadable)
        };
        codes.iter().any(is_closed).then(|| codes.contains(&ReasonCode::HomeNotOwned))
    }

    /// Changes owners or modes so that it is readable and writable; false if neither is the problem.
    pub(super) fn open_bridge(&mut self, now: DateTime<Utc>, uid: u32) -> bool {
        let not_writable = self.directory.seen().and_then(|directory| directory.not_writable.as_ref());
        if self.closed_by_others().is_none() && !not_writable.is_some_and(is_by_mode) {
            return false;
        }
        let was_auth_closed = self.open_up(Owners::default(), uid, 1);
        if let Fact::Seen(directory) = &mut self.directory {
            directory.not_writable.take_if(|reason| is_by_mode(reason) || reason.code == ReasonCode::HomeNotOwned);
        }
        !was_auth_closed || self.write_bridge(now, uid)
    }

    /// Assumes that unreadable files hold a login of `owners` and no configuration. Returns whether `auth.json` is one of them.
    pub(super) fn open_up(&mut self, owners: Owners, uid: u32, inode: u64) -> bool {
        fn is_closed<T>(fact: &Fact<T>, code: ReasonCode, was_entered: bool) -> bool {
            match fact {
                Fact::Seen(_) | Fact::Unknown(_) => false,
                Fact::Absent => !was_entered,
                Fact::Unusable(reason) => reason.code == code || reason.code == ReasonCode::HomeNotOwned,
            }
        }
        let was_entered = self.directory.seen().is_some();
        if !was_entered {
            self.directory = private_directory(uid);
        }
        if is_closed(&self.config, ReasonCode::ConfigUnreadable, was_entered) {
            self.config = Fact::Absent;
        }
        let is_auth_closed = is_closed(&self.auth, ReasonCode::AuthUnreadable, was_entered);
        if is_auth_closed {
            self.auth = Fact::Absent;
            self.log_in(owners, uid, inode);
        }
        is_auth_closed
    }

    /// Puts a fresh ChatGPT login into the home, in a file of its own; false if `auth.json` cannot be written.
    pub(super) fn log_in(&mut self, owners: Owners, uid: u32, inode: u64) -> bool {
        if matches!(self.auth, Fact::Unusable(_) | Fact::Unknown(_)) {
            return false;
        }
        let auth = Auth {
            login: Login::Usable(ReasonCode::OkChatgpt.into()),
            kind: LoginKind::Chatgpt,
            owners,
            renewed_at_start: false,
            has_refresh_token: true,
            access_token_end: None,
            may_be_torn: false,
        };
        // codex up to 0.166 writes in place.
        let stat = self.auth.seen().map_or_else(|| private(uid, 0o600, inode), |file| file.stat);
        self.auth = Fact::Seen(AuthFile { auth, stat, bytes: SecretBytes(vec![b'{']) });
        true
    }

    /// Rewrites the `auth.json` of a bridge as OpenClaw does; false if OpenClaw could not.
    pub(super) fn write_bridge(&mut self, now: DateTime<Utc>, uid: u32) -> bool {
        let owners = self.owners().cloned().unwrap_or_default();
        let token = claims::hypothetical_token(owners.account.one(), owners.user.one());
        let bytes = format!("{{\"tokens\":{{\"access_token\":\"{token}\",\"refresh_token\":\"r\"}}}}").into_bytes();
        let can_write = !matches!(self.auth, Fact::Unusable(_) | Fact::Unknown(_));
        self.auth = Fact::Seen(AuthFile {
            auth: Auth::parse(&bytes, now),
            stat: private(uid, 0o600, 1),
            bytes: SecretBytes(bytes),
        });
        can_write
    }
}

impl Personal {
    /// Returns whether codex could log in there.
    pub(super) fn is_logged_in(&self) -> bool {
        self.config.as_ref().is_ok_and(|config| matches!(self.home.login_under(config), Login::Usable(_)))
    }

    /// Assumes that files that could not be read this time hold a login of these owners; false if everything was read.
    pub(super) fn read_this_time(&mut self, owners: Owners, uid: u32) -> bool {
        use ReasonCode::{AuthReadFailed, ConfigReadFailed, HomeReadFailed};
        let passes = |reason: Option<&Reason>| {
            reason.is_some_and(|reason| matches!(reason.code, HomeReadFailed | ConfigReadFailed | AuthReadFailed))
        };
        let home = &mut self.home;
        let (directory, config, auth) =
            (passes(home.directory.unknown()), passes(home.config.unknown()), passes(home.auth.unknown()));
        if directory {
            home.open_up(with_person(owners.clone()), uid, 2);
        }
        if config {
            home.config = Fact::Absent;
        }
        if auth {
            home.auth = Fact::Absent;
            home.log_in(with_person(owners), uid, 2);
        }
        directory || config || auth
    }

    /// A home that does not exist yet.
    pub(super) fn hypothetical(path: &Path) -> Self {
        let home = Home {
            path: path.to_owned(),
            directory: Fact::Absent,
            config: Fact::Absent,
            config_stat: None,
            auth: Fact::Absent,
        };
        Self { home, config: Ok(Config::default()), unusable_file: None, installation_id: None, not_renewable: None }
    }

    /// Logs in.
    pub(super) fn log_in(&mut self, owners: Owners, uid: u32) -> bool {
        let owners = with_person(owners);
        self.not_renewable = None;
        if matches!(self.home.directory, Fact::Absent) {
            self.home.directory = private_directory(uid);
        }
        self.home.log_in(owners, uid, 2)
    }

    /// Removes from `config.toml` what keeps codex from working.
    pub(super) fn correct_config(&mut self) -> bool {
        let is_there = !matches!(self.home.config, Fact::Absent);
        self.home.config = Fact::Absent;
        self.unusable_file = None;
        is_there
    }

    /// Returns what other users may write to: the home (an empty name) and its files.
    pub(super) fn open_to_others(&self, uid: u32) -> Vec<&'static str> {
        let stats = [
            ("", self.home.directory.seen().map(|directory| directory.stat)),
            (AUTH_FILE, self.home.auth.seen().map(|file| file.stat)),
            (CONFIG_FILE, self.home.config_stat),
        ];
        let is_open = |stat: &Option<Stat>| stat.is_some_and(|stat| stat.is_writable_by_others(uid));
        stats.into_iter().filter(|(_, stat)| is_open(stat)).map(|(name, _)| name).collect()
    }

    /// Changes owners or modes; returns whether there is anything to change.
    pub(super) fn permit(&mut self, advice: Advice, owners: Owners, uid: u32) -> bool {
        let before = format!("{self:?}");
        match (advice, self.home.closed_by_others()) {
            (Advice::TakeOwnership, Some(true)) | (Advice::AllowOneself, Some(false)) => self.open_up(owners, uid),
            _ => {}
        }
        let mend = |stat: &mut Stat| match advice {
            Advice::TakeOwnership => stat.uid = uid,
            Advice::CloseToOthers => stat.mode &= !0o022,
            _ => stat.mode |= 0o600,
        };
        if let Fact::Seen(directory) = &mut self.home.directory {
            mend(&mut directory.stat);
            directory.not_writable.take_if(|reason| match advice {
                Advice::TakeOwnership => reason.code == ReasonCode::HomeNotOwned,
                Advice::AllowOneself => is_by_mode(reason),
                _ => false,
            });
        }
        if let Fact::Seen(file) = &mut self.home.auth {
            mend(&mut file.stat);
        }
        self.home.config_stat.as_mut().map(mend);
        if advice == Advice::TakeOwnership {
            self.installation_id = None;
        }
        format!("{self:?}") != before
    }

    pub(super) fn open_up(&mut self, owners: Owners, uid: u32) {
        self.home.open_up(with_person(owners), uid, 2);
    }
}
