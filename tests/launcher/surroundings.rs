//! The surroundings of a start: the targets of `$HOME` and `CODEX_HOME`, special files, other users, privileges, limits, clocks;
//! and what a start may write, print and create.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use codex_home::decide::{Decision, RepairState, decide};
use codex_home::invocation::Invocation;
use codex_home::observe::observe;
use codex_home::{journal, repair};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

use crate::support::fixture::{BRIDGE_REFRESH, MALLORY, OPAQUE_ACCESS, UNPRIVILEGED, broken, programs};
use crate::support::strace::{self, Call};
use crate::support::tokens::{ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Case, Ended, Fixture, Need, Start, assert_same, auth, case, forking, snapshot};

/// The longest time for a start that could hang.
const AT_ONCE: Duration = Duration::from_secs(20);

pub fn cases() -> Vec<Case> {
    [
        home_paths(),
        person_homes(),
        odd_files(),
        closed_to_us(),
        other_users(),
        limits(),
        clocks(),
        privileges(),
        traced(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

// ---- CODEX_HOME ----

fn home_paths() -> Vec<Case> {
    let mut cases = vec![
        case("a CODEX_HOME that codex does not use is passed on, and the personal home is used", || {
            let person = Fixture::issue_70511();
            let not_utf8 = OsString::from_vec([person.bridge().as_os_str().as_bytes(), b"\xff"].concat());
            for home in ["".into(), not_utf8] {
                let ended = person.start(&["app-server"]).home(&home).run();
                let report = ended.report.unwrap();
                assert_eq!((report.var("CODEX_HOME"), ended.stderr.as_str()), (Some(home.into()), ""));
                assert_eq!(ended.journal.unwrap()["reason"], "personal-home");
            }
        }),
        case("a bridge is a bridge by a relative path and with a trailing slash", || {
            let person = Fixture::issue_70511();
            let above = person.agent();
            person
                .start(&["app-server"])
                .home("harness-auth/codex/06bfb5171eff0241")
                .directory(&above)
                .is_redirected("missing-id-token");
            person.start(&["app-server"]).home(person.bridge().join("")).is_redirected("missing-id-token");
        }),
        case("a CODEX_HOME that leads nowhere is kept, with a warning", || {
            let person = Fixture::issue_70511();
            for home in ["nowhere", "  ", "~/.codex"] {
                person.start(&["app-server"]).home(home).is_kept_with_warning("home-missing");
            }
            fs::write(person.other(), "").unwrap();
            person.start(&["app-server"]).home(person.other()).is_kept_with_warning("home-not-directory");
            let too_long = format!("/{}", "x".repeat(5000));
            let reason = person.start(&["app-server"]).home(too_long).run().journal.unwrap()["reason"].clone();
            assert_eq!(reason, "home-read-failed");
        }),
        case("a CODEX_HOME with a line break in it breaks no line that is written", || {
            let person = Fixture::issue_70511();
            let home = person.home().join("line\nbreak\x1b[2J");
            person.write_auth(&home, &broken(OTHER_ACCOUNT));
            let ended = person.start(&["app-server"]).home(&home).is_kept_with_warning("missing-id-token");
            assert!(!ended.stderr.contains('\x1b'), "{:?}", ended.stderr);
        }),
        case("a path that only resembles a bridge's is no bridge", || {
            let person = Fixture::new();
            let home = person.home().join("harness-auth/codex/06BFB5171EFF0241");
            person.write_auth(&home, &broken(ACCOUNT));
            person.start(&["app-server"]).home(home).is_kept_with_warning("missing-id-token");
        }),
        case("a bridge of OpenClaw 2026.4.22's acp kind is a bridge", || {
            let person = Fixture::issue_70511();
            let home = person.home().join(".openclaw/acp-auth/codex-main");
            person.write_auth(&home, &broken(ACCOUNT));
            person.start(&["app-server"]).home(home).is_redirected("missing-id-token");
        }),
        case("a personal home behind a link of a bridge's shape is the personal home", || {
            let person = Fixture::new();
            person.write_auth(&person.personal(), &broken(ACCOUNT));
            person.link(&person.personal(), &person.bridge());
            person.serve().is_kept("personal-home");
        }),
        case("a bridge whose auth.json is a link to elsewhere, or has a second hard link, is not repaired", || {
            for is_link in [true, false] {
                let person = Fixture::new();
                let auth = person.break_bridge(ACCOUNT).join("auth.json");
                let second = person.home().join("second");
                if is_link {
                    fs::rename(&auth, &second).unwrap();
                    symlink(second, auth).unwrap();
                } else {
                    fs::hard_link(auth, second).unwrap();
                }
                let why = if is_link { "symlink" } else { "hard link" };
                person.serve().is_refused("missing-id-token", 78, &["repair-failed", why]);
            }
        }),
    ];
    // OpenClaw makes these three directories, and stops if one is a symlink.
    for above in 0..3 {
        let name = ["hash", "codex", "harness-auth"][above];
        cases.push(case(format!("a bridge whose {name} directory is a link is not repaired"), move || {
            let person = Fixture::new();
            let directory = person.break_bridge(ACCOUNT).ancestors().nth(above).unwrap().to_owned();
            let away = person.home().join("away");
            fs::rename(&directory, &away).unwrap();
            symlink(away, directory).unwrap();
            person.serve().is_refused("missing-id-token", 78, &["repair-failed", "symlink"]);
        }));
    }
    cases
}

// ---- HOME ----

fn person_homes() -> Vec<Case> {
    /// The login of the same account at `place` is not the personal one, so the bridge is repaired.
    fn is_not_the_persons(place: impl Fn(&Fixture) -> PathBuf, start: impl Fn(&Fixture) -> Start<'_>) {
        let person = Fixture::issue_70511();
        let place = place(&person);
        fs::create_dir_all(&place).unwrap();
        fs::rename(person.personal(), place.join(".codex")).unwrap();
        start(&person).is_repaired("missing-id-token");
    }
    vec![
        case("without HOME the user database says where the person's home is", || {
            is_not_the_persons(Fixture::home, |person| person.serve().env_remove("HOME"));
        }),
        case("an empty HOME is not the working directory", || {
            is_not_the_persons(Fixture::work, |person| person.serve().env("HOME", ""));
        }),
        case("a relative HOME is not followed", || {
            is_not_the_persons(Fixture::home, |person| person.serve().env("HOME", "../home"));
        }),
        // OpenClaw 2026.5.2–2026.5.7 sets `HOME` to a directory inside the home that it injects.
        case("a HOME inside the injected home is not the person's, also through a link", || {
            is_not_the_persons(
                |person| person.bridge().join("home"),
                |person| person.serve().env("HOME", person.bridge().join("home")),
            );
            is_not_the_persons(Fixture::bridge, |person| person.serve().env("HOME", person.bridge()));
            is_not_the_persons(
                |person| person.bridge().join("home"),
                |person| {
                    let way = person.root().join("way");
                    symlink(person.home(), &way).unwrap();
                    let inside = person.bridge().join("home");
                    person.serve().env("HOME", way.join(inside.strip_prefix(person.home()).unwrap()))
                },
            );
        }),
        case(
            "with a HOME inside the injected home, settings and journal are those of the user database's home",
            || {
                let var = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
                let mut invocation = Invocation::capture();
                invocation.user_database = || Some("/people/me".into());
                for (home, injected, expected) in [
                    ("/injected/home", "/injected", "/people/me"),
                    ("/mine", "/injected", "/mine"),
                    ("", "/injected", "/people/me"),
                ] {
                    let invocation = invocation.with_env([var("HOME", home), var("CODEX_HOME", injected)]);
                    assert_eq!(invocation.person_home(), Some(expected.into()));
                    let places = [journal::path(&invocation), invocation.config_directory()];
                    assert!(places.iter().flatten().all(|place| place.starts_with(expected)), "{places:?}");
                }
            },
        ),
    ]
}

// ---- Files that are no files ----

/// The decision about a bridge with such an `auth.json`, beside a login of the person.
#[derive(Clone, Copy)]
enum Wanted {
    /// Refused, because the file names no account for certain.
    Refused,
    /// Redirected with a warning, because the file is empty.
    Redirected,
}

fn odd_files() -> Vec<Case> {
    use Wanted::{Redirected, Refused};
    type Make = fn(&Path);
    let fifo: Make = |path| mkfifo(path, Mode::S_IRWXU).unwrap();
    let odd: [(&str, Make, Wanted); 11] = [
        ("a FIFO", fifo, Refused),
        (
            "a link to a FIFO",
            |path| {
                let target = path.ancestors().find(|dir| dir.ends_with("home")).unwrap().with_file_name("odd");
                mkfifo(&target, Mode::S_IRWXU).unwrap();
                symlink(target, path).unwrap();
            },
            Refused,
        ),
        ("a directory", |path| fs::create_dir(path).unwrap(), Refused),
        ("a link to itself", |path| symlink("auth.json", path).unwrap(), Refused),
        ("a dangling link", |path| symlink("nothing", path).unwrap(), Refused),
        ("empty", |path| fs::write(path, "").unwrap(), Redirected),
        ("cut short", |path| fs::write(path, &broken(ACCOUNT)[..100]).unwrap(), Refused),
        ("not UTF-8", |path| fs::write(path, b"{\"\xff\": 1}").unwrap(), Refused),
        ("200,000 open brackets", |path| fs::write(path, "[".repeat(200_000)).unwrap(), Refused),
        (
            "nested 40,000 deep in an unknown field",
            |path| fs::write(path, format!("{{\"x\": {}{}}}", "[".repeat(40_000), "]".repeat(40_000))).unwrap(),
            Refused,
        ),
        ("/dev/zero", |path| symlink("/dev/zero", path).unwrap(), Refused),
    ];
    let mut cases = Vec::new();
    for (name, make, wanted) in odd {
        cases.push(case(format!("an auth.json that is {name} is judged at once, wherever it is"), move || {
            let replace = |home: &Path| {
                fs::create_dir_all(home).unwrap();
                let path = home.join("auth.json");
                let _ = fs::remove_file(&path);
                make(&path);
            };
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            replace(&person.bridge());
            let start = person.serve().within(AT_ONCE);
            match wanted {
                Refused => {
                    let ended = start.run();
                    assert!(ended.code == Some(78) && ended.report.is_none(), "{ended:?}");
                }
                Redirected => drop(start.is_redirected_with_warning("unnamed-bridge")),
            }
            // As a personal home it gets no redirect, and as another home it is left alone.
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            replace(&person.personal());
            person.serve().within(AT_ONCE).is_repaired("missing-id-token");
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            replace(&person.other());
            let ended = person.start(&["app-server"]).home(person.other()).within(AT_ONCE).run();
            assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(person.other()), "{}", ended.stderr);
        }));
    }
    cases.extend([
        case("a gibibyte is never read, as auth.json or as config.toml: kept, with a warning", || {
            for (file, reason) in [("auth.json", "auth-too-large"), ("config.toml", "config-too-large")] {
                let person = Fixture::issue_70511();
                // Outside the home, which is compared whole.
                let large = person.root().join("large");
                fs::File::create(&large).unwrap().set_len(1 << 30).unwrap();
                let _ = fs::remove_file(person.bridge().join(file));
                symlink(large, person.bridge().join(file)).unwrap();
                person.serve().within(AT_ONCE).is_kept_with_warning(reason);
            }
        }),
        case("a config.toml that is a FIFO is never waited for", move || {
            let person = Fixture::issue_70511();
            fifo(&person.bridge().join("config.toml"));
            person.serve().within(AT_ONCE).is_refused("config-unreadable", 78, &["is not a regular file"]);
            let person = Fixture::issue_70511();
            fifo(&person.personal().join("config.toml"));
            person.serve().within(AT_ONCE).is_repaired("missing-id-token");
        }),
        case("a config.toml nested without end ends no start", || {
            for deep in [
                format!("x = {}{}", "[".repeat(200_000), "]".repeat(200_000)),
                format!("x = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
                format!("{} = 1", vec!["a"; 200_000].join(".")),
                format!("[{}]", vec!["a"; 200_000].join(".")),
            ] {
                let person = Fixture::issue_70511();
                person.write_config(&person.personal(), &deep);
                person.serve().within(AT_ONCE).is_repaired("missing-id-token");
            }
        }),
        case("an override nested without end is passed through", || {
            let person = Fixture::issue_70511();
            for deep in [format!("x={}", "[".repeat(60_000)), format!("{}=1", vec!["a"; 60_000].join("."))] {
                let ended = person.start(&["-c", &deep, "app-server"]).home(person.bridge()).within(AT_ONCE).run();
                assert!(ended.report.is_some() && ended.code == Some(0), "{ended:?}");
            }
        }),
        case("256 KiB of hostile JSON are read in no time", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            for piece in ["{\"tokens\":", "\"\\u0041", "[{},", "\"a\":1,", "{\"a\":\"b\",", "\\\\\"", "1e9,", "-"] {
                for begin in ["", "{", "[", "{\"tokens\":{"] {
                    let mut text = begin.as_bytes().to_vec();
                    while text.len() + piece.len() <= 256 << 10 {
                        text.extend(piece.as_bytes());
                    }
                    person.write_auth(&person.bridge(), &text);
                    let ended = person.serve().within(AT_ONCE).run();
                    let home = ended.report.as_ref().and_then(|report| report.var("CODEX_HOME"));
                    assert!(home.is_none_or(|home| home == person.bridge()), "{begin}{piece}…: {ended:?}");
                }
            }
        })
        .needs(Need::Deep),
        case("an auth.json that is empty for a moment, while codex rewrites it, is read again", || {
            for is_bridge in [true, false] {
                is_read_twice(is_bridge);
            }
        }),
    ]);
    cases
}

/// codex up to 0.166 truncates the file and then writes it.
fn is_read_twice(is_bridge: bool) {
    let person = Fixture::issue_70511();
    if is_bridge {
        person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
    }
    let home = if is_bridge { person.bridge() } else { person.personal() };
    let path = home.join("auth.json");
    let bytes = fs::read(&path).unwrap();
    for _ in 0..10 {
        // A late attempt has repaired it.
        if !is_bridge {
            person.break_bridge(ACCOUNT);
        }
        fs::write(&path, "").unwrap();
        let begun = Instant::now();
        let (written, ended) = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                thread::sleep(Duration::from_millis(30));
                fs::write(&path, &bytes).unwrap();
                begun.elapsed()
            });
            let ended = person.serve().personal_may_change().run();
            (writer.join().unwrap(), ended)
        });
        // A late writer shows nothing.
        if written < Duration::from_millis(60) {
            assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(home), "{}", ended.stderr);
            return;
        }
    }
    panic!("this machine is too busy to write a file in time");
}

