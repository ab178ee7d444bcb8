//! What `examples/` shows is so: each file is taken as it is there, with this build's launcher in the place of an installed
//! one, and used for what it is for.
//!
//! `CODEX_HOME_SHIM_HOSTS=1` has the real hosts fetched from npm and PyPI and run against a stand-in for OpenAI on the
//! loopback; without it they are listed as ignored. So is what this machine lacks a program for.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and the launcher's rooms are not the tests'"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;

use support::backend::Backend;
use support::npm;
use support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use support::{Outcome, Tried, Unable, World, auth, lay_home, run, run_within, write_executable};

/// What stands for the launcher in every example.
const PLACE: &str = "/usr/local/bin/codex-home-shim";
/// A program that hosts start a codex by; it tells what it was given.
const TELLS: &str = "#!/bin/sh\necho \"home=${CODEX_HOME-unset}\"\necho \"parent=$PPID\"\nprintf 'arg=%s\\n' \"$@\"\n";

type Sentence = (&'static str, fn() -> Tried);

const SENTENCES: &[Sentence] = &[
    ("the list has every example, and every example is there", the_list_is_whole),
    ("each openclaw.json is JSON5 and has OpenClaw start the launcher", settings_start_the_launcher),
    ("the args of openclaw-with-args.json are ones the launcher understands", args_are_understood),
    ("the variable is the one that 2026.4.21 reads, and names the launcher", the_variable_is_openclaws),
    ("the wrapper and the launcher do the same for the bridge of issue 70511", wrapper_and_launcher_agree),
    ("the wrapper takes another account's login, the launcher does not", wrapper_takes_another_account),
    ("the wrapper follows a HOME that a host rewrote into nowhere, the launcher does not", wrapper_follows_home),
    ("the wrapper finds no codex on a service's PATH, the launcher does", wrapper_finds_no_codex),
    ("what ~/.zshenv prints is in the wrapper's protocol, and not in the launcher's", wrapper_reads_zshenv),
    ("a wrapper called codex becomes itself for ever, the launcher does not", wrapper_becomes_itself),
    ("with the drop-in's PATH codex is found in each directory of the person's", drop_in_finds_codex),
    ("systemd takes the drop-in", systemd_takes_the_drop_in),
    ("with the property list's PATH codex is found in each directory of the person's", plist_finds_codex),
    ("the property list is one", plist_is_one),
    ("OpenClaw's home for ACP is left alone by default and redirected with acp/config.toml", acp_is_opt_in),
    ("Zed's settings have the adapter start the launcher", zed_starts_the_launcher),
    ("the container builds from files that are here", container_copies_what_is_here),
    ("home.nix is Nix, and its settings are ones the launcher takes", nix_is_taken),
];

fn example(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn launcher() -> &'static str {
    env!("CARGO_BIN_EXE_codex-home-shim")
}

/// An example with this build's launcher in it.
fn with_launcher(path: &str) -> String {
    let text = example(path);
    assert!(text.contains(PLACE), "{path} names the launcher");
    text.replace(PLACE, launcher())
}

fn the_list_is_whole() -> Tried {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut there = BTreeSet::new();
    let mut ahead = vec![root.clone()];
    while let Some(directory) = ahead.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                ahead.push(path);
            } else {
                there.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    there.remove("README.md");
    let page = example("README.md");
    let listed = page.lines().filter_map(|line| Some(line.strip_prefix("| [")?.split_once("](")?.1.split_once(')')?.0));
    assert_eq!(there, listed.map(str::to_owned).collect());
    Ok(())
}

// ---- OpenClaw's settings ----

fn app_server(path: &str) -> Value {
    let settings: Value = json5::from_str(&with_launcher(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    settings["plugins"]["entries"]["codex"]["config"]["appServer"].clone()
}

fn settings_start_the_launcher() -> Tried {
    for (path, keys) in [("openclaw.json", &["command"][..]), ("openclaw-with-args.json", &["args", "command"])] {
        let app_server = app_server(path);
        assert_eq!(app_server["command"], launcher(), "{path}");
        // A key that OpenClaw does not know stops its gateway.
        assert_eq!(app_server.as_object().unwrap().keys().collect::<Vec<_>>(), keys, "{path}");
        assert!(Path::new(PLACE).is_absolute());
    }
    Ok(())
}

fn args_are_understood() -> Tried {
    let args: Vec<String> = serde_json::from_value(app_server("openclaw-with-args.json")["args"].clone()).unwrap();
    let world = Street::new();
    let bridge = world.lay_bridge(&broken());
    world.lay_personal(&personal());

    let told = world.told(world.start(launcher(), &bridge).args(&args));

    assert_eq!(told.home, world.personal().to_str().unwrap());
    assert_eq!(told.args, args);
    Ok(())
}

fn the_variable_is_openclaws() -> Tried {
    let text = with_launcher("openclaw-by-variable.env");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, [format!("OPENCLAW_CODEX_APP_SERVER_BIN={}", launcher())]);
    Ok(())
}

// ---- The wrapper ----

/// The wrapper as the page has it; `Err` where there is no zsh.
fn wrapper(world: &World, name: &str) -> Result<PathBuf, Unable> {
    let page = example("migrate-from-zsh-wrapper.md");
    let script = page.split_once("```zsh\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(script.lines().count(), 3, "{script}");
    let (interpreter, rest) = script.split_once('\n').unwrap();
    let zsh = ["/bin/zsh", "/usr/bin/zsh"].into_iter().find(|path| Path::new(path).is_file());
    let zsh = zsh.ok_or_else(|| Unable("there is no zsh here".to_owned()))?;
    assert_eq!(interpreter, "#!/bin/zsh");
    let path = world.root().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_executable(&path, &format!("#!{zsh}\n{rest}"));
    Ok(path)
}

fn wrapper_and_launcher_agree() -> Tried {
    let world = Street::new();
    let wrapper = wrapper(&world, "wrapper")?;
    let bridge = world.lay_bridge(&broken());
    world.lay_personal(&personal());
    let args = ["-c", "model=\"two words\"", "app-server", "--listen", "stdio://"];

    for program in [&*wrapper, Path::new(launcher())] {
        let told = world.told(world.start(program, &bridge).args(args));

        assert_eq!(told.home, world.personal().to_str().unwrap(), "{}", program.display());
        assert_eq!(told.args, args, "{}", program.display());
        assert_eq!(told.parent, std::process::id(), "{} becomes codex", program.display());
    }
    Ok(())
}

fn wrapper_takes_another_account() -> Tried {
    let world = Street::new();
    let wrapper = wrapper(&world, "wrapper")?;
    let bridge = world.lay_bridge(&auth::healthy(ACCOUNT, "bridge", "bridge-refresh"));
    world.lay_personal(&auth::healthy(OTHER_ACCOUNT, "personal", "personal-refresh"));

    let wrapped = world.told(world.start(wrapper, &bridge).arg("app-server"));
    let launched = world.told(world.start(launcher(), &bridge).arg("app-server"));

    assert_eq!(wrapped.home, world.personal().to_str().unwrap());
    assert_eq!(launched.home, bridge.to_str().unwrap());
    Ok(())
}

fn wrapper_follows_home() -> Tried {
    let world = Street::new();
    let wrapper = wrapper(&world, "wrapper")?;
    let home = lay_home(world.home().join(".openclaw/agents/main/agent/codex-home"), b"{}");
    fs::remove_file(home.join("auth.json")).unwrap();
    let inner = home.join("home");
    fs::create_dir(&inner).unwrap();
    world.lay_personal(&personal());

    let wrapped = world.told(world.start(wrapper, &home).env("HOME", &inner).arg("app-server"));
    let launched = world.told(world.start(launcher(), &home).env("HOME", &inner).arg("app-server"));

    assert_eq!(wrapped.home, inner.join(".codex").to_str().unwrap());
    assert!(!Path::new(&wrapped.home).exists(), "codex would exit");
    assert_eq!(launched.home, home.to_str().unwrap());
    Ok(())
}

fn wrapper_finds_no_codex() -> Tried {
    let world = Street::new();
    let wrapper = wrapper(&world, "wrapper")?;
    let bridge = world.lay_bridge(&broken());
    world.lay_personal(&personal());
    let local = world.home().join(".local/bin");
    fs::create_dir_all(&local).unwrap();
    write_executable(&local.join("codex"), TELLS);
    let service = "/usr/bin:/bin:/usr/sbin:/sbin";
    if env::split_paths(service).any(|directory| directory.join("codex").exists()) {
        return Err(Unable("this machine has a codex of its own on the PATH of a service".to_owned()));
    }

    let wrapped = run(world.start(wrapper, &bridge).env("PATH", service).arg("app-server"));
    let launched = world.told(world.start(launcher(), &bridge).env("PATH", service).arg("app-server"));

    assert_eq!(wrapped.code, Some(127), "{wrapped:?}");
    assert_eq!(launched.home, world.personal().to_str().unwrap());
    Ok(())
}

fn wrapper_reads_zshenv() -> Tried {
    let world = Street::new();
    let wrapper = wrapper(&world, "wrapper")?;
    let bridge = world.lay_bridge(&broken());
    world.lay_personal(&personal());
    fs::write(world.home().join(".zshenv"), "echo welcome\n").unwrap();

    let wrapped = run(world.start(wrapper, &bridge).arg("app-server"));
    let launched = run(world.start(launcher(), &bridge).arg("app-server"));

    assert!(wrapped.stdout.starts_with("welcome\nhome="), "{wrapped:?}");
    assert!(launched.stdout.starts_with("home="), "{launched:?}");
    Ok(())
}

fn wrapper_becomes_itself() -> Tried {
    let world = Street::new();
    let wrapper = wrapper(&world, "first/codex")?;
    let bridge = world.lay_bridge(&broken());
    world.lay_personal(&personal());
    let path = |first: &Path| {
        let bin = world.bin();
        env::join_paths([first, &bin, Path::new("/usr/bin"), Path::new("/bin")]).unwrap()
    };
    let mut wrapped = world.start(&wrapper, &bridge);
    let wrapped = run_within(wrapped.env("PATH", path(wrapper.parent().unwrap())), Duration::from_secs(2));

    assert!(wrapped.unwrap_err().contains("still running"));
    let second = world.root().join("second");
    fs::create_dir(&second).unwrap();
    std::os::unix::fs::symlink(launcher(), second.join("codex")).unwrap();
    let mut launched = world.start(second.join("codex"), &bridge);
    let launched = world.told(launched.env("PATH", path(&second)).arg("app-server"));
    assert_eq!(launched.home, world.personal().to_str().unwrap());
    Ok(())
}

// ---- Services ----

/// A PATH with one person's home in it, and codex in none of its directories but, in turn, each of the person's.
fn finds_codex_in_each(path: &str, home: &str) {
    let mut tried = 0;
    for directory in path.split(':').filter(|directory| directory.starts_with(home)) {
        let world = Street::empty();
        let here = |text: &str| text.replace(home, world.home().to_str().unwrap());
        let directory = PathBuf::from(here(directory));
        fs::create_dir_all(&directory).unwrap();
        let codex = directory.join("codex");
        write_executable(&codex, TELLS);
        let bridge = world.lay_bridge(&broken());
        world.lay_personal(&personal());

        // PATH itself finds it: whoever asks by name gets the same.
        let asked = run(world.command("/bin/sh").env("PATH", here(path)).args(["-c", "command -v codex"]));
        assert_eq!(asked.stdout.trim(), codex.to_str().unwrap(), "{asked:?}");
        let told = world.told(world.start(launcher(), &bridge).env("PATH", here(path)).arg("app-server"));
        assert_eq!(told.home, world.personal().to_str().unwrap());
        tried += 1;
    }
    assert!(tried >= 2, "`{path}` has directories of the person's");
    for system in ["/usr/local/bin", "/usr/bin", "/bin"] {
        assert!(path.split(':').any(|directory| directory == system), "`{path}` has {system}");
    }
}

fn drop_in_finds_codex() -> Tried {
    let text = example("gateway/codex-home-shim.conf");
    let path = text.lines().find_map(|line| line.strip_prefix("Environment=\"PATH=")?.strip_suffix('"')).unwrap();
    finds_codex_in_each(path, "%h");
    Ok(())
}

fn systemd_takes_the_drop_in() -> Tried {
    let world = World::new();
    let units = world.root().join("units");
    let beside = units.join("openclaw-gateway.service.d");
    fs::create_dir_all(&beside).unwrap();
    fs::write(beside.join("codex-home-shim.conf"), example("gateway/codex-home-shim.conf")).unwrap();
    let unit = units.join("openclaw-gateway.service");
    fs::write(&unit, "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n").unwrap();
    let mut verify = world.command("systemd-analyze");
    verify.args(["verify", "--man=no", "--user"]).arg(&unit);
    verify.env("SYSTEMD_UNIT_PATH", &units).env("XDG_RUNTIME_DIR", world.root());

    let said = run_within(&mut verify, support::PATIENCE).map_err(|_| Unable("there is no systemd-analyze".into()))?;

    assert_eq!(said.code, Some(0), "{said:?}");
    let complaints = said.stderr.lines().find(|line| line.contains("codex-home-shim.conf"));
    assert_eq!(complaints, None);
    // And it would have complained.
    fs::write(beside.join("codex-home-shim.conf"), "[Service]\nEnvironmemt=x\n").unwrap();
    let said = run(&mut verify);
    assert!(said.stderr.contains("Environmemt"), "{said:?}");
    Ok(())
}

fn plist_finds_codex() -> Tried {
    let text = example("gateway/ai.openclaw.gateway.plist");
    let path = text.split_once("<key>PATH</key>").unwrap().1;
    let path = path.split_once("<string>").unwrap().1.split_once("</string>").unwrap().0;
    finds_codex_in_each(path, "/Users/you");
    Ok(())
}

fn plist_is_one() -> Tried {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gateway/ai.openclaw.gateway.plist");
    let read = "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let said = run_within(python(&World::new()).args(["-c", read]).arg(file), support::PATIENCE).map_err(Unable)?;
    let read: BTreeMap<String, Value> = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(read["Label"], "ai.openclaw.gateway");
    assert!(read["EnvironmentVariables"]["PATH"].is_string(), "{read:?}");
    Ok(())
}

// ---- ACP ----

fn acp_is_opt_in() -> Tried {
    let world = Street::new();
    // As OpenClaw passes it, with the slash.
    let home = lay_home(world.home().join(".openclaw/acpx/codex-home"), &broken());
    let given = PathBuf::from(format!("{}/", home.display()));
    world.lay_personal(&personal());

    let by_default = run(world.start(launcher(), &given).arg("app-server"));
    assert!(by_default.stdout.starts_with(&format!("home={}\n", given.display())), "{by_default:?}");

    let settings = world.home().join(".config/codex-home-shim");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("config.toml"), example("acp/config.toml")).unwrap();
    let mut start = world.start(launcher(), &given);
    start.env("CODEX_HOME_SHIM_CONFIG", settings.join("config.toml"));
    assert_eq!(world.told(start.arg("app-server")).home, world.personal().to_str().unwrap());
    Ok(())
}

fn zed_starts_the_launcher() -> Tried {
    let settings: Value = json5::from_str(&with_launcher("acp/zed-settings.json")).unwrap();
    assert_eq!(settings["agent_servers"]["codex-acp"]["env"]["CODEX_PATH"], launcher());
    Ok(())
}

// ---- A container, Nix ----

fn container_copies_what_is_here() -> Tried {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = World::new();
    let text = example("container/Dockerfile");
    let copies = text.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    for copy in copies {
        let words: Vec<_> = copy.split_whitespace().collect();
        let (to, from) = words.split_last().unwrap();
        for source in from {
            assert!(root.join(source).exists(), "`{source}` is not there");
            let target = scratch.root().join("src").join(if *to == "./" { source } else { to });
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(root.join(source), target).unwrap();
        }
    }
    assert!(!root.join("build.rs").exists() || scratch.root().join("src/build.rs").exists(), "build.rs is copied");
    // What is copied is all that cargo asks for: it refuses a manifest with a target whose file is missing.
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]).current_dir(scratch.root().join("src"));
    let said = run(&mut metadata);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let bin =
        |name: &str| said.stdout.contains(&format!("\"kind\":[\"bin\"],\"crate_types\":[\"bin\"],\"name\":\"{name}\""));
    assert!(bin("codex-home-shim") && bin("codex-home"));
    assert!(text.contains(&format!("appServer.command {PLACE}")));
    Ok(())
}

