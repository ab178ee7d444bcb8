//! The journal: one whole line of JSON for each judged start, in a private file of this user. No start fails for the journal.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

use crate::support::fixture::{BRIDGE_REFRESH, KEY, MALLORY};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Ended, Fixture, Need, PATIENCE, Start, auth, case, entry, forking, snapshot, wait_within};

/// The size at which the journal is rotated, in bytes.
const LIMIT: usize = 512 << 10;
/// The number of starts at once.
const MANY: usize = 24;

pub fn cases() -> Vec<Case> {
    [lines(), whole_lines(), file(), rotation(), obstacles(), disks()].into_iter().flatten().collect()
}

// ---- What a line says ----

fn lines() -> Vec<Case> {
    vec![
        case("a line says when, who, which start, which home, what was decided, why, and which codex", || {
            let person = Fixture::issue_70511();
            let ended = person.serve().is_redirected("missing-id-token");
            let line = ended.journal.unwrap();
            let time = line["time"].as_str().unwrap();
            let age = Utc::now() - DateTime::parse_from_rfc3339(time).unwrap().to_utc();
            assert!(time.ends_with('Z') && age > -TimeDelta::seconds(5) && age < TimeDelta::minutes(5), "{time}");
            assert!(line["took_us"].as_u64().is_some_and(|took| took > 0 && took < 60_000_000), "{line}");
            assert_eq!((&line["pid"], &line["version"]), (&ended.pid.into(), &env!("CARGO_PKG_VERSION").into()));
            assert_eq!((&line["subcommand"], &line["kind"]), (&"app-server".into(), &"bridge".into()));
            assert_eq!(line["home"].as_str(), person.bridge().to_str());
            assert_eq!(line["effective_home"].as_str(), person.personal().to_str());
            assert_eq!(line["codex"].as_str(), person.codex().to_str());
            let optional = ["skipped", "warnings", "error"].map(|name| line.get(name));
            assert_eq!(optional, [None; 3], "nothing was skipped, warned of or wrong");
        }),
        case("a line says which gateway was met and with which PATH, and nothing that could be a secret", || {
            let person = Fixture::issue_70511();
            let start = || person.serve().env("OPENCLAW_GATEWAY_TOKEN", "canary-of-the-gateway");
            let host = |start: Start<'_>| start.run().journal.unwrap()["host"].clone();
            let path = format!("{}:/usr/bin", person.root().join("bin").display());
            let expected = json!({"state_dir": null, "profile": null, "service": false, "path": path});
            assert_eq!(host(start().path(&path)), expected);
            let service = start().env("OPENCLAW_STATE_DIR", "/srv/state").env("OPENCLAW_PROFILE", "work").path(&path);
            let expected = json!({"state_dir": "/srv/state", "profile": "work", "service": true, "path": path});
            assert_eq!(host(service.env("OPENCLAW_SERVICE_KIND", "gateway")), expected);
            // A part of a PATH would be another PATH.
            let long = format!("{path}:{}", "/x".repeat(4096));
            assert_eq!(host(start().path(&long))["path"], Value::Null);
            assert!(!person.journal_text().contains("canary"));
        }),
        case("a refusal is journaled with the message, and with neither a codex nor an effective home", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            let line = person.serve().is_refused("missing-id-token", 78, &[]).journal.unwrap();
            assert!(
                line["error"].as_str().unwrap().starts_with("no usable Codex home: bridge `~/.openclaw/"),
                "{line}"
            );
            assert_eq!((&line["codex"], &line["effective_home"]), (&Value::Null, &Value::Null));
        }),
        case("a codex that the system does not execute leaves a second line, with the error", || {
            let person = Fixture::issue_70511();
            let codex = person.write_program(&person.root().join("bin/text"), "#!no/interpreter\n");
            let ended = person.serve().setting("codex", codex).run();
            assert_eq!(ended.code, Some(126), "{ended:?}");
            let lines = person.journal_lines();
            assert_eq!((lines.len(), &lines[0]["decision"], lines[0].get("error")), (2, &"redirect".into(), None));
            assert_eq!(lines[1]["reason"], "codex-not-executable");
            assert!(lines[1]["error"].as_str().unwrap().contains("cannot be executed"), "{lines:?}");
            assert_eq!(lines[1]["effective_home"], Value::Null);
        }),
        case("a codex that is not found, and a wrong setting, are journaled", || {
            let person = Fixture::issue_70511();
            let line = person.serve().setting("codex", "/nowhere/codex").run().journal.unwrap();
            assert_eq!((&line["decision"], &line["reason"]), (&"refuse".into(), &"codex-setting-invalid".into()));
            let line = person.serve().setting("strategy", "always").run().journal.unwrap();
            assert_eq!((&line["decision"], &line["reason"]), (&"refuse".into(), &"setting-invalid".into()));
            assert!(line["error"].as_str().unwrap().starts_with("`CODEX_HOME_SHIM_STRATEGY`: expected"), "{line}");
        }),
        case("every judged subcommand has its name, and the interactive program none", || {
            let person = Fixture::new();
            person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
            let rows: [(&[&str], &str); 7] = [
                (&[], ""),
                (&["app-server"], "app-server"),
                (&["-c", "a=1", "e", "hi"], "exec"),
                (&["resume", "--last"], "resume"),
                (&["review", "--base", "main"], "review"),
                (&["fork"], "fork"),
                (&["login", "status"], "login status"),
            ];
            for (args, name) in rows {
                let line = person.start(args).home(person.bridge()).is_kept("ok-chatgpt").journal.unwrap();
                assert_eq!(line["subcommand"], name);
            }
        }),
        case("a start without an injected home names the personal one", || {
            let person = Fixture::issue_70511();
            let line = person.start(&["app-server"]).is_kept("personal-home").journal.unwrap();
            assert_eq!((&line["kind"], &line["home"]), (&"personal".into(), &Value::Null));
            assert_eq!(line["effective_home"].as_str(), person.personal().to_str());
        }),
        case("a start that is not judged leaves no line, also if it fails; nor does strategy `off`", || {
            let person = Fixture::issue_70511();
            let rows: [&[&str]; 5] = [
                &["--version"],
                &["logout"],
                &["mcp", "list"],
                &["-p", "work", "exec", "hi"],
                &["--nonesuch", "app-server"],
            ];
            for args in rows {
                let start = || person.start(args).home(person.bridge());
                start().is_passed_through();
                let failed = start().setting("codex", "/nowhere/codex").run();
                assert_eq!((failed.code, failed.journal), (Some(127), None), "{args:?}");
            }
            let failed = person.serve().setting("strategy", "off").setting("codex", "/nowhere/codex").run();
            assert_eq!((failed.code, failed.journal), (Some(127), None));
        }),
        case("no argument, variable or account is ever in a line", || {
            let person = Fixture::issue_70511();
            let canary = "canary-4711";
            person.write_config(&person.personal(), &format!("model = \"{canary}\"\n"));
            for strategy in ["auto", "repair", "redirect"] {
                let start =
                    person.start(&["exec", "-c", "a='canary-4711'", "-m", canary, canary]).home(person.bridge());
                start.setting("strategy", strategy).env("OPENAI_API_KEY", KEY).env("SECRET", canary).run();
                person.break_bridge(ACCOUNT);
            }
            person.break_bridge_for_good();
            person.serve().setting("strategy", "repair").run();
            let text = fs::read_to_string(person.journal()).unwrap();
            assert_eq!(text.lines().count(), 4);
            for secret in [canary, ACCOUNT, "@example.com", "user-of-"] {
                assert!(!text.contains(secret), "{secret} is in {text}");
            }
        }),
        // Node 24 ends a line at U+2028, and terminals act on C1 controls.
        case("no control, bidi or line-separator character of a path is in a line", || {
            let person = Fixture::issue_70511();
            for c in ['\n', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}'] {
                let home = person.home().join(format!("a{c}b"));
                person.write_auth(&home, b"{}");
                let ended = person.start(&["app-server"]).home(&home).is_kept_with_warning("no-tokens");
                assert_eq!(ended.journal.unwrap()["home"].as_str(), home.to_str(), "it comes back as it was");
                let text = fs::read_to_string(person.journal()).unwrap();
                let last = text.lines().last().unwrap();
                let escaped = if c == '\n' { "a\\nb".to_owned() } else { format!("a\\u{:04x}b", u32::from(c)) };
                assert!(last.contains(&escaped), "{escaped}: {last}");
                assert!(!last.chars().any(codex_home::display::is_control), "{last:?}");
            }
        }),
    ]
}