// ---- Files that are closed to this user ----

fn closed_to_us() -> Vec<Case> {
    fn unprivileged(name: &str, run: impl FnOnce(&mut Fixture) + Send + 'static) -> Case {
        case(name, move || {
            let mut person = Fixture::issue_70511();
            run(&mut person);
        })
    }
    vec![
        unprivileged("a bridge that cannot be read names no account: refused", |person| {
            person.chmod(&person.bridge().join("auth.json"), 0o000);
            person.become_unprivileged();
            person.serve().is_refused("owner-unknown", 78, &["auth-unreadable", "owner-unknown"]);
            person.chmod(&person.bridge().join("auth.json"), 0o600);
            person.chmod(&person.bridge(), 0o000);
            person.serve().is_refused("home-unreadable", 78, &["home-unreadable", "config.toml says is not known"]);
            // Nor does the person's word for the bot say which provider gets its work.
            let trusted = person.serve().setting("strategy", "redirect");
            trusted.is_refused("home-unreadable", 78, &["home-unreadable", "config.toml says is not known"]);
        }),
        unprivileged("a bridge that codex cannot write into is redirected, never repaired", |person| {
            person.chmod(&person.bridge(), 0o500);
            person.become_unprivileged();
            person.serve().is_redirected("home-not-writable");
            person.serve().setting("strategy", "repair").is_refused("strategy-forbids", 78, &["home-not-writable"]);
        }),
        unprivileged("a read-only auth.json of a bridge is repaired, and becomes writable", |person| {
            person.chmod(&person.bridge().join("auth.json"), 0o400);
            person.become_unprivileged();
            person.serve().setting("strategy", "repair").is_repaired("missing-id-token");
        }),
        unprivileged("a personal home that cannot be read or written is not redirected to", |person| {
            person.write_config(&person.personal(), "");
            person.become_unprivileged();
            for (path, mode) in [("auth.json", 0o000), ("config.toml", 0o000), ("", 0o500), ("", 0o000)] {
                person.break_bridge(ACCOUNT);
                let bridge = person.bridge();
                person.become_unprivileged();
                let path = person.personal().join(path);
                let before = fs::metadata(&path).unwrap().permissions().mode();
                person.chmod(&path, mode);
                person.serve().is_repaired("missing-id-token");
                person.chmod(&path, before);
                assert!(bridge.exists());
            }
        }),
    ]
}

