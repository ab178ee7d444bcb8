//! Every screen as people see it: in terminals of 80 and 120 columns, and in a pipe. Only commands and addresses, which are pasted,
//! may be longer than the terminal.

mod doctor;
mod install;

use std::fs;
use std::process::Command;

use serde_json::json;
use snapbox::{IntoData, str};

use crate::cli::in_a_terminal;
use crate::doctor::{Patient, service, without_machine};
use crate::log::with_journal;
use crate::support::openclaw::{OpenClaw, Release};
use crate::support::tokens::{ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Case, Fixture, case};
use crate::{ask, codex_home, compare};

/// What a command shows in a terminal of so many columns.
fn shown(command: &mut Command, columns: u16) -> String {
    command.env("NO_COLOR", "1");
    let text = without_machine(&in_a_terminal(command, columns).replace('\r', ""));
    let is_too_long =
        |line: &&str| line.chars().count() > usize::from(columns) && !line.trim_start().starts_with(['`', 'h']);
    assert_eq!(text.lines().find(is_too_long), None, "{text}");
    text
}

#[track_caller]
fn shows(person: &Fixture, command: &mut Command, columns: u16, expected: impl IntoData) {
    compare(person, &shown(command, columns), expected);
}

/// A person with all paths in the home directory, because paths elsewhere have any length.
fn at_home(release: Release) -> Patient {
    let patient = Patient::without_service(release, "0.169.0");
    let _ = fs::remove_dir_all(patient.openclaw.agent.join("cli-auth"));
    service::lay(&patient, &service::unit(&[("PATH", patient.path().as_ref())]));
    patient
}

fn explain(person: &Fixture, args: &[&str]) -> Command {
    let codex = person.home().join(".local/bin/codex");
    if !codex.exists() {
        person.place_codex(&codex);
    }
    let mut explain = person.codex_home(args);
    explain.env("PATH", codex.parent().unwrap());
    explain
}

pub fn cases() -> Vec<Case> {
    let cases = [doctor::cases(), install::cases(), others()];
    cases.into_iter().flatten().collect()
}

