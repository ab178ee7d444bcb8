//! The journal from outside: one whole line for each judged start, in a file that is the person's alone; and no journal
//! is worth a start.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use codex_home::invocation::Invocation;
use codex_home::settings::Journal;
use nix::unistd::Uid;
use serde_json::Value;
use support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use support::{Finished, PATIENCE, Tried, Unable, World, auth, entry, run, snapshot};

/// As OpenClaw 2026.4.21 starts codex.
const APP_SERVER: [&str; 3] = ["app-server", "--listen", "stdio://"];
/// How many starts at once.
const MANY: usize = 50;
/// Where the journal becomes the older one, in bytes.
const LIMIT: usize = 512 << 10;
/// What a start may take beside a journal that cannot be written.
const NO_TIME: Duration = Duration::from_secs(1);

// ---- One line a start ----

fn fifty_starts_of_a_healthy_bridge_leave_fifty_whole_lines() {
    let world = World::new();
    let bridge = world.lay_bridge(&auth::healthy(ACCOUNT, "b", "r"));
    let pids = at_once(&world, |_| start_in(&world, &bridge));
    for (pid, line) in lines_by_pid(&journal(&world), &pids) {
        assert_line(&line, pid, &world, &["trust", "ok-chatgpt"], &bridge, Some(&bridge));
    }
}

fn fifty_redirects_leave_fifty_whole_lines() {
    let world = World::new();
    let bridge = world.lay_bridge(&broken());
    let home = world.lay_personal(&auth::healthy(ACCOUNT, "p", "r2"));
    let pids = at_once(&world, |_| start_in(&world, &bridge));
    for (pid, line) in lines_by_pid(&journal(&world), &pids) {
        assert_line(&line, pid, &world, &["redirect", "missing-id-token"], &bridge, Some(&home));
    }
}

fn fifty_repairs_leave_fifty_whole_lines() {
    let world = World::new();
    let bridges: Vec<PathBuf> = (0..MANY).map(|n| bridge_number(&world, n, &broken())).collect();
    let pids = at_once(&world, |n| start_in(&world, &bridges[n]));
    let lines = lines_by_pid(&journal(&world), &pids);
    for (bridge, pid) in bridges.iter().zip(&pids) {
        assert_line(&lines[pid], *pid, &world, &["repair", "missing-id-token"], bridge, Some(bridge));
    }
}

/// Whoever comes later finds the work done; nobody's line is lost over it.
fn fifty_starts_that_repair_one_bridge_leave_fifty_whole_lines() {
    let world = World::new();
    let bridge = world.lay_bridge(&broken());
    let pids = at_once(&world, |_| start_in(&world, &bridge));
    let lines = lines_by_pid(&journal(&world), &pids);
    let verdicts: BTreeSet<_> = lines.values().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert!(verdicts.contains("repair"), "{verdicts:?}");
    assert!(verdicts.is_subset(&BTreeSet::from(["repair", "trust"])), "{verdicts:?}");
}

fn fifty_refusals_leave_fifty_whole_lines() {
    let world = World::new();
    let bridge = world.lay_bridge(&auth::issue_70511("opaque", "r"));
    let pids = at_once(&world, |_| start_in(&world, &bridge));
    for (pid, line) in lines_by_pid(&journal(&world), &pids) {
        assert_line(&line, pid, &world, &["refuse", "missing-id-token"], &bridge, None);
        let error = line["error"].as_str().unwrap();
        assert!(error.starts_with("missing-id-token: no usable Codex home"), "{error}");
    }
}

fn fifty_starts_without_a_codex_leave_fifty_whole_lines() {
    let world = World::new();
    let bridge = world.lay_bridge(&broken());
    let pids = at_once(&world, |_| {
        let mut command = start_in(&world, &bridge);
        command.env_remove("CODEX_HOME_SHIM_CODEX").env("PATH", world.root());
        command
    });
    for (pid, line) in lines_by_pid(&journal(&world), &pids) {
        assert_frame(&line, pid);
        assert!(line.get("codex").is_none(), "{line}");
        assert!(line["error"].as_str().unwrap().starts_with("codex-not-found: "), "{line}");
    }
}

/// Its end is known only once nobody is left to write: what the line before it says was true when it was written.
fn a_codex_that_cannot_be_executed_is_noted_down_with_the_error() {
    let world = World::new();
    let codex = world.root().join("codex-script");
    script(&codex, "#!/nowhere/interpreter\n");
    let bridge = world.lay_bridge(&auth::healthy(ACCOUNT, "b", "r"));
    let mut command = start_in(&world, &bridge);
    command.env("CODEX_HOME_SHIM_CODEX", &codex);
    assert_eq!(run(&mut command).code, Some(126));
    let lines = lines(&journal(&world));
    let last = lines.last().unwrap();
    assert!(last["error"].as_str().unwrap().starts_with("codex-not-executable: "), "{last}");
    assert_eq!(last["verdict"], "trust");
    assert!(lines[..lines.len() - 1].iter().all(|line| line.get("error").is_none()), "{lines:?}");
}