// ---- Other users ----

fn other_users() -> Vec<Case> {
    vec![
        case("another user's auth.json, and another user's bridge, is never written to", || {
            for path in ["auth.json", ""] {
                let person = Fixture::new();
                let path = person.break_bridge(ACCOUNT).join(path);
                person.chown(&path, UNPRIVILEGED);
                person.serve().is_refused("missing-id-token", 78, &["repair-failed", "another user"]);
            }
        })
        .needs(Need::Root),
        // A service with a HOME like /tmp: another user lays a login there, with a config.toml that runs programs.
        case("in a HOME that all may write to, another user's .codex is never used, by whatever strategy", || {
            let mut person = Fixture::new();
            person.write_auth(&person.personal(), &auth::healthy(ACCOUNT, "mallory", "r"));
            person.write_config(&person.personal(), "notify = [\"/bin/sh\"]\n");
            person.break_bridge_for_good();
            person.become_unprivileged();
            person.chown(&person.home(), 0);
            person.chmod(&person.home(), 0o1777);
            for (is_link, mode) in [(false, 0o777), (false, 0o755), (true, 0o755)] {
                person.give_to(&person.personal(), MALLORY);
                for file in ["auth.json", "config.toml"] {
                    person.chmod(&person.personal().join(file), 0o644);
                }
                person.chmod(&person.personal(), mode);
                if is_link {
                    let away = person.root().join("away");
                    fs::rename(person.personal(), &away).unwrap();
                    symlink(away, person.personal()).unwrap();
                }
                for strategy in ["auto", "redirect"] {
                    let ended = person.serve().setting("strategy", strategy).run();
                    assert!(ended.code == Some(78) && ended.report.is_none(), "{strategy} {mode:o}: {ended:?}");
                }
                // Even if it claims the bridge's account.
                let named = auth::issue_70511_with_account(OPAQUE_ACCESS, BRIDGE_REFRESH, ACCOUNT);
                person.write_auth(&person.bridge(), &named);
                person.chown(&person.bridge().join("auth.json"), UNPRIVILEGED);
                let ended = person.serve().setting("strategy", "redirect").run();
                assert!(ended.code == Some(78) && ended.report.is_none(), "{ended:?}");
                person.break_bridge_for_good();
                person.chown(&person.bridge().join("auth.json"), UNPRIVILEGED);
            }
        })
        .needs(Need::Root),
        case("root with another user's HOME creates nothing there", || {
            let person = Fixture::issue_70511();
            person.give_to(&person.home(), MALLORY);
            let before = snapshot(&person.home());
            for args in [&["app-server"][..], &["exec", "hi"]] {
                let ended = person.start(args).env_remove("XDG_STATE_HOME").home(person.bridge()).run();
                assert_same(&before, &snapshot(&person.home()));
                assert!(ended.report.is_none() || ended.code == Some(0), "{ended:?}");
            }
        })
        .needs(Need::Root),
        case("a user who is in no user database has no home but HOME, and is told so", || {
            let mut person = Fixture::new();
            person.break_bridge_for_good();
            person.become_unprivileged();
            person.give_to(person.root(), 61_234);
            let mut start = person.serve().env_remove("HOME");
            start.command.uid(61_234).gid(61_234);
            start.is_refused("missing-id-token", 78, &["no-personal-home"]);
        })
        .needs(Need::Root),
        case("in a user namespace, with this user mapped or not, a start is what it is outside", || {
            for mapped in ["-Ur", "-U"] {
                let person = Fixture::issue_70511();
                person.serve().behind(&format!("exec unshare {mapped} \"$@\"")).is_redirected("missing-id-token");
            }
        })
        .needs(Need::MountNamespace),
    ]
}

