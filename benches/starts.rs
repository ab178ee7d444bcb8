//! What a start costs: whole processes, from the spawn of what a host starts to the end of the codex it becomes.
//!
//!     cargo bench --bench starts
//!
//! Everything is measured in one run, every round in an order of its own, for a machine has moods: only what is measured
//! side by side can be compared. What is printed are medians, and ratios of medians. The launcher that is measured is the one
//! cargo built for this, or the one that `CODEX_HOME_SHIM_BENCH` names; codex is a program that does nothing.
//!
//! `CODEX_HOME_SHIM_BENCH_ROUNDS` sets how often: one round shows in a moment that everything can be measured, and measures nothing.
//! A row that cannot be measured here is left out, with the reason; under `CODEX_HOME_SHIM_REQUIRE_CODEX` that is a failure.
//!
//! Descriptors are inherited and the environment is small, so that little of what is measured is the same for everybody.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that cannot go on has failed, says its table on stdout, and the launcher's rooms are not its own"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::tokens::{ACCOUNT, access_token};
use support::{World, auth, npm};

/// How often what takes a millisecond is started.
const ROUNDS: usize = 800;
/// How often everything is started before anything is measured.
const WARM_UP: usize = 3;
/// When no further round is begun.
const PATIENCE: Duration = Duration::from_secs(75);
/// The codex that npm brings.
const NPM_VERSION: &str = "0.169.0";

/// The codex that is started: nothing but a program's beginning and end.
const CODEX: &str = "int main(void) { return 0; }\n";
/// The least that can stand in codex's place.
const TRAMPOLINE: &str = r"
#include <unistd.h>
extern char **environ;
int main(int count, char **args) {
    (void)count;
    args[0] = CODEX;
    execve(CODEX, args, environ);
    return 127;
}
";

fn main() {
    // `cargo test --benches` wants to know whether it starts, not how fast.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    let launcher = match env::var_os("CODEX_HOME_SHIM_BENCH") {
        Some(named) => fs::canonicalize(&named).unwrap_or_else(|error| panic!("{}: {error}", named.display())),
        None => PathBuf::from(env!("CARGO_BIN_EXE_codex-home-shim")),
    };
    let tools = World::new();
    match Bench::new(&tools, launcher) {
        Ok(bench) => {
            let is_whole = bench.missing.is_empty();
            assert!(is_whole || env::var_os("CODEX_HOME_SHIM_REQUIRE_CODEX").is_none(), "{}", bench.missing.join("\n"));
            bench.run(rounds());
        }
        Err(missing) => panic!("nothing can be measured: {missing}"),
    }
}

/// How often everything is started.
fn rounds() -> usize {
    let Some(rounds) = env::var_os("CODEX_HOME_SHIM_BENCH_ROUNDS") else { return ROUNDS };
    rounds.to_str().and_then(|rounds| rounds.parse().ok()).expect("`CODEX_HOME_SHIM_BENCH_ROUNDS` is a number")
}