fn a_wrong_setting_is_noted_down() {
    let world = World::new();
    let bridge = world.lay_bridge(&broken());
    let finished = run(start_in(&world, &bridge).env("CODEX_HOME_SHIM_STRATEGY", "always"));
    assert_eq!(finished.code, Some(78), "{finished:?}");
    let lines = lines(&journal(&world));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["reason"], "setting-invalid");
    assert!(lines[0]["error"].as_str().unwrap().contains("`always`"), "{lines:?}");
}

fn every_judged_subcommand_goes_by_its_name() {
    let rows: [(&[&str], &str); 7] = [
        (&[], ""),
        (&["app-server"], "app-server"),
        (&["-c", "a=1", "e", "hi"], "exec"),
        (&["resume", "--last"], "resume"),
        (&["review", "--base", "main"], "review"),
        (&["fork"], "fork"),
        (&["login", "status"], "login status"),
    ];
    let world = World::new();
    let bridge = world.lay_bridge(&auth::healthy(ACCOUNT, "b", "r"));
    for (number, (words, name)) in rows.into_iter().enumerate() {
        assert_started(&run(bare_start_in(&world, &bridge).args(words)));
        let lines = lines(&journal(&world));
        assert_eq!(lines.len(), number + 1, "{words:?}");
        assert_eq!(lines[number]["subcommand"], name, "{words:?}");
    }
}

fn a_start_without_an_injected_home_names_the_personal_one() {
    let world = World::new();
    let home = world.lay_personal(&auth::healthy(ACCOUNT, "p", "r"));
    assert_started(&run(start(&world).args(APP_SERVER)));
    let lines = lines(&journal(&world));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["kind"], "personal");
    assert_eq!(lines[0]["effective_home"].as_str(), home.to_str());
    assert!(lines[0].get("home").is_none_or(Value::is_null), "{}", lines[0]);
}

fn a_start_that_is_not_judged_leaves_no_line() {
    let world = World::new();
    let bridge = world.lay_bridge(&broken());
    let rows: [&[&str]; 8] = [
        &["--version"],
        &["--help"],
        &["logout"],
        &["login"],
        &["mcp", "list"],
        &["app-server", "proxy"],
        &["-p", "work", "exec", "hi"],
        &["--nonesuch", "app-server"],
    ];
    for words in rows {
        assert_started(&run(bare_start_in(&world, &bridge).args(words)));
        assert_eq!(entry(&journal(&world)), None, "{words:?}");
    }
    // And none where it fails.
    let finished = run(bare_start_in(&world, &bridge).env("CODEX_HOME_SHIM_CODEX", "/nowhere/codex").arg("--version"));
    assert_eq!(finished.code, Some(127), "{finished:?}");
    assert_eq!(entry(&journal(&world)), None);
}

fn the_strategy_off_leaves_no_line() {
    let world = World::new();
    let bridge = world.lay_bridge(&broken());
    assert_started(&run(start_in(&world, &bridge).env("CODEX_HOME_SHIM_STRATEGY", "off")));
    let mut none = start_in(&world, &bridge);
    none.env("CODEX_HOME_SHIM_STRATEGY", "off").env("CODEX_HOME_SHIM_CODEX", "/nowhere/codex");
    assert_eq!(run(&mut none).code, Some(127));
    assert_eq!(entry(&journal(&world)), None);
}

fn the_strategy_observe_leaves_a_line() {
    let world = World::new();
    let bridge = world.lay_bridge(&broken());
    let finished = run(start_in(&world, &bridge).env("CODEX_HOME_SHIM_STRATEGY", "observe"));
    assert_eq!(finished.code, Some(CODE), "{finished:?}");
    let lines = lines(&journal(&world));
    assert_eq!((lines.len(), &lines[0]["verdict"], &lines[0]["reason"]), (1, &"trust".into(), &"observed".into()));
}

/// Whatever is in them would be in the journal for everybody who is ever shown it.
fn no_argument_token_or_person_is_noted_down() {
    let canary = "canary-4711";
    let full = [ACCOUNT, OTHER_ACCOUNT];
    let bridges = [
        auth::healthy(ACCOUNT, canary, canary),
        auth::issue_70511_with_account(&tokens::access_token(ACCOUNT, canary), canary, ACCOUNT),
        auth::issue_70511_with_account(canary, canary, ACCOUNT),
        auth::api_key(&format!("{canary}-key")),
        format!("{{\"auth_mode\": \"{canary}").into_bytes(),
        format!("{{\"auth_mode\": \"{canary}\", \"tokens\": {{\"{canary}\": 1}}}}").into_bytes(),
    ];
    let persons = [
        None,
        Some(auth::healthy(ACCOUNT, canary, "r2")),
        Some(auth::healthy(OTHER_ACCOUNT, canary, canary)),
        Some(auth::api_key(canary)),
    ];
    for bridge_auth in &bridges {
        for person in &persons {
            let world = World::new();
            let bridge = world.lay_bridge(bridge_auth);
            if let Some(person) = person {
                world.lay_personal(person);
            }
            fs::write(bridge.join("config.toml"), format!("model = \"{canary}\"\n")).unwrap();
            let mut sensitive: Vec<String> = vec![canary.to_owned(), "@example.com".to_owned()];
            for account in full {
                sensitive.extend([account.to_owned(), format!("user-of-{account}")]);
                sensitive.push(tokens::access_token(account, canary));
                sensitive.push(tokens::id_token(account));
            }
            for strategy in ["auto", "repair", "redirect", "observe"] {
                let mut command = bare_start_in(&world, &bridge);
                command.env("CODEX_HOME_SHIM_STRATEGY", strategy).env("OPENAI_API_KEY", canary).env("SECRET", canary);
                command.args(["exec", "-c", &format!("a='{canary}'"), "-m", canary, canary]);
                let finished = run(&mut command);
                let text = fs::read_to_string(journal(&world)).unwrap();
                let said = format!("{text}{}", finished.stderr);
                for secret in &sensitive {
                    assert!(!said.contains(secret), "{secret} in {said}");
                }
            }
            assert_eq!(lines(&journal(&world)).len(), 4);
        }
    }
}