// ---- Limits and clocks ----

fn limits() -> Vec<Case> {
    /// A codex that writes no file.
    fn with_script() -> (Fixture, PathBuf) {
        let person = Fixture::issue_70511();
        let codex = person.write_program(&person.root().join("bin/says"), "#!/bin/sh\necho \"home $CODEX_HOME\"\n");
        (person, codex)
    }
    vec![
        // SIGXFSZ kills a process that writes beyond the limit.
        case("a limit on the size of files costs the journal its line, never the start", || {
            let (person, codex) = with_script();
            let expected = format!("home {}\n", person.personal().display());
            let serve = |limit: &str| {
                let script = format!("ulimit -f {limit} && exec \"$@\"");
                let ended = person.serve().setting("codex", &codex).behind(&script).run();
                assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "ulimit -f {limit}: {ended:?}");
                assert_eq!(String::from_utf8_lossy(&ended.stdout), expected);
            };
            serve("0");
            serve("1");
            // 200 KB of lines, and a limit of 100 KiB.
            fs::write(person.journal(), format!("{{\"pad\":\"{}\"}}\n", "x".repeat(200_000))).unwrap();
            serve("200");
        }),
        case("a limit on the size of files refuses a repair, and leaves the file as it was", || {
            for limit in ["0", "1"] {
                let person = Fixture::new();
                person.break_bridge(ACCOUNT);
                let script = format!("ulimit -f {limit} && exec \"$@\"");
                person.serve().behind(&script).is_refused(
                    "missing-id-token",
                    78,
                    &["repair-failed", "limit on the size"],
                );
            }
        }),
        case("with few descriptors a start never ends in another home than it would with many", || {
            for descriptors in 3..12 {
                let person = Fixture::issue_70511();
                let script = format!("ulimit -n {descriptors} && exec \"$@\"");
                let ended = person.serve().behind(&script).run();
                let Some(report) = &ended.report else { continue };
                let home = report.var("CODEX_HOME").unwrap();
                assert!([person.personal(), person.bridge()].contains(&home), "{ended:?}");
            }
            let person = Fixture::issue_70511();
            person.serve().behind("ulimit -n 12 && exec \"$@\"").is_redirected("missing-id-token");
        })
        .needs(Need::Linux),
        case("a repaired auth.json is 0600, whatever it was and whatever the umask", || {
            for (mode, umask) in [(0o644, "000"), (0o600, "377"), (0o666, "022")] {
                let person = Fixture::new();
                person.chmod(&person.break_bridge(ACCOUNT).join("auth.json"), mode);
                person.serve().behind(&format!("umask {umask}; exec \"$@\"")).is_repaired("missing-id-token");
            }
        }),
    ]
}