fn nix_is_taken() -> Tried {
    let world = World::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("examples/nix/home.nix");
    // With nothing where home-manager would be: the module's own words.
    let settings = format!(
        "(import {} {{ codex-home-shim.homeManagerModules.default = {{ }}; pkgs.codex = null; \
         config.home.profileDirectory = \"/etc/profiles/per-user/you\"; }}).programs.codex-home-shim.settings",
        file.display()
    );
    let mut evaluate = world.command("nix-instantiate");
    for (name, directory) in [("NIX_STORE_DIR", "store"), ("NIX_STATE_DIR", "state"), ("NIX_LOG_DIR", "log")] {
        evaluate.env(name, world.root().join(directory));
    }
    evaluate.args(["--eval", "--strict", "--json", "--expr", &settings]);
    let said =
        run_within(&mut evaluate, support::PATIENCE).map_err(|_| Unable("there is no nix-instantiate".into()))?;
    assert_eq!(said.code, Some(0), "{said:?}");

    // Strings and lists of them are the same in TOML.
    let settings: serde_json::Map<String, Value> = serde_json::from_str(&said.stdout).unwrap();
    let config = world.home().join("config.toml");
    fs::write(&config, settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()).unwrap();
    let mut check = world.command(env!("CARGO_BIN_EXE_codex-home"));
    let checked = run(check.args(["config", "check"]).env("CODEX_HOME_SHIM_CONFIG", &config));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    // The options it sets are ones that the module has.
    let module = fs::read_to_string(root.join("packaging/nix/service.nix")).unwrap();
    assert!(module.contains("options.programs.codex-home-shim"));
    Ok(())
}