/// One kind of start.
struct Row {
    what: String,
    table: Table,
    program: PathBuf,
    args: Vec<&'static str>,
    env: Vec<(&'static str, OsString)>,
    /// It is part of every so many rounds.
    every: usize,
    /// Whether what it writes is thrown away, which costs a little.
    talks: bool,
    /// Done before each start, beside the clock.
    before: Option<Box<dyn Fn()>>,
    /// What the journal must say became of it.
    verdict: Option<(&'static str, PathBuf)>,
    took: Vec<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Starts,
    Growth,
    Npm,
}

struct Bench {
    launcher: PathBuf,
    /// The directory of the codex that does nothing.
    bin: PathBuf,
    rows: Vec<Row>,
    /// What is missing here, and what is not measured for it.
    missing: Vec<String>,
    /// The worlds of the rows, gone when we are.
    worlds: Vec<World>,
}

/// The plain redirect, which the others are compared with.
const REDIRECT: &str = "launcher: redirect";

impl Bench {
    fn new(tools: &World, launcher: PathBuf) -> Result<Bench, String> {
        let bin = tools.root().join("bin");
        fs::create_dir(&bin).unwrap();
        let codex = bin.join("codex");
        compile(tools, CODEX, &codex, &codex)?;
        let trampoline = tools.root().join("trampoline");
        compile(tools, TRAMPOLINE, &codex, &trampoline)?;

        let mut bench = Bench { launcher, bin, rows: Vec::new(), missing: Vec::new(), worlds: Vec::new() };
        let redirect = |bench: &mut Bench| bench.world(healthy);

        let at = redirect(&mut bench);
        bench.start("codex itself, nothing before it", at, &codex);
        bench.start("bare `execve` trampoline in C, static", at, &trampoline);
        for shell in ["sh", "zsh"] {
            let Some(path) = find(shell) else {
                bench.missing.push(format!("`{shell}` is not here: no row for its wrapper"));
                continue;
            };
            let real = fs::canonicalize(&path).unwrap();
            // As people write it: openclaw/openclaw#70511.
            let text =
                format!("#!{}\nexport CODEX_HOME=\"$HOME/.codex\"\nexec {} \"$@\"\n", path.display(), codex.display());
            let wrapper = tools.root().join(format!("wrapper-{shell}"));
            write_program(&wrapper, &text);
            bench.start(&format!("`{shell}` wrapper ({})", real.file_name().unwrap().display()), at, &wrapper);
        }

        bench.launch(REDIRECT, Table::Starts, at, Some("redirect"));
        let row = bench.launch("launcher: redirect, no journal", Table::Starts, at, None);
        row.env.push(("CODEX_HOME_SHIM_JOURNAL", "off".into()));
        let row = bench.launch("launcher: off", Table::Starts, at, None);
        row.env.push(("CODEX_HOME_SHIM_STRATEGY", "off".into()));
        let at = bench.world(|world| {
            healthy(world);
            world.lay_bridge(&auth::healthy(ACCOUNT, "bridge", "bridge-refresh"));
        });
        bench.launch("launcher: trust", Table::Starts, at, Some("trust"));
        // Nobody's own home to go to. A repair waits for the disk, twice.
        let at = bench.world(|world| drop(world.lay_bridge(&broken())));
        let bridge = bench.worlds[at].bridge().join("auth.json");
        let row = bench.launch("launcher: repair", Table::Starts, at, Some("repair"));
        row.before = Some(Box::new(move || fs::write(&bridge, broken()).unwrap()));
        row.every = 5;

        bench.growth();
        if let Err(missing) = bench.npm() {
            bench.missing.push(format!("no row for npm's script: {missing}"));
        }
        Ok(bench)
    }

    /// The same redirect in homes that have grown.
    fn growth(&mut self) {
        let padded = |size: usize| {
            let mut bytes = auth::healthy(ACCOUNT, "padded", "padded-refresh");
            bytes.resize(size, b' ');
            bytes
        };
        // The host's own, for nothing is done about it, and that is said.
        let at = self.world(|world| {
            healthy(world);
            world.lay_bridge(&padded(50_000_000));
        });
        let row = self.launch("`auth.json` of 50 MB, which is not read", Table::Growth, at, Some("trust"));
        row.talks = true;

        let at = self.world(|world| {
            healthy(world);
            world.lay_personal(&padded(256 << 10));
        });
        self.launch("`auth.json` of 256 KiB, the largest that is", Table::Growth, at, Some("redirect"));

        let at = self.world(|world| {
            healthy(world);
            let mut text = "model = \"gpt-5\"\n".to_owned();
            // What codex itself makes of it: a table for each directory that is trusted.
            for project in 0..2_500 {
                writeln!(text, "[projects.\"/work/project-{project}\"]\ntrust_level = \"trusted\"").unwrap();
            }
            fs::write(world.personal().join("config.toml"), text).unwrap();
        });
        self.launch("`config.toml` of 5,000 lines, as codex adds them", Table::Growth, at, Some("redirect"));

        let at = self.world(|world| {
            healthy(world);
            let mut text = "model = \"gpt-5\"\n".to_owned();
            for server in 0..1_250 {
                writeln!(text, "[mcp_servers.server-{server}]\ncommand = \"server\"\nargs = [\"--serve\"]\n").unwrap();
            }
            fs::write(world.personal().join("config.toml"), text).unwrap();
        });
        let row = self.launch("`config.toml` of 5,000 lines of anything else", Table::Growth, at, Some("redirect"));
        row.every = 2;

        let at = self.world(|world| {
            healthy(world);
            let day = world.personal().join("sessions/2026/04/22");
            fs::create_dir_all(&day).unwrap();
            for session in 0..10_000 {
                fs::write(day.join(format!("rollout-2026-04-22T10-00-00-{session:08}.jsonl")), "{}\n").unwrap();
            }
        });
        self.launch("10,000 sessions", Table::Growth, at, Some("redirect"));

        let at = self.world(healthy);
        let directories = self.worlds[at].root().join("path");
        let mut path: Vec<_> = (1..200).map(|entry| directories.join(format!("{entry}/bin"))).collect();
        for directory in &path {
            fs::create_dir_all(directory).unwrap();
        }
        path.push(self.bin.clone());
        let path = env::join_paths(path).unwrap();
        let row = self.launch("PATH of 200 directories, codex in the last", Table::Growth, at, Some("redirect"));
        row.env.retain(|(name, _)| *name != "PATH");
        row.env.push(("PATH", path));
    }

    /// What npm's codex costs to say its version, as npm laid it.
    fn npm(&mut self) -> Result<(), String> {
        let node = find("node").ok_or("`node` is not here")?;
        let native = npm::codex(NPM_VERSION)?;
        let installed = native.ancestors().map(|path| path.join("node_modules/.bin"));
        let installed = installed.filter(|bin| bin.join("codex").exists()).last().ok_or("npm made no `.bin/codex`")?;
        let path = env::join_paths([&installed, node.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]);
        let path = path.map_err(|error| error.to_string())?;
        let at = self.world(healthy);
        for (what, program) in [
            ("the native codex itself", native),
            ("npm's script", installed.join("codex")),
            ("npm's script behind the launcher", self.launcher.clone()),
        ] {
            self.rows.push(Row {
                args: vec!["--version"],
                env: vec![("HOME", self.worlds[at].home().into()), ("PATH", path.clone())],
                every: 20,
                talks: true,
                ..Row::new(what, Table::Npm, program)
            });
        }
        Ok(())
    }

    fn world(&mut self, lay: impl Fn(&World)) -> usize {
        let world = World::new();
        world.lay_bridge(&broken());
        lay(&world);
        self.worlds.push(world);
        self.worlds.len() - 1
    }

    /// A start as OpenClaw makes it, in the world `at`.
    fn start(&mut self, what: &str, at: usize, program: &Path) -> &mut Row {
        let world = &self.worlds[at];
        let path = env::join_paths([&self.bin, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        self.rows.push(Row {
            env: vec![("HOME", world.home().into()), ("PATH", path), ("CODEX_HOME", world.bridge().into())],
            ..Row::new(what, Table::Starts, program.to_owned())
        });
        self.rows.last_mut().unwrap()
    }

    /// The same of the launcher.
    fn launch(&mut self, what: &str, table: Table, at: usize, verdict: Option<&'static str>) -> &mut Row {
        let journal = journal(&self.worlds[at].home());
        let launcher = self.launcher.clone();
        let row = self.start(what, at, &launcher);
        row.table = table;
        row.verdict = verdict.map(|verdict| (verdict, journal));
        row
    }

    fn run(mut self, rounds: usize) {
        for row in &mut self.rows {
            for _ in 0..if row.every > 5 { 1 } else { WARM_UP } {
                row.start();
            }
            row.check();
        }
        let begun = Instant::now();
        let mut order: Vec<_> = (0..self.rows.len()).collect();
        for round in 0..rounds {
            if begun.elapsed() > PATIENCE {
                self.missing.push(format!("ended after {round} of {rounds} rounds: this machine is slow, or busy"));
                break;
            }
            shuffle(&mut order);
            for &at in &order {
                let row = &mut self.rows[at];
                if round % row.every == 0 {
                    let took = row.start();
                    row.took.push(took);
                }
            }
        }
        for row in &mut self.rows {
            row.took.sort_unstable();
        }
        self.print();
    }

    fn print(&self) {
        let median = |what: &str| self.rows.iter().find(|row| row.what.starts_with(what)).map(Row::median);
        let ratio = |row: &Row, what: &str| {
            median(what).map_or_else(|| "–".to_owned(), |other| format!("{:.2}", row.median() / other))
        };
        let size = fs::metadata(&self.launcher).map_or(0, |metadata| metadata.len());
        println!("\nThe launcher: `{}`, {size} bytes\n", self.launcher.display());
        for missing in &self.missing {
            println!("- {missing}\n");
        }
        let print = |table: Table, first: &str, columns: &[(&str, &str)]| {
            let rows: Vec<_> = self.rows.iter().filter(|row| row.table == table).collect();
            if rows.is_empty() {
                return;
            }
            let heads: String = columns.iter().map(|(head, _)| format!(" {head} |")).collect();
            println!("| {first} | median, µs | starts |{heads}\n|---|--:|--:|{}", "--:|".repeat(columns.len()));
            for row in rows {
                let cells: String = columns.iter().map(|(_, what)| format!(" {} |", ratio(row, what))).collect();
                println!("| {} | {:.0} | {} |{cells}", row.what, row.median(), row.took.len());
            }
            println!();
        };
        print(
            Table::Starts,
            "start of a codex that does nothing",
            &[("of `sh`", "`sh`"), ("of `zsh`", "`zsh`"), ("of the trampoline", "bare")],
        );
        print(Table::Growth, "the same redirect with", &[("of the plain one", REDIRECT)]);
        print(Table::Npm, "`codex --version`", &[("of npm's script", "npm's script")]);
    }
}

impl Row {
    fn new(what: &str, table: Table, program: PathBuf) -> Row {
        Row {
            what: what.to_owned(),
            table,
            program,
            args: vec!["app-server"],
            env: Vec::new(),
            every: 1,
            talks: false,
            before: None,
            verdict: None,
            took: Vec::new(),
        }
    }

    /// One start, and what it took.
    fn start(&self) -> Duration {
        if let Some(before) = &self.before {
            before();
        }
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        if self.talks {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let begun = Instant::now();
        let status = command.spawn().and_then(|mut child| child.wait());
        let took = begun.elapsed();
        assert!(status.as_ref().is_ok_and(|status| status.success()), "{}: {status:?}", self.what);
        took
    }

    /// That it was the start it is called.
    fn check(&self) {
        let Some((verdict, journal)) = &self.verdict else { return };
        let text = fs::read_to_string(journal).unwrap_or_else(|error| panic!("{}: {error}", journal.display()));
        let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(line["verdict"], *verdict, "{}: {line}", self.what);
    }

    /// In microseconds.
    fn median(&self) -> f64 {
        let middle = self.took.get(self.took.len() / 2);
        middle.map_or(f64::NAN, |took| took.as_secs_f64() * 1e6)
    }
}

/// A bridge as in openclaw/openclaw#70511.
fn broken() -> Vec<u8> {
    auth::issue_70511_with_account(&access_token(ACCOUNT, "bridge"), "bridge-refresh", ACCOUNT)
}

/// A personal home as most people have it.
fn healthy(world: &World) {
    world.lay_personal(&auth::healthy(ACCOUNT, "personal", "personal-refresh"));
    fs::write(world.personal().join("config.toml"), "model = \"gpt-5\"\nmodel_reasoning_effort = \"high\"\n").unwrap();
}

/// Where the launcher notes a start down of which nobody said where.
fn journal(home: &Path) -> PathBuf {
    let state = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
    home.join(state).join("codex-home-shim/journal.jsonl")
}

/// A program on our own PATH.
fn find(name: &str) -> Option<PathBuf> {
    // Where people's first line names it.
    let usual = ["/bin", "/usr/bin"].map(PathBuf::from).into_iter();
    let path = env::var_os("PATH").unwrap_or_default();
    usual.chain(env::split_paths(&path)).map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// Compiles `source`, in which `CODEX` is the path of codex, to a program that no loader has to find libraries for.
fn compile(tools: &World, source: &str, codex: &Path, to: &Path) -> Result<(), String> {
    let file = tools.root().join("source.c");
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.arg("-O2").arg(format!("-DCODEX=\"{}\"", codex.display())).arg(&file).arg("-o").arg(to);
    // macOS has no static programs.
    if cfg!(target_os = "linux") {
        compiler.arg("-static");
    }
    match compiler.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("`cc` failed: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("`cc` is not here: {error}")),
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Another order, every time.
fn shuffle(order: &mut [usize]) {
    for last in (1..order.len()).rev() {
        // Every one of these is keyed anew.
        let random = RandomState::new().build_hasher().finish();
        order.swap(last, usize::try_from(random % (last as u64 + 1)).unwrap());
    }
}
