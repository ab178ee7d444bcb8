//! `codex-home doctor`, from outside: what it says of each OpenClaw as it lies on a disk, and that it touches nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and the program's rooms are not the tests'"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::pty::{Winsize, openpty};
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use serde_json::{Value, json};

use support::openclaw::{OpenClaw, Release, lay_codex};
use support::tokens::ACCOUNT;
use support::{Finished, Tried, World, auth, run, snapshot};

/// Somebody without privileges.
const NOBODY: u32 = 65534;
const REFRESH: &str = "rt.person-canary-0123456789";

/// A world with an OpenClaw and a codex in it, and a person who is logged in.
struct Ward {
    world: World,
    openclaw: OpenClaw,
    codex: PathBuf,
}

impl Ward {
    fn new(release: Release) -> Ward {
        Ward::with_codex(release, "0.169.0")
    }

    fn with_codex(release: Release, version: &str) -> Ward {
        let world = World::new();
        let openclaw = OpenClaw::lay(&world, release);
        let codex = lay_codex(&world, version);
        world.lay_personal(&auth::healthy(ACCOUNT, "personal", REFRESH));
        Ward { world, openclaw, codex }
    }

    /// The same with the launcher in codex's place.
    fn installed(release: Release) -> Ward {
        let ward = Ward::new(release);
        ward.openclaw.configure_app_server(&json!({"command": launcher()}));
        ward
    }

    fn doctor(&self) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_codex-home"));
        let local = self.world.home().join(".local/bin");
        command.arg("doctor").env("PATH", format!("{}:{}", local.display(), self.openclaw.path()));
        command
    }

    /// What it says, with the places of this run named.
    fn text(&self) -> (Option<i32>, String) {
        let said = untouched(&self.world, &mut self.doctor());
        (said.code, self.named(&said.stdout))
    }

    fn named(&self, text: &str) -> String {
        let root = format!("{}/", self.world.root().display());
        columns(&text.replace(&launcher(), "[LAUNCHER]").replace(&root, "[ROOT]/"))
    }

    fn json(&self) -> Value {
        let said = untouched(&self.world, self.doctor().arg("--json"));
        let value: Value = serde_json::from_str(&said.stdout).unwrap();
        // What a script reads and what it is told by the exit code are the same.
        assert_eq!(said.code, Some(i32::from(value["status"] == "fail")), "{value:#}");
        value
    }

    /// The lines of one kind.
    fn lines(&self, id: &str) -> Vec<(String, String, String)> {
        let value = self.json();
        let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
        let checks = value["checks"].as_array().unwrap().iter().filter(|check| check["id"] == id);
        checks.map(|check| (text(check, "status"), text(check, "text"), text(check, "help"))).collect()
    }

    /// The one line of a kind, which has this status, these words and this help in it.
    #[track_caller]
    fn says(&self, id: &str, status: &str, text: &str, help: &str) {
        let lines = self.lines(id);
        let [line] = lines.as_slice() else { panic!("one line `{id}`: {lines:?}\n{:#}", self.json()) };
        assert!(line.0 == status && line.1.contains(text) && line.2.contains(help), "{line:#?}");
    }

    #[track_caller]
    fn is_silent_about(&self, id: &str) {
        assert_eq!(self.lines(id), [], "no line `{id}`");
    }
}

/// The launcher beside the program that is tested.
fn launcher() -> String {
    fs::canonicalize(env!("CARGO_BIN_EXE_codex-home-shim")).unwrap().to_str().unwrap().to_owned()
}

/// Runs a command that may change nothing in the world, and that must hold no secret of it.
fn untouched(world: &World, command: &mut Command) -> Finished {
    let before = snapshot(world.root());
    let said = run(command);
    assert_eq!(snapshot(world.root()), before, "nothing was written");
    assert_eq!(said.stderr, "", "nothing was run, and nothing is said aside");
    // The scratch directory has a name by chance, in which `eyJ` may stand.
    let shown = said.stdout.replace(&*world.root().to_string_lossy(), "");
    for secret in [REFRESH, "canary", ACCOUNT, "eyJ"] {
        assert!(!shown.contains(secret), "`{secret}` is in:\n{}", said.stdout);
    }
    said
}

/// A table by its columns, however wide they are.
fn columns(text: &str) -> String {
    let cells = |line: &str| {
        let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        cells.join(" | ")
    };
    text.lines().map(|line| if line.starts_with("  ") { line.to_owned() } else { cells(line) } + "\n").collect()
}

const MIGRATE: &str = "openclaw migrate apply codex --from ~/.codex --agent main --include-secrets --item auth:openai";
const ACPX: &str = "! `~/.openclaw/acpx/codex-home` cannot log in and is left alone: there is no auth.json
  help: `bridges = [\"~/.openclaw/acpx/codex-home\"]` in the settings would have it treated as a bridge; what that risks: an \
ACP adapter logs out unasked when an error tells it to, and with codex 0.123 to 0.148 that ends your own login
";
const LOCAL: &str = concat!(
    "✓ the launcher ",
    env!("CARGO_PKG_VERSION"),
    " is `[LAUNCHER]`\n✓ codex 0.169.0 is `[ROOT]/brew/Cellar/codex/0.169.0/bin/codex`, found by path\n"
);
const SERVICE: &str = "✓ a gateway that runs as a service would find the same codex
✓ `~/.codex` can log in: it holds a ChatGPT login, account …5555
";
const TABLE: &str = "home | kind | by its files | verdict | the launcher\n";