// ---- Hosts, from npm and PyPI ----

/// One host: what it is called with its version, what fetches it, and how it is started with the launcher.
struct Host {
    name: &'static str,
    from: From,
    start: fn(&Street, &Path, &Path) -> Command,
}

enum From {
    Npm(&'static [&'static str]),
    PyPi(&'static str),
}

const HOSTS: &[Host] = &[
    Host {
        name: "@openai/codex-sdk 0.163.0 runs `exec` through the launcher",
        from: From::Npm(&["@openai/codex-sdk@0.163.0"]),
        start: |world, prefix, node| {
            // Modules are looked for from where the program lies.
            let program = prefix.join(format!("example-{}.mjs", std::process::id()));
            fs::write(&program, with_launcher("sdk/typescript.mjs")).unwrap();
            let mut command = world.start(node.join("node"), &world.bridge());
            command.arg(program);
            command
        },
    },
    Host {
        name: "openai-codex 0.163.0 of PyPI runs `app-server` through the launcher",
        from: From::PyPi("openai-codex==0.163.0"),
        start: |world, prefix, _| python_example(world, prefix, "sdk/openai_codex.py"),
    },
    Host {
        name: "openai-codex-sdk 0.1.11 of PyPI runs `exec` through the launcher",
        from: From::PyPi("openai-codex-sdk==0.1.11"),
        start: |world, prefix, _| python_example(world, prefix, "sdk/openai_codex_sdk.py"),
    },
    Host {
        name: "acpx 0.19.1 with codex-acp 2.6.0 runs `$CODEX_PATH app-server`, which is the launcher",
        from: From::Npm(&["acpx@0.19.1", "@agentclientprotocol/codex-acp@2.6.0"]),
        start: |world, prefix, node| {
            let adapter = prefix.join("node_modules/.bin/codex-acp");
            let mut command =
                acpx(world, prefix, node, &format!("{} {}", node.join("node").display(), adapter.display()));
            command.env("CODEX_PATH", launcher());
            command
        },
    },
    Host {
        name: "acpx 0.19.1 with the launcher before Zed's codex-acp 0.16.0",
        from: From::Npm(&["acpx@0.19.1", "@zed-industries/codex-acp@0.16.0"]),
        start: |world, prefix, node| {
            let scope = prefix.join("node_modules/@zed-industries");
            let mut native = fs::read_dir(&scope).unwrap().map(|entry| entry.unwrap().path().join("bin/codex-acp"));
            let adapter = native.find(|path| is_native(path)).unwrap();
            let mut command = acpx(world, prefix, node, launcher());
            command.env("CODEX_HOME_SHIM_CODEX", adapter);
            command
        },
    },
];

