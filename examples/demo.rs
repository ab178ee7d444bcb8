//! openclaw/openclaw#70511 before your eyes: the same start without and with the launcher, side by side.
//!
//! Lays the homes out in a scratch directory, starts codex twice against a stand-in for OpenAI on the loopback, and
//! cleans up. With `-- --svg FILE` the same is drawn too, as it is in the README. The real codex is used where one is found (`CODEX_HOME_SHIM_CODEX`, PATH, or the one the tests fetched),
//! a stand-in otherwise. Nothing of yours is read, and nothing leaves the machine.

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
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::app_server::AppServer;
use support::backend::Backend;
use support::tokens::{self, ACCOUNT};
use support::{World, auth, entry, run};

/// Acts as codex does on these two homes, where there is no real one: no `id_token`, no login.
const STAND_IN: &str = r#"#!/bin/sh
if grep -q id_token "$CODEX_HOME/auth.json"; then
    echo "Logged in using ChatGPT" >&2
else
    echo "Error checking login status: missing field \`id_token\`" >&2
    exit 1
fi
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let launcher = build_launcher()?;
    let world = World::new();
    fs::create_dir(world.root().join("tmp"))?;
    let codex = match real_codex() {
        Some(codex) => codex,
        None => Codex { path: stand_in(&world)?, version: None },
    };
    match &codex.version {
        Some(version) => println!("codex: {version} (`{}`)", codex.path.display()),
        None => println!("codex: a stand-in, for there is no real one on PATH (`npm i -g @openai/codex`)"),
    }

    let bridge = world.lay_bridge(&auth::issue_70511_with_account(&token("bridge"), "bridge-refresh", ACCOUNT));
    let personal = world.lay_personal(&auth::healthy(ACCOUNT, "personal", "personal-refresh"));
    println!("bridge: an auth.json without `id_token`, as OpenClaw 2026.4.21 writes it");
    println!("~/.codex: a healthy login of the same account\n");
    let before = (entry(&bridge.join("auth.json")), entry(&personal.join("auth.json")));

    let without = start(&world, &codex, &codex.path, &bridge);
    let with = start(&world, &codex, &launcher, &bridge);
    println!("{:<15} {:<52} with the launcher", "", "without the launcher");
    for ((what, without), (_, with)) in without.iter().zip(&with) {
        println!("{what:<15} {:<52} {with}", clip(without));
    }

    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let [option, file] = &arguments[..]
        && option == "--svg"
    {
        fs::write(file, picture(codex.version.as_deref().unwrap_or("a stand-in for codex"), &without, &with))?;
    }

    let untouched = before == (entry(&bridge.join("auth.json")), entry(&personal.join("auth.json")));
    println!("\nboth auth.json files are {} by either start", if untouched { "unchanged" } else { "CHANGED" });
    let logged_in = with.first().is_some_and(|(_, said)| said.contains("Logged in"));
    if untouched && logged_in { Ok(()) } else { Err("the launcher did not do what it is for".into()) }
}

/// The rows of one start of `program`: what it says of the login and, with the real codex, what one message comes to.
fn start(world: &World, codex: &Codex, program: &Path, bridge: &Path) -> Vec<(&'static str, String)> {
    let backend = Backend::start();
    let command = || {
        let mut command = world.command(program);
        command.env("CODEX_HOME", bridge).env("CODEX_HOME_SHIM_CODEX", &codex.path);
        command.env("TMPDIR", world.root().join("tmp")).current_dir(world.home());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        backend.fence(&mut command);
        backend.attach(&mut command);
        command
    };
    let status = run(command().args(["login", "status"]));
    let said = format!("{}{}", status.stdout, status.stderr);
    let said = said.lines().find(|line| line.contains("ogged in") || line.contains("Error")).unwrap_or_default();
    let mut rows = vec![("login status", format!("exit {}: {said}", status.code.unwrap_or_default()))];
    if codex.version.is_none() {
        return rows;
    }

    let mut app_server = command();
    app_server.args(["app-server", "--listen", "stdio://"]);
    let mut server = AppServer::spawn(app_server);
    let home = server.initialize().unwrap()["codexHome"].as_str().unwrap_or_default().to_owned();
    rows.push(("codex's home", home.replace(&*world.home().to_string_lossy(), "~")));
    let thread = server.start_thread().unwrap();
    let turn = server.say(&thread, "ping").unwrap();
    let bearer = match backend.bearers().last().cloned().flatten() {
        None => "none".to_owned(),
        Some(bearer) if bearer == token("personal") => "the one of ~/.codex".to_owned(),
        Some(_) => "another".to_owned(),
    };
    rows.push(("bearer sent", bearer));
    // Of the errors the last one is what the person reads.
    let answer = if turn.error.is_empty() { &turn.said } else { turn.error.lines().last().unwrap_or_default() };
    rows.push(("the answer", answer.to_owned()));
    rows
}

/// Both starts as a picture: what was seen without the launcher, and with it.
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

/// A text in at most three lines of so many characters, broken where there is a space or a slash.
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

struct Codex {
    path: PathBuf,
    /// What it says it is; a stand-in says nothing.
    version: Option<String>,
}

/// A real codex, where one is found and answers.
fn real_codex() -> Option<Codex> {
    let named = std::env::var_os("CODEX_HOME_SHIM_CODEX").map(PathBuf::from);
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let fetched = support::npm::kept();
    named
        .into_iter()
        .chain(on_path.filter(|directory| directory.is_absolute()).map(|directory| directory.join("codex")))
        .chain(fetched)
        .find_map(|path| {
            // Even this writes into its home.
            let world = World::new();
            let mut command = world.command(&path);
            command.env("CODEX_HOME", world.home()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
            let finished = support::run_within(command.arg("--version"), support::PATIENCE).ok()?;
            let version = finished.stdout.trim().to_owned();
            version.starts_with("codex").then_some(Codex { path, version: Some(version) })
        })
}

fn stand_in(world: &World) -> Result<PathBuf, Box<dyn Error>> {
    let path = world.root().join("codex");
    fs::write(&path, STAND_IN)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
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

fn token(jti: &str) -> String {
    tokens::access_token(ACCOUNT, jti)
}

/// The beginning of a text, as wide as its column.
fn clip(text: &str) -> String {
    if text.chars().count() <= 50 { text.to_owned() } else { text.chars().take(49).chain(['…']).collect() }
}
