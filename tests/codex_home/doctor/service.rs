//! The doctor about a gateway that is a service, with another environment than this shell's.

use std::fs;
use std::path::{Path, PathBuf};

use super::Patient;
use crate::support::openclaw::Release;
use crate::support::{Case, Need, case};

/// The service's file, in the place of this system.
pub fn file(patient: &Patient) -> PathBuf {
    patient.person.home().join(".config/systemd/user/openclaw-gateway.service")
}

/// Writes the service's file.
pub fn lay(patient: &Patient, text: &str) -> PathBuf {
    let file = file(patient);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    file
}

/// A systemd unit with these variables.
pub fn unit(variables: &[(&str, &Path)]) -> String {
    let variables: String =
        variables.iter().map(|(name, value)| format!("Environment=\"{name}={}\"\n", value.display())).collect();
    format!("[Service]\nExecStart=/usr/bin/node /x/openclaw/dist/index.js gateway\n{variables}")
}

/// A codex in a directory of its own.
fn other_codex(patient: &Patient, directory: &str) -> PathBuf {
    patient.person.write_program(&patient.person.root().join(directory).join("codex"), "#!/bin/sh\n")
}

pub fn cases() -> Vec<Case> {
    vec![
        case("doctor: codex is searched for on the PATH of a systemd unit", || {
            let patient = Patient::installed(Release::April);
            let other = other_codex(&patient, "other bin");
            lay(&patient, &unit(&[("PATH", other.parent().unwrap())]));
            let text = format!("finds another codex, `{}`", other.display());
            // Not the path in the Cellar, which the next upgrade removes.
            let help =
                format!("codex-home config set codex {}", patient.person.home().join(".local/bin/codex").display());
            patient.says("codex-under-service", "warn", &text, &help);
            // A variable of ours that the unit does not set means nothing there.
            let mut doctor = patient.doctor();
            doctor.env("CODEX_HOME_SHIM_CODEX", &patient.codex);
            let text = "`CODEX_HOME_SHIM_CODEX` is set here but not for the gateway";
            patient.says_in(
                &mut doctor,
                "variables-only-here",
                "warn",
                text,
                &format!("run `codex-home config set codex {}`", patient.codex.display()),
            );
        })
        .needs(Need::Linux),
        // The doctor once read this shell's XDG_CONFIG_HOME, and marked a service ✓ that finds no settings.
        case("doctor: the service's environment decides which settings file the service finds", || {
            let patient = Patient::installed(Release::April);
            let other = other_codex(&patient, "other");
            let xdg = patient.person.root().join("xdg");
            let settings = patient.person.write_settings(&format!("codex = \"{}\"\n", patient.codex.display()));
            let moved = xdg.join("codex-home-shim/config.toml");
            fs::create_dir(&xdg).unwrap();
            fs::rename(settings.parent().unwrap(), moved.parent().unwrap()).unwrap();
            let path = ("PATH", other.parent().unwrap());
            // The shell finds the settings, the service does not.
            lay(&patient, &unit(&[path]));
            let mut doctor = patient.doctor();
            doctor.env("XDG_CONFIG_HOME", &xdg);
            let text = format!("finds another codex, `{}`", other.display());
            let help = format!("CODEX_HOME_SHIM_CONFIG={} codex-home config set codex ", settings.display());
            patient.says_in(&mut doctor, "codex-under-service", "warn", &text, &help);
            // The other way round.
            lay(&patient, &unit(&[path, ("XDG_CONFIG_HOME", &xdg)]));
            patient.says("codex-under-service", "ok", "finds the same codex", "");
            fs::write(&moved, "").unwrap();
            patient.says("codex-under-service", "warn", &text, &format!("CODEX_HOME_SHIM_CONFIG={} ", moved.display()));
        })
        .needs(Need::Linux),
        case("doctor: a launchd property list is read for its environment", || {
            let patient = Patient::installed(Release::April);
            let other = other_codex(&patient, "a & b");
            let list = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n  <dict>\n    <key>Label</key>\n    \
                 <string>ai.openclaw.gateway</string>\n    <key>ProgramArguments</key>\n    <array>\n      \
                 <string>/usr/bin/node</string>\n    </array>\n    <key>EnvironmentVariables</key>\n    <dict>\n    \
                 <key>PATH</key>\n    <string>{}:/usr/bin</string>\n    \
                 </dict>\n  </dict>\n</plist>\n",
                other.parent().unwrap().display().to_string().replace('&', "&amp;")
            );
            fs::remove_file(file(&patient)).unwrap();
            let agent = patient.person.home().join("Library/LaunchAgents/ai.openclaw.gateway.plist");
            fs::create_dir_all(agent.parent().unwrap()).unwrap();
            fs::write(agent, &list).unwrap();
            let text = format!("finds another codex, `{}`", other.display());
            patient.says("codex-under-service", "warn", &text, "");
        }),
    ]
}