fn python_example(world: &Street, prefix: &Path, path: &str) -> Command {
    let program = world.root().join("example.py");
    fs::write(&program, with_launcher(path)).unwrap();
    let mut command = world.start(prefix.join("bin/python"), &world.bridge());
    command.arg(program);
    command
}

fn acpx(world: &Street, prefix: &Path, node: &Path, agent: &str) -> Command {
    let mut command = world.start(node.join("node"), &world.bridge());
    command.arg(prefix.join("node_modules/acpx/dist/cli.js")).args(["--agent", agent, "exec", "ping"]);
    command
}

fn is_native(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| !bytes.starts_with(b"#!"))
}

impl Host {
    fn fetch(&self) -> Result<PathBuf, String> {
        match &self.from {
            From::Npm(specs) => npm::packages(specs),
            From::PyPi(spec) => pypi(spec),
        }
    }

    /// In a bridge that cannot log in, beside a login of the person's: the answer comes, by that login.
    fn answers(&self) -> Result<(), String> {
        let (prefix, node) = (self.fetch()?, npm::node()?);
        let codex = npm::codex("0.169.0")?;
        let backend = Backend::start();
        let world = Street::empty();
        let (bridge, personal) = (world.lay_bridge(&broken()), world.lay_personal(&personal()));
        // Hosts hand on no `-c` of ours.
        for home in [&bridge, &personal] {
            fs::write(home.join("config.toml"), backend.config()).unwrap();
        }
        let before = fs::read(personal.join("auth.json")).unwrap();
        let mut command = (self.start)(&world, &prefix, &node);
        let is_adapter = command.get_envs().any(|(name, _)| name == "CODEX_HOME_SHIM_CODEX");
        if !is_adapter {
            command.env("CODEX_HOME_SHIM_CODEX", codex);
        }
        command.env("PATH", format!("{}:/usr/bin:/bin", node.display())).env("TMPDIR", world.root());
        backend.fence(&mut command);
        let said = run(&mut command);

        assert!(said.stdout.contains("pong"), "{said:?}\n{:?}", backend.requests());
        assert_eq!(backend.bearers(), [Some(tokens::access_token(ACCOUNT, "personal"))]);
        assert_eq!(fs::read(personal.join("auth.json")).unwrap(), before, "the personal login is as it was");
        Ok(())
    }
}

