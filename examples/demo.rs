//! openclaw/openclaw#70511 on your machine: the same start without and with the launcher, in its three ends.
//!
//!     cargo run --example demo
//!
//! Makes the homes in a scratch directory, starts codex against a stand-in for OpenAI on the loopback, and cleans up. With
//! `-- --svg FILE` the redirected start is drawn too, as it is in the README. The real codex is used if there is one
//! (`CODEX_HOME_SHIM_CODEX`, PATH, or the one that the tests fetched), else a stand-in. Nothing of yours is read, and nothing
//! leaves the machine.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a demonstration that cannot go on says where it stopped"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::app_server::AppServer;
use support::backend::Backend;
use support::tokens::{self, ACCOUNT};
use support::{Fixture, entry, run};

/// Acts as codex does in these homes if there is no real one: without an `id_token` there is no login.
const STAND_IN: &str = r#"#!/bin/sh
if grep -q id_token "$CODEX_HOME/auth.json"; then
    echo "Logged in using ChatGPT" >&2
else
    echo "Error checking login status: missing field \`id_token\`" >&2
    exit 1
fi
"#;

/// One scene: the homes, and the decision that the launcher must take.
struct Scene {
    decision: &'static str,
    about: &'static str,
    homes: fn(&Fixture),
}

const SCENES: [Scene; 3] = [
    Scene {
        decision: "redirect",
        about: "the bridge has no `id_token`, and ~/.codex is logged in with the same account",
        homes: |person| {
            person.break_bridge(ACCOUNT);
            person.log_in(ACCOUNT);
        },
    },
    Scene {
        decision: "repair",
        about: "the bridge has no `id_token`, and there is no ~/.codex",
        homes: |person| drop(person.break_bridge(ACCOUNT)),
    },
    Scene {
        decision: "refuse",
        about: "the bridge has nothing it could be repaired from, and there is no ~/.codex",
        homes: |person| drop(person.break_bridge_for_good()),
    },
];

/// What a start showed, a row each: what it is, and what was seen.
type Rows = Vec<(&'static str, String)>;

fn main() -> Result<(), Box<dyn Error>> {
    let launcher = build_launcher()?;
    println!("launcher: built from this source (`{}`)", launcher.display());
    let codex = real_codex();
    match &codex {
        Some((path, version)) => println!("codex: {version} (`{}`)", path.display()),
        None => println!("codex: a stand-in, because there is no real one on PATH (`npm i -g @openai/codex`)"),
    }
    let mut wrong = Vec::new();
    for scene in &SCENES {
        println!("\n{}: {}\n", scene.decision, scene.about);
        let [without, with] = [None, Some(&*launcher)].map(|launcher| start(scene, codex.as_ref(), launcher));
        println!("{:<15} {:<52} with the launcher", "", "without the launcher");
        for (row, (what, with)) in with.iter().enumerate() {
            let without = without.get(row).map_or("", |(_, said)| said);
            println!("{what:<15} {:<52} {with}", clip(without));
        }
        if with.last().is_none_or(|(_, said)| said != scene.decision) {
            wrong.push(scene.decision);
        }
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        if let ([option, file], "redirect") = (&arguments[..], scene.decision)
            && option == "--svg"
        {
            let version = codex.as_ref().map_or("a stand-in for codex", |(_, version)| version);
            fs::write(file, picture(version, &without, &with[..with.len() - 1]))?;
        }
    }
    support::fixture::remove_programs();
    if wrong.is_empty() { Ok(()) } else { Err(format!("the launcher did not {}", wrong.join(", not ")).into()) }
}

/// One start in the bridge of a scene: what it says of the login and, with the real codex, what becomes of one message.
fn start(scene: &Scene, codex: Option<&(PathBuf, String)>, launcher: Option<&Path>) -> Rows {
    let (person, backend) = (Fixture::new(), Backend::start());
    (scene.homes)(&person);
    fs::create_dir(person.root().join("tmp")).unwrap();
    let script = codex.map_or_else(|| STAND_IN.to_owned(), |(path, _)| backend.script(path));
    let program = person.write_program(&person.root().join("demo/codex"), &script);
    let bridge = fs::read(person.bridge().join("auth.json")).unwrap();
    let personal = entry(&person.personal().join("auth.json"));
    let command = || {
        let mut command = person.command(launcher.unwrap_or(&program));
        command.env("CODEX_HOME", person.bridge()).env("CODEX_HOME_SHIM_CODEX", &program);
        command.env("XDG_STATE_HOME", person.state()).env("TMPDIR", person.root().join("tmp"));
        backend.fence(&mut command);
        command
    };
    let shown = |text: &str| text.replace(&*person.home().to_string_lossy(), "~");

    let status = run(command().args(["login", "status"]));
    let said = format!("{}{}", status.stdout, status.stderr);
    let said = said.lines().find(|line| ["ogged in", "Error", "no usable"].iter().any(|part| line.contains(part)));
    let mut rows =
        vec![("login status", format!("exit {}: {}", status.code.unwrap_or(-1), shown(said.unwrap_or_default())))];
    let decision = person.journal_lines().pop().map(|line| line["decision"].as_str().unwrap_or_default().to_owned());
    if codex.is_some() {
        // The repair of the first start would leave nothing to do for this one.
        person.write_auth(&person.bridge(), &bridge);
        rows.extend(message(command(), &backend, shown));
    }
    if launcher.is_some() {
        let same = personal.is_none() || personal == entry(&person.personal().join("auth.json"));
        rows.push(("~/.codex", if same { "not changed" } else { "CHANGED" }.to_owned()));
        rows.push(("decision", decision.unwrap_or_default()));
    }
    rows
}

/// Sends one message through `codex app-server`, as OpenClaw does.
fn message(mut command: Command, backend: &Backend, shown: impl Fn(&str) -> String) -> Rows {
    command.args(["app-server", "--listen", "stdio://"]);
    let mut server = AppServer::spawn(command);
    let answer = match server.initialize().map_err(|error| said_by(&error)) {
        Ok(answer) => answer,
        Err(refusal) => {
            let rows =
                [("codex's home", "codex was not started"), ("bearer sent", "none"), ("the answer", &shown(&refusal))];
            return rows.map(|(what, said)| (what, said.to_owned())).to_vec();
        }
    };
    let home = shown(answer["codexHome"].as_str().unwrap_or_default());
    let thread = server.start_thread().unwrap();
    let turn = server.say(&thread, "ping").unwrap();
    let bearer = match backend.bearers().pop().flatten() {
        None => "none",
        Some(bearer) if bearer == tokens::access_token(ACCOUNT, "personal") => "the one of ~/.codex",
        Some(bearer) if bearer == tokens::access_token(ACCOUNT, "bridge") => "the bridge's own",
        Some(_) => "another",
    };
    // The last error is the one that the person reads.
    let said = if turn.error.is_empty() { &*turn.said } else { turn.error.lines().last().unwrap_or_default() };
    vec![("codex's home", home), ("bearer sent", bearer.to_owned()), ("the answer", said.to_owned())]
}

/// The message of a JSON-RPC error.
fn said_by(error: &str) -> String {
    let object = error.split_once(": ").and_then(|(_, object)| serde_json::from_str::<serde_json::Value>(object).ok());
    object.and_then(|object| object["message"].as_str().map(str::to_owned)).unwrap_or_else(|| error.to_owned())
}

/// Returns a real codex and its version, if there is one that answers.
fn real_codex() -> Option<(PathBuf, String)> {
    let named = std::env::var_os("CODEX_HOME_SHIM_CODEX").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&path).filter(|directory| directory.is_absolute()).collect();
    let candidates = named.into_iter().chain(on_path.into_iter().map(|directory| directory.join("codex")));
    candidates.chain(support::npm::kept()).find_map(|candidate| {
        // Even `--version` writes into the home.
        let person = Fixture::new();
        let mut command = person.command(&candidate);
        command.env("CODEX_HOME", person.home()).env("PATH", &path).arg("--version");
        let version = support::run_within(&mut command, support::PATIENCE).ok()?.stdout.trim().to_owned();
        version.starts_with("codex").then_some((candidate, version))
    })
}