// ---- Many starts at once ----

fn whole_lines() -> Vec<Case> {
    type Lay = fn(&Fixture);
    let rows: [(&str, Lay, &[&str]); 4] = [
        (
            "keep their home",
            |person| drop(person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "b", "r"))),
            &["keep"],
        ),
        ("are redirected", |person| drop((person.log_in(ACCOUNT), person.break_bridge(ACCOUNT))), &["redirect"]),
        ("are refused", |person| drop(person.break_bridge_for_good()), &["refuse"]),
        ("find one bridge to repair", |person| drop(person.break_bridge(ACCOUNT)), &["repair", "keep"]),
    ];
    rows.into_iter()
        .map(|(name, lay, decisions)| {
            case(format!("of many starts at once that {name}, each leaves one whole line"), move || {
                let person = Fixture::new();
                lay(&person);
                let pids = at_once(&person, MANY);
                let lines = person.journal_lines();
                assert_eq!((lines.len(), pids_of(&lines)), (MANY, pids));
                let decided: BTreeSet<_> = lines.iter().map(|line| line["decision"].as_str().unwrap()).collect();
                assert!(
                    decided.contains(decisions[0]) && decided.iter().all(|decision| decisions.contains(decision)),
                    "{decided:?}"
                );
                let mut names: Vec<_> = snapshot(&person.bridge()).into_keys().collect();
                names.retain(|name| !name.as_os_str().is_empty());
                assert_eq!(names, [Path::new("auth.json")], "nothing is left in the bridge");
            })
        })
        .collect()
}

