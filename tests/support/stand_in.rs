//! The stand-in for codex: this test binary under another name. It reports how it was started, and ends as it was told to, by
//! environment variables.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{getpgrp, getpid, getppid, getsid};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The path of the report. A process with this variable is the stand-in.
pub const REPORT: &str = "STAND_IN_REPORT";
/// `exit 7`, `signal 15`, or `wait` to be ended; without it, `exit 0`.
pub const END: &str = "STAND_IN_END";
/// Set: copy stdin to stdout first.
pub const ECHO: &str = "STAND_IN_ECHO";
/// Answer as an app-server does, by this JSON: `version`, `account`, `needed`, `home` if it is not the one that is used, `refuses` a
/// method, `says` on stderr first, `answer` of the model. `"silent"`: read everything and answer nothing. `"stubborn"`: the same,
/// with SIGTERM blocked and a child that sleeps.
pub const SERVE: &str = "STAND_IN_SERVE";
/// A program to start as a child, with the same arguments. Its report goes to the value of [`NESTED_REPORT`].
pub const NEST: &str = "STAND_IN_NEST";
/// The path of the report of the child's stand-in.
pub const NESTED_REPORT: &str = "STAND_IN_NESTED_REPORT";

/// The report of a stand-in about its start.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub pid: u32,
    /// Who started it.
    pub parent: u32,
    /// The child that it started; `None` if the system does not say.
    pub children: Option<String>,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// All of argv, `argv[0]` too.
    pub argv: Vec<Bytes>,
    /// The environment, in its order.
    pub env: Vec<(Bytes, Bytes)>,
    /// `None` if it is gone.
    pub cwd: Option<Bytes>,
    /// Open descriptors: the number, and a description that is the same for two processes with the same descriptor.
    pub descriptors: Vec<(i32, String)>,
    /// Blocked signals.
    pub blocked: Vec<String>,
    /// Ignored signals as the kernel writes them; `None` if it does not.
    pub ignored: Option<String>,
    pub umask: String,
}

/// Bytes, in JSON as base64.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> String {
        STANDARD.encode(bytes.0)
    }
}

impl TryFrom<String> for Bytes {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Bytes, base64::DecodeError> {
        STANDARD.decode(text).map(Bytes)
    }
}

impl<T: AsRef<OsStr> + ?Sized> From<&T> for Bytes {
    fn from(text: &T) -> Bytes {
        Bytes(text.as_ref().as_bytes().to_vec())
    }
}