// ---- Whose file it is ----

fn the_journal_is_the_persons_alone_whatever_the_umask() {
    let mut others = Vec::new();
    for umask in ["000", "002", "022", "027", "077", "0177", "0277", "0777"] {
        let world = World::new();
        // Where they forbid it to the person too, only root makes a directory within a new one.
        if umask.len() > 3 {
            fs::create_dir_all(journal(&world).ancestors().nth(2).unwrap()).unwrap();
        }
        // A shell sets it, for the child alone.
        let mut shell = in_shell(&world, &format!("umask {umask}; exec \"$0\" \"$@\""), start(&world).args(APP_SERVER));
        assert_started(&run(&mut shell));
        let mode = |path: &Path| entry(path).map(|entry| format!("{:o}", entry.mode));
        let journal = journal(&world);
        let modes = [journal.parent().and_then(mode), mode(&journal)];
        if modes != [Some("700".to_owned()), Some("600".to_owned())] {
            others.push(format!("umask {umask}: {modes:?}"));
        }
    }
    assert!(others.is_empty(), "directory and file: {others:#?}");
}

fn a_directory_that_is_there_stays_as_it_is() {
    let world = World::new();
    let state = world.home().join(".local/state");
    fs::create_dir_all(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    assert_started(&run(start(&world).args(APP_SERVER)));
    assert_eq!(entry(&state).unwrap().mode, 0o755);
    assert_eq!(entry(&state.join("codex-home-shim")).unwrap().mode, 0o700);
}

// ---- A full one becomes the older one ----

fn at_half_a_mebibyte_the_journal_becomes_the_older_one_and_the_older_one_goes() {
    let world = World::new();
    let journal = journal(&world);
    let older = journal.with_file_name("journal.1.jsonl");
    let full = lay_journal(&journal, LIMIT - 20);
    fs::write(&older, "{\"older\":true}\n").unwrap();
    assert_started(&run(start(&world).args(APP_SERVER)));
    assert_eq!(lines(&journal).len(), 1);
    assert_eq!(fs::read_to_string(&older).unwrap(), full);
    assert_eq!(entry(&journal).unwrap().mode, 0o600);
    let mut names: Vec<_> = names(journal.parent().unwrap());
    names.sort();
    assert_eq!(names, ["journal.1.jsonl", "journal.jsonl"]);
    // Far from full, nothing moves.
    assert_started(&run(start(&world).args(APP_SERVER)));
    assert_eq!(lines(&journal).len(), 2);
    assert_eq!(fs::read_to_string(&older).unwrap(), full);
}

fn the_journal_grows_up_to_half_a_mebibyte() {
    let world = World::new();
    let journal = journal(&world);
    lay_journal(&journal, LIMIT - 2000);
    assert_started(&run(start(&world).args(APP_SERVER)));
    assert!(fs::metadata(&journal).unwrap().len() > LIMIT as u64 - 2000);
    assert_eq!(entry(&journal.with_file_name("journal.1.jsonl")), None);
}

fn fifty_starts_across_the_rotation_lose_no_line_of_theirs() {
    for room in [0, 300, 3000, 9000] {
        let world = World::new();
        let bridge = world.lay_bridge(&auth::healthy(ACCOUNT, "b", "r"));
        let journal = journal(&world);
        let older = journal.with_file_name("journal.1.jsonl");
        let before = lay_journal(&journal, LIMIT - room);
        let pids = at_once(&world, |_| start_in(&world, &bridge));
        // All may have looked before the first of them wrote; then nobody found it full, and the next start does.
        let pids = [pids, at_once_of(&world, 1, |_| start_in(&world, &bridge))].concat();
        let older_text = fs::read_to_string(&older).unwrap();
        let late = older_text.strip_prefix(&before).unwrap_or_else(|| panic!("room {room}: the older one is another"));
        let text = format!("{late}{}", fs::read_to_string(&journal).unwrap());
        let lines = parse(&text);
        let written: BTreeSet<u32> = lines.iter().map(pid_of).collect();
        assert_eq!(lines.len(), MANY + 1, "room {room}");
        assert_eq!(written, pids.iter().copied().collect(), "room {room}");
        assert_eq!(names(journal.parent().unwrap()).len(), 2, "room {room}");
    }
}

// ---- Where it is ----

fn the_journal_can_be_switched_off() {
    let world = World::new();
    assert_started(&run(start(&world).env("CODEX_HOME_SHIM_JOURNAL", "off").args(APP_SERVER)));
    assert_eq!(entry(&world.home().join(".local")), None);
}

fn the_journal_can_be_anywhere() {
    let world = World::new();
    for path in [world.root().join("elsewhere/deep/starts.jsonl"), world.home().join("starts.jsonl")] {
        // The second is written as people write it.
        let setting = match path.strip_prefix(world.home()) {
            Ok(below) => Path::new("~").join(below),
            Err(_) => path.clone(),
        };
        assert_started(&run(start(&world).env("CODEX_HOME_SHIM_JOURNAL", &setting).args(APP_SERVER)));
        assert_eq!(lines(&path).len(), 1);
        assert_eq!(entry(&path).unwrap().mode, 0o600);
    }
    assert_eq!(entry(&world.root().join("elsewhere/deep")).unwrap().mode, 0o700);
    assert_eq!(entry(&world.home().join(".local")), None);
    // A full one has an older one beside it, and nothing else there is touched.
    let path = world.root().join("elsewhere/deep/starts.jsonl");
    let full = lay_journal(&path, LIMIT);
    assert_started(&run(start(&world).env("CODEX_HOME_SHIM_JOURNAL", &path).args(APP_SERVER)));
    let texts: Vec<_> = names(path.parent().unwrap())
        .iter()
        .filter(|name| *name != "starts.jsonl")
        .map(|name| fs::read_to_string(path.with_file_name(name)).unwrap())
        .collect();
    assert_eq!(texts, [full]);
    assert_eq!(lines(&path).len(), 1);
}

fn a_file_of_the_persons_that_is_no_journal_is_never_written_on() {
    let world = World::new();
    world.lay_personal(&auth::healthy(ACCOUNT, "personal", "rt.personal"));
    let notes = world.root().join("notes.txt");
    fs::write(&notes, "n").unwrap();
    fs::set_permissions(&notes, fs::Permissions::from_mode(0o644)).unwrap();
    for path in [world.personal().join("auth.json"), notes] {
        let before = entry(&path);
        assert_started(&run(start(&world).env("CODEX_HOME_SHIM_JOURNAL", &path).args(APP_SERVER)));
        assert_eq!(entry(&path), before, "{}", path.display());
    }
    // What is empty may become one.
    let path = world.root().join("empty");
    fs::write(&path, "").unwrap();
    for count in 1..=2 {
        assert_started(&run(start(&world).env("CODEX_HOME_SHIM_JOURNAL", &path).args(APP_SERVER)));
        assert_eq!(lines(&path).len(), count);
    }
}

fn a_relative_path_is_a_wrong_setting() {
    let world = World::new();
    for path in ["journal.jsonl", "./journal.jsonl", "Off", "none"] {
        let finished =
            run(start(&world).env("CODEX_HOME_SHIM_JOURNAL", path).current_dir(world.root()).args(APP_SERVER));
        assert_eq!(finished.code, Some(78), "{finished:?}");
        assert!(finished.stderr.contains("`CODEX_HOME_SHIM_JOURNAL`"), "{finished:?}");
        assert!(finished.stderr.contains(path), "{finished:?}");
    }
    assert_eq!(names(world.root()).iter().filter(|name| name.contains("journal")).count(), 0);
    assert_eq!(entry(&world.home().join(".local")), None);
}

fn the_state_directory_of_the_person_is_honoured() {
    let world = World::new();
    let state = world.root().join("state");
    assert_started(&run(start(&world).env("XDG_STATE_HOME", &state).args(APP_SERVER)));
    let expected = if cfg!(target_os = "macos") { journal(&world) } else { state.join(BELOW_STATE) };
    assert_eq!(lines(&expected).len(), 1);
    // A relative one is none, by its own specification.
    assert_started(&run(start(&world).env("XDG_STATE_HOME", "state").current_dir(world.root()).args(APP_SERVER)));
    assert_eq!(lines(&journal(&world)).len(), if cfg!(target_os = "macos") { 2 } else { 1 });
}

/// OpenClaw 2026.5.2 to 2026.5.7 gives codex a `$HOME` inside its home.
fn a_home_that_was_rewritten_gets_no_journal() -> Tried {
    if !Uid::effective().is_root() {
        return Err("only root can start a user whose own home is out of the way".into());
    }
    let world = World::new();
    open_to_all(&world);
    let launcher = reachable_launcher(&world);
    let bridge = world.lay_bridge(&auth::healthy(ACCOUNT, "b", "r"));
    let home = bridge.join("home");
    fs::create_dir(&home).unwrap();
    give(&world.home(), STRANGER);
    let before = snapshot(&world.home());
    let mut command = world.command(launcher);
    command.env("CODEX_HOME", &bridge).env("HOME", &home).env("CODEX_HOME_SHIM_CODEX", stand_in(&world));
    command.env("CODEX_HOME_SHIM_LOG", "debug").current_dir("/").uid(STRANGER).gid(STRANGER).args(APP_SERVER);
    let finished = run(&mut command);
    assert_eq!(finished.code, Some(CODE), "{finished:?}");
    assert_eq!(snapshot(&world.home()), before);
    Ok(())
}

/// The same without another user: asked of the room itself.
fn beside_a_rewritten_home_the_user_database_says_where_the_journal_is() -> Tried {
    let mine = |name: &str| std::env::var_os(name);
    let (Some(home), None) = (mine("HOME"), mine("XDG_STATE_HOME").or_else(|| mine("XDG_DATA_HOME"))) else {
        return Err("the environment of the tests says more than a home".into());
    };
    let invocation = |injected: &Path| Invocation {
        env: BTreeMap::from([(OsString::from("HOME"), home.clone()), (OsString::from("CODEX_HOME"), injected.into())]),
        user_database: || Some("/people/me".into()),
        ..Invocation::capture()
    };
    let path = |injected: &Path| codex_home::journal::path(&invocation(injected), &Journal::Default).unwrap();
    assert!(path(Path::new(&home)).starts_with("/people/me"));
    assert!(path(Path::new("/injected")).starts_with(&home));
    Ok(())
}

// ---- What stands in its place ----

fn a_journal_that_cannot_be_written_costs_a_debug_message_and_nothing_else() {
    assert_obstacles_cost_nothing(&obstacles());
}

fn a_device_that_is_full_costs_no_more() -> Tried {
    if !Path::new("/dev/full").exists() {
        return Err("there is no /dev/full".into());
    }
    assert_obstacles_cost_nothing(&[("a device that is full", |_, _| "/dev/full".into())]);
    Ok(())
}

fn another_users_file_is_left_alone_and_costs_no_more() -> Tried {
    if !Uid::effective().is_root() {
        return Err("only root can give a file away".into());
    }
    assert_obstacles_cost_nothing(&[
        ("another user's file", |_, path| {
            fs::write(path, "precious\n").unwrap();
            chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
            path.to_owned()
        }),
        ("another user's file that all may write", |_, path| {
            fs::write(path, "precious\n").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
            chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
            path.to_owned()
        }),
    ]);
    Ok(())
}

fn assert_obstacles_cost_nothing(obstacles: &[Obstacle]) {
    for &(name, lay) in obstacles {
        let world = World::new();
        let path = world.root().join("place/journal.jsonl");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let path = lay(&world, &path);
        let mut command = start(&world);
        let before = snapshot(world.root());
        assert_costs_nothing(name, &mut command, &path);
        assert_eq!(snapshot(world.root()), before, "{name}");
    }
}

/// What stands where the journal should, and the path it is given.
type Obstacle = (&'static str, fn(&World, &Path) -> PathBuf);

fn obstacles() -> Vec<Obstacle> {
    vec![
        ("a directory", |_, path| {
            fs::create_dir(path).unwrap();
            path.to_owned()
        }),
        ("a FIFO without a reader", |_, path| {
            mkfifo(path);
            path.to_owned()
        }),
        ("a link to a file", |world, path| {
            fs::write(world.root().join("target"), "precious\n").unwrap();
            symlink("../target", path).unwrap();
            path.to_owned()
        }),
        ("a link to nothing", |_, path| {
            symlink("../target", path).unwrap();
            path.to_owned()
        }),
        ("a link to itself", |_, path| {
            symlink("journal.jsonl", path).unwrap();
            path.to_owned()
        }),
        ("a second name of a file", |world, path| {
            fs::write(world.root().join("target"), "precious\n").unwrap();
            fs::hard_link(world.root().join("target"), path).unwrap();
            path.to_owned()
        }),
        ("a link to a directory that is not there", |world, path| {
            symlink("nowhere", world.root().join("way")).unwrap();
            world.root().join("way").join(path.file_name().unwrap())
        }),
        ("a file for a directory", |world, path| {
            fs::write(world.root().join("way"), "precious\n").unwrap();
            world.root().join("way").join(path.file_name().unwrap())
        }),
        ("a name that is too long", |_, path| path.with_file_name("x".repeat(300))),
        ("the root directory", |_, _| "/".into()),
        ("a directory by its parent", |_, path| path.parent().unwrap().join("..")),
        ("a device", |_, _| "/dev/null".into()),
        ("a socket", |_, path| {
            std::os::unix::net::UnixListener::bind(path).unwrap();
            path.to_owned()
        }),
    ]
}

/// On macOS `/tmp` is one.
fn a_journal_that_settings_name_may_lie_behind_a_link() {
    let world = World::new();
    fs::create_dir(world.root().join("place")).unwrap();
    symlink("place", world.root().join("way")).unwrap();
    let way = world.root().join("way/journal.jsonl");
    assert_started(&run(start(&world).args(APP_SERVER).env("CODEX_HOME_SHIM_JOURNAL", way)));
    assert_eq!(lines(&world.root().join("place/journal.jsonl")).len(), 1);
}

fn a_full_journal_that_cannot_be_set_aside_is_written_on() {
    let world = World::new();
    let path = world.root().join("journal.jsonl");
    lay_journal(&path, 512 << 10);
    fs::create_dir(world.root().join("journal.1.jsonl")).unwrap();
    let before = fs::metadata(&path).unwrap().len();
    assert_started(&run(start(&world).args(APP_SERVER).env("CODEX_HOME_SHIM_JOURNAL", &path)));
    assert!(fs::metadata(&path).unwrap().len() > before);
}

fn the_directory_of_the_journal_may_not_be_a_link_by_default_either() {
    let world = World::new();
    let state = world.home().join(".local/state");
    fs::create_dir_all(&state).unwrap();
    fs::create_dir(world.root().join("target")).unwrap();
    symlink(world.root().join("target"), state.join("codex-home-shim")).unwrap();
    let finished = timed_run(start(&world).args(APP_SERVER));
    assert_started(&finished);
    assert_eq!(names(&world.root().join("target")), Vec::<String>::new());
}

fn a_fifo_with_a_reader_hears_nothing() {
    let world = World::new();
    let path = world.root().join("journal.jsonl");
    mkfifo(&path);
    let mut reader =
        fs::OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
    assert_costs_nothing("a FIFO with a reader", &mut start(&world), &path);
    let mut heard = Vec::new();
    // Every writer is gone, so that this is the end and no waiting.
    reader.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"");
}

fn a_directory_that_may_not_be_written_costs_nothing() {
    let world = World::new();
    let directory = world.root().join("place");
    fs::create_dir(&directory).unwrap();
    let stand_in = stand_in(&world);
    if Uid::effective().is_root() {
        open_to_all(&world);
        let launcher = reachable_launcher(&world);
        let command = || {
            let mut command = world.command(&launcher);
            command.env("CODEX_HOME_SHIM_CODEX", &stand_in).current_dir("/").uid(STRANGER).gid(STRANGER);
            command
        };
        assert_costs_nothing("root's directory", &mut command(), &directory.join("journal.jsonl"));
        assert_costs_nothing("root's directory, one below", &mut command(), &directory.join("below/journal.jsonl"));
        assert_eq!(names(&directory), Vec::<String>::new());
        // A file of root's that all may write is not this user's.
        let path = directory.join("journal.jsonl");
        fs::write(&path, "precious\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_costs_nothing("root's file", &mut command(), &path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious\n");
    } else {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o500)).unwrap();
        assert_costs_nothing("a closed directory", &mut start(&world), &directory.join("journal.jsonl"));
        assert_eq!(names(&directory), Vec::<String>::new());
    }
}