fn openclaw_2026_4_21_without_the_launcher_is_what_the_issue_describes() {
    let ward = Ward::new(Release::April);
    let bridge = "~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241";
    let cli = "~/.openclaw/agents/main/agent/cli-auth/codex/5d41402abc4b2a76";
    let expected = format!(
        "✗ OpenClaw starts codex itself, without the launcher
  help: run `codex-home install`
✗ `{bridge}` cannot log in: auth.json has no `id_token`
  help: run `codex-home install`: the launcher would redirect it
✗ `{cli}` cannot log in: auth.json has no `id_token`
  help: run `codex-home install`: the launcher would redirect it
✓ OpenClaw 2026.4.21 in `~/.npm-global/lib/node_modules/openclaw`, its state in `~/.openclaw`
{LOCAL}✓ OpenClaw 2026.4.21 takes codex 0.118.0 at least, and this one is 0.169.0
{SERVICE}
{TABLE}{bridge} | bridge | cannot log in | redirect | ~/.codex instead
{cli} | bridge | cannot log in | redirect | ~/.codex instead
"
    );
    assert_eq!(ward.text(), (Some(1), expected));
}

fn openclaw_2026_4_21_with_the_launcher_is_well() {
    let ward = Ward::installed(Release::April);
    let bridge = "~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241";
    let cli = "~/.openclaw/agents/main/agent/cli-auth/codex/5d41402abc4b2a76";
    let expected = format!(
        "✓ OpenClaw 2026.4.21 in `~/.npm-global/lib/node_modules/openclaw`, its state in `~/.openclaw`
✓ OpenClaw starts the launcher, `[LAUNCHER]`
{LOCAL}✓ OpenClaw 2026.4.21 takes codex 0.118.0 at least, and this one is 0.169.0
{SERVICE}✓ 2 homes need nothing

{TABLE}{bridge} | bridge | cannot log in | redirect | ~/.codex instead
{cli} | bridge | cannot log in | redirect | ~/.codex instead
"
    );
    assert_eq!(ward.text(), (Some(0), expected));
}

fn openclaw_2026_5_2_logs_in_its_own_homes_and_nobody_logs_in_that_of_acpx() {
    let ward = Ward::new(Release::May);
    let expected = format!(
        "! OpenClaw starts codex itself, without the launcher
  help: run `codex-home install`
{ACPX}✓ OpenClaw 2026.5.2 in `~/.npm-global/lib/node_modules/openclaw`, its state in `~/.openclaw`
{LOCAL}✓ OpenClaw 2026.5.2 takes codex 0.125.0 at least, and this one is 0.169.0
{SERVICE}✓ 1 home needs nothing

{TABLE}~/.openclaw/agents/main/agent/codex-home | host-login | cannot log in | trust | left as it is
~/.openclaw/acpx/codex-home | host-login | cannot log in | trust | left as it is
"
    );
    assert_eq!(ward.text(), (Some(0), expected));
}

fn openclaw_2026_7_1_has_a_home_scope_of_its_own() {
    let ward = Ward::new(Release::July);
    let expected = format!(
        "{ACPX}✓ OpenClaw 2026.7.1 needs no launcher to log in
  help: where it does not: run `openclaw config set plugins.entries.codex.config.appServer.homeScope user`
✓ OpenClaw 2026.7.1 in `~/.npm-global/lib/node_modules/openclaw`, its state in `~/.openclaw`
✓ OpenClaw starts its own codex
{LOCAL}✓ OpenClaw 2026.7.1 takes codex 0.143.0 at least, and this one is 0.169.0
{SERVICE}✓ 1 home needs nothing

{TABLE}~/.openclaw/agents/main/agent/codex-home | host-login | cannot log in | trust | left as it is
~/.openclaw/acpx/codex-home | host-login | cannot log in | trust | left as it is
"
    );
    assert_eq!(ward.text(), (Some(0), expected));
}

fn openclaw_2026_8_2_and_9_6_have_a_login_of_their_own() {
    for release in [Release::August, Release::September] {
        let ward = Ward::new(release);
        let version = release.version();
        let expected = format!(
            "{ACPX}✓ OpenClaw {version} needs no launcher to log in
  help: where it does not: run `openclaw models auth login --provider openai`, or `{MIGRATE}`
✓ OpenClaw {version} in `~/.npm-global/lib/node_modules/openclaw`, its state in `~/.openclaw`
✓ OpenClaw starts its own codex
{LOCAL}✓ OpenClaw {version} takes codex 0.149.0 at least, and this one is 0.169.0
{SERVICE}✓ 2 homes need nothing

{TABLE}~/.openclaw/agents/main/agent/codex-home | host-login | cannot log in | trust | left as it is
~/.openclaw/acpx/codex-home | host-login | cannot log in | trust | left as it is
~/.codex-coding-agent | host-login | cannot log in | trust | left as it is
"
        );
        assert_eq!(ward.text(), (Some(0), expected), "{version}");
    }
}

