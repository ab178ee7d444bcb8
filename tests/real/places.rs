//! Every way to spell, lay out or close a `CODEX_HOME`. codex and the launcher must find the same directory with the same files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::Utc;
use codex_home::home::Fact;
use codex_home::home::auth::Login;
use codex_home::invocation::Invocation;
use codex_home::observe;
use codex_home::request::Overrides;
use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::judge::{Agreement, Codex, Probe, UNSAFE, answered, token, unprivileged};
use crate::support::fixture::{UNPRIVILEGED, place as link};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Need, auth, case, run, versions};

/// A home that is spelled, laid out or closed in some way, for a user without privileges.
struct Place {
    what: &'static str,
    /// Changes the scratch directory, in which `codex` is a home that can log in.
    lay: fn(&Path),
    /// The value of `CODEX_HOME`; `{}` is the scratch directory.
    value: Option<&'static [u8]>,
    /// The value of `HOME` likewise.
    home: Option<&'static [u8]>,
}

const UNCHANGED: fn(&Path) = |_| ();
const HOME: Option<&[u8]> = Some(b"{}/home");
/// Up to 0.136.0 codex reads any device, from 0.150.1 on regular files alone.
const READ_BY_SOME: &str = "config.toml that is a device";

const fn place(what: &'static str, value: &'static [u8], lay: fn(&Path)) -> Place {
    Place { what, lay, value: Some(value), home: HOME }
}