fn a_full_disk_costs_nothing() -> Tried {
    let disk = Disk::small()?;
    let world = World::new();
    disk.fill();
    // Nothing can be made there: no directory, and no byte of a file.
    let path = disk.0.path().join("deep/journal.jsonl");
    assert_costs_nothing("a full disk", &mut start(&world), &path);
    let path = disk.0.path().join("journal.jsonl");
    assert_costs_nothing("a full disk, at its root", &mut start(&world), &path);
    assert_eq!(fs::read(&path).unwrap_or_default(), b"");
    // A journal that was there stays as it was, up to its last whole line.
    disk.clear();
    fs::write(&path, "").unwrap();
    disk.fill();
    assert_costs_nothing("a full disk with a journal", &mut start(&world), &path);
    Ok(())
}

/// A disk that is full in the middle of a line takes the half of it.
fn after_a_disk_was_full_the_next_line_is_whole() -> Tried {
    let disk = Disk::small()?;
    let world = World::new();
    let path = disk.0.path().join("journal.jsonl");
    // A page is given out whole: there is room for 100 bytes of a line and then for none.
    let before = lay_journal(&path, 4096 - 100);
    disk.fill();
    let mut command = start(&world);
    assert_costs_nothing("a disk that fills up in a line", &mut command, &path);
    fs::remove_file(disk.0.path().join("filler")).unwrap();
    assert_started(&run(start(&world).env("CODEX_HOME_SHIM_JOURNAL", &path).args(APP_SERVER)));
    let text = fs::read_to_string(&path).unwrap();
    let late = text.strip_prefix(&before).unwrap();
    let last = late.lines().last().unwrap();
    assert!(serde_json::from_str::<Value>(last).is_ok(), "the line of a start that could be written: {last}");
    Ok(())
}

