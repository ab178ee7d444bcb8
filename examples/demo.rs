//! openclaw/openclaw#70511 on your machine: the same start without and with the launcher, in its three ends.
//!
//!     cargo run --example demo
//!
//! Builds the launcher, makes homes in scratch directories, and sends one message to codex in each of them. A stand-in for OpenAI
//! on the loopback answers. codex is the real one if `CODEX_HOME_SHIM_CODEX` or PATH has it or the tests have fetched it; otherwise
//! this program plays codex as well. Nothing of yours is read or changed, and nothing leaves the machine.
//!
//! `-- --svg FILE` also draws the first start, and `-- --architecture FILE` only draws the steps of a start; both as in `docs/`.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a demonstration that cannot go on says where it stopped"
)]

#[path = "demo/picture.rs"]
mod picture;
#[path = "demo/stand_in.rs"]
mod stand_in;
#[path = "../tests/support/mod.rs"]
mod support;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use support::app_server::AppServer;
use support::backend::Backend;
use support::tokens::{self, ACCOUNT};
use support::{Fixture, entry, run};
use textwrap::WordSplitter;

/// The width of the narrowest terminal that people use.
const COLUMNS: usize = 80;
/// How long a codex may take to tell its version.
const VERSION: Duration = Duration::from_secs(5);

/// One scene: the homes, and the decision that the launcher must take.
struct Scene {
    decision: &'static str,
    title: &'static str,
    homes: fn(&Fixture),
}

const SCENES: [Scene; 3] = [
    Scene {
        decision: "redirect",
        title: "1. Redirected: the home that OpenClaw made (the bridge) has no `id_token`, and ~/.codex is logged in with the \
                same account.",
        homes: |person| {
            person.break_bridge(ACCOUNT);
            person.log_in(ACCOUNT);
        },
    },
    Scene {
        decision: "repair",
        title: "2. Repaired: the bridge has no `id_token`, and there is no ~/.codex.",
        homes: |person| drop(person.break_bridge(ACCOUNT)),
    },
    Scene {
        decision: "refuse",
        title: "3. Refused: nothing in the bridge can repair it, and there is no ~/.codex.",
        homes: |person| drop(person.break_bridge_for_good()),
    },
];

/// What codex is in this run.
struct Codex {
    program: PathBuf,
    /// `codex-cli 0.123.0`; `None` for the stand-in.
    version: Option<String>,
    /// How it was found.
    found: &'static str,
}

/// What a start showed, a row each: what it is, and what was seen.
type Rows = Vec<(&'static str, String)>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(code) = stand_in::act() {
        return Ok(code);
    }
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let svg = match &arguments[..] {
        [] => None,
        [option, file] if option == "--svg" => Some(file),
        [option, file] if option == "--architecture" => {
            fs::write(file, picture::architecture())?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => return Err("usage: cargo run --example demo [-- --svg FILE | --architecture FILE]".into()),
    };
    let started = Instant::now();
    println!("openclaw/openclaw#70511 in scratch directories; nothing of yours is changed.");
    println!("\nBuilding the launcher from this source:");
    let launcher = build_launcher()?;
    let codex = find_codex()?;
    match &codex.version {
        Some(version) => row("codex", &format!("{version}, {}", codex.found)),
        None => row("codex", "a stand-in, because there is none on PATH (npm i -g @openai/codex)"),
    }
    row("OpenAI", "a stand-in on 127.0.0.1");
    let mut wrong = Vec::new();
    for scene in &SCENES {
        println!("\n{}\n\n  without the launcher", textwrap::fill(scene.title, COLUMNS));
        let without = start(scene, &codex, None);
        println!("\n  with the launcher");
        let with = start(scene, &codex, Some(&launcher));
        // codex answers unless the launcher refuses.
        let is_answered = with.iter().any(|(what, said)| *what == "answer" && said == "pong");
        if with[0].1 != scene.decision || is_answered == (scene.decision == "refuse") {
            wrong.push(scene.decision);
        }
        if let (Some(file), "redirect") = (svg, scene.decision) {
            let version = codex.version.as_deref().unwrap_or("a stand-in for codex");
            fs::write(file, picture::starts(version, &without, &with))?;
        }
    }
    support::fixture::remove_programs();
    if !wrong.is_empty() {
        return Err(format!("not as expected: {}", wrong.join(", ")).into());
    }
    println!("\nThree homes, three decisions, in {:.0?}.", started.elapsed());
    println!("Next, on a machine with OpenClaw:\n\n    cargo install --path . --locked\n    codex-home install");
    Ok(ExitCode::SUCCESS)
}