fn chmod(path: PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const PLACES: &[Place] = &[
    place("a directory", b"{}/codex", UNCHANGED),
    place("a trailing slash", b"{}/codex/", UNCHANGED),
    place("many slashes", b"{}//codex///", UNCHANGED),
    place("a trailing dot", b"{}/codex/.", UNCHANGED),
    place("`..` back to it", b"{}/work/../codex", UNCHANGED),
    place("a relative path", b"../codex", UNCHANGED),
    place("a relative path from here", b"./../codex/", UNCHANGED),
    place("the working directory", b".", UNCHANGED),
    place("a link", b"{}/link", |root| symlink("codex", root.join("link")).unwrap()),
    place("a link with a slash", b"{}/link/", |root| symlink("codex", root.join("link")).unwrap()),
    place("a link to a link", b"{}/second", |root| {
        symlink("codex", root.join("link")).unwrap();
        symlink("link", root.join("second")).unwrap();
    }),
    place("`..` behind a link", b"{}/far/../codex", |root| {
        fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("a/b", root.join("far")).unwrap();
    }),
    place("a dangling link", b"{}/link", |root| symlink("nowhere", root.join("link")).unwrap()),
    place("a link to itself", b"{}/link", |root| symlink("link", root.join("link")).unwrap()),
    place("a link to a file", b"{}/link", |root| symlink("codex/auth.json", root.join("link")).unwrap()),
    place("no such directory", b"{}/nowhere", UNCHANGED),
    place("no such directory in none", b"{}/nowhere/at/all", UNCHANGED),
    place("a file", b"{}/codex/auth.json", UNCHANGED),
    place("below a file", b"{}/codex/auth.json/x", UNCHANGED),
    place("a file with a slash", b"{}/codex/auth.json/", UNCHANGED),
    place("a device", b"/dev/null", UNCHANGED),
    place("blanks", b"  ", UNCHANGED),
    place("a tilde", b"~/codex", UNCHANGED),
    place("a tilde in the name", b"{}/~", |root| fs::rename(root.join("codex"), root.join("~")).unwrap()),
    place("blanks in the name", b"{}/ co dex ", |root| fs::rename(root.join("codex"), root.join(" co dex ")).unwrap()),
    place("a blank behind the name", b"{}/codex ", UNCHANGED),
    place("a newline in the name", b"{}/co\ndex", |root| fs::rename(root.join("codex"), root.join("co\ndex")).unwrap()),
    place("another alphabet", "{}/c\u{f6}dex".as_bytes(), |root| {
        fs::rename(root.join("codex"), root.join("c\u{f6}dex")).unwrap();
    }),
    // macOS has no such names.
    #[cfg(not(target_os = "macos"))]
    place("not UTF-8", b"{}/c\xf6dex", |root| {
        fs::rename(root.join("codex"), root.join(OsStr::from_bytes(b"c\xf6dex"))).unwrap();
    }),
    place("quotes in the name", b"{}/\"codex\"", |root| {
        fs::rename(root.join("codex"), root.join("\"codex\"")).unwrap()
    }),
    place("a name too long", &[b'x'; 300], UNCHANGED),
    place("empty", b"", UNCHANGED),
    Place { what: "unset", lay: UNCHANGED, value: None, home: HOME },
    Place { what: "unset, and a home to log in from", lay: lay_default, value: None, home: HOME },
    Place { what: "empty, and a home to log in from", lay: lay_default, value: Some(b""), home: HOME },
    Place { what: "unset, with a relative HOME", lay: lay_default, value: None, home: Some(b"../home") },
    #[cfg(not(target_os = "macos"))]
    Place { what: "unset, with a HOME that is not UTF-8", lay: lay_latin, value: None, home: Some(b"{}/h\xf6me") },
    Place { what: "unset, with a HOME behind a link", lay: lay_linked, value: None, home: Some(b"{}/linked") },
    place("mode 0500", b"{}/codex", |root| chmod(root.join("codex"), 0o500)),
    place("mode 0300", b"{}/codex", |root| chmod(root.join("codex"), 0o300)),
    place("mode 0600", b"{}/codex", |root| chmod(root.join("codex"), 0o600)),
    place("mode 0400", b"{}/codex", |root| chmod(root.join("codex"), 0o400)),
    place("mode 0100", b"{}/codex", |root| chmod(root.join("codex"), 0o100)),
    place("mode 0000", b"{}/codex", |root| chmod(root.join("codex"), 0o000)),
    place("mode 0777", b"{}/codex", |root| chmod(root.join("codex"), 0o777)),
    place("in a closed directory", b"{}/closed/codex", |root| {
        fs::create_dir(root.join("closed")).unwrap();
        fs::rename(root.join("codex"), root.join("closed/codex")).unwrap();
        chmod(root.join("closed"), 0o000);
    }),
    place("in a directory that cannot be listed", b"{}/closed/codex", |root| {
        fs::create_dir(root.join("closed")).unwrap();
        fs::rename(root.join("codex"), root.join("closed/codex")).unwrap();
        chmod(root.join("closed"), 0o100);
    }),
    place("auth.json of mode 0400", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o400)),
    place("auth.json of mode 0200", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o200)),
    place("auth.json of mode 0000", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o000)),
    place("auth.json of mode 0777", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o777)),
    place("auth.json behind a closed directory", b"{}/codex", |root| {
        fs::create_dir(root.join("closed")).unwrap();
        fs::rename(root.join("codex/auth.json"), root.join("closed/auth.json")).unwrap();
        symlink("../closed/auth.json", root.join("codex/auth.json")).unwrap();
        chmod(root.join("closed"), 0o000);
    }),
    place("config.toml of mode 0000", b"{}/codex", |root| lay_config(root, 0o000)),
    place("config.toml of mode 0200", b"{}/codex", |root| lay_config(root, 0o200)),
    place("config.toml of mode 0400", b"{}/codex", |root| lay_config(root, 0o400)),
    place("config.toml that is a directory", b"{}/codex", |root| {
        fs::create_dir(root.join("codex/config.toml")).unwrap();
    }),
    place("config.toml that is a dangling link", b"{}/codex", |root| {
        symlink("nowhere", root.join("codex/config.toml")).unwrap();
    }),
    place("config.toml that is a link to itself", b"{}/codex", |root| {
        symlink("config.toml", root.join("codex/config.toml")).unwrap();
    }),
    place(READ_BY_SOME, b"{}/codex", |root| {
        symlink("/dev/null", root.join("codex/config.toml")).unwrap();
    }),
    place("auth.json that is a device", b"{}/codex", |root| {
        fs::remove_file(root.join("codex/auth.json")).unwrap();
        symlink("/dev/null", root.join("codex/auth.json")).unwrap();
    }),
];

fn lay_config(root: &Path, mode: u32) {
    fs::write(root.join("codex/config.toml"), "model = \"gpt-5\"\n").unwrap();
    chmod(root.join("codex/config.toml"), mode);
}

fn lay_default(root: &Path) {
    fs::rename(root.join("codex"), root.join("home/.codex")).unwrap();
}

#[cfg(not(target_os = "macos"))]
fn lay_latin(root: &Path) {
    lay_default(root);
    fs::rename(root.join("home"), root.join(OsStr::from_bytes(b"h\xf6me"))).unwrap();
}

fn lay_linked(root: &Path) {
    lay_default(root);
    symlink("home", root.join("linked")).unwrap();
}

impl Place {
    /// Gives codex and us the same circumstances.
    fn set(&self, root: &Path, command: &mut Command) {
        let value = |text: &[u8]| -> OsString {
            match text.strip_prefix(b"{}") {
                Some(rest) => OsStr::from_bytes(&[root.as_os_str().as_bytes(), rest].concat()).to_owned(),
                None => OsStr::from_bytes(text).to_owned(),
            }
        };
        for (name, text) in [("CODEX_HOME", self.value), ("HOME", self.home)] {
            match text {
                Some(text) => command.env(name, value(text)),
                None => command.env_remove(name),
            };
        }
        unprivileged(command);
    }