fn there_is_colour_in_a_terminal_where_the_table_fits_and_none_in_a_pipe() {
    let ward = Ward::new(Release::April);
    let size = Winsize { ws_row: 50, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    let mut doctor = ward.doctor();
    doctor.env("TERM", "xterm").stdin(Stdio::null()).stderr(Stdio::null());
    doctor.stdout(terminal.slave.try_clone().unwrap());
    drop(terminal.slave);
    let mut child = doctor.spawn().unwrap();
    // It holds the other end.
    drop(doctor);
    let mut said = Vec::new();
    // A terminal whose other end is closed is an error on Linux and an end on macOS.
    let _ = fs::File::from(terminal.master).read_to_end(&mut said);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("\u{1b}[1m\u{1b}[31m✗\u{1b}[0m OpenClaw starts"), "{said:?}");
    let table = said.lines().skip_while(|line| !line.starts_with("home ")).map(str::trim_end).collect::<Vec<_>>();
    assert!(table.len() > 3 && table.iter().all(|line| line.chars().count() <= 100), "{table:#?}");
    assert!(!ward.text().1.contains('\u{1b}'));
}

fn every_check_has_its_row_in_the_documentation_and_every_row_its_check() {
    let source = include_str!("../src/bin/codex-home/doctor/checks.rs");
    // `self.say("id", …)`, however it is broken into lines; an id that several lines share is a constant.
    let quoted = |text: &str| text.trim_start().strip_prefix('"')?.split_once('"').map(|(id, _)| id.to_owned());
    let calls = ["self.ok(", "self.warn(", "self.fail(", "self.say(", "const ID: &str ="];
    let ids: BTreeSet<_> = calls.iter().flat_map(|call| source.split(call).skip(1)).filter_map(quoted).collect();
    let page = include_str!("../docs/doctor.md");
    let rows: BTreeSet<_> =
        page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect();
    assert!(ids.len() > 20, "{ids:?}");
    assert_eq!(ids, rows);
}

fn json_has_full_paths_and_the_fields_that_scripts_rely_on() {
    let ward = Ward::installed(Release::April);
    let value = ward.json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&value), ["checks", "codex", "homes", "launcher", "openclaw", "personal", "status"]);
    assert_eq!(value["status"], "ok");
    assert_eq!(
        value["launcher"],
        json!({"path": launcher(), "stable_path": launcher(), "version": env!("CARGO_PKG_VERSION")})
    );
    assert_eq!(
        value["openclaw"],
        json!({
            "version": "2026.4.21",
            "package": ward.openclaw.package,
            "command": ward.openclaw.bin.join("openclaw"),
            "state": ward.openclaw.state,
            "config": ward.openclaw.state.join("openclaw.json"),
            "service": null,
            "app_server": {"command": launcher(), "args": null, "home_scope": null},
            "own_way": null,
        })
    );
    assert_eq!(
        value["codex"],
        json!({"path": ward.codex, "version": "0.169.0", "found_by": "path", "lowest": "0.118.0", "under_service": ward.codex})
    );
    let home = &value["homes"][0];
    let shown: Vec<_> =
        ["home", "kind", "usable", "reason", "verdict", "codex_home", "in_use"].map(|key| home[key].clone()).into();
    assert_eq!(
        shown,
        [
            json!(ward.world.bridge()),
            json!("bridge"),
            json!("no"),
            json!("missing-id-token"),
            json!("redirect"),
            json!(ward.world.personal()),
            json!(true)
        ]
    );
    for check in value["checks"].as_array().unwrap() {
        assert_eq!(keys(check), ["help", "id", "status", "text"]);
        assert!(!check["text"].as_str().unwrap().contains('~'), "a full path: {check}");
    }
}

fn what_it_says_of_each_home_is_what_the_launcher_does() {
    let ward = Ward::installed(Release::April);
    // The codex of this world says that it was run; the launcher says which home it gave it by its journal.
    let codex = ward.world.root().join("brew/says");
    support::write_executable(&codex, "#!/bin/sh\nprintf %s \"$CODEX_HOME\"\n");
    for home in ward.json()["homes"].as_array().unwrap() {
        let mut start = ward.world.launcher();
        start.env("CODEX_HOME", home["home"].as_str().unwrap()).env("CODEX_HOME_SHIM_CODEX", &codex);
        start.env("CODEX_HOME_SHIM_JOURNAL", "off").args(["app-server", "--listen", "stdio://"]);
        assert_eq!(run(&mut start).stdout, home["codex_home"].as_str().unwrap());
    }
}

fn a_person_who_is_not_logged_in_is_told_to() {
    let ward = Ward::installed(Release::April);
    let opaque = auth::issue_70511("opaque-access-canary-0123456789", "rt.bridge-canary-0123456789");
    ward.world.lay_bridge(&opaque);
    ward.world.lay_cli_bridge(&opaque);
    fs::remove_dir_all(ward.world.personal()).unwrap();
    ward.says_each("home-refused", "fail", "auth.json has no `id_token`", "run `codex login`", 2);
    ward.says("personal-home", "warn", "the directory does not exist", "run `codex login`");
}

impl Ward {
    #[track_caller]
    fn says_each(&self, id: &str, status: &str, text: &str, help: &str, count: usize) {
        let lines = self.lines(id);
        assert_eq!(lines.len(), count, "{lines:#?}");
        for line in &lines {
            assert!(line.0 == status && line.1.contains(text) && line.2.contains(help), "{line:#?}");
        }
    }
}

