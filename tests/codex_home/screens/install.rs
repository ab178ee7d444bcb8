//! The screens of `install` and `uninstall`, with every path in the home directory, because paths elsewhere have any length.

use std::process::Command;

use serde_json::json;
use snapbox::str;

use super::{shown, shows};
use crate::compare;
use crate::install::Clinic;
use crate::openclaw_stand_in::{CALLS, MOOD};
use crate::support::fixture::{place, programs};
use crate::support::openclaw::Release;
use crate::support::{Case, case, run};

fn clinic() -> Clinic {
    let clinic = Clinic::new(Release::April);
    for name in ["codex-home", "codex-home-shim"] {
        place(&programs().join(name), &clinic.person.home().join(".local/bin").join(name));
    }
    clinic.openclaw.configure_app_server(&json!({"command": "/opt/wrapper"}));
    clinic
}

fn command(clinic: &Clinic, args: &[&str]) -> Command {
    let mut command = clinic.person.command(clinic.person.home().join(".local/bin/codex-home"));
    command.args(args).env("PATH", clinic.openclaw.path()).env(CALLS, clinic.person.root().join("calls"));
    command
}

pub fn cases() -> Vec<Case> {
    vec![
        case("install's screen, and uninstall's", || {
            let clinic = clinic();
            shows(
                &clinic.person,
                &mut command(&clinic, &["install"]),
                80,
                str![[r#"
running
  `[ROOT]/home/.npm-global/bin/openclaw config set plugins.entries.codex.config.appServer.command [ROOT]/home/.local/bin/codex-home-shim`
installed: `plugins.entries.codex.config.appServer.command` is
  `~/.local/bin/codex-home-shim`; it was `/opt/wrapper`
OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments
next:
  1. restart the gateway: run `openclaw gateway restart`
  2. run `codex-home verify`: it starts codex as OpenClaw would, and shows which
     login codex holds

"#]],
            );
            shows(
                &clinic.person,
                &mut command(&clinic, &["uninstall"]),
                80,
                str![[r#"
running
  `[ROOT]/home/.npm-global/bin/openclaw config set plugins.entries.codex.config.appServer.command /opt/wrapper`
uninstalled: `plugins.entries.codex.config.appServer.command` is `/opt/wrapper`
  again
OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments
next:
  1. restart the gateway: run `openclaw gateway restart`

"#]],
            );
            shows(
                &clinic.person,
                &mut command(&clinic, &["install"]),
                120,
                str![[r#"
running
  `[ROOT]/home/.npm-global/bin/openclaw config set plugins.entries.codex.config.appServer.command [ROOT]/home/.local/bin/codex-home-shim`
installed: `plugins.entries.codex.config.appServer.command` is `~/.local/bin/codex-home-shim`; it was `/opt/wrapper`
OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments
next:
  1. restart the gateway: run `openclaw gateway restart`
  2. run `codex-home verify`: it starts codex as OpenClaw would, and shows which login codex holds

"#]],
            );
            shows(
                &clinic.person,
                &mut command(&clinic, &["uninstall"]),
                120,
                str![[r#"
running
  `[ROOT]/home/.npm-global/bin/openclaw config set plugins.entries.codex.config.appServer.command /opt/wrapper`
uninstalled: `plugins.entries.codex.config.appServer.command` is `/opt/wrapper` again
OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments
next:
  1. restart the gateway: run `openclaw gateway restart`

"#]],
            );
            // In a pipe a sentence is one line.
            let piped = run(&mut command(&clinic, &["install"])).stdout;
            compare(
                &clinic.person,
                &piped,
                str![[r#"
running `[ROOT]/home/.npm-global/bin/openclaw config set plugins.entries.codex.config.appServer.command [ROOT]/home/.local/bin/codex-home-shim`
installed: `plugins.entries.codex.config.appServer.command` is `~/.local/bin/codex-home-shim`; it was `/opt/wrapper`
OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments
next:
  1. restart the gateway: run `openclaw gateway restart`
  2. run `codex-home verify`: it starts codex as OpenClaw would, and shows which login codex holds

"#]],
            );
        }),
        case("uninstall's screen: by hand, and with --purge", || {
            let clinic = clinic();
            run(&mut command(&clinic, &["install"]));
            let mood = |columns| {
                let mut refused = command(&clinic, &["uninstall"]);
                shown(refused.env(MOOD, "fail"), columns)
            };
            compare(
                &clinic.person,
                &mood(80),
                str![[r#"
running
  `[ROOT]/home/.npm-global/bin/openclaw config set plugins.entries.codex.config.appServer.command /opt/wrapper`
by hand: set `plugins.entries.codex.config.appServer.command` in
  `~/.openclaw/openclaw.json` to "/opt/wrapper"

"#]],
            );
            let mut purge = command(&clinic, &["uninstall", "--purge"]);
            clinic.person.write_settings("strategy = \"auto\"\n");
            shows(
                &clinic.person,
                &mut purge,
                80,
                str![[r#"
running
  `[ROOT]/home/.npm-global/bin/openclaw config set plugins.entries.codex.config.appServer.command /opt/wrapper`
uninstalled: `plugins.entries.codex.config.appServer.command` is `/opt/wrapper`
  again
OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments
next:
  1. restart the gateway: run `openclaw gateway restart`
removed `~/.config/codex-home-shim/config.toml`

"#]],
            );
        }),
    ]
}