fn clocks() -> Vec<Case> {
    const CLOCK: &str = "#define _GNU_SOURCE\n#include <time.h>\n#include <stdlib.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\
        int clock_gettime(clockid_t c, struct timespec *t) {\n  int r = syscall(SYS_clock_gettime, c, t);\n  \
        if (c == 0 && getenv(\"CLOCK\")) t->tv_sec = atoll(getenv(\"CLOCK\"));\n  return r;\n}\n";
    // 1970, 1969, the year 1, 2038, 10000, the end of chrono's calendar, and beyond.
    const TIMES: [i64; 8] =
        [0, -1, -62_135_596_800, 2_147_483_653, 253_402_300_800, 8_210_266_876_799, 8_210_298_412_799, 1 << 62];
    vec![
        case("no clock ends a start: a bridge is judged, repaired and journaled at any time", || {
            for time in [-62_135_596_800, -1, 0, 4_102_444_799, 253_402_300_800] {
                let person = Fixture::new();
                person.break_bridge(ACCOUNT);
                let env = [
                    ("HOME", person.home()),
                    ("CODEX_HOME", person.bridge()),
                    ("CODEX_HOME_SHIM_CODEX", person.codex()),
                ];
                let mut invocation =
                    Invocation::capture().with_env(env.map(|(name, value)| (name.into(), value.into())));
                invocation.now = DateTime::from_timestamp(time, 999_999_999).unwrap();
                invocation.args = vec!["app-server".into()];
                // This program is the stand-in too.
                invocation.program = None;
                let observed = observe(&invocation);
                let decision = decide(&observed, RepairState::Untried);
                match &decision {
                    Decision::Repair(repair) => repair::apply(repair, invocation.uid).unwrap(),
                    // The access token ends in 2100.
                    Decision::Refuse(_) => assert!(time > 4_102_444_000, "{time}: {decision:?}"),
                    other => panic!("{time}: {other:?}"),
                }
            }
        }),
        case("a machine whose clock is before 1970, or beyond any calendar, gets its codex", || {
            let person = Fixture::new();
            let (source, library) = (person.root().join("clock.c"), person.root().join("clock.so"));
            fs::write(&source, CLOCK).unwrap();
            let cc = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).output().unwrap();
            assert!(cc.status.success(), "{cc:?}");
            for time in TIMES {
                let person = Fixture::issue_70511();
                let ended = person.serve().env("LD_PRELOAD", &library).env("CLOCK", time.to_string()).run();
                // After 2100 every token of the tests has expired, so no home is usable.
                let is_late = time > 4_102_444_800;
                let code = if is_late { [Some(0), Some(78)] } else { [Some(0); 2] };
                assert!(code.contains(&ended.code) && !ended.stderr.contains("panicked"), "{time}: {ended:?}");
                assert!(ended.journal.is_some(), "{time}: a line in the journal");
            }
        })
        .needs(Need::Linux)
        .needs(Need::Compiler),
    ]
}

