//! The gateway as a service: its systemd unit or launchd property list, and the environment that this gives the gateway.
//!
//! Reads that one file. Names and formats: OpenClaw 2026.4.21 and 2026.9.6.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;

use crate::disk;

/// The largest unit that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// The service that starts the gateway.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Its file; `None` if there is none.
    pub file: Option<PathBuf>,
    /// The command line that it starts.
    pub program: Vec<String>,
    /// The variables it sets.
    pub env: BTreeMap<String, String>,
    /// Whether it sets more of them from a file (`EnvironmentFile=`), which is not read.
    pub has_environment_file: bool,
}

impl Service {
    /// Reads the service of this user's gateway; an empty one if there is none.
    pub fn observe(invocation: &Invocation, home: Option<&Path>) -> Self {
        let file = home.map(|home| place(invocation, home));
        let text = file.as_deref().and_then(|file| disk::read(file, LIMIT).ok().flatten());
        let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        match text {
            // The text tells which of the two formats it has.
            Some(text) if text.trim_start().starts_with('<') => Self { file, ..property_list(&text) },
            Some(text) => Self { file, ..unit(&text) },
            None => Self::default(),
        }
    }

    /// Returns the PATH of the gateway: the one that the service sets, else the one of the services that OpenClaw makes.
    pub fn path(&self, invocation: &Invocation, home: Option<&Path>) -> OsString {
        match self.env.get("PATH") {
            Some(path) => path.into(),
            None => usual_path(invocation, home),
        }
    }
}

/// Returns where OpenClaw puts the service's file.
fn place(invocation: &Invocation, home: &Path) -> PathBuf {
    let var = |name: &str| {
        let value = invocation.var(name).map(|value| value.to_string_lossy().trim().to_owned());
        value.filter(|value| !value.is_empty() && !value.contains('/'))
    };
    let profile = var("OPENCLAW_PROFILE").filter(|profile| !profile.eq_ignore_ascii_case("default"));
    if cfg!(target_os = "macos") {
        let label = var("OPENCLAW_LAUNCHD_LABEL")
            .unwrap_or_else(|| format!("ai.openclaw.{}", profile.as_deref().unwrap_or("gateway")));
        home.join("Library/LaunchAgents").join(format!("{label}.plist"))
    } else {
        let unit = var("OPENCLAW_SYSTEMD_UNIT").unwrap_or_else(|| {
            let suffix = profile.map(|profile| format!("-{profile}")).unwrap_or_default();
            format!("openclaw-gateway{suffix}")
        });
        let unit = unit.strip_suffix(".service").unwrap_or(&unit);
        home.join(".config/systemd/user").join(format!("{unit}.service"))
    }
}

/// Returns the PATH of the services that OpenClaw 2026.9.6 makes: node's directory; on Linux some of the user's; the system's.
fn usual_path(invocation: &Invocation, home: Option<&Path>) -> OsString {
    let node = disk::on_path(invocation, "node");
    let node = node.as_deref().and_then(Path::parent).map(Path::to_owned);
    let own = [".local/bin", ".npm-global/bin", "bin", ".volta/bin", ".asdf/shims", ".bun/bin"];
    let own = own.iter().filter(|_| !cfg!(target_os = "macos")).filter_map(|below| Some(home?.join(below)));
    let system: &[&str] = if cfg!(target_os = "macos") {
        &["/opt/homebrew/bin", "/opt/homebrew/sbin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    } else {
        &["/usr/local/bin", "/usr/bin", "/bin"]
    };
    let directories = node.into_iter().chain(own).chain(system.iter().map(PathBuf::from));
    std::env::join_paths(directories).unwrap_or_default()
}

/// Parses a systemd unit as OpenClaw writes it: one `Environment=` a variable.
fn unit(text: &str) -> Service {
    let mut service = Service::default();
    for line in text.lines().map(str::trim) {
        if let Some(assignments) = line.strip_prefix("Environment=") {
            for word in unit_words(assignments) {
                if let Some((name, value)) = word.split_once('=') {
                    service.env.insert(name.to_owned(), value.to_owned());
                }
            }
        } else if let Some(program) = line.strip_prefix("ExecStart=") {
            service.program = unit_words(program);
        } else if line.starts_with("EnvironmentFile=") {
            service.has_environment_file = true;
        }
    }
    service
}

/// Splits a line into words, which may be quoted; `%%` stands for `%`.
fn unit_words(text: &str) -> Vec<String> {
    shlex::split(text).unwrap_or_default().into_iter().map(|word| word.replace("%%", "%")).collect()
}

/// Parses a launchd property list as OpenClaw writes it: XML.
fn property_list(text: &str) -> Service {
    let after = |key: &str, open: &str, close: &str| {
        let (_, rest) = text.split_once(&format!("<key>{key}</key>"))?;
        Some(rest.trim_start().strip_prefix(open)?.split_once(close)?.0)
    };
    let strings = |text: &str| {
        let string = |part: &str| Some(unescaped(part.split_once("</string>")?.0.trim()));
        text.split("<string>").skip(1).filter_map(string).collect::<Vec<_>>()
    };
    let mut env = BTreeMap::new();
    for pair in after("EnvironmentVariables", "<dict>", "</dict>").unwrap_or_default().split("<key>").skip(1) {
        if let Some((name, value)) = pair.split_once("</key>") {
            env.extend(strings(value).into_iter().take(1).map(|value| (unescaped(name.trim()), value)));
        }
    }
    let program = after("ProgramArguments", "<array>", "</array>").map(strings).unwrap_or_default();
    Service { program, env, ..Service::default() }
}

fn unescaped(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
