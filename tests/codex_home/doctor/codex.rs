//! The doctor about the codex that would be started.

use std::fs;

use serde_json::json;

use super::Patient;
use crate::support::openclaw::{Release, lay_package};
use crate::support::{Case, Fixture, Need, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("doctor: the codex must be new enough for OpenClaw", || {
            // A preview of OpenClaw counts as its release, a correction as the release it corrects; of a codex only the numbers
            // count, as OpenClaw compares them.
            for (openclaw, codex, status, minimum) in [
                ("2026.4.24", "0.118.0", "ok", "needs codex 0.118.0 or later"),
                ("2026.4.24", "0.117.9", "fail", "needs codex 0.118.0 or later"),
                ("2026.4.25", "0.124.0", "fail", "needs codex 0.125.0 or later"),
                ("2026.5.3-1", "0.125.0", "ok", "needs codex 0.125.0 or later"),
                ("2026.6.35", "0.125.0-alpha.1", "ok", "needs codex 0.125.0 or later"),
                ("2026.7.1-beta.1", "0.142.5", "fail", "needs codex 0.143.0 or later"),
                ("2026.7.35", "0.143.0", "ok", "needs codex 0.143.0 or later"),
                ("2026.8.1-beta.3", "0.148.0", "fail", "needs codex 0.149.0 or later"),
                ("2026.9.6", "0.149.0", "ok", "needs codex 0.149.0 or later"),
                ("2026.12.1", "0.149.0", "ok", "newer than this program, needs at least codex 0.149.0"),
            ] {
                let patient = Patient::with_codex(Release::April, codex);
                lay_package(&patient.openclaw.package, openclaw);
                patient.openclaw.configure_app_server(&json!({"command": patient.person.launcher()}));
                let lines = patient.lines("codex-gate", &mut patient.doctor());
                let [[said, text, _]] = lines.as_slice() else { panic!("{lines:?}") };
                assert!(said == status && text.contains(openclaw) && text.contains(minimum), "{lines:?}");
            }
        }),
        case("doctor: without the launcher the codex that OpenClaw is configured to start is judged", || {
            let patient = Patient::with_codex(Release::April, "0.169.0");
            let old = patient.person.root().join("brew/Cellar/codex/0.117.0/bin/codex");
            // A program, not a script.
            fs::create_dir_all(old.parent().unwrap()).unwrap();
            crate::support::fixture::place(&crate::support::fixture::programs().join("codex"), &old);
            patient.openclaw.configure_app_server(&json!({"command": old}));
            let text = format!("the gateway's, `{}`, is 0.117.0", old.display());
            patient.says("codex-gate", "fail", &text, "");
        }),
        case("doctor: a codex that other users could replace is a warning, and the launcher starts it", || {
            let patient = Patient::installed(Release::April);
            let directory = patient.codex.parent().unwrap();
            patient.is_silent_about("codex-writable-by-others");
            for (path, mode) in [(patient.codex.as_path(), 0o757), (directory, 0o777)] {
                patient.person.chmod(path, mode);
                let text = format!("other users may write to `{}`", path.display());
                let help = format!("run `chmod go-w {}`", path.display());
                patient.says("codex-writable-by-others", "warn", &text, &help);
                let codex = patient.codex.to_str().unwrap();
                assert_eq!(patient.json(&mut patient.doctor())["gateways"][0]["codex"]["path"], codex);
                patient.person.chmod(path, 0o755);
            }
            // In a sticky directory other users cannot replace a file of ours.
            patient.person.chmod(directory, 0o1777);
            patient.is_silent_about("codex-writable-by-others");
            let person = Fixture::issue_70511();
            let codex = person.place_codex(&person.root().join("open/codex"));
            person.chmod(codex.parent().unwrap(), 0o777);
            person.serve().setting("codex", codex).is_redirected("missing-id-token");
        }),
        case("doctor: a codex of another user is a warning", || {
            let patient = Patient::installed(Release::April);
            patient.person.chown(&patient.codex, crate::support::fixture::MALLORY);
            patient.says("codex-writable-by-others", "warn", "belongs to another user", "run `sudo chown ");
        })
        .needs(Need::Root),
    ]
}