    fn lay(&self) -> Probe {
        let probe = Probe::new();
        probe.person.write_auth(&probe.home(), &auth::healthy(ACCOUNT, "here", "spare"));
        (self.lay)(probe.person.root());
        if geteuid().is_root() {
            probe.person.give_to(probe.person.root(), UNPRIVILEGED);
        }
        probe
    }
}

/// The variable that makes this program judge its home as the launcher would.
const JUDGE: &str = "CODEX_HOME_SHIM_TEST_JUDGE";

/// If this process was started to judge, prints its judgement of the home in its environment.
pub fn judge_here() -> bool {
    if std::env::var_os(JUDGE).is_none() {
        return false;
    }
    let invocation = Invocation::capture();
    let named = invocation.codex_home();
    let path = named.clone().or_else(|| invocation.default_home()).unwrap();
    let home = observe::home(&path, Utc::now(), geteuid().as_raw());
    let answer = json!({
        "named": named.is_some(),
        "home": fs::canonicalize(&path).unwrap_or(path).to_string_lossy(),
        "directory": matches!(&home.directory, Fact::Seen(directory) if directory.not_writable.is_none()),
        "config": home.own_config(&Overrides::default()).is_ok(),
        "auth": home.auth().is_some_and(|auth| matches!(auth.login, Login::Usable(_))),
        "says": format!("{:#}", home.login(&Overrides::default()).reason()),
    });
    println!("{answer}");
    true
}

pub fn cases() -> Vec<Case> {
    versions::judges()
        .into_iter()
        .map(|version| {
            let name = format!("codex {version}: every CODEX_HOME is taken for what codex takes it for");
            case(name, move || every_place(&Codex::of(version))).needs(Need::Deep).needs(Need::Codex)
        })
        .collect()
}

fn every_place(codex: &Codex) {
    let (codex, programs) = &codex.for_everyone();
    let judge = programs.path().join("judge");
    link(&std::env::current_exe().unwrap(), &judge);
    let mut agreement = Agreement::of(codex);
    let places: Vec<_> = if codex.sees_all() { PLACES.iter().collect() } else { codex.share(PLACES).collect() };
    for place in places {
        match differences(place, codex, &judge) {
            None => agreement.agree(),
            Some(wrong) => agreement.note(wrong),
        }
    }
    agreement.assert("CODEX_HOME", false);
}

/// Returns the difference between codex's answer and ours about a place, if there is one.
fn differences(place: &Place, codex: &Codex, judge: &Path) -> Option<String> {
    let probe = place.lay();
    let root = probe.person.root();
    let mut command = probe.person.command(judge);
    command.env(JUDGE, "1");
    place.set(root, &mut command);
    let said = run(&mut command);
    let ours: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}: {said:?}", place.what));

    let mut server = probe.serve(codex, |command| place.set(root, command));
    let answer = answered(server.initialize());
    let starts = answer.is_ok();
    let home = answer.as_ref().ok().and_then(|answer| answer["codexHome"].as_str());
    let thread = starts && answered(server.start_thread()).is_ok();
    let token = starts && token(&mut server).is_some();
    let theirs = json!({"starts": starts, "home": home, "config": thread, "auth": token});
    drop(server);
    // So that it can be removed again.
    for path in ["codex", "closed", "closed/codex"] {
        let _ = fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o700));
    }

    let mut differ = Vec::new();
    // codex makes its default home, and no other.
    if ours["named"] == true && ours["directory"] != starts {
        differ.push("whether it starts");
    }
    // codex answers with the canonical path of a home it was given, and with the default one's own.
    let home = home.map(|home| fs::canonicalize(home).unwrap_or_else(|_| home.into()));
    if starts && home.as_deref().and_then(Path::to_str) != ours["home"].as_str() {
        differ.push("which home");
    }
    let is_read_by_some = place.what == READ_BY_SOME && ours["config"] == false;
    if starts && ours["config"] != thread && !is_read_by_some {
        differ.push("whether a thread starts");
    }
    if starts && ours["auth"] != token {
        differ.push("whether it logs in");
    }
    let said = answer.as_ref().err().map_or("", String::as_str);
    let is_usable = ["directory", "config", "auth"].iter().all(|what| ours[what] == true);
    let danger = if is_usable && !(starts && thread && token) { UNSAFE } else { "" };
    (!differ.is_empty())
        .then(|| format!("{}: {danger}{}\n  ours {ours}\n  codex {theirs} {said}", place.what, differ.join(", ")))
}