fn others() -> Vec<Case> {
    vec![
        case("explain's screen: a repair, and why the personal home is not used", || {
            let person = Fixture::new();
            person.log_in(OTHER_ACCOUNT);
            let bridge = person.break_bridge(ACCOUNT);
            shows(
                &person,
                explain(&person, &["explain"]).env("CODEX_HOME", &bridge),
                80,
                str![[r#"
asked for codex app-server
injected  ✗ `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`
          (bridge) cannot log in: auth.json has no `id_token`
          (missing-id-token), account …5555
personal  ✓ `~/.codex` (personal) can log in: it holds a ChatGPT login
          (ok-chatgpt), account …5555
decision  repair: auth.json has no `id_token` (missing-id-token)
not used  `~/.codex`, because it holds another account than the bridge is for,
          although both end in …5555 (accounts-differ)
starts    `~/.local/bin/codex` (of unknown version, found by path)
in        `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`
says      repaired
          `~/.openclaw/agents/main/agent/…/codex/06bfb5171eff0241/auth.json`
          from the claims of its own `access_token`: auth.json has no `id_token`
          (missing-id-token)

the strategy in force is `auto`; with another one:
redirect  nothing is started: bridge: auth.json has no `id_token`
          (missing-id-token); personal: it holds another account than the bridge
          is for, although both end in …5555 (accounts-differ)
repair    codex is started in
          `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`, which
          is repaired first
off       codex is started in
          `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`, which
          is left as it is

"#]],
            );
            shows(
                &person,
                explain(&person, &["explain"]).env("CODEX_HOME", &bridge),
                120,
                str![[r#"
asked for codex app-server
injected  ✗ `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241` (bridge) cannot log in: auth.json has no
          `id_token` (missing-id-token), account …5555
personal  ✓ `~/.codex` (personal) can log in: it holds a ChatGPT login (ok-chatgpt), account …5555
decision  repair: auth.json has no `id_token` (missing-id-token)
not used  `~/.codex`, because it holds another account than the bridge is for, although both end in …5555
          (accounts-differ)
starts    `~/.local/bin/codex` (of unknown version, found by path)
in        `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`
says      repaired `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241/auth.json` from the claims of its
          own `access_token`: auth.json has no `id_token` (missing-id-token)

the strategy in force is `auto`; with another one:
redirect  nothing is started: bridge: auth.json has no `id_token` (missing-id-token); personal: it holds another account
          than the bridge is for, although both end in …5555 (accounts-differ)
repair    codex is started in `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`, which is repaired
          first
off       codex is started in `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`, which is left as it
          is

"#]],
            );
        }),
        case("explain's screen: a refusal", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            shows(
                &person,
                explain(&person, &["explain"]).env("CODEX_HOME", person.bridge()),
                80,
                str![[r#"
asked for codex app-server
injected  ✗ `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`
          (bridge) cannot log in: auth.json has no `id_token` (missing-id-token)
personal  ✗ `~/.codex` (personal) cannot log in: the directory does not exist
          (home-missing)
decision  refuse
starts    nothing, exit code 78
          no usable Codex home: bridge
          `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`:
          auth.json has no `id_token` (missing-id-token)
          personal `~/.codex`: the directory does not exist (home-missing)
          help: run `openclaw models auth login --provider openai-codex`

the strategy in force is `auto`; with another one:
redirect  nothing is started, for the same reason
repair    nothing is started: bridge: auth.json has no `id_token`
          (missing-id-token); personal: the strategy `repair` does not use it
          (strategy-forbids)
off       codex is started in
          `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`, which
          is left as it is

"#]],
            );
        }),
        case("explain's screen: each home that a gateway injects", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            let codex = person.home().join(".local/bin/codex");
            person.place_codex(&codex);
            let patient = Patient { openclaw: OpenClaw::lay(&person, Release::April), person, codex: codex.clone() };
            service::lay(&patient, &service::unit(&[("PATH", codex.parent().unwrap())]));
            shows(
                &patient.person,
                &mut patient.person.codex_home(&["explain"]),
                80,
                str![[r#"
asked for codex app-server, by the gateway `default`
injected  ✗ `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`
          (bridge) cannot log in: auth.json has no `id_token`
          (missing-id-token), account …5555
personal  ✓ `~/.codex` (personal) can log in: it holds a ChatGPT login
          (ok-chatgpt), account …5555
decision  redirect: auth.json has no `id_token` (missing-id-token)
starts    `~/.local/bin/codex` (of unknown version, found by path)
in        `~/.codex`

asked for codex exec, by the gateway `default`
injected  ✗ `~/.openclaw/agents/main/agent/cli-auth/codex/5d41402abc4b2a76`
          (bridge) cannot log in: auth.json has no `id_token`
          (missing-id-token), account …5555
decision  repair: auth.json has no `id_token` (missing-id-token)
starts    `~/.local/bin/codex` (of unknown version, found by path)
in        `~/.openclaw/agents/main/agent/cli-auth/codex/5d41402abc4b2a76`

"#]],
            );
        }),
        case("explain's screen: what a reason means", || {
            let person = Fixture::new();
            shows(
                &person,
                &mut codex_home(&person, &["explain", "home-unreadable"]),
                80,
                str![[r#"
home-unreadable: this user cannot enter the directory
  what to run: `chmod u+rwx DIR`

Directories and configuration: in your own home, there is no redirect; in a
bridge, `home-…` makes the launcher try your own home, and `config-…` makes it
refuse.
`DIR` is the home that the message names. If the message is about your own home
(`personal`), run `codex login` instead of `codex-home install` and instead of
`openclaw models auth login`.

https://github.com/codex-home-shim/codex-home-shim/blob/main/docs/failure-modes.md#by-id

"#]],
            );
        }),
        case("log's screen: a redirect and a refusal", || {
            let person = Fixture::issue_70511();
            let bridge = person.bridge().display().to_string();
            let home = person.personal().display().to_string();
            let start = |time: u32, decision: &str| json!({"time": format!("2026-11-22T12:00:0{time}.000001Z"), "subcommand": "app-server", "home": bridge, "decision": decision, "reason": "missing-id-token"});
            let mut redirect = start(0, "redirect");
            redirect["effective_home"] = json!(home);
            let mut refuse = start(1, "refuse");
            let bridge = "~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241";
            refuse["error"] = json!(format!(
                "no usable Codex home: bridge `{bridge}`: auth.json has no `id_token` (missing-id-token); personal `~/.codex`: there is no auth.json (auth-missing); run `openclaw models auth login --provider openai-codex`"
            ));
            fs::create_dir_all(person.journal().parent().unwrap()).unwrap();
            fs::write(person.journal(), format!("{redirect}\n{refuse}\n")).unwrap();
            shows(
                &person,
                &mut codex_home(&person, &["log"]),
                80,
                str![[r#"
2026-11-22 12:00:00  app-server  redirect
  used `~/.codex`, not
  `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`: auth.json has
  no `id_token` (missing-id-token)
2026-11-22 12:00:01  app-server  refuse
  no usable Codex home: bridge
  `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241`: auth.json has
  no `id_token` (missing-id-token); personal `~/.codex`: there is no auth.json
  (auth-missing); run `openclaw models auth login --provider openai-codex`

"#]],
            );
            shows(
                &person,
                &mut codex_home(&person, &["log"]),
                120,
                str![[r#"
2026-11-22 12:00:00  app-server  redirect
  used `~/.codex`, not `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token`
  (missing-id-token)
2026-11-22 12:00:01  app-server  refuse
  no usable Codex home: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no
  `id_token` (missing-id-token); personal `~/.codex`: there is no auth.json (auth-missing); run
  `openclaw models auth login --provider openai-codex`

"#]],
            );
            compare(
                &person,
                &ask(&person, &mut codex_home(&person, &["log"])).stdout,
                str![[r#"
2026-11-22 12:00:00  app-server  redirect
  used `~/.codex`, not `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token` (missing-id-token)
2026-11-22 12:00:01  app-server  refuse
  no usable Codex home: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token` (missing-id-token); personal `~/.codex`: there is no auth.json (auth-missing); run `openclaw models auth login --provider openai-codex`

"#]],
            );
        }),
        case("inspect's screen", || {
            let person = Fixture::issue_70511();
            let bridge = person.bridge();
            shows(
                &person,
                &mut codex_home(&person, &["inspect", bridge.to_str().unwrap()]),
                80,
                str![[r#"
✗ `~/.openclaw/agents/main/…/harness-auth/codex/06bfb5171eff0241` (bridge)
  cannot log in: auth.json has no `id_token` (missing-id-token)
  chatgpt login of account …5555
  the launcher could repair its auth.json
  help: run `codex-home install`: its host writes this home anew at each turn

"#]],
            );
        }),
        case("the help's screen", || {
            let person = with_journal("");
            shows(
                &person,
                &mut codex_home(&person, &["--help"]),
                80,
                str![[r#"
Explains, diagnoses and installs codex-home-shim, the launcher that gives codex
a home that can log in

Usage: codex-home <COMMAND>

Commands:
  doctor       Show what is wrong, and what repairs it; changes nothing
  install      Configure OpenClaw to run codex through the launcher
  verify       Start codex as the gateway would, and show which login codex says
               it has
  explain      Show what the launcher would do, and why; changes nothing
  log          Show recent starts, newest last
  inspect      Show whether one home can log in
  config       Show the settings, or change one of them
  uninstall    Restore what OpenClaw ran before `install`
  report       Print what to paste into an issue, without your names
  completions  Print a completion script
  help         Print this message or the help of the given subcommand(s)

Options:
  -h, --help     Print help
  -V, --version  Print version

Example: codex-home doctor

Documentation:
https://github.com/codex-home-shim/codex-home-shim/blob/main/README.md

"#]],
            );
        }),
    ]
}
