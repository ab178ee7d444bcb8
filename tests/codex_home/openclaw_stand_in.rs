//! A stand-in for OpenClaw's command: `config set` and `config unset` of one setting. It is this test program, behind a script
//! called `openclaw`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io, thread};

use serde_json::{Value, json};

/// The setting.
pub const KEY: &str = "plugins.entries.codex.config.appServer.command";
/// Where the stand-in writes how it was called; a process with this variable is the stand-in.
pub const CALLS: &str = "STAND_IN_CALLS";
/// `fail`: exit 1 and change nothing; `lie`: change nothing and exit 0; `wait`: change it, and take a second to end.
pub const MOOD: &str = "STAND_IN_MOOD";

/// Acts as OpenClaw, if that is what this process was started for.
pub fn act() -> Option<ExitCode> {
    let calls = env::var_os(CALLS)?;
    Some(config(Path::new(&calls)))
}

fn config(calls: &Path) -> ExitCode {
    let all: Vec<_> = env::args().skip(1).collect();
    let (profile, words) = match all.as_slice() {
        [option, profile, words @ ..] if option == "--profile" => (format!("-{profile}"), words),
        words => (String::new(), words),
    };
    let state = env::var_os("OPENCLAW_STATE_DIR").map(PathBuf::from);
    let usual = || PathBuf::from(env::var_os("HOME").unwrap()).join(format!(".openclaw{profile}"));
    let file = state.unwrap_or_else(usual).join("openclaw.json");
    let mood = env::var(MOOD).unwrap_or_default();
    if mood == "fail" {
        return ExitCode::FAILURE;
    }
    let mut config: Value = fs::read_to_string(&file).map_or(json!({}), |text| json5::from_str(&text).unwrap());
    let say = |what: &str| {
        let line = format!("{what} {KEY}. Restart the gateway to apply.\n");
        io::Write::write_all(&mut io::stdout(), line.as_bytes()).unwrap();
    };
    let mut at = &mut config;
    for part in KEY.split('.').take(5) {
        at = at.as_object_mut().unwrap().entry(part).or_insert(json!({}));
    }
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // As OpenClaw 2026.9.6 has it: `OpenClaw does not recognize option "-x".`
        ["config", "set", KEY, value] if value.starts_with('-') => return ExitCode::FAILURE,
        // OpenClaw reads a value as JSON5 if it is that.
        ["config", "set", KEY, value] => {
            at["command"] = json5::from_str(value).unwrap_or_else(|_| json!(value));
            say("Updated");
        }
        ["config", "unset", KEY] => {
            at.as_object_mut().unwrap().remove("command");
            say("Removed");
        }
        _ => return ExitCode::from(64),
    }
    if mood != "lie" {
        fs::write(&file, config.to_string()).unwrap();
    }
    let earlier = fs::read_to_string(calls).unwrap_or_default();
    fs::write(calls, format!("{earlier}{}\n", all.join(" "))).unwrap();
    if mood == "wait" {
        thread::sleep(Duration::from_secs(1));
    }
    ExitCode::SUCCESS
}