/// A small disk of its own, where root can have one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn small() -> Result<Disk, Unable> {
        if !cfg!(target_os = "linux") || !Uid::effective().is_root() {
            return Err("only root, on Linux, can mount a disk that is full".into());
        }
        let directory = tempfile::TempDir::with_prefix("codex-home-disk-").unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "none"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            Ok(Disk(directory))
        } else {
            Err("a disk cannot be mounted here".into())
        }
    }

    /// Fills it up.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.path().join("filler")).unwrap();
        while file.write_all(&[b'x'; 1024]).is_ok() {}
        while file.write_all(b"x").is_ok() {}
    }

    fn clear(&self) {
        for name in names(self.0.path()) {
            let path = self.0.path().join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// codex is started and nothing is said, by default; at debug something is; and in no time.
#[track_caller]
fn assert_costs_nothing(name: &str, command: &mut Command, path: &Path) {
    command.env("CODEX_HOME_SHIM_JOURNAL", path).args(APP_SERVER);
    let finished = timed_run(command);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(CODE), SAID), "{name}: {finished:?}");
    assert_eq!(finished.stderr, "", "{name}");
    let finished = timed_run(command.env("CODEX_HOME_SHIM_LOG", "debug"));
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(CODE), SAID), "{name}: {finished:?}");
    let said = finished.stderr.lines().filter(|line| line.starts_with("codex-home-shim: debug: the journal ")).count();
    assert_eq!(said, 1, "{name}: {}", finished.stderr);
}

