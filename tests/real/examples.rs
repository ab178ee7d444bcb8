//! The files of `examples/`, each used for its purpose, with the launcher of this build.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::fixture::{BRIDGE_REFRESH, broken};
use crate::support::stand_in::{REPORT, Report};
use crate::support::tokens::{ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Case, Finished, Fixture, PATIENCE, auth, case, run, run_within};

/// The launcher's place in every example.
const PLACE: &str = "/usr/local/bin/codex-home-shim";
/// The PATH of a service.
const SERVICE_PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "each openclaw.json is JSON5 and names the launcher, with keys that OpenClaw knows",
            settings_name_the_launcher,
        ),
        case("the launcher understands the args of openclaw-with-args.json", args_are_understood),
        case("openclaw-by-variable.env names the launcher by the variable that 2026.4.21 reads", variable_is_openclaws),
        case("the zsh wrapper of openclaw#70511 and the launcher start the same codex", wrapper_and_launcher_agree),
        case("the zsh wrapper uses another account's login, and the launcher does not", wrapper_takes_another_account),
        case("the zsh wrapper follows a HOME that a host rewrote, and the launcher does not", wrapper_follows_home),
        case("the zsh wrapper finds no codex on a service's PATH, and the launcher does", wrapper_finds_no_codex),
        case("what ~/.zshenv prints is in the zsh wrapper's protocol, and not in the launcher's", wrapper_reads_zshenv),
        case("a zsh wrapper called codex becomes itself for ever, and the launcher does not", wrapper_becomes_itself),
        case("on the PATH of the systemd drop-in codex is found in each of the user's directories", || {
            let text = example("gateway/codex-home-shim.conf");
            let path = text.lines().find_map(|line| line.strip_prefix("Environment=\"PATH=")?.strip_suffix('"'));
            finds_codex_in_each(path.unwrap(), "%h");
        }),
        case("on the PATH of the property list codex is found in each of the user's directories", || {
            let text = example("gateway/ai.openclaw.gateway.plist");
            let path = text.split_once("<key>PATH</key>").unwrap().1.split_once("<string>").unwrap().1;
            finds_codex_in_each(path.split_once("</string>").unwrap().0, "/Users/you");
        }),
        case("systemd accepts the drop-in", systemd_accepts_the_drop_in),
        case("the property list can be parsed", property_list_can_be_parsed),
        case("OpenClaw's home for ACP is redirected with acp/config.toml only", acp_is_opt_in),
        case("zed-settings.json has the adapter start the launcher", || {
            let settings: Value = json5::from_str(&example("acp/zed-settings.json")).unwrap();
            assert_eq!(settings["agent_servers"]["codex-acp"]["env"]["CODEX_PATH"], PLACE);
        }),
        case("the container copies all that cargo needs to build both programs", container_can_be_built),
        case("home.nix can be evaluated, and the launcher accepts its settings", nix_settings_are_accepted),
    ]
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn example(path: &str) -> String {
    let file = root().join("examples").join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// An example with this launcher in it.
pub fn with_launcher(path: &str, launcher: &Path) -> String {
    let text = example(path);
    assert!(text.contains(PLACE), "{path} names the launcher");
    text.replace(PLACE, launcher.to_str().unwrap())
}

/// `appServer` of an example for OpenClaw.
pub fn app_server(path: &str) -> Value {
    let settings: Value = json5::from_str(&example(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    settings["plugins"]["entries"]["codex"]["config"]["appServer"].clone()
}

/// Runs a program that this machine may lack. Without it the check is skipped.
fn run_if_present(command: &mut Command) -> Option<Finished> {
    let finished = run_within(command, PATIENCE);
    if let Err(reason) = &finished {
        assert!(reason.contains("os error 2"), "{reason}");
        eprintln!("not checked: {reason}");
    }
    finished.ok()
}

// ---- OpenClaw's settings ----

fn settings_name_the_launcher() {
    for (path, keys) in [("openclaw.json", &["command"][..]), ("openclaw-with-args.json", &["args", "command"])] {
        let app_server = app_server(path);
        assert_eq!(app_server["command"], PLACE, "{path}");
        // A key that OpenClaw does not know stops its gateway.
        assert_eq!(app_server.as_object().unwrap().keys().collect::<Vec<_>>(), keys, "{path}");
    }
}

fn args_are_understood() {
    let args: Vec<String> = serde_json::from_value(app_server("openclaw-with-args.json")["args"].clone()).unwrap();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let person = Fixture::issue_70511();
    person.start(&args).home(person.bridge()).is_redirected("missing-id-token");
}

fn variable_is_openclaws() {
    let text = example("openclaw-by-variable.env");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, [format!("OPENCLAW_CODEX_APP_SERVER_BIN={PLACE}")]);
}

// ---- The wrapper ----

/// Writes the wrapper of the page, without the line that sets `HOME`, which some copies lack; `None` without zsh.
fn wrapper(person: &Fixture, name: &str) -> Option<PathBuf> {
    let page = example("migrate-from-zsh-wrapper.md");
    let script = page.split_once("```zsh\n").unwrap().1.split_once("```").unwrap().0;
    let lines = script.strip_prefix("#!/bin/zsh\nexport HOME=\"/Users/you\"\n").unwrap();
    assert_eq!(lines.lines().count(), 2, "{script}");
    let zsh = ["/bin/zsh", "/usr/bin/zsh"].into_iter().find(|path| Path::new(path).is_file());
    let Some(zsh) = zsh else {
        eprintln!("not checked: there is no zsh");
        return None;
    };
    Some(person.write_program(&person.root().join(name), &format!("#!{zsh}\n{lines}")))
}

/// A start of the wrapper or the launcher that finds the stand-in on PATH.
fn start(person: &Fixture, program: &Path, home: &Path) -> Command {
    let mut command = person.command(program);
    command.env("CODEX_HOME", home).env(REPORT, person.report()).env("XDG_STATE_HOME", person.state());
    command.env("XDG_CONFIG_HOME", person.root().join("config"));
    command.env("PATH", format!("{}:/usr/bin:/bin", person.root().join("bin").display())).arg("app-server");
    command
}

/// What the stand-in reported.
fn report(person: &Fixture, mut command: Command) -> Report {
    let _ = fs::remove_file(person.report());
    let finished = run(&mut command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    Report::read(&person.report()).unwrap_or_else(|| panic!("codex was not started: {finished:?}"))
}

fn home_of(report: &Report) -> PathBuf {
    report.var("CODEX_HOME").unwrap()
}

fn wrapper_and_launcher_agree() {
    let person = Fixture::issue_70511();
    let Some(wrapper) = wrapper(&person, "wrapper") else { return };
    let [with, without] = [wrapper, person.launcher()].map(|program| {
        let mut command = start(&person, &program, &person.bridge());
        command.args(["--listen", "stdio://", "-c", "model=\"two words\""]);
        report(&person, command)
    });
    assert_eq!((home_of(&with), home_of(&without)), (person.personal(), person.personal()));
    assert_eq!(with.argv[1..], without.argv[1..]);
    // Both become codex.
    assert_eq!((with.parent, without.parent), (std::process::id(), std::process::id()));
}

fn wrapper_takes_another_account() {
    let person = Fixture::new();
    let Some(wrapper) = wrapper(&person, "wrapper") else { return };
    let bridge = person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
    person.log_in(OTHER_ACCOUNT);

    let homes =
        [wrapper, person.launcher()].map(|program| home_of(&report(&person, start(&person, &program, &bridge))));

    assert_eq!(homes, [person.personal(), bridge]);
}

fn wrapper_follows_home() {
    let person = Fixture::new();
    let Some(wrapper) = wrapper(&person, "wrapper") else { return };
    person.log_in(ACCOUNT);
    let home = person.agent().join("codex-home");
    let inner = home.join("home");
    fs::create_dir_all(&inner).unwrap();

    let homes = [wrapper, person.launcher()].map(|program| {
        let mut command = start(&person, &program, &home);
        command.env("HOME", &inner);
        home_of(&report(&person, command))
    });

    assert_eq!(homes, [inner.join(".codex"), home]);
    assert!(!inner.join(".codex").exists(), "codex would exit there");
}

fn wrapper_finds_no_codex() {
    let person = Fixture::issue_70511();
    let Some(wrapper) = wrapper(&person, "wrapper") else { return };
    if std::env::split_paths(SERVICE_PATH).any(|directory| directory.join("codex").exists()) {
        eprintln!("not checked: this machine has a codex on the PATH of a service");
        return;
    }
    person.place_codex(&person.home().join(".local/bin/codex"));
    let [mut wrapped, mut launched] =
        [wrapper, person.launcher()].map(|program| start(&person, &program, &person.bridge()));

    let wrapped = run(wrapped.env("PATH", SERVICE_PATH));
    launched.env("PATH", SERVICE_PATH);

    assert_eq!(wrapped.code, Some(127), "{wrapped:?}");
    assert_eq!(home_of(&report(&person, launched)), person.personal());
}

fn wrapper_reads_zshenv() {
    let person = Fixture::issue_70511();
    let Some(wrapper) = wrapper(&person, "wrapper") else { return };
    fs::write(person.home().join(".zshenv"), "echo welcome\n").unwrap();
    let said = [wrapper, person.launcher()].map(|program| run(&mut start(&person, &program, &person.bridge())).stdout);
    assert_eq!(said, ["welcome\n", ""]);
}

fn wrapper_becomes_itself() {
    let person = Fixture::issue_70511();
    let Some(wrapper) = wrapper(&person, "first/codex") else { return };
    let second = person.root().join("second/codex");
    fs::create_dir(second.parent().unwrap()).unwrap();
    symlink(person.launcher(), &second).unwrap();
    let [mut wrapped, launched] = [wrapper, second].map(|program| {
        let mut command = start(&person, &program, &person.bridge());
        let (first, bin) = (program.parent().unwrap(), person.root().join("bin"));
        command.env("PATH", format!("{}:{}:/usr/bin:/bin", first.display(), bin.display()));
        command
    });
    let error = run_within(&mut wrapped, Duration::from_secs(2)).unwrap_err();
    assert!(error.contains("still running"), "{error}");
    assert_eq!(home_of(&report(&person, launched)), person.personal());
}

// ---- Services ----

/// Puts codex into each directory of `path` that is below `home`, one after the other, and has the launcher find it.
fn finds_codex_in_each(path: &str, home: &str) {
    let directories: Vec<_> = path.split(':').filter(|directory| directory.starts_with(home)).collect();
    assert!(directories.len() >= 2, "`{path}` has directories of the user's");
    for system in ["/usr/local/bin", "/usr/bin", "/bin"] {
        assert!(path.split(':').any(|directory| directory == system), "`{path}` has {system}");
    }
    for directory in directories {
        let person = Fixture::issue_70511();
        let here = |text: &str| text.replace(home, person.home().to_str().unwrap());
        let codex = person.place_codex(&Path::new(&here(directory)).join("codex"));
        let asked = run(person.command("/bin/sh").env("PATH", here(path)).args(["-c", "command -v codex"]));
        assert_eq!(Path::new(asked.stdout.trim()), codex, "{asked:?}");
        let ended = person.serve().path(here(path)).run();
        let report = ended.report.unwrap_or_else(|| panic!("codex was not started: {}", ended.stderr));
        assert_eq!(home_of(&report), person.personal());
    }
}

fn systemd_accepts_the_drop_in() {
    let person = Fixture::new();
    let units = person.root().join("units");
    let beside = units.join("openclaw-gateway.service.d");
    fs::create_dir_all(&beside).unwrap();
    fs::write(beside.join("codex-home-shim.conf"), example("gateway/codex-home-shim.conf")).unwrap();
    let unit = units.join("openclaw-gateway.service");
    fs::write(&unit, "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n").unwrap();
    let mut verify = person.command("systemd-analyze");
    verify.args(["verify", "--man=no", "--user"]).arg(&unit);
    verify.env("SYSTEMD_UNIT_PATH", &units).env("XDG_RUNTIME_DIR", person.root());

    let Some(said) = run_if_present(&mut verify) else { return };
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.stderr.contains("codex-home-shim.conf"), "{said:?}");
    // It does report faults.
    fs::write(beside.join("codex-home-shim.conf"), "[Service]\nEnvironmemt=x\n").unwrap();
    assert!(run(&mut verify).stderr.contains("Environmemt"));
}

fn property_list_can_be_parsed() {
    let read = "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let mut python = Fixture::new().command("python3");
    python.args(["-c", read]).arg(root().join("examples/gateway/ai.openclaw.gateway.plist")).current_dir("/");
    let Some(said) = run_if_present(&mut python) else { return };
    let read: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(read["Label"], "ai.openclaw.gateway");
    assert!(read["EnvironmentVariables"]["PATH"].is_string(), "{read:?}");
}

// ---- ACP ----

fn acp_is_opt_in() {
    let person = Fixture::new();
    person.log_in(ACCOUNT);
    let home = person.write_auth(&person.home().join(".openclaw/acpx/codex-home"), &broken(OTHER_ACCOUNT));
    // OpenClaw passes it with a slash.
    let given = format!("{}/", home.display());
    person.start(&["app-server"]).home(&given).is_kept_with_warning("missing-id-token");

    person.write_auth(&home, &auth::issue_70511("opaque-token", BRIDGE_REFRESH));
    person.start(&["app-server"]).home(&given).is_kept_with_warning("missing-id-token");
    person.write_settings(&example("acp/config.toml"));
    person.start(&["app-server"]).home(&given).is_redirected_with_warning("trusted-by-settings");
}

// ---- A container, Nix ----

fn container_can_be_built() {
    let scratch = Fixture::new();
    let sources = scratch.root().join("src");
    let text = example("container/Dockerfile");
    for copy in text.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from")) {
        let words: Vec<_> = copy.split_whitespace().collect();
        let (to, from) = words.split_last().unwrap();
        for source in from {
            assert!(root().join(source).exists(), "`{source}` does not exist");
            let target = sources.join(if *to == "./" { source } else { to });
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            symlink(root().join(source), target).unwrap();
        }
    }
    assert!(sources.join("build.rs").exists());
    // Pages that the programs hold.
    for source in ["src/bin/codex-home/report/redact.rs", "src/bin/codex-home/explain/reason.rs"] {
        let text = fs::read_to_string(root().join(source)).unwrap();
        let pages = text.split("include_str!(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        for page in pages {
            let page = page.trim_start_matches("../");
            assert!(sources.join(page).exists(), "`{page}` is not copied");
        }
    }
    // cargo refuses a manifest that names a file which is missing.
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]).current_dir(&sources);
    let said = run(&mut metadata);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for program in ["codex-home-shim", "codex-home"] {
        assert!(said.stdout.contains(&format!("\"crate_types\":[\"bin\"],\"name\":\"{program}\"")));
    }
    assert!(text.contains(&format!("appServer.command {PLACE}")));
}

fn nix_settings_are_accepted() {
    let person = Fixture::new();
    // Without home-manager: the arguments of the module alone.
    let settings = format!(
        "(import {} {{ codex-home-shim.homeManagerModules.default = {{ }}; pkgs.codex = null; \
         config.home.profileDirectory = \"/etc/profiles/per-user/you\"; }}).programs.codex-home-shim.settings",
        root().join("examples/nix/home.nix").display()
    );
    let mut evaluate = person.command("nix-instantiate");
    for (name, directory) in [("NIX_STORE_DIR", "store"), ("NIX_STATE_DIR", "state"), ("NIX_LOG_DIR", "log")] {
        evaluate.env(name, person.root().join(directory));
    }
    evaluate.args(["--eval", "--strict", "--json", "--expr", &settings]);
    let Some(said) = run_if_present(&mut evaluate) else { return };
    assert_eq!(said.code, Some(0), "{said:?}");
    // Strings and lists of them are the same in TOML.
    let settings: serde_json::Map<String, Value> = serde_json::from_str(&said.stdout).unwrap();
    person.write_settings(&settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>());
    let checked = run(&mut person.codex_home(&["config", "check"]));
    assert_eq!(checked.code, Some(0), "{checked:?}");
}