impl Report {
    /// The report in `path`; `None` if there is none.
    pub fn read(path: &Path) -> Option<Report> {
        let bytes = fs::read(path).ok()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    /// A variable's value.
    pub fn var(&self, name: &str) -> Option<PathBuf> {
        let (_, value) = self.env.iter().find(|(key, _)| key.0 == name.as_bytes())?;
        Some(std::ffi::OsString::from_vec(value.0.clone()).into())
    }

    fn here() -> Report {
        let mask = SigSet::thread_get_mask().unwrap();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let umask_now = umask(Mode::empty());
        umask(umask_now);
        Report {
            pid: getpid().as_raw().unsigned_abs(),
            parent: getppid().as_raw().unsigned_abs(),
            children: fs::read_to_string("/proc/thread-self/children").ok(),
            group: getpgrp().as_raw(),
            session: getsid(None).unwrap().as_raw(),
            argv: env::args_os().map(|arg| Bytes::from(&arg)).collect(),
            env: env::vars_os().map(|(name, value)| (Bytes::from(&name), Bytes::from(&value))).collect(),
            cwd: env::current_dir().ok().map(|dir| Bytes::from(&dir)),
            descriptors: descriptors(),
            blocked: Signal::iterator().filter(|s| mask.contains(*s)).map(|s| s.to_string()).collect(),
            ignored: status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(|set| set.trim().to_owned()),
            umask: format!("{umask_now:?}"),
        }
    }
}

/// The open descriptors, except the one through which the list is read.
fn descriptors() -> Vec<(i32, String)> {
    let listed: Vec<_> = fs::read_dir("/dev/fd")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .collect();
    let mut open: Vec<_> = listed
        .into_iter()
        .filter(|number| fs::metadata(format!("/dev/fd/{number}")).is_ok())
        .map(|number| {
            let to = fs::read_link(format!("/dev/fd/{number}")).unwrap_or_default();
            // The number in `pipe:[4711]` differs between processes.
            let to = to.to_string_lossy();
            (number, to.split(':').next().unwrap_or_default().to_owned())
        })
        .collect();
    open.sort();
    open
}

/// Acts as codex if this process was started for that.
pub fn act() -> Option<ExitCode> {
    let Some(report) = env::var_os(REPORT) else {
        // The test suite never runs under the name of codex.
        let named_codex = env::current_exe().is_ok_and(|path| path.file_name() == Some(OsStr::new("codex")));
        return named_codex.then(|| ExitCode::from(99));
    };
    let bytes = serde_json::to_vec(&Report::here()).unwrap();
    // A reader sees all of it or none.
    let half = Path::new(&report).with_extension("half");
    fs::write(&half, bytes).unwrap();
    fs::rename(&half, &report).unwrap();

    if env::var_os(ECHO).is_some() {
        io::copy(&mut io::stdin(), &mut io::stdout()).unwrap();
    }
    if let Ok(script) = env::var(SERVE) {
        serve(&serde_json::from_str(&script).unwrap());
    }
    if let (Some(program), Some(nested)) = (env::var_os(NEST), env::var_os(NESTED_REPORT)) {
        let mut child = Command::new(program);
        child.args(env::args_os().skip(1)).env(REPORT, nested).env_remove(NEST);
        let code = child.status().unwrap().code().and_then(|code| u8::try_from(code).ok());
        return Some(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    let end = env::var(END).unwrap_or_else(|_| "exit 0".to_owned());
    match end.split_once(' ') {
        Some(("exit", code)) => Some(ExitCode::from(code.parse::<u8>().unwrap())),
        Some(("signal", number)) => {
            let signal = Signal::try_from(number.parse::<i32>().unwrap()).unwrap();
            // The runtime's own handler for SIGSEGV lets the first one pass.
            for _ in 0..2 {
                let _ = kill(getpid(), signal);
                thread::sleep(Duration::from_millis(100));
            }
            Some(ExitCode::from(98))
        }
        _ => {
            thread::sleep(Duration::from_secs(60));
            Some(ExitCode::from(97))
        }
    }
}

/// Answers requests until stdin ends.
fn serve(script: &Value) {
    if script == "stubborn" {
        [Signal::SIGTERM].into_iter().collect::<SigSet>().thread_block().unwrap();
        let mut sleep = Command::new("/bin/sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        thread::spawn(move || sleep.wait());
    }
    if let Some(text) = script["says"].as_str() {
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    for line in io::stdin().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let (Some(id), Some(method)) = (request.get("id"), request["method"].as_str()) else { continue };
        if script.is_string() {
            continue;
        }
        let result = if script["refuses"] == method {
            json!({"error": {"code": -32600, "message": format!("`{method}` is refused")}})
        } else {
            json!({ "result": result_of(method, script) })
        };
        let mut answers = vec![json!({"method": "configWarning", "params": {"summary": "noise"}}), result];
        answers[1]["id"] = id.clone();
        if method == "turn/start" {
            let item = |kind: &str, text: &Value| json!({"method": "item/completed", "params": {"item": {"type": kind, "text": text}}});
            answers.push(item("reasoning", &json!("hm")));
            answers.push(item("agentMessage", &script["answer"]));
            answers.push(json!({"method": "turn/completed", "params": {"turn": {"status": "completed"}}}));
        }
        for answer in answers {
            io::stdout().write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
    }
    if script == "stubborn" {
        thread::sleep(Duration::from_secs(60));
    }
}

fn result_of(method: &str, script: &Value) -> Value {
    let home = env::var("CODEX_HOME").unwrap_or_else(|_| format!("{}/.codex", env::var("HOME").unwrap_or_default()));
    match method {
        "initialize" => {
            let version = script["version"].as_str().unwrap_or("0.123.0");
            let home = script["home"].as_str().unwrap_or(&home);
            json!({"userAgent": format!("codex-home/{version} (Debian 12.0.0; x86_64) unknown"), "codexHome": home})
        }
        "account/read" => json!({"account": script["account"], "requiresOpenaiAuth": script["needed"] != false}),
        "getAuthStatus" => {
            json!({"authMethod": script["account"]["type"], "authToken": null, "requiresOpenaiAuth": true})
        }
        "thread/start" => json!({"thread": {"id": "t"}}),
        _ => json!({}),
    }
}