/// Makes this many starts of `app-server` in the bridge, all of them at once. Returns their process ids.
fn at_once(person: &Fixture, many: usize) -> BTreeSet<u32> {
    let (gate, opener) = std::io::pipe().unwrap();
    let mut children: Vec<Child> = (0..many)
        .map(|number| {
            let report = person.root().join(format!("out/{number}.json"));
            // The shell reads to the end, and becomes the launcher.
            let mut command: Command =
                person.serve().env(crate::support::stand_in::REPORT, report).behind("read -r _; exec \"$@\"").command;
            command.stdin(gate.try_clone().unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
            let _alone = forking();
            command.spawn().unwrap()
        })
        .collect();
    drop((gate, opener));
    let late: Vec<_> =
        children.iter_mut().filter_map(|child| wait_within(child, PATIENCE).is_none().then(|| child.kill())).collect();
    assert!(late.is_empty(), "still running after {PATIENCE:?}");
    children.iter().map(Child::id).collect()
}

fn pids_of(lines: &[Value]) -> BTreeSet<u32> {
    lines.iter().map(|line| u32::try_from(line["pid"].as_u64().unwrap()).unwrap()).collect()
}

// ---- Whose file it is, and where ----

fn file() -> Vec<Case> {
    vec![
        case("the journal is readable for its user alone, whatever the umask", || {
            for umask in ["000", "022", "077", "0177", "0277", "0377"] {
                let person = Fixture::issue_70511();
                person.serve().behind(&format!("umask {umask}; exec \"$@\"")).is_redirected("missing-id-token");
                let mode = |path: &Path| entry(path).unwrap().mode;
                let modes = (mode(person.journal().parent().unwrap()), mode(&person.journal()));
                assert_eq!(modes, (0o700, 0o600), "umask {umask}");
            }
        }),
        case(
            "a journal that others could read is closed to them, and a directory that exists is left as it is",
            || {
                let person = Fixture::issue_70511();
                let directory = person.journal().parent().unwrap().to_owned();
                fs::create_dir_all(&directory).unwrap();
                person.chmod(&directory, 0o755);
                fs::write(person.journal(), "").unwrap();
                person.chmod(&person.journal(), 0o644);
                person.serve().is_redirected("missing-id-token");
                assert_eq!((entry(&directory).unwrap().mode, entry(&person.journal()).unwrap().mode), (0o755, 0o600));
            },
        ),
        case("the journal can be turned off, by variable and by file", || {
            let person = Fixture::issue_70511();
            for off in ["off", "0", "false"] {
                assert_eq!(person.serve().setting("journal", off).run().journal, None);
            }
            person.write_settings("journal = false\n");
            assert_eq!(person.serve().run().journal, None);
            assert_eq!(entry(&person.state().join("codex-home-shim")), None, "not even its directory");
        }),
        case("the journal is in the state directory, and a relative XDG_STATE_HOME is none", || {
            for (state, below) in
                [(None, "home/.local/state"), (Some("state"), "home/.local/state"), (Some(""), "home/.local/state")]
            {
                let person = Fixture::new();
                let start = person.start(&["app-server"]).env_remove("XDG_STATE_HOME");
                let start = if let Some(state) = state {
                    start.env("XDG_STATE_HOME", state).directory(person.root())
                } else {
                    start
                };
                assert_eq!(start.run().code, Some(0));
                let journal = person.root().join(below).join("codex-home-shim/journal.jsonl");
                assert_eq!(fs::read_to_string(journal).unwrap().lines().count(), 1, "{state:?}");
            }
        })
        .needs(Need::Linux),
    ]
}

// ---- Rotation ----

/// Lays a journal of `size` bytes: whole lines of another day.
fn lay(person: &Fixture, size: usize) -> String {
    let line = "{\"time\":\"2026-01-01T00:00:00.000000Z\",\"pid\":1}\n";
    let mut text = line.repeat(size / line.len() - 1);
    let rest = size - text.len();
    text.push_str(&format!("{{\"pad\":\"{}\"}}\n", "x".repeat(rest - 11)));
    fs::create_dir_all(person.journal().parent().unwrap()).unwrap();
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(person.journal()).unwrap().write_all(text.as_bytes()).unwrap();
    text
}

fn rotated(person: &Fixture) -> PathBuf {
    person.journal().with_file_name("journal.1.jsonl")
}

fn rotation() -> Vec<Case> {
    vec![
        case("at 512 KiB the journal is rotated, and the one before it goes", || {
            let person = Fixture::issue_70511();
            let full = lay(&person, LIMIT - 20);
            fs::write(rotated(&person), "{\"older\":true}\n").unwrap();
            person.serve().run();
            assert_eq!(person.journal_lines().len(), 1);
            assert_eq!(fs::read_to_string(rotated(&person)).unwrap(), full);
            assert_eq!(entry(&person.journal()).unwrap().mode, 0o600);
            assert_eq!(fs::read_dir(person.journal().parent().unwrap()).unwrap().count(), 2);
            // Far from full, nothing moves.
            person.serve().is_redirected("missing-id-token");
            assert_eq!(person.journal_lines().len(), 2);
        }),
        case("up to 512 KiB the journal grows", || {
            let person = Fixture::issue_70511();
            lay(&person, LIMIT - 3000);
            person.serve().is_redirected("missing-id-token");
            assert!(fs::metadata(person.journal()).unwrap().len() > LIMIT as u64 - 3000);
            assert_eq!(entry(&rotated(&person)), None);
        }),
        case("of many starts at once that find it full, none loses its line", || {
            for room in [0, 3000] {
                let person = Fixture::issue_70511();
                let before = lay(&person, LIMIT - room);
                let mut pids = at_once(&person, MANY);
                // All of them may have looked before the first one wrote. Then the next start finds it full.
                pids.extend(at_once(&person, 1));
                let rotated = fs::read_to_string(rotated(&person)).unwrap();
                let late = rotated.strip_prefix(&before).unwrap_or_else(|| panic!("room {room}: it was rotated twice"));
                let text = format!("{late}{}", fs::read_to_string(person.journal()).unwrap());
                let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert_eq!((lines.len(), pids_of(&lines)), (MANY + 1, pids), "room {room}");
            }
        }),
        case("a full journal that cannot be rotated is written on", || {
            let person = Fixture::issue_70511();
            lay(&person, LIMIT);
            fs::create_dir(rotated(&person)).unwrap();
            person.serve().is_redirected("missing-id-token");
            assert!(fs::metadata(person.journal()).unwrap().len() > LIMIT as u64);
        }),
    ]
}

// ---- What stands in its place ----

/// Makes a start twice, once silently and once at `debug`, with one line. Existing files stay.
fn costs_nothing<'a>(person: &'a Fixture, start: impl Fn() -> Start<'a>) {
    let before = snapshot(&person.state());
    for is_loud in [false, true] {
        let start = if is_loud { start().env("CODEX_HOME_SHIM_LOG", "debug") } else { start() };
        let Ended { code, stderr, report, .. } = start.run();
        assert_eq!((code, report.is_some()), (Some(0), true), "{stderr}");
        let said = stderr.lines().filter(|line| line.starts_with("codex-home-shim: debug: the journal `")).count();
        assert_eq!((said, stderr.is_empty()), (usize::from(is_loud), !is_loud), "{stderr}");
    }
    assert_eq!(snapshot(&person.state()), before);
}