#[track_caller]
fn timed_run(command: &mut Command) -> Finished {
    let since = Instant::now();
    let finished = run(command);
    assert!(since.elapsed() < NO_TIME, "{:?}: {finished:?}", since.elapsed());
    finished
}

// ---- Starts ----

/// What the stand-in for codex says and how it ends: nobody else does.
const SAID: &str = "started\n";
const CODE: i32 = 7;

/// Somebody who is in no user database.
const STRANGER: u32 = 61_234;

#[cfg(not(target_os = "macos"))]
const STATE: &str = ".local/state";
#[cfg(target_os = "macos")]
const STATE: &str = "Library/Application Support";
const BELOW_STATE: &str = "codex-home-shim/journal.jsonl";

fn journal(world: &World) -> PathBuf {
    world.home().join(STATE).join(BELOW_STATE)
}

/// The bridge as OpenClaw leaves it; it can be completed.
fn broken() -> Vec<u8> {
    auth::issue_70511_with_account(&tokens::access_token(ACCOUNT, "b"), "r", ACCOUNT)
}

/// One of many bridges of one world.
fn bridge_number(world: &World, number: usize, auth_json: &[u8]) -> PathBuf {
    let bridge = world.bridge().with_file_name(format!("{number:016x}"));
    fs::create_dir_all(&bridge).unwrap();
    fs::write(bridge.join("auth.json"), auth_json).unwrap();
    bridge
}