/// Makes one start in the bridge of a scene, and prints what it shows: the decision of the launcher, what codex says of its login,
/// and what becomes of one message.
fn start(scene: &Scene, codex: &Codex, launcher: Option<&Path>) -> Rows {
    let (person, backend) = (Fixture::new(), Backend::start());
    (scene.homes)(&person);
    fs::create_dir(person.root().join("tmp")).unwrap();
    let program = person.write_program(&person.root().join("demo/codex"), &backend.script(&codex.program));
    let bridge = fs::read(person.bridge().join("auth.json")).unwrap();
    let personal = entry(&person.personal().join("auth.json"));
    let command = || {
        let mut command = person.command(launcher.unwrap_or(&program));
        command.env("CODEX_HOME", person.bridge()).env("CODEX_HOME_SHIM_CODEX", &program);
        command.env("XDG_STATE_HOME", person.state()).env("TMPDIR", person.root().join("tmp"));
        // npm's codex is a script that needs a node.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if codex.version.is_none() {
            command.env(stand_in::VARIABLE, "1");
        }
        backend.fence(&mut command);
        command
    };
    let shown = |text: &str| text.replace(&*person.home().to_string_lossy(), "~");
    let mut rows = Rows::new();
    let mut show = |what, said: String| {
        row(what, &said);
        rows.push((what, said));
    };

    let status = run(command().args(["login", "status"]));
    if launcher.is_some() {
        let decision =
            person.journal_lines().pop().map(|line| line["decision"].as_str().unwrap_or_default().to_owned());
        show("decision", decision.unwrap_or_default());
    }
    let said = format!("{}{}", status.stdout, status.stderr);
    let said = said.lines().find(|line| ["ogged in", "Error", "no usable"].iter().any(|part| line.contains(part)));
    show("login status", format!("exit {}: {}", status.code.unwrap_or(-1), shown(said.unwrap_or_default())));

    // The repair of the first start would leave nothing to do for this one.
    person.write_auth(&person.bridge(), &bridge);
    let mut command = command();
    command.args(["app-server", "--listen", "stdio://"]);
    let mut server = AppServer::spawn(command);
    match server.initialize() {
        Ok(answer) => {
            show("codex's home", shown(answer["codexHome"].as_str().unwrap_or_default()));
            let thread = server.start_thread().unwrap();
            let turn = thread::scope(|scope| {
                let turn = scope.spawn(|| server.say(&thread, "ping").unwrap());
                let started = Instant::now();
                let mut shown = 0;
                while !turn.is_finished() {
                    thread::sleep(Duration::from_millis(20));
                    // A real codex tries again and again.
                    if started.elapsed().as_secs() / 3 > shown {
                        shown += 1;
                        row("", &format!("… message sent {} times so far", backend.bearers().len()));
                    }
                }
                turn.join().unwrap()
            });
            show("bearer sent", bearer(&backend).to_owned());
            // The last error is the one that the person reads. The stand-in for OpenAI has an address that says nothing.
            let error = turn.error.lines().last().unwrap_or_default().split(", url: ").next().unwrap_or_default();
            show("answer", if error.is_empty() { turn.said } else { error.to_owned() });
        }
        Err(refusal) => {
            show("codex's home", "none: codex was not started".to_owned());
            show("answer", message_of(&refusal));
        }
    }
    if launcher.is_some() && personal.is_some() {
        let is_same = personal == entry(&person.personal().join("auth.json"));
        show("~/.codex", if is_same { "not changed" } else { "CHANGED" }.to_owned());
    }
    rows
}

/// Prints a row in the width of a terminal.
fn row(what: &str, said: &str) {
    // The whole path would not fit.
    let said = said.replace("agents/main/agent/harness-auth", "…");
    let options = textwrap::Options::new(COLUMNS).break_words(false).word_splitter(WordSplitter::NoHyphenation);
    let (first, next) = (format!("    {what:<14}"), " ".repeat(18));
    println!("{}", textwrap::fill(&said, options.initial_indent(&first).subsequent_indent(&next)));
}

/// Whose token came with the last message.
fn bearer(backend: &Backend) -> &'static str {
    match backend.bearers().pop().flatten() {
        None => "none",
        Some(bearer) if bearer == tokens::access_token(ACCOUNT, "personal") => "the one of ~/.codex",
        Some(bearer) if bearer == tokens::access_token(ACCOUNT, "bridge") => "the bridge's own",
        Some(_) => "another",
    }
}

/// Returns the message of a JSON-RPC error.
fn message_of(error: &str) -> String {
    let object = error.split_once(": ").and_then(|(_, object)| serde_json::from_str::<serde_json::Value>(object).ok());
    object.and_then(|object| object["message"].as_str().map(str::to_owned)).unwrap_or_else(|| error.to_owned())
}

/// Returns a real codex if there is one that answers, else this program.
fn find_codex() -> Result<Codex, Box<dyn Error>> {
    let named = std::env::var_os("CODEX_HOME_SHIM_CODEX").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    let named = named.into_iter().map(|program| (program, "from CODEX_HOME_SHIM_CODEX"));
    let on_path = on_path.map(|directory| (directory.join("codex"), "from PATH"));
    let fetched = support::npm::kept().into_iter().map(|program| (program, "which the tests have fetched"));
    for (program, found) in named.chain(on_path).chain(fetched).filter(|(program, _)| program.is_file()) {
        // Even `--version` writes into the home.
        let person = Fixture::new();
        let mut command = person.command(&program);
        command.env("CODEX_HOME", person.home()).env("PATH", &path).arg("--version");
        let version = support::run_within(&mut command, VERSION).map(|answer| answer.stdout.trim().to_owned());
        if let Some(version) = version.ok().filter(|version| version.starts_with("codex")) {
            return Ok(Codex { program, version: Some(version), found });
        }
    }
    Ok(Codex { program: std::env::current_exe()?, version: None, found: "" })
}

/// Builds the launcher beside this example, in the same profile.
fn build_launcher() -> Result<PathBuf, Box<dyn Error>> {
    let example = std::env::current_exe()?;
    let built = example.ancestors().nth(2).ok_or("this example was not built by cargo")?;
    let target = built.parent().ok_or("this example was not built by cargo")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Together with this example: alone, cargo would choose other features, and build the dependencies again.
    command.args(["build", "--locked", "--bin", "codex-home-shim", "--example", "demo", "--manifest-path"]);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).arg("--target-dir").arg(target);
    if built.ends_with("release") {
        command.arg("--release");
    }
    if !command.status()?.success() {
        return Err("the launcher could not be built".into());
    }
    Ok(built.join("codex-home-shim"))
}