fn a_wrapper_written_by_hand_is_told_in_words_with_what_replaces_it() {
    let rows = [
        (
            "#!/bin/zsh\nexport CODEX_HOME=\"$HOME/.codex\"\nexec codex \"$@\"\n",
            "a script for `zsh` that sets `CODEX_HOME` to `$HOME/.codex` and becomes `codex`",
        ),
        (
            "#!/usr/bin/env bash\n# mine\nset -euo pipefail\nCODEX_HOME=~/.codex exec /opt/homebrew/bin/codex \"$@\"\n",
            "a script for `bash` that sets `CODEX_HOME` to `~/.codex` and becomes `/opt/homebrew/bin/codex`",
        ),
        (
            "#!/bin/sh\nunset CODEX_HOME; codex \"$@\"\n",
            "a script for `sh` that unsets `CODEX_HOME` and starts `codex` as its child",
        ),
        (
            "#!/bin/sh\nexec env CODEX_HOME=/srv/codex codex app-server\n",
            "a script for `sh` that sets `CODEX_HOME` to `/srv/codex` and becomes `codex`",
        ),
        (
            "#!/bin/sh\nif [ -d x ]; then\n  export CODEX_HOME=/x\nfi\nexec codex \"$@\"\n",
            "a script for `sh` that sets `CODEX_HOME` to `/x` and becomes `codex`, and does more that was not followed",
        ),
        ("#!/usr/bin/python3\nimport os\n", "a script for `python3` that was not followed"),
    ];
    for (script, told) in rows {
        let ward = Ward::new(Release::April);
        let path = ward.world.home().join("bin/my-codex");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        support::write_executable(&path, script);
        ward.openclaw.configure_app_server(&json!({"command": path}));
        ward.says(
            "app-server-command",
            "warn",
            &format!("OpenClaw starts `{}`, {told}", path.display()),
            "run `codex-home install`",
        );
    }
}

fn a_wrapper_for_another_home_and_codex_is_replaced_by_settings() {
    let ward = Ward::new(Release::April);
    let path = ward.world.home().join("my-codex");
    support::write_executable(&path, "#!/bin/sh\nCODEX_HOME=/srv/codex exec /opt/codex \"$@\"\n");
    ward.openclaw.configure_app_server(&json!({"command": path}));
    ward.says("app-server-command", "warn", "", "set `personal_home = \"/srv/codex\"`");
    ward.says("app-server-command", "warn", "", "set `codex = \"/opt/codex\"`");
}

fn a_command_that_openclaw_could_not_start_is_an_error() {
    for (command, words) in [
        ("~/bin/codex-home-shim", "must be an absolute path"),
        ("./codex-home-shim", "must be an absolute path"),
        ("/nowhere/codex-home-shim", "there is no such program"),
        ("no-such-codex", "there is no such program"),
    ] {
        let ward = Ward::new(Release::April);
        ward.openclaw.configure_app_server(&json!({"command": command}));
        ward.says("app-server-command", "fail", words, "run `codex-home install`");
    }
}

fn what_depends_on_the_gateways_environment_is_not_guessed() {
    let ward = Ward::new(Release::April);
    ward.openclaw.configure_app_server(&json!({"command": "${CODEX_BIN}"}));
    ward.says("app-server-command", "warn", "`${CODEX_BIN}`", "openclaw config get");
}

fn a_file_that_takes_in_others_is_not_guessed() {
    let ward = Ward::new(Release::April);
    ward.openclaw.configure("{ plugins: { $include: './plugins.json5' } }");
    ward.says("openclaw-config", "warn", "$include", "openclaw config get");
    ward.is_silent_about("app-server-command");
    // Elsewhere it does not matter.
    ward.openclaw.configure("{ channels: { $include: './channels.json5' } }");
    ward.is_silent_about("openclaw-config");
}

fn the_path_of_a_homebrew_cellar_is_named_before_the_next_upgrade_breaks_it() {
    let ward = Ward::new(Release::April);
    let keg = ward.world.root().join("brew/Cellar/codex-home-shim/0.0.9/bin");
    fs::create_dir_all(&keg).unwrap();
    symlink(launcher(), keg.join("codex-home-shim")).unwrap();
    ward.openclaw.configure_app_server(&json!({"command": keg.join("codex-home-shim")}));
    ward.says("app-server-command", "warn", "the next upgrade takes away", "run `codex-home install`");
}

fn arguments_that_the_launcher_does_not_know_are_named() {
    let ward = Ward::new(Release::April);
    ward.openclaw.configure_app_server(&json!({"command": launcher(), "args": ["-p", "work", "app-server"]}));
    ward.says("app-server-args", "warn", "profile", "config unset");
    ward.openclaw.configure_app_server(&json!({"command": launcher(), "args": ["-c", "model=\"x\"", "app-server"]}));
    ward.is_silent_about("app-server-args");
}

fn home_scope_is_unknown_before_2026_7_1_and_broken_in_three_previews() {
    let rows = [
        ("2026.6.35", "home-scope", "fail", "does not know"),
        ("2026.7.1-2", "openclaw-own-way", "ok", "shares your own home"),
        ("2026.7.2-beta.1", "openclaw-own-way", "fail", "does not work"),
        ("2026.7.2-beta.3", "openclaw-own-way", "fail", "does not work"),
        ("2026.7.2-beta.4", "openclaw-own-way", "ok", "shares your own home"),
    ];
    for (version, id, status, words) in rows {
        let ward = Ward::new(Release::July);
        support::openclaw::lay_package(&ward.openclaw.package, version);
        ward.openclaw.configure_app_server(&json!({"homeScope": "user"}));
        ward.says(id, status, words, "");
    }
}