// ---- Privileges ----

fn privileges() -> Vec<Case> {
    let raise: [(&str, fn(&Fixture, &Path)); 3] = [
        ("that is setuid", |person, path| person.chmod(path, 0o4755)),
        ("that is setgid", |person, path| person.chmod(path, 0o2755)),
        ("with file capabilities", |_, path| {
            let mut command = Command::new("setcap");
            command.arg("cap_dac_override+ep").arg(path).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
            // A machine without setcap has no such files.
            let _alone = forking();
            let _ = command.output();
        }),
    ];
    let mut cases: Vec<_> = raise
        .into_iter()
        .map(|(name, raise)| {
            case(format!("a launcher {name} reads nothing, writes nothing, starts nothing, and says so"), move || {
                let person = Fixture::issue_70511();
                let launcher = privileged(&person, "codex-home-shim");
                raise(&person, &launcher);
                for directory in ["out", "state"] {
                    person.chmod(&person.root().join(directory), 0o777);
                }
                let refused = |args: &[&str], stdin: &[u8]| -> Ended {
                    let mut start =
                        person.start(args).home(person.bridge()).env("CODEX_HOME_SHIM_LOG", "trace").stdin(stdin);
                    let env: Vec<_> = start
                        .command
                        .get_envs()
                        .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
                        .collect();
                    start.command = Command::new(&launcher);
                    start.command.args(args).env_clear().envs(env).current_dir("/").uid(UNPRIVILEGED).gid(UNPRIVILEGED);
                    // Not the programs, because other cases link to them.
                    let places = ["home", "out", "state", "work"].map(|place| person.root().join(place));
                    let before = places.each_ref().map(|place| snapshot(place));
                    let ended = start.run();
                    assert!(ended.code == Some(126) && ended.report.is_none() && ended.journal.is_none(), "{ended:?}");
                    places.iter().zip(&before).for_each(|(place, before)| assert_same(before, &snapshot(place)));
                    assert!(ended.stderr.contains("setuid, setgid or has file capabilities"), "{}", ended.stderr);
                    ended
                };
                refused(&["exec"], b"");
                let answer: Value = serde_json::from_slice(&refused(&["app-server"], REQUEST).stdout).unwrap();
                assert_eq!(answer["error"]["data"]["reason"], "privileged-start", "{answer}");
            })
            .needs(Need::Setuid)
        })
        .collect();
    cases.push(
        case("a launcher that is setuid opens no file of its caller's", || {
            let person = Fixture::issue_70511();
            let launcher = privileged(&person, "codex-home-shim");
            person.chmod(&launcher, 0o4755);
            let output = person.root().join("out/calls");
            let mut start = person.start(&[]).home(person.bridge());
            let mut command = person.command(strace::program().unwrap());
            // As another user, so that the bit counts.
            command.args(["-u", "nobody", "-f", "-o"]).arg(&output).arg("--").arg(launcher).arg("exec");
            command.env("CODEX_HOME", person.bridge());
            start.command = command;
            assert_eq!(start.run().code, Some(126));
            for call in own(&output) {
                let looks = ["open", "stat", "newfstatat", "access", "faccessat", "mkdir", "readlink"];
                let is_about_a_path = looks.iter().any(|name| call.name.starts_with(name)) && call.line.contains("\"/");
                assert!(!is_about_a_path || call.line.contains("\"/proc/self/exe\""), "{}", call.line);
            }
        })
        .needs(Need::Setuid)
        .needs(Need::Strace),
    );
    cases
}