/// A virtual environment with this package in it, kept beside npm's.
fn pypi(spec: &str) -> Result<PathBuf, String> {
    let kept = npm::cache()?.join(format!("pypi-{}", spec.replace("==", "-")));
    let python = kept.join("bin/python");
    let done = kept.join("installed");
    if done.is_file() {
        return Ok(kept);
    }
    // At its place from the beginning: an environment cannot be moved.
    let world = World::new();
    let steps: [(&Path, Vec<&str>); 2] = [
        (Path::new("python3"), vec!["-m", "venv", "--clear", kept.to_str().ok_or("no UTF-8")?]),
        (&python, vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", spec]),
    ];
    for (program, words) in steps {
        let mut command = Command::new(program);
        command.args(words).env("PIP_CACHE_DIR", world.root());
        let said = run_within(&mut command, Duration::from_secs(300))?;
        if said.code != Some(0) {
            return Err(format!("{spec}: {}", said.stderr.lines().last().unwrap_or("pip did not say why")));
        }
    }
    fs::write(&done, "").map_err(|error| format!("{}: {error}", done.display()))?;
    Ok(kept)
}

fn hosts() -> impl Iterator<Item = Trial> {
    let is_asked_for = env::var_os("CODEX_HOME_SHIM_HOSTS").is_some_and(|value| !value.is_empty());
    HOSTS.iter().map(move |host| {
        let trial = Trial::test(host.name, || Ok(host.answers()?)).with_ignored_flag(!is_asked_for);
        if is_asked_for { trial } else { trial.with_kind("CODEX_HOME_SHIM_HOSTS=1 fetches and runs it") }
    })
}

// ---- A world with a codex that tells what it was given ----

/// A world whose PATH has such a codex, or none.
struct Street {
    world: World,
}

impl std::ops::Deref for Street {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

/// What that codex told.
struct Told {
    home: String,
    args: Vec<String>,
    parent: u32,
}

impl Street {
    fn new() -> Street {
        let street = Street::empty();
        fs::create_dir(street.bin()).unwrap();
        write_executable(&street.bin().join("codex"), TELLS);
        street
    }

    fn empty() -> Street {
        Street { world: World::new() }
    }

    fn bin(&self) -> PathBuf {
        self.root().join("bin")
    }

    /// A program in codex's place, as a host starts it.
    fn start(&self, program: impl AsRef<Path>, home: &Path) -> Command {
        let mut command = self.command(program.as_ref());
        let path = format!("{}:/usr/bin:/bin", self.bin().display());
        command.env("CODEX_HOME", home).env("PATH", path);
        // Wherever HOME leads, nothing of this machine's is read or written.
        command.env("XDG_CONFIG_HOME", self.root().join("config")).env("CODEX_HOME_SHIM_JOURNAL", "false");
        command.current_dir(self.root());
        command
    }

    fn told(&self, command: &mut Command) -> Told {
        let finished = run(command);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let all = |name: &str| {
            let lines = finished.stdout.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let home = all("home").into_iter().next().unwrap_or_else(|| panic!("no codex was started: {finished:?}"));
        Told { home, args: all("arg"), parent: all("parent")[0].parse().unwrap() }
    }
}

fn python(world: &World) -> Command {
    let mut command = world.command("python3");
    command.env("PATH", env::var_os("PATH").unwrap_or_default());
    command
}

fn broken() -> Vec<u8> {
    auth::issue_70511(&tokens::access_token(ACCOUNT, "bridge"), "bridge-refresh")
}

fn personal() -> Vec<u8> {
    auth::healthy(ACCOUNT, "personal", "personal-refresh")
}

fn main() -> ExitCode {
    let sentences = SENTENCES.iter().map(|(sentence, test)| {
        let test = *test;
        Trial::ignorable_test(*sentence, move || test().outcome())
    });
    libtest_mimic::run(&Arguments::from_args(), sentences.chain(hosts()).collect()).exit_code()
}