fn obstacles() -> Vec<Case> {
    type Lay = fn(&Fixture, &Path);
    let obstacles: [(&str, Lay); 10] = [
        ("a directory", |_, path| fs::create_dir(path).unwrap()),
        ("a FIFO without a reader", |_, path| mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap()),
        ("a socket", |_, path| drop(UnixListener::bind(path).unwrap())),
        ("a symlink to a file", |person, path| {
            fs::write(person.state().join("target"), "{}\n").unwrap();
            symlink("../target", path).unwrap();
        }),
        ("a dangling symlink", |_, path| symlink("../target", path).unwrap()),
        ("a symlink to itself", |_, path| symlink("journal.jsonl", path).unwrap()),
        ("a symlink to a full device", |_, path| symlink("/dev/full", path).unwrap()),
        ("a second hard link to a file", |person, path| {
            fs::write(person.state().join("target"), "{}\n").unwrap();
            fs::hard_link(person.state().join("target"), path).unwrap();
        }),
        ("below a file", |_, path| {
            fs::remove_dir(path.parent().unwrap()).unwrap();
            fs::write(path.parent().unwrap(), "{}\n").unwrap();
        }),
        ("below a dangling symlink", |_, path| {
            fs::remove_dir(path.parent().unwrap()).unwrap();
            symlink("nowhere", path.parent().unwrap()).unwrap();
        }),
    ];
    let mut cases: Vec<_> = obstacles
        .into_iter()
        .map(|(name, lay)| {
            case(format!("a journal that is {name} costs a line at `debug`, and nothing else"), move || {
                let person = Fixture::issue_70511();
                fs::create_dir_all(person.journal().parent().unwrap()).unwrap();
                lay(&person, &person.journal());
                costs_nothing(&person, || person.serve());
            })
        })
        .collect();
    cases.extend([
        case("a FIFO with a reader hears nothing", || {
            let person = Fixture::issue_70511();
            fs::create_dir_all(person.journal().parent().unwrap()).unwrap();
            mkfifo(&person.journal(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
            let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
            let mut reader = fs::OpenOptions::new().read(true).custom_flags(flags).open(person.journal()).unwrap();
            // The fixture reads the journal at each start, and would wait for a writer.
            let mut command = person.serve().command;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let status = {
                let _alone = forking();
                command.status().unwrap()
            };
            assert_eq!(status.code(), Some(0));
            let mut heard = Vec::new();
            std::io::Read::read_to_end(&mut reader, &mut heard).unwrap();
            assert_eq!(heard, b"");
        }),
        case("another user's journal is left alone, and so is another user's directory", || {
            let mut person = Fixture::issue_70511();
            fs::create_dir_all(person.journal().parent().unwrap()).unwrap();
            fs::write(person.journal(), "{\"precious\":1}\n").unwrap();
            person.become_unprivileged();
            for mode in [0o600, 0o666] {
                person.chown(&person.journal(), MALLORY);
                person.chmod(&person.journal(), mode);
                costs_nothing(&person, || person.serve());
            }
            fs::remove_file(person.journal()).unwrap();
            person.chown(person.journal().parent().unwrap(), MALLORY);
            person.chmod(person.journal().parent().unwrap(), 0o777);
            costs_nothing(&person, || person.serve());
        })
        .needs(Need::Root),
        case("a state directory that cannot be written costs nothing", || {
            let mut person = Fixture::issue_70511();
            person.become_unprivileged();
            person.chmod(&person.state(), 0o500);
            costs_nothing(&person, || person.serve());
        }),
    ]);
    cases
}

fn disks() -> Vec<Case> {
    /// A script that mounts a small disk over the state directory, with a journal of `size` bytes, and fills the disk.
    fn full(person: &Fixture, size: usize) -> String {
        let state = person.state();
        format!(
            "mount -t tmpfs -o size=64k,mode=0700 none {0} && mkdir -m 700 {0}/codex-home-shim && \
             head -c {size} /dev/zero | tr '\\0' '\\n' > {0}/codex-home-shim/journal.jsonl && \
             chmod 600 {0}/codex-home-shim/journal.jsonl; cat /dev/zero > {0}/filler 2>/dev/null; true",
            state.display()
        )
    }
    vec![
        case("a full disk costs the journal its line, never the start", || {
            let person = Fixture::issue_70511();
            let ended = person.serve().in_namespace(&full(&person, 4096)).run();
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(person.personal()));
        })
        .needs(Need::MountNamespace),
        case("a disk that fills up within a line leaves no half of it", || {
            let person = Fixture::issue_70511();
            let journal = person.journal();
            // There is room for 100 bytes of a line, and for none after that. The second start finds room again.
            let script = format!(
                "{}; \"$@\" </dev/null; wc -c < {1}; rm {2}/filler; \"$@\" </dev/null; tail -n +3997 {1} >&2",
                full(&person, 4096 - 100),
                journal.display(),
                person.state().display()
            );
            let behind = "exec unshare -m --propagation private sh -c \"$SCRIPT\" sh \"$@\"";
            let ended = person.serve().env("SCRIPT", script).behind(behind).run();
            assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), "3996", "{ended:?}");
            let lines: Vec<_> = ended.stderr.lines().filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), 1, "{ended:?}");
            assert_eq!(serde_json::from_str::<Value>(lines[0]).unwrap()["decision"], "redirect");
        })
        .needs(Need::MountNamespace),
    ]
}