fn a_codex_is_held_to_the_gate_of_its_openclaw() {
    // A preview of OpenClaw counts as the release it leads to, a correction as the one it corrects; of a codex only the
    // numbers count, as OpenClaw compares them.
    let rows = [
        ("2026.4.24", "0.118.0", "ok", "0.118.0"),
        ("2026.4.24", "0.117.9", "fail", "0.118.0"),
        ("2026.4.25", "0.124.0", "fail", "0.125.0"),
        ("2026.5.3-1", "0.125.0", "ok", "0.125.0"),
        ("2026.6.35", "0.125.0-alpha.1", "ok", "0.125.0"),
        ("2026.7.1-beta.1", "0.142.5", "fail", "0.143.0"),
        ("2026.7.35", "0.143.0", "ok", "0.143.0"),
        ("2026.8.1-beta.3", "0.148.0", "fail", "0.149.0"),
        ("2026.9.6", "0.149.0", "ok", "0.149.0"),
        ("2026.12.1", "0.149.0", "ok", "0.149.0 or more"),
    ];
    for (openclaw, codex, status, lowest) in rows {
        let ward = Ward::with_codex(Release::April, codex);
        support::openclaw::lay_package(&ward.openclaw.package, openclaw);
        ward.openclaw.configure_app_server(&json!({"command": launcher()}));
        ward.says("codex-gate", status, &format!("OpenClaw {openclaw} takes codex {lowest} at least"), "");
    }
}

fn links_that_2026_4_21_dies_over_are_named_each() {
    let ward = Ward::installed(Release::April);
    let bridge = ward.world.bridge();
    let auth = bridge.join("auth.json");
    fs::remove_file(&auth).unwrap();
    symlink(ward.world.personal().join("auth.json"), &auth).unwrap();
    ward.says("linked-bridge", "fail", &format!("`{}` is a link", auth.display()), &format!("rm {}", auth.display()));
    // Every directory that OpenClaw makes, that of the agent included.
    for directory in ["harness-auth/codex", "harness-auth", ""] {
        let ward = Ward::installed(Release::April);
        let directory = ward.openclaw.agent.join(directory);
        let directory: PathBuf = directory.components().collect();
        let moved = ward.world.root().join("moved");
        fs::rename(&directory, &moved).unwrap();
        symlink(&moved, &directory).unwrap();
        let lines = ward.lines("linked-bridge");
        assert!(!lines.is_empty() && lines.iter().all(|line| line.0 == "fail"), "{lines:?}");
        assert!(lines[0].1.contains(&format!("`{}` is a link", directory.display())), "{lines:?}");
    }
    // Later releases write no bridges.
    support::openclaw::lay_package(&ward.openclaw.package, "2026.5.2");
    ward.is_silent_about("linked-bridge");
}

fn an_auth_file_that_2026_8_1_dies_over_is_named() {
    let ward = Ward::new(Release::August);
    let home = ward.openclaw.agent.join("codex-home");
    fs::write(home.join("auth.json"), auth::healthy(ACCOUNT, "old", REFRESH)).unwrap();
    fs::set_permissions(home.join("auth.json"), fs::Permissions::from_mode(0o600)).unwrap();
    let mended = format!("mv {0}/auth.json {0}/auth.json.old", home.display());
    ward.says("stale-auth-file", "fail", "never reads it", &mended);
    ward.says("stale-auth-file", "fail", "never reads it", "openclaw models auth login --provider openai");
    // codex itself writes it there up to 2026.7.
    support::openclaw::lay_package(&ward.openclaw.package, "2026.7.1");
    ward.is_silent_about("stale-auth-file");
}

fn homes_that_an_earlier_openclaw_left_over_are_not_complained_about() {
    let ward = Ward::new(Release::April);
    support::openclaw::lay_package(&ward.openclaw.package, "2026.9.6");
    let value = ward.json();
    assert_eq!(value["status"], "ok", "{value:#}");
    assert_eq!(value["homes"][0]["in_use"], false);
}

fn homes_open_to_others_are_named() {
    let ward = Ward::installed(Release::April);
    ward.is_silent_about("open-to-others");
    let personal = ward.world.personal();
    fs::set_permissions(personal.join("auth.json"), fs::Permissions::from_mode(0o644)).unwrap();
    // Nobody else gets as far as that file.
    ward.is_silent_about("open-to-others");
    fs::set_permissions(&personal, fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!("others may look into `{0}` (mode 755), and read `{0}/auth.json` there", personal.display());
    ward.says("open-to-others", "warn", &text, &format!("chmod 700 {}", personal.display()));
}

fn what_makes_the_next_renewal_lose_the_login_is_named() {
    let ward = Ward::installed(Release::April);
    let auth = ward.world.personal().join("auth.json");
    ward.is_silent_about("login-not-renewable");
    let second = ward.world.home().join("second");
    fs::hard_link(&auth, &second).unwrap();
    ward.says("login-not-renewable", "warn", "second hard link", "find ~ -samefile");
    fs::remove_file(second).unwrap();
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o400)).unwrap();
    ward.says("login-not-renewable", "warn", "read-only", "chmod u+w");
    // An API key is never renewed.
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&auth, r#"{"OPENAI_API_KEY": "sk-proj-canary-0123456789"}"#).unwrap();
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o400)).unwrap();
    ward.is_silent_about("login-not-renewable");
}

