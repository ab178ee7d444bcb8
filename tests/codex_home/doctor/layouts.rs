//! The doctor about the real files of each release. `tests/openclaw/run --layout` recorded the layouts.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use snapbox::Data;
use snapbox::data::DataFormat;

use super::Patient;
use crate::compare;
use crate::support::fixture::BRIDGE_REFRESH;
use crate::support::openclaw::{Release, lay_package};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, auth, case};

/// The files of a release below its state directory.
#[derive(Deserialize)]
struct Layout {
    /// Paths, each with its mode. The path of a directory ends in a slash.
    paths: Vec<String>,
    /// The names of the fields in each `auth.json`.
    logins: BTreeMap<PathBuf, Vec<String>>,
    /// `openclaw.json`, with the launcher as `LAUNCHER`.
    settings: Value,
}

pub fn cases() -> Vec<Case> {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/layouts")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .map(|file| {
            let version = file.file_stem().unwrap().to_str().unwrap().to_owned();
            case(format!("doctor --json of what OpenClaw {version} really laid out"), move || {
                doctor_says(&version, &serde_json::from_slice(&fs::read(file).unwrap()).unwrap());
            })
        })
        .collect()
}

fn doctor_says(version: &str, layout: &Layout) {
    let patient = Patient::new(Release::April);
    fs::remove_dir_all(&patient.openclaw.state).unwrap();
    lay_package(&patient.openclaw.package, version);
    lay(&patient, layout);
    patient.record(&[json!({"time": "2026-11-22T08:30:00.000000Z", "decision": "keep", "error": null})]);
    let value = patient.json(&mut patient.doctor());
    let said = format!("{:#}\n", interesting(&value));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/codex_home/doctor/layouts/{version}.json"));
    compare(&patient.person, &said, Data::read_from(&golden, Some(DataFormat::Text)));
}

fn lay(patient: &Patient, layout: &Layout) {
    let state = &patient.openclaw.state;
    for line in &layout.paths {
        let (path, mode) = line.rsplit_once(' ').unwrap();
        let is_directory = path.ends_with('/');
        let path = state.join(path);
        if is_directory {
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::write(&path, "").unwrap();
        }
        patient.person.chmod(&path, u32::from_str_radix(mode, 8).unwrap());
    }
    for (path, fields) in &layout.logins {
        let login = auth::healthy_value(ACCOUNT, "bridge", BRIDGE_REFRESH);
        let mut laid = json!({});
        for field in fields {
            match field.strip_prefix("tokens.") {
                Some(token) => laid["tokens"][token] = login["tokens"][token].clone(),
                None => laid[field] = login[field].clone(),
            }
        }
        fs::write(state.join(path), laid.to_string()).unwrap();
    }
    let launcher = patient.person.launcher();
    patient.openclaw.configure(&layout.settings.to_string().replace("LAUNCHER", launcher.to_str().unwrap()));
    fs::set_permissions(state, fs::Permissions::from_mode(0o700)).unwrap();
}

/// The conclusions from the layout and the version.
fn interesting(value: &Value) -> Value {
    let only = |value: &Value, keys: &[&str]| {
        keys.iter().map(|key| ((*key).to_owned(), value[key].clone())).collect::<serde_json::Map<_, _>>()
    };
    let each = |values: &Value, keys: &[&str]| values.as_array().unwrap().iter().map(|one| only(one, keys)).collect();
    let checks = value["checks"].as_array().unwrap().iter().filter(|check| check["id"] != "service-elsewhere");
    let checks: Vec<_> = checks.map(|check| only(check, &["id", "status", "text", "help"])).collect();
    let gateway = &value["gateways"][0];
    let homes: Vec<_> = each(&gateway["homes"], &["home", "kind", "in_use", "decision", "because", "codex_home"]);
    let mut openclaw = only(&gateway["openclaw"], &["version", "app_server", "own_way"]);
    openclaw.insert("state".to_owned(), gateway["gateway"]["state"].clone());
    json!({
        "status": value["status"],
        "openclaw": openclaw,
        "lowest_codex": gateway["codex"]["lowest"],
        "homes": homes,
        "checks": checks,
    })
}