/// A copy of a program with a mode of its own. The other programs are one file under many names.
fn privileged(person: &Fixture, name: &str) -> PathBuf {
    let path = person.root().join("privileged");
    let _alone = forking();
    fs::copy(programs().join(name), &path).unwrap();
    person.chmod(&path, 0o755);
    path
}

// ---- What a start writes, says and begins ----

const REQUEST: &[u8] = b"{\"id\":1,\"method\":\"initialize\",\"params\":{}}\n";

/// A start to be traced.
struct Traced {
    name: &'static str,
    lay: fn(&Fixture),
    start: fn(&Fixture) -> Start<'_>,
    repairs: bool,
    answers: bool,
    is_journaled: bool,
}

fn traced() -> Vec<Case> {
    let row = |name, lay: fn(&Fixture), start: fn(&Fixture) -> Start<'_>| Traced {
        name,
        lay,
        start,
        repairs: false,
        answers: false,
        is_journaled: true,
    };
    let same_account: fn(&Fixture) = |person| {
        person.log_in(ACCOUNT);
        person.break_bridge(ACCOUNT);
    };
    let hopeless: fn(&Fixture) = |person| {
        person.log_in(OTHER_ACCOUNT);
        person.break_bridge_for_good();
    };
    let starts = vec![
        row(
            "a start that is kept",
            |person| drop(person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "b", "r"))),
            Fixture::serve,
        ),
        row("a redirect", same_account, Fixture::serve),
        Traced { repairs: true, ..row("a repair", |person| drop(person.break_bridge(ACCOUNT)), Fixture::serve) },
        Traced {
            repairs: true,
            ..row(
                "a repair after one that was killed",
                |person| fs::write(person.break_bridge(ACCOUNT).join(".auth.json.codex-home-shim"), "half").unwrap(),
                Fixture::serve,
            )
        },
        row("a refusal of codex exec", hopeless, |person| person.start(&["exec", "hi"]).home(person.bridge())),
        Traced { answers: true, ..row("a refusal of app-server", hopeless, Fixture::serve) },
        Traced {
            is_journaled: false,
            ..row("strategy `off`", same_account, |person| person.serve().setting("strategy", "off"))
        },
        Traced {
            is_journaled: false,
            ..row("a start that is not judged", same_account, |person| {
                person.start(&["--version"]).home(person.bridge())
            })
        },
        row("a wrong setting", same_account, |person| {
            person.start(&["exec"]).home(person.bridge()).setting("strategy", "best")
        }),
        row("a codex that is missing", same_account, |person| {
            person.start(&["exec"]).home(person.bridge()).setting("codex", "/nowhere/codex")
        }),
    ];
    let mut cases: Vec<_> = starts
        .into_iter()
        .map(|traced| {
            case(
                format!("{} begins no process, says nothing on stdout and writes only its own files", traced.name),
                move || {
                    keeps_to_its_files(&traced);
                },
            )
            .needs(Need::Strace)
        })
        .collect();
    cases.push(
        case("with strategy `off` no home is looked at", || {
            let looked_at = |strategy: &str| {
                let person = Fixture::issue_70511();
                let (_, calls) = trace(&person, person.serve().setting("strategy", strategy));
                let is_of_a_home = |call: &&Call| {
                    ["auth.json", "/home/.codex", "harness-auth"].iter().any(|name| call.line.contains(name))
                        && call.name != "execve"
                };
                calls.iter().filter(is_of_a_home).map(|call| call.line.clone()).collect::<Vec<_>>()
            };
            assert!(!looked_at("auto").is_empty(), "the tracer sees what is opened");
            assert_eq!(looked_at("off"), Vec::<String>::new());
        })
        .needs(Need::Strace),
    );
    cases
}