fn the_last_refusals_are_told() {
    let ward = Ward::installed(Release::April);
    ward.is_silent_about("journal");
    let journal = ward.world.root().join("journal.jsonl");
    let line = |hour: u32, error: Value| {
        json!({"time": format!("2026-11-22T{hour:02}:30:00.000000Z"), "verdict": "trust", "error": error}).to_string()
    };
    let lines = [line(8, Value::Null), line(9, json!("auth-missing: no usable Codex home")), line(10, Value::Null)];
    fs::write(&journal, lines.join("\n") + "\n").unwrap();
    let said = untouched(&ward.world, ward.doctor().env("CODEX_HOME_SHIM_JOURNAL", &journal));
    let told = "! 1 of the last 3 starts came to nothing, the last one at 2026-11-22 09:30 UTC: auth-missing: no usable Codex home\n  help: run `codex-home log`\n";
    assert!(said.stdout.starts_with(told), "{}", said.stdout);
    assert_eq!(said.code, Some(0));
}

fn settings_that_stop_every_start_are_an_error() {
    let ward = Ward::installed(Release::April);
    let said = untouched(&ward.world, ward.doctor().env("CODEX_HOME_SHIM_STRATEGY", "atuo"));
    assert!(said.stdout.starts_with("✗ `CODEX_HOME_SHIM_STRATEGY` is `atuo`, not one of"), "{}", said.stdout);
    assert_eq!(said.code, Some(1));
}

fn a_unit_of_systemds_is_asked_for_its_path() -> Tried {
    if cfg!(not(target_os = "linux")) {
        return Err("systemd is Linux's".into());
    }
    let ward = Ward::installed(Release::April);
    let units = ward.world.home().join(".config/systemd/user");
    fs::create_dir_all(&units).unwrap();
    let other = ward.world.root().join("other bin");
    fs::create_dir(&other).unwrap();
    support::write_executable(&other.join("codex"), "#!/bin/sh\n");
    let unit = |path: &Path| {
        format!(
            "[Service]\nExecStart=/usr/bin/node /x/openclaw/dist/index.js gateway\nEnvironment=HOME=/x\nEnvironment=\"PATH={}:/usr/bin\"\n",
            path.display()
        )
    };
    fs::write(units.join("openclaw-gateway.service"), unit(&other)).unwrap();
    let text = format!("would find another codex, `{}/codex`", other.display());
    ward.says("codex-under-service", "warn", &text, &format!("codex = \"{}\"", ward.codex.display()));
    // A profile has a unit of its own.
    let said = untouched(&ward.world, ward.doctor().env("OPENCLAW_PROFILE", "work"));
    assert!(said.stdout.contains("a gateway that runs as a service would find the same codex"), "{}", said.stdout);
    // A variable of ours that the unit lacks does nothing there.
    let said = untouched(&ward.world, ward.doctor().env("CODEX_HOME_SHIM_CODEX", &ward.codex));
    assert!(
        said.stdout.contains("! `CODEX_HOME_SHIM_CODEX` is set here, and not in the gateway's service"),
        "{}",
        said.stdout
    );
    Ok(())
}

fn a_property_list_of_launchds_is_asked_for_its_environment() {
    let ward = Ward::installed(Release::April);
    let file = ward.world.home().join(if cfg!(target_os = "macos") {
        "Library/LaunchAgents/ai.openclaw.gateway.plist"
    } else {
        ".config/systemd/user/openclaw-gateway.service"
    });
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let other = ward.world.root().join("a & b");
    fs::create_dir(&other).unwrap();
    support::write_executable(&other.join("codex"), "#!/bin/sh\n");
    let list = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n  <dict>\n    <key>Label</key>\n    \
         <string>ai.openclaw.gateway</string>\n    <key>ProgramArguments</key>\n    <array>\n      <string>/usr/bin/node</string>\n    \
         </array>\n    <key>EnvironmentVariables</key>\n    <dict>\n    <key>HOME</key>\n    <string>/x</string>\n    \
         <key>PATH</key>\n    <string>{}:/usr/bin</string>\n    <key>OPENCLAW_STATE_DIR</key>\n    <string>/elsewhere</string>\n    \
         </dict>\n  </dict>\n</plist>\n",
        other.display().to_string().replace('&', "&amp;")
    );
    fs::write(file, list).unwrap();
    ward.says("codex-under-service", "warn", &format!("would find another codex, `{}/codex`", other.display()), "");
    ward.says(
        "service-elsewhere",
        "warn",
        "OPENCLAW_STATE_DIR=/elsewhere",
        "OPENCLAW_STATE_DIR=/elsewhere codex-home doctor",
    );
}

fn a_login_in_the_environment_is_named_for_it_hides_the_homes() {
    let ward = Ward::installed(Release::April);
    ward.is_silent_about("login-in-environment");
    let said = untouched(&ward.world, ward.doctor().env("CODEX_ACCESS_TOKEN", "canary"));
    assert!(said.stdout.contains("! `CODEX_ACCESS_TOKEN` is set here"), "{}", said.stdout);
}

fn an_agent_that_is_elsewhere_is_looked_at() {
    let ward = Ward::installed(Release::April);
    let elsewhere = ward.world.home().join("agents/two");
    let bridge = elsewhere.join("harness-auth/codex/00112233445566ff");
    support::lay_home(bridge.clone(), &auth::issue_70511("opaque", "rt"));
    let config = json!({
        "agents": {"list": [{"id": "two", "agentDir": "~/agents/two"}, {"id": "three", "agentDir": "${THREE}/agent"}]},
        "plugins": {"entries": {"codex": {"config": {"appServer": {"command": launcher()}}}}},
    });
    ward.openclaw.configure(&config.to_string());
    assert!(ward.json()["homes"].as_array().unwrap().iter().any(|home| home["home"] == json!(bridge)));
    ward.says("openclaw-unseen", "warn", "`${THREE}/agent`", "");
}

