//! The walls around a start: what it may write, say and begin; whose codex it starts; with whose rights; how deep it reads.
//!
//! What cannot be tried on a machine is ignored with its reason; a missing `strace` is a failure under
//! `CODEX_HOME_SHIM_REQUIRE_STRACE`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/stand_in.rs"]
mod stand_in;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use lab::{
    BRIDGE_REFRESH, Ended, Lab, NOBODY, OPAQUE_ACCESS, PROGRAMS, Want, broken, check_within, forking, healthy, with,
};
use libtest_mimic::{Arguments, Completion, Trial};
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use serde_json::{Value, json};
use support::strace::{self, Call, own};
use support::tokens::{ACCOUNT, OTHER_ACCOUNT, access_token};
use support::{auth, run};

/// A start that could hang must be over by then.
const AT_ONCE: Duration = Duration::from_secs(5);

type Sentence = (&'static str, fn(&Lab));
/// A sentence that cannot be tried everywhere: an error is why it was not.
type Perhaps = (&'static str, fn(&Lab) -> Result<(), String>);

// ---- What a start writes, says and begins ----

/// A start, and whether it may complete the bridge.
struct Start {
    name: &'static str,
    start: fn(&Lab) -> Command,
    completes: bool,
    answers: bool,
    /// Whether it has a line in the journal.
    is_noted: bool,
}

const fn start(name: &'static str, start: fn(&Lab) -> Command) -> Start {
    Start { name, start, completes: false, answers: false, is_noted: true }
}

/// A bridge that is refused: it cannot be completed, and the personal home is somebody else's.
fn hopeless(lab: &Lab, args: &[&str]) -> Command {
    lab.person(OTHER_ACCOUNT);
    lab.codex(lab.world.lay_bridge(&auth::issue_70511_with_account(OPAQUE_ACCESS, BRIDGE_REFRESH, ACCOUNT)), args)
}

/// One for each verdict, and for each way not to come to one.
const STARTS: &[Start] = &[
    start("a trusted start", |lab| lab.serve(lab.world.lay_bridge(&healthy(ACCOUNT)))),
    start("a redirect", |lab| lab.serve(lab.broken_beside_person())),
    Start { completes: true, ..start("a repair", |lab| lab.serve(lab.broken())) },
    Start {
        completes: true,
        ..start("a repair with the personal identity token", |lab| {
            with(lab.serve(lab.broken_beside_person()), "CODEX_HOME_SHIM_STRATEGY", "repair")
        })
    },
    Start {
        completes: true,
        ..start("a repair after one that was killed", |lab| {
            let bridge = lab.broken();
            fs::write(bridge.join(".auth.json.codex-home-shim.2147483647.0"), "").unwrap();
            lab.serve(bridge)
        })
    },
    start("a refusal of codex exec", |lab| hopeless(lab, &["exec", "say hello"])),
    Start { answers: true, ..start("a refusal of app-server", |lab| hopeless(lab, &["app-server"])) },
    start("the strategy observe", |lab| with(lab.serve(lab.broken()), "CODEX_HOME_SHIM_STRATEGY", "observe")),
    Start {
        is_noted: false,
        ..start("the strategy off", |lab| with(lab.serve(lab.broken()), "CODEX_HOME_SHIM_STRATEGY", "off"))
    },
    Start { is_noted: false, ..start("a start that is not judged", |lab| lab.codex(lab.broken(), &["--version"])) },
    start("a wrong setting", |lab| with(lab.codex(lab.broken(), &["exec"]), "CODEX_HOME_SHIM_STRATEGY", "best")),
    start("a codex that is not there", |lab| {
        with(lab.codex(lab.broken(), &["exec"]), "CODEX_HOME_SHIM_CODEX", "/nowhere/codex")
    }),
    start("a torn personal file", |lab| {
        lab.world.lay_personal(b"{");
        lab.codex(lab.world.lay_bridge(&auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH)), &["exec"])
    }),
];

/// Calls by which a file, or what is said of it, is changed.
const CHANGES: [&str; 27] = [
    "chmod",
    "chown",
    "creat",
    "fallocate",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchownat",
    "fsetxattr",
    "ftruncate",
    "futimesat",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "setxattr",
    "symlink",
    "truncate",
    "unlink",
    "utimensat",
];
/// Calls that begin a child or a thread, or that talk to anybody else.
const NEVER: [&str; 14] = [
    "fork",
    "vfork",
    "clone",
    "clone3",
    "socket",
    "socketpair",
    "connect",
    "bind",
    "sendto",
    "sendmsg",
    "ptrace",
    "kill",
    "io_uring_setup",
    "execveat",
];

/// Traces one start and asks of each of its own calls whether it may be.
fn keeps_within(walls: &Start, lab: &Lab) -> Result<(), String> {
    let strace = strace::program()?;
    let command = with((walls.start)(lab), "CODEX_HOME_SHIM_JOURNAL", "");
    let output = lab.root().join("out/calls");
    // Twice: the first one makes the journal.
    let state = lab.world.home().join(".local/state");
    for is_first in [true, false] {
        let mut traced = strace::under(&strace, &command, "all", &[], &output);
        let is_exec = !command.get_args().any(|arg| arg == "app-server");
        let ended = lab.start_within(&mut traced, Some(REQUEST), AT_ONCE);
        assert_eq!(!ended.stdout.is_empty(), walls.answers, "stdout is codex's: {ended:?}");
        let text = fs::read_to_string(&output).unwrap();
        let calls: Vec<_> = text.lines().filter_map(Call::parse).collect();
        let bridge = lab.world.bridge();
        let may_write = |path: &Path| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let is_bridges = path.parent() == Some(&bridge)
                && (name == b"auth.json" || name.starts_with(b".auth.json.codex-home-shim."));
            (walls.completes && is_bridges)
                || path == state.join("codex-home-shim/journal.jsonl")
                || (is_first && (state.starts_with(path) || path == state.join("codex-home-shim")))
        };
        let mut files = Files::default();
        let mut written = BTreeSet::new();
        for call in &own(&calls) {
            let line = &call.line;
            // Whose temporary file that is, is asked of its process, which is no signal.
            let asks_who_lives = walls.completes && call.name == "kill" && line.contains(", 0)");
            assert!(!NEVER.contains(&&*call.name) || asks_who_lives, "{line}");
            let writes =
                call.name.starts_with("open") && ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|f| line.contains(f));
            if writes || CHANGES.contains(&&*call.name) {
                let paths = files.paths(call);
                assert!(!paths.is_empty() && paths.iter().all(|path| may_write(path)), "{paths:?}: {line}");
                assert!(!writes || line.contains("O_NOFOLLOW"), "a link could be followed: {line}");
                written.extend(paths);
            }
            if call.name.starts_with("write") && !line.starts_with("write(2, ") {
                let is_answer = walls.answers && line.starts_with("write(1, ");
                assert!(is_answer || files.paths(call).iter().all(|path| may_write(path)), "{line}");
            }
            assert!(!line.starts_with("write(1, ") || (walls.answers && !is_exec), "stdout: {line}");
            files.follow(call);
        }
        // The second start finds what the first one completed.
        assert_eq!(written.contains(&bridge.join("auth.json")), walls.completes && is_first, "{written:?}");
        let is_noted = calls.iter().any(|call| call.name == "write" && call.line.contains(r#"\"took_us\":"#));
        assert_eq!(is_noted, walls.is_noted, "the journal");
    }
    Ok(())
}

const REQUEST: &[u8] = b"{\"id\":1,\"method\":\"initialize\",\"params\":{}}\n";

/// What the descriptors of a traced start stand for.
#[derive(Default)]
struct Files(BTreeMap<String, PathBuf>);

impl Files {
    /// The paths a call names, whole: those in quotes, against the descriptor before each, or the descriptor alone.
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

// ---- Whose codex ----

/// A program of its own, whose mode can be changed: the others are one file under many names.
fn codex_at(path: &Path) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _alone = forking();
    fs::copy(PROGRAMS.get().unwrap().join("codex"), path).unwrap();
    path.to_owned()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A codex on PATH that is not to be, before one that is.
fn passed_over(lab: &Lab, exposed: &Path, why: &str) {
    let good = codex_at(&lab.root().join("good/codex"));
    let path = env::join_paths([exposed.parent().unwrap(), good.parent().unwrap()]).unwrap();
    let mut command = with(lab.on_path(path), "CODEX_HOME", lab.broken_beside_person());
    let ended = lab.start_within(command.arg("app-server"), Some(&[]), AT_ONCE);
    let started = ended.report.as_ref().unwrap_or_else(|| panic!("{ended:?}"));
    assert_eq!(started.argv[0], stand_in::Bytes::from(&good), "the next one is started");
    let said = format!("`{}`: anybody may write to {why}", exposed.display());
    assert_eq!(ended.stderr, format!("codex-home-shim: warning: passed over {said}\n"));
    let journal = fs::read_to_string(lab.root().join("out/journal.jsonl")).unwrap();
    let line: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!(line["passed_over"], said, "{line}");

    // Alone, it is not started either.
    let mut command = lab.on_path(exposed.parent().unwrap());
    let ended = lab.start_within(command.env("HOME", lab.root().join("empty")).arg("exec"), Some(&[]), AT_ONCE);
    if ended.report.is_none() {
        assert_eq!(ended.code, Some(127), "{ended:?}");
        assert!(ended.stderr.contains(&format!("passed over {said}")), "{}", ended.stderr);
        assert!(ended.stderr.contains("chmod o-w"), "{}", ended.stderr);
    } else {
        // A machine with a codex of its own in one of the usual places.
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    }
}

/// The same codex named by the setting: there is no other in its place.
fn not_started(lab: &Lab, exposed: &Path, why: &str) {
    let mut command = with(lab.codex(lab.broken_beside_person(), &["exec"]), "CODEX_HOME_SHIM_CODEX", exposed);
    command.env("PATH", lab.root().join("bin"));
    let ended = lab.start_within(&mut command, Some(&[]), AT_ONCE);
    assert!(ended.code == Some(126) && ended.report.is_none(), "{ended:?}");
    let said = format!("`CODEX_HOME_SHIM_CODEX` is `{}`, and anybody may write to {why}", exposed.display());
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
}

/// It is started by way of PATH and of the setting, and nothing is said.
fn started(lab: &Lab, codex: &Path) {
    let bridge = lab.broken_beside_person();
    let on_path = with(lab.on_path(codex.parent().unwrap()), "CODEX_HOME", &bridge);
    for mut command in [on_path, with(lab.codex(&bridge, &[]), "CODEX_HOME_SHIM_CODEX", codex)] {
        let ended = lab.start_within(&mut command, Some(&[]), AT_ONCE);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(ended.report.unwrap().argv[0], stand_in::Bytes::from(&fs::canonicalize(codex).unwrap()));
    }
}

fn both_refused(lab: &Lab, exposed: &Path, why: &str) {
    passed_over(lab, exposed, why);
    not_started(lab, exposed, why);
}

const WHOSE: &[Sentence] = &[
    ("a codex that anybody may write to is not started, and that is said", |lab| {
        let codex = codex_at(&lab.root().join("exposed/codex"));
        mode(&codex, 0o757);
        both_refused(lab, &codex, "that file");
    }),
    ("a codex in a directory that anybody may write to is not started, and that is said", |lab| {
        let codex = codex_at(&lab.root().join("exposed/codex"));
        mode(codex.parent().unwrap(), 0o757);
        both_refused(lab, &codex, "the directory it is in");
    }),
    ("a link to a codex in a directory that anybody may write to is not followed, and that is said", |lab| {
        let codex = codex_at(&lab.root().join("exposed/codex"));
        mode(codex.parent().unwrap(), 0o757);
        let link = lab.root().join("links/codex");
        fs::create_dir(link.parent().unwrap()).unwrap();
        symlink(codex, &link).unwrap();
        both_refused(lab, &link, "the directory it is in");
    }),
    ("a link in a directory that anybody may write to is not followed, and that is said", |lab| {
        let codex = codex_at(&lab.root().join("closed/codex"));
        let link = lab.root().join("links/codex");
        fs::create_dir(link.parent().unwrap()).unwrap();
        symlink(codex, &link).unwrap();
        mode(link.parent().unwrap(), 0o777);
        both_refused(lab, &link, "the directory it is in");
    }),
    ("a native codex behind npm's script that anybody may write to is not started, and that is said", |lab| {
        let (script, native) = npm_package(lab);
        mode(&native, 0o777);
        both_refused(lab, &script, "that file");
    }),
    (
        "a native codex behind npm's script in a directory that anybody may write to is not started, and that is said",
        |lab| {
            let (script, native) = npm_package(lab);
            mode(native.parent().unwrap(), 0o777);
            both_refused(lab, &script, "the directory it is in");
        },
    ),
    ("a codex in ~/.local/bin that anybody may write to is passed over, and that is said", |lab| {
        let codex = codex_at(&lab.world.home().join(".local/bin/codex"));
        mode(&codex, 0o777);
        let next = codex_at(&lab.world.home().join(".npm-global/bin/codex"));
        let mut command = with(lab.on_path("/nowhere"), "CODEX_HOME", lab.broken_beside_person());
        let ended = lab.start_within(&mut command, Some(&[]), AT_ONCE);
        assert!(ended.stderr.contains("passed over `~/.local/bin/codex`: anybody may write to that file"), "{ended:?}");
        // Unless the machine has one of its own in a place between those two.
        let started = ended.report.unwrap().argv[0].clone();
        assert!(
            started == stand_in::Bytes::from(&next)
                || !started.0.starts_with(lab.root().as_os_str().as_encoded_bytes())
        );
    }),
    // Homebrew's prefix belongs to a group of administrators, Debian's /usr/local to `staff`.
    ("a codex that members of a group may write to is started", |lab| {
        let codex = codex_at(&lab.root().join("brew/bin/codex"));
        mode(&codex, 0o775);
        mode(codex.parent().unwrap(), 0o2775);
        started(lab, &codex);
    }),
    ("a codex of our own in a directory like /tmp is started", |lab| {
        let codex = codex_at(&lab.root().join("tmp/codex"));
        mode(codex.parent().unwrap(), 0o1777);
        started(lab, &codex);
    }),
    ("a codex of mode 0111 in a safe directory is started", |lab| {
        let codex = codex_at(&lab.root().join("closed/codex"));
        mode(&codex, 0o111);
        started(lab, &codex);
    }),
    ("a FIFO named codex is passed over and never waited for", |lab| {
        let fifo = lab.root().join("fifo/codex");
        fs::create_dir(fifo.parent().unwrap()).unwrap();
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let path = env::join_paths([fifo.parent().unwrap(), lab.codex.parent().unwrap()]).unwrap();
        let ended = lab.start_within(&mut lab.on_path(path), Some(&[]), AT_ONCE);
        assert_eq!(ended.report.unwrap().argv[0], stand_in::Bytes::from(&lab.codex));
    }),
    ("a package.json that is a FIFO is not waited for", |lab| {
        let versions = lab.world.home().join(".nvm/versions/node");
        let modules = versions.join("v22.0.0/lib/node_modules");
        fs::create_dir_all(modules.join("@openai/codex/bin")).unwrap();
        mkfifo(&modules.join("@openai/codex/package.json"), Mode::S_IRWXU).unwrap();
        let script = codex_at(&modules.join("@openai/codex/bin/codex.js"));
        fs::create_dir(versions.join("v22.0.0/bin")).unwrap();
        symlink(script, versions.join("v22.0.0/bin/codex")).unwrap();
        let mut command = with(lab.on_path("/nowhere"), "CODEX_HOME_SHIM_NPM_NATIVE", "0");
        // What is started, and whether, is not what this is about.
        let ended = lab.start_within(&mut command, Some(&[]), AT_ONCE);
        assert_eq!(ended.signal, None, "{ended:?}");
    }),
];

/// npm's package, with a native codex in it: the script and that.
fn npm_package(lab: &Lab) -> (PathBuf, PathBuf) {
    let package = lab.root().join("lib/node_modules/@openai/codex");
    let script = codex_at(&package.join("bin/codex.js"));
    let triple = match (env::consts::OS, env::consts::ARCH) {
        ("linux", arch) => format!("{arch}-unknown-linux-musl"),
        (_, arch) => format!("{arch}-apple-darwin"),
    };
    let native = codex_at(&package.join("vendor").join(triple).join("bin/codex"));
    let link = lab.root().join("npm/codex");
    fs::create_dir(link.parent().unwrap()).unwrap();
    symlink(script, &link).unwrap();
    (link, native)
}

const WHOSE_PERHAPS: &[Perhaps] = &[
    ("somebody else's codex in a directory like /tmp is not started, and that is said", |lab| {
        for_root()?;
        let codex = codex_at(&lab.root().join("tmp/codex"));
        chown(&codex, Some(NOBODY), Some(NOBODY)).unwrap();
        mode(codex.parent().unwrap(), 0o1777);
        both_refused(lab, &codex, "the directory it is in");
        Ok(())
    }),
    ("somebody else's link in a directory like /tmp is not followed, and that is said", |lab| {
        for_root()?;
        let codex = codex_at(&lab.root().join("closed/codex"));
        let link = lab.root().join("tmp/codex");
        fs::create_dir(link.parent().unwrap()).unwrap();
        symlink(codex, &link).unwrap();
        lchown(&link, Some(NOBODY), Some(NOBODY)).unwrap();
        mode(link.parent().unwrap(), 0o1777);
        // Linux may refuse such a link itself.
        let ended = lab.start_within(&mut with(lab.launcher(), "CODEX_HOME_SHIM_CODEX", &link), Some(&[]), AT_ONCE);
        assert!(ended.code == Some(126) && ended.report.is_none(), "{ended:?}");
        Ok(())
    }),
    // Homebrew is often another administrator's.
    ("somebody else's codex in a directory of theirs is started", |lab| {
        for_root()?;
        let codex = codex_at(&lab.root().join("brew/bin/codex"));
        for path in [codex.parent().unwrap(), &codex] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        started(lab, &codex);
        Ok(())
    }),
    ("a journal behind somebody else's link is not written, and costs nothing", |lab| {
        for_root()?;
        let (real, link) = (lab.root().join("real"), lab.root().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        let journal = |lab: &Lab| {
            let command = with(lab.serve(lab.broken()), "CODEX_HOME_SHIM_JOURNAL", link.join("journal.jsonl"));
            check_within(lab, Want::Repaired, command, AT_ONCE);
            real.join("journal.jsonl").exists()
        };
        lchown(&link, Some(NOBODY), Some(NOBODY)).unwrap();
        assert!(!journal(lab), "not by way of somebody else's link");
        lchown(&link, Some(0), Some(0)).unwrap();
        assert!(journal(lab), "by way of one's own");
        Ok(())
    }),
];

fn for_root() -> Result<(), String> {
    if geteuid().is_root() { Ok(()) } else { Err("only root can give a file away".to_owned()) }
}

// ---- With whose rights ----

/// A copy of the launcher with more rights than its caller, where such rights mean anything here.
fn privileged(lab: &Lab, raise: fn(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    for_root()?;
    mode(lab.root(), 0o755);
    let copy = |from: &Path, name: &str| {
        let path = lab.root().join(name);
        let _alone = forking();
        fs::copy(from, &path).unwrap();
        mode(&path, 0o755);
        path
    };
    // A program that says what rights it has.
    let probe = copy(Path::new("/bin/cat"), "probe");
    let rights = || {
        let mut command = Command::new(&probe);
        let status = run(command.arg("/proc/self/status").uid(NOBODY).gid(NOBODY)).stdout;
        let is_right = |line: &&str| ["Uid", "Gid", "CapPrm"].iter().any(|name| line.starts_with(name));
        status.lines().filter(is_right).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = rights();
    raise(&probe)?;
    if before == rights() {
        return Err("a file here gives nobody more rights: no_new_privs, or a file system without them".to_owned());
    }
    let launcher = copy(&PROGRAMS.get().unwrap().join("codex-home-shim"), "privileged");
    raise(&launcher)?;
    Ok(launcher)
}

/// It is refused before anything is read: the homes and the journal are there for everybody to read and write.
fn is_not_used(lab: &Lab, launcher: &Path) {
    lab.person(ACCOUNT);
    let bridge = lab.broken();
    let command = |args: &[&str]| {
        let mut command = lab.aimed(lab.world.command(launcher));
        command.args(args).env("CODEX_HOME", &bridge).env("CODEX_HOME_SHIM_LOG", "trace").uid(NOBODY).gid(NOBODY);
        command
    };
    mode(&lab.root().join("out"), 0o777);
    let refused = |args: &[&str], input: &[u8]| -> Ended {
        let before = support::snapshot(lab.root());
        let ended = lab.start_within(&mut command(args), Some(input), AT_ONCE);
        assert!(ended.code == Some(126) && ended.report.is_none(), "{ended:?}");
        lab::assert_same(&before, &support::snapshot(lab.root()));
        assert!(ended.stderr.contains("setuid, setgid or has file capabilities"), "{}", ended.stderr);
        ended
    };
    let ended = refused(&["exec"], b"");
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    let ended = refused(&["app-server"], REQUEST);
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(answer["error"]["data"]["reason"], "privileged-start", "{answer}");
}

fn setuid(path: &Path) -> Result<(), String> {
    mode(path, 0o4755);
    Ok(())
}

fn setgid(path: &Path) -> Result<(), String> {
    mode(path, 0o2755);
    Ok(())
}

const RIGHTS: &[Perhaps] = &[
    ("a launcher that is setuid starts nothing, reads nothing and says so", |lab| {
        is_not_used(lab, &privileged(lab, setuid)?);
        Ok(())
    }),
    ("a launcher that is setgid starts nothing, reads nothing and says so", |lab| {
        is_not_used(lab, &privileged(lab, setgid)?);
        Ok(())
    }),
    ("a launcher with file capabilities starts nothing, reads nothing and says so", |lab| {
        let raise = |path: &Path| {
            let mut command = Command::new("setcap");
            command.arg("cap_dac_override+ep").arg(path).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
            let _alone = forking();
            let output = command.output().map_err(|error| format!("there is no `setcap` here: {error}"))?;
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
            }
        };
        is_not_used(lab, &privileged(lab, raise)?);
        Ok(())
    }),
    ("a codex-home that is setuid runs nothing, reads nothing and says so", |lab| {
        // Where the bit counts at all.
        privileged(lab, setuid)?;
        let program = lab.root().join("privileged-codex-home");
        {
            let _alone = forking();
            fs::copy(env!("CARGO_BIN_EXE_codex-home"), &program).unwrap();
        }
        mode(&program, 0o4755);
        lab.person(ACCOUNT);
        for words in [&["install"][..], &["inspect", "--json"], &["log"]] {
            let before = support::snapshot(lab.root());
            let finished = run(lab.world.command(&program).args(words).uid(NOBODY).gid(NOBODY));
            assert_eq!((finished.code, finished.stdout.as_str()), (Some(126), ""), "{finished:?}");
            assert!(finished.stderr.contains("setuid, setgid or has file capabilities"), "{finished:?}");
            lab::assert_same(&before, &support::snapshot(lab.root()));
        }
        Ok(())
    }),
    ("a launcher that is setuid opens no file of its caller's", |lab| {
        let launcher = privileged(lab, setuid)?;
        let strace = strace::program()?;
        let bridge = lab.broken_beside_person();
        let output = lab.root().join("out/calls");
        // As somebody else, so that the bit counts.
        let mut command = lab.aimed(lab.world.command(strace));
        command.args(["-u", "nobody", "-f", "-o"]).arg(&output).arg("--").arg(launcher).arg("exec");
        command.env("CODEX_HOME", bridge);
        let ended = lab.start_within(&mut command, Some(&[]), AT_ONCE);
        assert_eq!(ended.code, Some(126), "{ended:?}");
        let text = fs::read_to_string(output).unwrap();
        let calls: Vec<_> = text.lines().filter_map(Call::parse).collect();
        for call in own(&calls) {
            let looks = ["open", "stat", "newfstatat", "access", "faccessat", "mkdir"];
            let is_about_a_path = looks.iter().any(|name| call.name.starts_with(name)) && call.line.contains("\"/");
            assert!(!is_about_a_path, "{}", call.line);
        }
        Ok(())
    }),
];

// ---- How deep ----

const DEEP: &[Sentence] = &[
    ("an auth.json nested without end is one that cannot be read", |lab| {
        for (open, close) in [("[", "]"), ("{\"tokens\":", "}")] {
            let lab = &Lab::new();
            // As deep as a file can be that is read at all.
            let depth = 250_000 / (open.len() + close.len());
            let deep = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
            lab.person(ACCOUNT);
            let bridge = lab.world.lay_bridge(deep.as_bytes());
            let ended = lab.start_within(&mut lab.serve(bridge), Some(&[]), AT_ONCE);
            assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(lab.world.personal()), "{}", ended.stderr);
        }
        drop(lab.broken());
    }),
    ("a token nested without end is none that can be read", |lab| {
        use base64::Engine as _;
        let deep = [r#"{"https://api.openai.com/auth":"#.repeat(5_000), "1".to_owned(), "}".repeat(5_000)].concat();
        let token = format!("e30.{}.c2ln", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(deep));
        lab.person(ACCOUNT);
        let bytes = json!({"auth_mode": "chatgpt", "tokens": {"id_token": token, "access_token": access_token(ACCOUNT, "b"),
            "refresh_token": BRIDGE_REFRESH}});
        let bridge = lab.world.lay_bridge(&auth::bytes(&bytes));
        let ended = lab.start_within(&mut lab.serve(bridge), Some(&[]), AT_ONCE);
        assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(lab.world.personal()), "{}", ended.stderr);
    }),
    ("what a bridge holds beside its login may be nested, and stays", |lab| {
        let deep = [r#"{"a":"#.repeat(100), "1".to_owned(), "}".repeat(100)].concat();
        let text = String::from_utf8(broken(ACCOUNT)).unwrap().replacen('{', &format!("{{\"deep\":{deep},"), 1);
        let bridge = lab.world.lay_bridge(text.as_bytes());
        let ended = lab.start_within(&mut lab.serve(&bridge), Some(&[]), AT_ONCE);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(fs::read_to_string(bridge.join("auth.json")).unwrap().contains(&deep));
    }),
    ("a config.toml nested without end is one that cannot be read", |lab| {
        for deep in [
            format!("x = {}{}", "[".repeat(200_000), "]".repeat(200_000)),
            format!("x = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
            format!("{} = 1", vec!["a"; 200_000].join(".")),
            format!("[{}]", vec!["a"; 200_000].join(".")),
        ] {
            let lab = &Lab::new();
            lab.config(lab.person(ACCOUNT), &deep);
            let ended = lab.start_within(&mut lab.serve(lab.broken()), Some(&[]), AT_ONCE);
            // Not the personal home, which codex could not start a thread in.
            assert_eq!(ended.report.unwrap().var("CODEX_HOME"), Some(lab.world.bridge()), "{}", ended.stderr);
        }
        drop(lab.broken());
    }),
    ("an override nested without end is passed on as it is", |lab| {
        let deep = format!("x={}", "[".repeat(60_000));
        let bridge = lab.broken_beside_person();
        let ended = lab.start_within(&mut lab.codex(bridge, &["-c", &deep, "app-server"]), Some(&[]), AT_ONCE);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }),
    ("a request nested without end is read over", |lab| {
        for deep in ["[", "{\"id\":", "{\"id\":1,\"method\":\"x\",\"params\":[["] {
            let lab = &Lab::new();
            let mut input = deep.repeat(100_000).into_bytes();
            input.extend([b"\n", REQUEST].concat());
            let ended = lab.start_within(&mut hopeless(lab, &["app-server"]), Some(&input), AT_ONCE);
            let answers: Vec<Value> =
                ended.stdout.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
            assert_eq!((ended.code, answers.len()), (Some(78), 1), "{ended:?}");
            assert_eq!(answers[0]["id"], 1);
        }
        drop(lab.broken());
    }),
    ("a bridge with ten thousand files in it is repaired at once", |lab| {
        let bridge = lab.broken();
        for number in 0..10_000 {
            fs::write(bridge.join(format!("{number}")), "").unwrap();
        }
        let ended = lab.start_within(&mut lab.serve(&bridge), Some(&[]), AT_ONCE);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(fs::read_to_string(bridge.join("auth.json")).unwrap().contains("id_token"));
    }),
];

// ---- The trials ----

fn perhaps(name: String, test: impl FnOnce(&Lab) -> Result<(), String> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || match test(&Lab::new()) {
        Ok(()) => Ok(Completion::Completed),
        Err(missing) if strace::is_required() && missing.contains("strace") => Err(missing.into()),
        Err(missing) => Ok(Completion::ignored_with(missing)),
    })
}

fn main() -> ExitCode {
    if let Some(code) = stand_in::act() {
        return code;
    }
    let arguments = Arguments::from_args();
    // Gone when the last trial is over.
    let _programs = lab::lay_programs();
    let walls = STARTS.iter().map(|start| {
        let name = format!("{} says nothing on stdout, begins nothing and writes only where it may", start.name);
        perhaps(name, move |lab| keeps_within(start, lab))
    });
    let sentences = WHOSE.iter().chain(DEEP).map(|(name, test)| {
        Trial::test(*name, move || {
            test(&Lab::new());
            Ok(())
        })
    });
    let more = WHOSE_PERHAPS.iter().chain(RIGHTS).map(|(name, test)| perhaps((*name).to_owned(), *test));
    libtest_mimic::run(&arguments, walls.chain(sentences).chain(more).collect()).exit_code()
}