/// Runs a start under `strace`.
fn trace(person: &Fixture, start: Start<'_>) -> (Ended, Vec<Call>) {
    let output = person.root().join("out/calls");
    let ended = strace::under(start, "all", &[], &output).stdin(REQUEST).run();
    (ended, own(&output))
}

/// The calls that the launcher's `main` made.
fn own(output: &Path) -> Vec<Call> {
    let calls = strace::calls(&fs::read_to_string(output).unwrap());
    calls.into_iter().filter(|call| call.is_own).collect()
}

/// Calls that change a file or its metadata.
const CHANGES: &str = "chmod chown creat fallocate fchmod fchmodat fchmodat2 fchown fchownat fsetxattr ftruncate futimesat \
    link linkat mkdir mkdirat mknod mknodat rename renameat renameat2 rmdir setxattr symlink truncate \
    unlink utimensat";
/// Calls that create a process or a thread, or communicate.
const NEVER: &str = "fork vfork clone clone3 socket socketpair connect bind sendto sendmsg ptrace kill io_uring_setup \
    execveat";

fn is_one_of(names: &str, call: &Call) -> bool {
    names.split(' ').any(|name| name == call.name)
}

fn keeps_to_its_files(traced: &Traced) {
    let person = Fixture::new();
    (traced.lay)(&person);
    let bridge = person.bridge();
    let journal = person.state().join("codex-home-shim/journal.jsonl");
    // Twice: the first one makes the journal.
    for is_first in [true, false] {
        let (ended, calls) = trace(&person, (traced.start)(&person));
        assert_eq!(!ended.stdout.is_empty(), traced.answers, "{ended:?}");
        assert_eq!(ended.journal.is_some(), traced.is_journaled, "{ended:?}");
        let may_write = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            let is_of_repair =
                path.parent() == Some(&bridge) && (name == "auth.json" || name == ".auth.json.codex-home-shim");
            (traced.repairs && is_of_repair) || path == journal || (is_first && path == journal.parent().unwrap())
        };
        let mut files = Files::default();
        let mut written = BTreeSet::new();
        for call in &calls {
            let line = &call.line;
            assert!(!is_one_of(NEVER, call), "{line}");
            let writes =
                call.name.starts_with("open") && ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|f| line.contains(f));
            if writes || is_one_of(CHANGES, call) {
                let paths = files.paths(call);
                assert!(!paths.is_empty() && paths.iter().all(|path| may_write(path)), "{paths:?}: {line}");
                assert!(!writes || line.contains("O_NOFOLLOW"), "a link could be followed: {line}");
                written.extend(paths);
            }
            if call.name.starts_with("write") && !line.starts_with("write(2, ") {
                let is_answer = traced.answers && line.starts_with("write(1, ");
                assert!(is_answer || files.paths(call).iter().all(|path| may_write(path)), "{line}");
            }
            files.follow(call);
        }
        // The second start finds the bridge repaired.
        assert_eq!(written.contains(&bridge.join("auth.json")), traced.repairs && is_first, "{written:?}");
    }
}

/// The files behind the descriptors of a traced start.
#[derive(Default)]
struct Files(BTreeMap<String, PathBuf>);

impl Files {
    /// The full paths that a call names: those in quotes, each relative to the descriptor before it, or the descriptor's own.
    fn paths(&self, call: &Call) -> Vec<PathBuf> {
        let args = call.line.split_once('(').unwrap().1;
        let before_data = if call.name.starts_with("write") { args.split('"').next().unwrap() } else { args };
        let mut paths = Vec::new();
        let mut directory = None;
        for (at, part) in before_data.split('"').enumerate() {
            if at % 2 == 1 {
                paths.push(directory.take().unwrap_or_else(PathBuf::new).join(part));
            } else {
                let descriptor = part.trim_matches([',', ' ']).split(", ").last().unwrap_or_default();
                directory = self.0.get(descriptor).cloned();
            }
        }
        if paths.is_empty() {
            paths.extend(self.0.get(before_data.split([',', ')']).next().unwrap_or_default()).cloned());
        }
        paths
    }

    /// Remembers what a call opened.
    fn follow(&mut self, call: &Call) {
        let result = call.line.rsplit("= ").next().unwrap_or_default();
        if call.name.starts_with("open") && result.parse::<u32>().is_ok() {
            let path = self.paths(call).pop().unwrap();
            self.0.insert(result.to_owned(), path);
        }
    }
}