fn the_variables_of_openclaw_are_followed() {
    let ward = Ward::installed(Release::April);
    let state = ward.world.root().join("state");
    fs::rename(&ward.openclaw.state, &state).unwrap();
    let config = ward.world.root().join("own.json5");
    fs::rename(state.join("openclaw.json"), &config).unwrap();
    let mut doctor = ward.doctor();
    doctor.arg("--json").env("OPENCLAW_STATE_DIR", &state).env("OPENCLAW_CONFIG_PATH", &config);
    let value: Value = serde_json::from_str(&untouched(&ward.world, &mut doctor).stdout).unwrap();
    assert_eq!(value["openclaw"]["state"], json!(state));
    assert_eq!(value["openclaw"]["app_server"]["command"], json!(launcher()));
    assert_eq!(value["homes"].as_array().unwrap().len(), 2);
}

/// What is laid in a file's place.
type Laid = (&'static str, fn(&Path));

fn nothing_that_stands_in_a_files_place_hangs_it_or_stops_it() {
    let places: [Laid; 7] = [
        ("broken", |path| fs::write(path, "{ plugins: ").unwrap()),
        ("nested too deeply", |path| fs::write(path, "[".repeat(200_000)).unwrap()),
        // A comment ends where JSON5 ends it, and what stands behind counts.
        ("nested too deeply", |path| fs::write(path, "// \r".to_owned() + &"[".repeat(200_000)).unwrap()),
        ("nested too deeply", |path| fs::write(path, "// \u{2028}".to_owned() + &"[".repeat(200_000)).unwrap()),
        ("larger than", |path| fs::File::create(path).unwrap().set_len(1 << 30).unwrap()),
        ("not a regular file", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
        ("not UTF-8", |path| fs::write(path, b"{\"\xff\": 1}").unwrap()),
    ];
    for (what, make) in places {
        let ward = Ward::new(Release::April);
        make(&ward.openclaw.state.join("openclaw.json"));
        let said = run(&mut ward.doctor());
        assert_eq!(said.code, Some(1), "{what}: {said:?}");
        assert!(said.stdout.contains("openclaw.json` cannot be used: "), "{what}: {}", said.stdout);
        assert!(what == "broken" || said.stdout.contains(what), "{what}: {}", said.stdout);
    }
    let ward = Ward::installed(Release::April);
    for file in [
        ward.world.bridge().join("auth.json"),
        ward.openclaw.package.join("package.json"),
        ward.world.personal().join("config.toml"),
    ] {
        let _ = fs::remove_file(&file);
        mkfifo(&file, Mode::S_IRWXU).unwrap();
    }
    let said = run(&mut ward.doctor());
    assert_eq!(said.code, Some(1), "{said:?}");
}

fn the_main_agent_is_looked_at_however_many_there_are() {
    let ward = Ward::new(Release::April);
    for agent in 0..300 {
        fs::create_dir(ward.openclaw.state.join(format!("agents/a{agent}"))).unwrap();
    }
    let said = run(&mut ward.doctor());
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("more than 128 agents"), "{}", said.stdout);
    assert!(said.stdout.contains("agents/main/agent/harness-auth/"), "{}", said.stdout);
}

fn no_value_of_an_argument_is_shown() {
    let ward = Ward::new(Release::April);
    let args = ["-c", "experimental_bearer_token=\"bearer-canary\"", "app-server", "--listen", "stdio://"];
    ward.openclaw.configure_app_server(&json!({"command": launcher(), "args": args}));
    let shown = json!(["-c", "experimental_bearer_token=…", "app-server", "--listen", "stdio://"]);
    let value = ward.json();
    assert_eq!(value["openclaw"]["app_server"]["args"], shown);
    let said = run(&mut ward.doctor()).stdout + &value.to_string();
    assert!(!said.contains("canary"), "{said}");
}

fn a_thousand_homes_are_one_screen() {
    let ward = Ward::installed(Release::April);
    for agent in 0..40 {
        for home in 0..25 {
            let home = format!(".openclaw/agents/a{agent}/agent/harness-auth/codex/{home:016x}");
            support::lay_home(ward.world.home().join(home), b"{}");
        }
    }
    fs::remove_dir_all(ward.world.personal()).unwrap();
    let said = run(&mut ward.doctor());
    assert_eq!(said.code, Some(1));
    let lines = said.stdout.lines().count();
    assert!(lines <= 50, "{lines} lines:\n{}", said.stdout);
}

fn nothing_at_all_is_no_reason_to_fail_in_silence() -> Tried {
    let world = World::new();
    let empty = world.root().join("empty");
    fs::create_dir(&empty).unwrap();
    let mut doctor = world.command(env!("CARGO_BIN_EXE_codex-home"));
    doctor.args(["doctor", "--json"]).env("PATH", &empty).env("CODEX_HOME_SHIM_CODEX", "/nowhere/codex");
    let said = untouched(&world, &mut doctor);
    let value: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, &value["codex"], &value["homes"]), (Some(1), &Value::Null, &json!([])));
    let of = |id: &str| value["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).cloned().unwrap();
    assert_eq!(of("codex")["status"], "fail");
    assert_eq!(of("personal-home")["status"], "warn");
    let is_nowhere = value["openclaw"].is_null();
    assert_eq!(of("openclaw")["status"] == "warn", is_nowhere);
    // Nor is a user without a home.
    let mut doctor = world.command(env!("CARGO_BIN_EXE_codex-home"));
    doctor.arg("doctor").env("PATH", &empty).env("HOME", "").env("CODEX_HOME_SHIM_JOURNAL", "off");
    assert!(matches!(run(&mut doctor).code, Some(0 | 1)));
    if is_nowhere { Ok(()) } else { Err("this machine has an OpenClaw in a system directory".into()) }
}