/// A start without an injected home.
fn start(world: &World) -> Command {
    let mut command = world.launcher();
    command.env("CODEX_HOME_SHIM_CODEX", stand_in(world));
    command
}

fn bare_start_in(world: &World, home: &Path) -> Command {
    let mut command = start(world);
    command.env("CODEX_HOME", home);
    command
}

fn start_in(world: &World, home: &Path) -> Command {
    let mut command = bare_start_in(world, home);
    command.args(APP_SERVER);
    command
}

/// The stand-in for codex.
fn stand_in(world: &World) -> PathBuf {
    let path = world.root().join("codex-stand-in");
    if !path.exists() {
        script(&path, &format!("#!/bin/sh\necho started\nexit {CODE}\n"));
    }
    path
}

/// Written by a shell: a file that this process has open for writing cannot be executed by a child of another thread's.
fn script(path: &Path, text: &str) {
    let wrote = Command::new("/bin/sh")
        .args(["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .arg(text)
        .status()
        .unwrap();
    assert!(wrote.success());
}

/// `command` as the words of a script.
fn in_shell(world: &World, text: &str, command: &Command) -> Command {
    let mut shell = world.command("/bin/sh");
    shell.args(["-c", text]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

/// Fifty starts that wait at one gate; their process ids.
fn at_once(world: &World, make: impl Fn(usize) -> Command) -> Vec<u32> {
    at_once_of(world, MANY, make)
}

/// As [`at_once`], of so many.
fn at_once_of(world: &World, many: usize, make: impl Fn(usize) -> Command) -> Vec<u32> {
    let (gate, opener) = std::io::pipe().unwrap();
    let mut children: Vec<Child> = (0..many)
        .map(|number| {
            // The shell waits for a line that never comes, and becomes the launcher: same process, same id.
            let mut shell = in_shell(world, "read -r _; exec \"$0\" \"$@\"", &make(number));
            shell.stdin(gate.try_clone().unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
            shell.spawn().unwrap()
        })
        .collect();
    drop(gate);
    drop(opener);
    let deadline = Instant::now() + PATIENCE;
    let mut late = Vec::new();
    for child in &mut children {
        while child.try_wait().unwrap().is_none() {
            if Instant::now() >= deadline {
                let _ = child.kill();
                let _ = child.wait();
                late.push(child.id());
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
    assert_eq!(late, Vec::<u32>::new(), "still running after {PATIENCE:?}");
    children.iter().map(Child::id).collect()
}

#[track_caller]
fn assert_started(finished: &Finished) {
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(CODE), SAID), "{finished:?}");
    assert_eq!(finished.stderr, "", "{finished:?}");
}

// ---- Lines ----

#[track_caller]
fn lines(path: &Path) -> Vec<Value> {
    parse(&fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Whole lines, each one JSON object.
#[track_caller]
fn parse(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "half a line at the end: {text}");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    let lines: Vec<Value> = lines.collect();
    assert!(lines.iter().all(Value::is_object), "{text}");
    lines
}

fn pid_of(line: &Value) -> u32 {
    u32::try_from(line["pid"].as_u64().unwrap()).unwrap()
}

/// One line for each of the processes, and no other.
#[track_caller]
fn lines_by_pid(path: &Path, pids: &[u32]) -> BTreeMap<u32, Value> {
    let lines = lines(path);
    assert_eq!(lines.len(), pids.len());
    let by_pid: BTreeMap<u32, Value> = lines.into_iter().map(|line| (pid_of(&line), line)).collect();
    assert_eq!(by_pid.keys().copied().collect::<BTreeSet<_>>(), pids.iter().copied().collect::<BTreeSet<_>>());
    by_pid
}

/// What stands in every line, of whichever start; and nothing that the issue does not name.
#[track_caller]
fn assert_frame(line: &Value, pid: u32) {
    const FIELDS: [&str; 13] = [
        "codex",
        "effective_home",
        "error",
        "home",
        "kind",
        "passed_over",
        "pid",
        "reason",
        "subcommand",
        "time",
        "took_us",
        "verdict",
        "version",
    ];
    for name in line.as_object().unwrap().keys() {
        assert!(FIELDS.contains(&name.as_str()), "{name} in {line}");
    }
    let time = line["time"].as_str().unwrap();
    assert!(time.ends_with('Z'), "{time}");
    let age = Utc::now() - DateTime::parse_from_rfc3339(time).unwrap().to_utc();
    assert!(age > -TimeDelta::seconds(5) && age < TimeDelta::minutes(5), "{time}");
    assert_eq!(line["pid"], pid, "{line}");
    assert_eq!(line["version"], env!("CARGO_PKG_VERSION"), "{line}");
    assert_eq!(line["subcommand"], "app-server", "{line}");
    assert!(line["took_us"].as_u64().is_some_and(|took| took > 0 && took < 60_000_000), "{line}");
}

/// Every field of a start that came to a verdict; `effective` where codex was started.
#[track_caller]
fn assert_line(line: &Value, pid: u32, world: &World, verdict: &[&str; 2], home: &Path, effective: Option<&Path>) {
    assert_frame(line, pid);
    assert_eq!([&line["verdict"], &line["reason"]], [verdict[0], verdict[1]], "{line}");
    assert_eq!(line["kind"], "bridge", "{line}");
    assert_eq!(line["home"].as_str(), home.to_str(), "{line}");
    assert_eq!(line["effective_home"].as_str(), effective.and_then(Path::to_str), "{line}");
    assert_eq!(line["codex"].as_str(), stand_in(world).to_str(), "{line}");
    assert_eq!(line.get("error").is_some(), effective.is_none(), "{line}");
}

/// A journal of about `size` bytes, or exactly: whole lines of another day.
fn lay_journal(path: &Path, size: usize) -> String {
    let line = "{\"time\":\"2026-01-01T00:00:00.000000Z\",\"pid\":1}\n";
    let mut text = line.repeat(size / line.len() - 1);
    let rest = size - text.len();
    text.push_str(&format!("{{\"pad\":\"{}\"}}\n", "x".repeat(rest - 11)));
    assert_eq!(text.len(), size);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    text
}

// ---- Files ----

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn mkfifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
}

/// Lets another user in, to what is not closed itself.
fn open_to_all(world: &World) {
    for path in [world.root().to_owned(), world.home()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Gives a tree to another user.
fn give(path: &Path, uid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        for name in names(path) {
            give(&path.join(name), uid);
        }
    }
}

/// The launcher where another user can start it; where it was built may be closed to them.
fn reachable_launcher(world: &World) -> PathBuf {
    let path = world.root().join("codex-home-shim");
    // By another program, for the reason given at `script`.
    let copied = Command::new("/bin/cp").arg(env!("CARGO_BIN_EXE_codex-home-shim")).arg(&path).status().unwrap();
    assert!(copied.success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

support::run_tests![
    fifty_starts_of_a_healthy_bridge_leave_fifty_whole_lines,
    fifty_redirects_leave_fifty_whole_lines,
    fifty_repairs_leave_fifty_whole_lines,
    fifty_starts_that_repair_one_bridge_leave_fifty_whole_lines,
    fifty_refusals_leave_fifty_whole_lines,
    fifty_starts_without_a_codex_leave_fifty_whole_lines,
    a_codex_that_cannot_be_executed_is_noted_down_with_the_error,
    a_wrong_setting_is_noted_down,
    every_judged_subcommand_goes_by_its_name,
    a_start_without_an_injected_home_names_the_personal_one,
    a_start_that_is_not_judged_leaves_no_line,
    the_strategy_off_leaves_no_line,
    the_strategy_observe_leaves_a_line,
    no_argument_token_or_person_is_noted_down,
    the_journal_is_the_persons_alone_whatever_the_umask,
    a_directory_that_is_there_stays_as_it_is,
    at_half_a_mebibyte_the_journal_becomes_the_older_one_and_the_older_one_goes,
    the_journal_grows_up_to_half_a_mebibyte,
    fifty_starts_across_the_rotation_lose_no_line_of_theirs,
    the_journal_can_be_switched_off,
    the_journal_can_be_anywhere,
    a_file_of_the_persons_that_is_no_journal_is_never_written_on,
    a_relative_path_is_a_wrong_setting,
    the_state_directory_of_the_person_is_honoured,
    a_home_that_was_rewritten_gets_no_journal,
    beside_a_rewritten_home_the_user_database_says_where_the_journal_is,
    a_journal_that_cannot_be_written_costs_a_debug_message_and_nothing_else,
    a_device_that_is_full_costs_no_more,
    another_users_file_is_left_alone_and_costs_no_more,
    a_journal_that_settings_name_may_lie_behind_a_link,
    a_full_journal_that_cannot_be_set_aside_is_written_on,
    the_directory_of_the_journal_may_not_be_a_link_by_default_either,
    a_fifo_with_a_reader_hears_nothing,
    a_directory_that_may_not_be_written_costs_nothing,
    a_full_disk_costs_nothing,
    after_a_disk_was_full_the_next_line_is_whole,
];
