//! The doctor's screens.

use std::fs;

use serde_json::json;
use snapbox::str;

use super::{at_home, shown, shows};
use crate::ask;
use crate::doctor::{Patient, without_machine};
use crate::support::openclaw::Release;
use crate::support::{Case, Need, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("doctor's screen: OpenClaw without the launcher", || {
            let patient = at_home(Release::April);
            shows(
                &patient.person,
                &mut patient.doctor(),
                80,
                str![[r#"
✗ OpenClaw runs codex itself, without the launcher
  help: run `codex-home install`
✗ `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241` cannot log in:
  auth.json has no `id_token`
  help: run `codex-home install`: the launcher would use `~/.codex` instead

✓ 6 checks are right: `codex-home doctor --all` shows them

2 things do not work
first: run `codex-home install`

"#]],
            );
            shows(
                &patient.person,
                &mut patient.doctor(),
                120,
                str![[r#"
✗ OpenClaw runs codex itself, without the launcher
  help: run `codex-home install`
✗ `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241` cannot log in: auth.json has no `id_token`
  help: run `codex-home install`: the launcher would use `~/.codex` instead

✓ 6 checks are right: `codex-home doctor --all` shows them

2 things do not work
first: run `codex-home install`

"#]],
            );
            // No line is longer than 120 columns, so that a pipe gets the same.
            let text = ask(&patient.person, &mut patient.doctor()).stdout;
            assert_eq!(without_machine(&text), shown(&mut patient.doctor(), 120));
        }),
        case("doctor's screen: nothing is wrong", || {
            let patient = at_home(Release::April);
            patient.openclaw.configure_app_server(&json!({"command": patient.person.launcher()}));
            patient.record(&[json!({"time": "2026-11-22T08:30:00.000000Z", "decision": "redirect", "error": null})]);
            shows(
                &patient.person,
                &mut patient.doctor(),
                80,
                str![[r#"
✓ 9 checks are right: `codex-home doctor --all` shows them

nothing is wrong

"#]],
            );
        }),
        case("doctor's screen: what is not known says once how to find out", || {
            let patient = Patient::without_service(Release::April, "0.169.0");
            let _ = fs::remove_dir_all(patient.openclaw.agent.join("cli-auth"));
            shows(
                &patient.person,
                &mut patient.doctor(),
                80,
                str![[r#"
? presumably OpenClaw runs codex itself, without the launcher
  help: if it is so, run `codex-home install`
? presumably OpenClaw 2026.4.21 needs codex 0.118.0 or later, and this one is
  0.169.0
? presumably the gateway finds the same codex
? `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241` cannot log in:
  auth.json has no `id_token`; what OpenClaw runs there is not known
  help: if the bot does not answer, run `codex-home install`: the launcher would
        use `~/.codex` instead

✓ 4 checks are right: `codex-home doctor --all` shows them

nothing is broken: 4 are not known
first: run `codex-home verify`, or `codex-home doctor` again while the gateway
       runs

"#]],
            );
        })
        .needs(Need::NoSystemCodex),
        case("doctor's screen: two gateways", || {
            let patient = at_home(Release::April);
            fs::create_dir_all(patient.person.home().join(".openclaw-work/agents")).unwrap();
            shows(
                &patient.person,
                &mut patient.doctor(),
                80,
                str![[r#"
gateway `default`, its state in `~/.openclaw`, started by
  `~/.config/systemd/user/openclaw-gateway.service`
✗ OpenClaw runs codex itself, without the launcher
  help: run `codex-home install`
✗ `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241` cannot log in:
  auth.json has no `id_token`
  help: run `codex-home install`: the launcher would use `~/.codex` instead

gateway `work`, its state in `~/.openclaw-work`, not running here
? presumably OpenClaw runs codex itself, without the launcher
  help: if it is so, run `codex-home install --profile work`
? presumably OpenClaw 2026.4.21 needs codex 0.118.0 or later, and this one is
  0.169.0
? presumably the gateway finds the same codex

what is marked `?` rests on an assumption: run
  `codex-home verify --profile work`, or `codex-home doctor --profile work`
  again while the gateway runs

✓ 7 checks are right: `codex-home doctor --all` shows them

2 things do not work, 3 are not known
first: run `codex-home install`

"#]],
            );
        })
        .needs(Need::NoSystemCodex),
    ]
}
