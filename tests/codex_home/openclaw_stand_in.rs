//! A stand-in for OpenClaw's command: `config set` and `config unset` of one setting. It is this test program, behind a script
//! called `openclaw`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io, thread};

use serde_json::{Value, json};

/// The setting.
pub const KEY: &str = "plugins.entries.codex.config.appServer.command";
/// The variable with the file for the stand-in's calls. A process with this variable is the stand-in.
pub const CALLS: &str = "STAND_IN_CALLS";
/// `fail`: exit 1 and change nothing; `lie`: change nothing and exit 0; `wait`: change it, and take a second to end; `meta`: change
/// something else too.
pub const MOOD: &str = "STAND_IN_MOOD";

/// With this variable it keeps backups.
pub const BACKUPS: &str = "STAND_IN_BACKUPS";

/// Acts as OpenClaw, if this process was started for that.
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
        io::Write::write_all(&mut io::stderr(), b"plugin upgrade is unfinished\n").unwrap();
        return ExitCode::FAILURE;
    }
    // As OpenClaw 2026.9.6 has it, on stderr: `OpenClaw does not recognize option "-x".`
    io::Write::write_all(&mut io::stderr(), b"Config warnings: none of yours\n").unwrap();
    let mut config: Value = fs::read_to_string(&file).map_or(json!({}), |text| json5::from_str(&text).unwrap());
    let say = |what: &str, key: &str| {
        let line = format!("{what} {key}. Restart the gateway to apply.\n");
        io::Write::write_all(&mut io::stdout(), line.as_bytes()).unwrap();
    };
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["config", "set", KEY, value] if value.starts_with('-') => return ExitCode::FAILURE,
        // OpenClaw reads a value as JSON5 if it is that.
        ["config", "set", KEY, value] => {
            let mut at = &mut config;
            for part in KEY.split('.').take(5) {
                at = at.as_object_mut().unwrap().entry(part).or_insert(json!({}));
            }
            at["command"] = json5::from_str(value).unwrap_or_else(|_| json!(value));
            say("Updated", KEY);
        }
        ["config", "unset", key] if KEY.starts_with(key) => {
            let (around, last) = key.rsplit_once('.').unwrap_or(("", key));
            let at = around.split('.').filter(|part| !part.is_empty()).fold(&mut config, |at, part| &mut at[part]);
            at.as_object_mut().unwrap().remove(last).unwrap();
            say("Removed", key);
        }
        _ => return ExitCode::from(64),
    }
    if mood != "lie" {
        if mood == "meta" {
            config["meta"] = json!({"lastTouchedVersion": "2026.4.21"});
        }
        back_up(&file);
        fs::write(&file, config.to_string()).unwrap();
    }
    let earlier = fs::read_to_string(calls).unwrap_or_default();
    fs::write(calls, format!("{earlier}{}\n", all.join(" "))).unwrap();
    if mood == "wait" {
        thread::sleep(Duration::from_secs(1));
    }
    ExitCode::SUCCESS
}

/// Backs up the file and keeps older backups, if it is a configuration that a person wrote.
fn back_up(file: &Path) {
    let Ok(text) = fs::read(file) else { return };
    let backup = file.with_extension("json.bak");
    if env::var_os(BACKUPS).is_some() {
        let _ = fs::rename(&backup, file.with_extension("json.bak.1"));
        fs::write(backup, text).unwrap();
    }
}