fn a_launcher_that_is_setuid_starts_nothing() -> Tried {
    if !geteuid().is_root() {
        return Err("only root can give a program to somebody else".into());
    }
    let ward = Ward::new(Release::April);
    for program in [env!("CARGO_BIN_EXE_codex-home"), env!("CARGO_BIN_EXE_codex-home-shim")] {
        let _alone = support::forking();
        fs::copy(program, ward.world.root().join(Path::new(program).file_name().unwrap())).unwrap();
    }
    let launcher = ward.world.root().join("codex-home-shim");
    std::os::unix::fs::chown(&launcher, Some(NOBODY), None).unwrap();
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o4755)).unwrap();
    let said = run(ward.world.command(ward.world.root().join("codex-home")).arg("doctor"));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stdout.contains("is setuid or setgid: it starts nothing\n  help: run `chmod ug-s "),
        "{}",
        said.stdout
    );
    Ok(())
}

fn what_is_closed_to_this_user_is_said() {
    let ward = Ward::installed(Release::April);
    let config = ward.openclaw.state.join("openclaw.json");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(ward.world.bridge(), fs::Permissions::from_mode(0o000)).unwrap();
    let mut doctor = ward.doctor();
    if geteuid().is_root() {
        // Root reads everything: somebody else looks, who owns what is here and may execute a copy of the program.
        let program = ward.world.root().join("codex-home");
        fs::copy(env!("CARGO_BIN_EXE_codex-home"), &program).unwrap();
        for path in snapshot(ward.world.root()).keys() {
            std::os::unix::fs::lchown(ward.world.root().join(path), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut own = ward.world.command(&program);
        own.args(doctor.get_args()).uid(NOBODY).gid(NOBODY).current_dir("/");
        for (name, value) in doctor.get_envs() {
            own.env(name, value.unwrap_or_default());
        }
        doctor = own;
    }
    let said = run(&mut doctor);
    fs::set_permissions(ward.world.bridge(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stdout.contains("openclaw.json` cannot be used: it cannot be read: permission denied"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("cannot log in: the directory cannot be entered"), "{}", said.stdout);
}

support::run_tests![
    openclaw_2026_4_21_without_the_launcher_is_what_the_issue_describes,
    openclaw_2026_4_21_with_the_launcher_is_well,
    openclaw_2026_5_2_logs_in_its_own_homes_and_nobody_logs_in_that_of_acpx,
    openclaw_2026_7_1_has_a_home_scope_of_its_own,
    openclaw_2026_8_2_and_9_6_have_a_login_of_their_own,
    there_is_colour_in_a_terminal_where_the_table_fits_and_none_in_a_pipe,
    every_check_has_its_row_in_the_documentation_and_every_row_its_check,
    json_has_full_paths_and_the_fields_that_scripts_rely_on,
    what_it_says_of_each_home_is_what_the_launcher_does,
    a_person_who_is_not_logged_in_is_told_to,
    a_wrapper_written_by_hand_is_told_in_words_with_what_replaces_it,
    a_wrapper_for_another_home_and_codex_is_replaced_by_settings,
    a_command_that_openclaw_could_not_start_is_an_error,
    what_depends_on_the_gateways_environment_is_not_guessed,
    a_file_that_takes_in_others_is_not_guessed,
    the_path_of_a_homebrew_cellar_is_named_before_the_next_upgrade_breaks_it,
    arguments_that_the_launcher_does_not_know_are_named,
    home_scope_is_unknown_before_2026_7_1_and_broken_in_three_previews,
    a_codex_is_held_to_the_gate_of_its_openclaw,
    links_that_2026_4_21_dies_over_are_named_each,
    an_auth_file_that_2026_8_1_dies_over_is_named,
    homes_that_an_earlier_openclaw_left_over_are_not_complained_about,
    homes_open_to_others_are_named,
    what_makes_the_next_renewal_lose_the_login_is_named,
    the_last_refusals_are_told,
    settings_that_stop_every_start_are_an_error,
    a_unit_of_systemds_is_asked_for_its_path,
    a_property_list_of_launchds_is_asked_for_its_environment,
    a_login_in_the_environment_is_named_for_it_hides_the_homes,
    an_agent_that_is_elsewhere_is_looked_at,
    the_variables_of_openclaw_are_followed,
    nothing_that_stands_in_a_files_place_hangs_it_or_stops_it,
    the_main_agent_is_looked_at_however_many_there_are,
    no_value_of_an_argument_is_shown,
    a_thousand_homes_are_one_screen,
    nothing_at_all_is_no_reason_to_fail_in_silence,
    what_is_closed_to_this_user_is_said,
    a_launcher_that_is_setuid_starts_nothing,
];