/// Builds the launcher beside this example, in the same profile.
fn build_launcher() -> Result<PathBuf, Box<dyn Error>> {
    let example = std::env::current_exe()?;
    let built = example.ancestors().nth(2).ok_or("this example was not built by cargo")?;
    let target = built.parent().ok_or("this example was not built by cargo")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--bin", "codex-home-shim", "--manifest-path"]);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).arg("--target-dir").arg(target);
    if built.ends_with("release") {
        command.arg("--release");
    }
    if !command.status()?.success() {
        return Err("the launcher could not be built".into());
    }
    Ok(built.join("codex-home-shim"))
}

/// The beginning of a text, as wide as its column.
fn clip(text: &str) -> String {
    if text.chars().count() <= 50 { text.to_owned() } else { text.chars().take(49).chain(['…']).collect() }
}

/// Draws both starts: what was seen without the launcher, and with it.
fn picture(codex: &str, without: &[(&str, String)], with: &[(&str, String)]) -> String {
    let mut svg = String::from(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 392" role="img" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">
<title>The same start without and with codex-home-shim</title>
<style>
  .paper { fill: #f6f8fa; stroke: #d0d7de } .text { fill: #1f2328 } .aside { fill: #59636e } .bad { fill: #cf222e } .good { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #151b23; stroke: #3d444d } .text { fill: #f0f6fc } .aside { fill: #9198a1 } .bad { fill: #f85149 } .good { fill: #3fb950 }
  }
</style>
"#,
    );
    for (at, (title, class, rows)) in
        [("without the launcher", "bad", without), ("with the launcher", "good", with)].into_iter().enumerate()
    {
        let left = 8 + at * 480;
        svg.push_str(&format!("<rect class=\"paper\" x=\"{left}\" y=\"8\" width=\"464\" height=\"344\" rx=\"8\"/>\n"));
        let mut y = 36;
        let mut line = |class: &str, text: &str, step: usize| {
            let x = left + 18;
            svg.push_str(&format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>\n", escaped(text)));
            y += step;
        };
        line(&format!("{class}\" font-weight=\"bold"), title, 30);
        for (what, said) in rows {
            line("aside", what, 20);
            // The stand-in for OpenAI has an address that says nothing.
            let lines = wrapped(said.split(", url: ").next().unwrap_or_default(), 50);
            let last = lines.len().saturating_sub(1);
            for (at, text) in lines.iter().enumerate() {
                let class = if *what == "bearer sent" || *what == "the answer" { class } else { "text" };
                line(class, text, if at == last { 28 } else { 19 });
            }
        }
    }
    svg.push_str(&format!(
        "<text class=\"aside\" x=\"8\" y=\"380\" font-size=\"12\">{} on the bridge home of openclaw/openclaw#70511, beside a healthy ~/.codex; drawn from a run of the demo</text>\n</svg>\n",
        escaped(codex)
    ));
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Breaks a text at spaces and slashes into at most three lines of so many characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive([' ', '/']) {
        let line = lines.last_mut().unwrap();
        if line.chars().count() + part.trim_end().chars().count() > width && !line.is_empty() {
            lines.push(part.to_owned());
        } else {
            line.push_str(part);
        }
    }
    if lines.len() > 3 {
        lines.truncate(3);
        lines[2].push('…');
    }
    lines
}
