//! The cost of a start: whole processes, from the spawn by the host to the end of codex.
//!
//!     cargo bench --bench starts
//!
//! A machine's speed drifts, so only neighbours are compared. Every round starts each peer once, every second round in the opposite
//! order, and the medians of the ratios within a round are printed. codex is a program that does nothing. The launcher is the one
//! that cargo built for this, or the one that `CODEX_HOME_SHIM_BENCH` names.
//!
//! `CODEX_HOME_SHIM_BENCH_ROUNDS` sets the number of rounds. A peer that this machine lacks is left out, with the reason.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that cannot go on has failed, and says its table on stdout"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use support::fixture::{BRIDGE_REFRESH, broken, place};
use support::tokens::ACCOUNT;
use support::{Fixture, auth, fixture, npm, versions};

/// The number of rounds.
const ROUNDS: usize = 600;
/// Rounds before anything is measured.
const WARM_UP: usize = 3;
/// The time after which no round is begun.
const PATIENCE: Duration = Duration::from_secs(180);
/// npm's script takes fifty times as long as the others, so it is started only once in this many rounds.
const NPM_EVERY: usize = 20;

const CODEX: &str = "int main(void) { return 0; }\n";
/// The smallest program in codex's place.
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
/// The smallest Rust program that executes codex: the launcher cannot be quicker.
const FLOOR: &str = r#"
use std::os::unix::process::CommandExt;
fn main() {
    let error = std::process::Command::new(env!("CODEX")).args(std::env::args_os().skip(1)).exec();
    panic!("{error}");
}
"#;

/// The peers that every ratio is against, with the heads of their columns.
const BASES: [(&str, &str); 3] = [("sh", "of `sh`"), ("zsh", "of `zsh`"), ("trampoline", "of the trampoline")];

/// One kind of start.
struct Peer {
    name: &'static str,
    what: String,
    program: PathBuf,
    args: &'static [&'static str],
    env: Vec<(&'static str, OsString)>,
    every: usize,
    /// Done before each start, outside the measurement.
    before: Option<Box<dyn Fn()>>,
    /// The journal, and the decision that it must hold.
    decision: Option<(PathBuf, &'static str)>,
    /// The time of each round; `None` if the peer was left out.
    took: Vec<Option<f64>>,
    faults: Vec<f64>,
}

fn main() {
    // `cargo test --benches` asks only whether it runs.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    let tools = Fixture::new();
    let mut bench = Bench { peers: Vec::new(), missing: Vec::new(), people: Vec::new() };
    let launcher = bench.lay(&tools);
    bench.run();
    bench.print(&launcher);
    fixture::remove_programs();
}

struct Bench {
    peers: Vec<Peer>,
    /// The peers that are left out, with the reasons.
    missing: Vec<String>,
    /// The homes of the peers, removed with this.
    people: Vec<Fixture>,
}

impl Bench {
    /// Makes every peer; returns the launcher.
    fn lay(&mut self, tools: &Fixture) -> PathBuf {
        let named = env::var_os("CODEX_HOME_SHIM_BENCH").map(PathBuf::from);
        let launcher = named.unwrap_or_else(|| env!("CARGO_BIN_EXE_codex-home-shim").into());
        let launcher = fs::canonicalize(launcher).unwrap();
        let codex = tools.root().join("bench/codex");
        fs::create_dir(codex.parent().unwrap()).unwrap();
        compile_c(tools, CODEX, &codex, &codex).unwrap();

        let at = self.person(|person| drop(person.log_in(ACCOUNT)));
        self.peer("codex", "codex itself", at, &codex, &codex);
        let trampoline = tools.root().join("trampoline");
        match compile_c(tools, TRAMPOLINE, &codex, &trampoline) {
            Ok(()) => self.peer("trampoline", "static C program, `execve` only", at, &trampoline, &codex),
            Err(reason) => self.missing.push(format!("the C program: {reason}")),
        }
        let floor = tools.root().join("floor");
        match compile_rust(tools, &codex, &floor) {
            Ok(target) => {
                self.peer("floor", &format!("Rust program, `exec` only ({target})"), at, &floor, &codex);
            }
            Err(reason) => self.missing.push(format!("the Rust program: {reason}")),
        }
        for shell in ["sh", "zsh"] {
            let Some(path) =
                ["/bin", "/usr/bin"].map(|bin| Path::new(bin).join(shell)).into_iter().find(|p| p.exists())
            else {
                self.missing.push(format!("the wrapper for {shell}: there is none in /bin or /usr/bin"));
                continue;
            };
            let real = fs::canonicalize(&path).unwrap();
            // As people write it: openclaw/openclaw#70511.
            let text =
                format!("#!{}\nexport CODEX_HOME=\"$HOME/.codex\"\nexec {} \"$@\"\n", path.display(), codex.display());
            let wrapper = tools.write_program(&tools.root().join(format!("wrapper-{shell}")), &text);
            let what = format!("`{shell}` wrapper ({})", real.file_name().unwrap().display());
            self.peer(shell, &what, at, &wrapper, &codex);
        }

        self.peer("off", "launcher, strategy `off`", at, &launcher, &codex);
        self.last().env.push(("CODEX_HOME_SHIM_STRATEGY", "off".into()));
        let at = self.person(|person| {
            person.log_in(ACCOUNT);
            person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
        });
        self.launch("keep", "launcher, keep of a bridge that can log in", at, &launcher, &codex);
        let at = self.person(|person| {
            person.log_in(ACCOUNT);
            person.write_config(&person.personal(), "model = \"gpt-5\"\nmodel_reasoning_effort = \"high\"\n");
        });
        self.launch("redirect", "launcher, redirect", at, &launcher, &codex);
        // Under a service's PATH, with every place of an installer missing but the last.
        let at = self.person(|person| {
            person.log_in(ACCOUNT);
            let last = person.home().join("Applications/Codex (Beta).app/Contents/Resources/codex");
            fs::create_dir_all(last.parent().unwrap()).unwrap();
            place(&codex, &last);
        });
        self.launch("redirect", "launcher, redirect, codex in the last of all places", at, &launcher, &codex);
        self.last().env[1].1 = "/usr/bin:/bin".into();
        // A repair waits for the disk.
        let at = self.person(|_| ());
        let bridge = self.people[at].bridge().join("auth.json");
        self.launch("repair", "launcher, repair", at, &launcher, &codex);
        self.last().before = Some(Box::new(move || fs::write(&bridge, broken(ACCOUNT)).unwrap()));
        if let Err(reason) = self.npm() {
            self.missing.push(format!("npm's script: {reason}"));
        }
        launcher
    }

    /// Makes a person with a bridge as in openclaw#70511, and what `lay` adds.
    fn person(&mut self, lay: impl Fn(&Fixture)) -> usize {
        let person = Fixture::new();
        person.break_bridge(ACCOUNT);
        lay(&person);
        self.people.push(person);
        self.people.len() - 1
    }

    /// Adds a start as OpenClaw makes it.
    fn peer(&mut self, name: &'static str, what: &str, person: usize, program: &Path, codex: &Path) {
        let person = &self.people[person];
        let path = env::join_paths([codex.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        self.peers.push(Peer {
            name,
            what: what.to_owned(),
            program: program.to_owned(),
            args: &["app-server"],
            env: vec![
                ("HOME", person.home().into()),
                ("PATH", path),
                ("CODEX_HOME", person.bridge().into()),
                ("XDG_STATE_HOME", person.state().into()),
            ],
            every: 1,
            before: None,
            decision: None,
            took: Vec::new(),
            faults: Vec::new(),
        });
    }

    /// Adds a start of the launcher whose decision is checked.
    fn launch(&mut self, name: &'static str, what: &str, person: usize, launcher: &Path, codex: &Path) {
        self.peer(name, what, person, launcher, codex);
        let journal = self.people[person].journal();
        self.last().decision = Some((journal, name));
    }

    fn last(&mut self) -> &mut Peer {
        self.peers.last_mut().unwrap()
    }

    /// Adds npm's script and, to compare it with, the program that it starts.
    fn npm(&mut self) -> Result<(), String> {
        let path = env::var_os("PATH").unwrap_or_default();
        let node = env::split_paths(&path).find(|bin| bin.join("node").is_file()).ok_or("there is no node")?;
        let native = npm::codex(versions::codex()[1])?;
        let installed = native.ancestors().map(|path| path.join("node_modules/.bin/codex")).find(|path| path.exists());
        let script = installed.ok_or("npm made no `.bin/codex`")?;
        let at = self.person(|_| ());
        for (name, what, program) in
            [("native", "`codex --version` itself", native), ("npm", "`codex --version` by npm's script", script)]
        {
            self.peer(name, what, at, &program, &program);
            let peer = self.last();
            (peer.args, peer.every) = (&["--version"], NPM_EVERY);
            peer.env[1].1 = env::join_paths([&*node, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        }
        Ok(())
    }

    fn run(&mut self) {
        for peer in &self.peers {
            (0..WARM_UP).for_each(|_| _ = peer.start());
            peer.check();
        }
        let rounds = env::var("CODEX_HOME_SHIM_BENCH_ROUNDS").ok().map_or(ROUNDS, |rounds| rounds.parse().unwrap());
        let (begun, count) = (Instant::now(), self.peers.len());
        for round in 0..rounds {
            if begun.elapsed() > PATIENCE {
                self.missing.push(format!("all after {round} of {rounds} rounds: this machine is slow, or busy"));
                break;
            }
            for step in 0..count {
                let peer = &mut self.peers[if round % 2 == 0 { step } else { count - 1 - step }];
                let measured = (round % peer.every == 0).then(|| peer.start());
                peer.took.push(measured.map(|(took, _)| took));
                peer.faults.extend(measured.map(|(_, faults)| faults));
            }
        }
    }

    fn print(&self, launcher: &Path) {
        let size = fs::metadata(launcher).unwrap().len();
        println!("\n{}\n\nlauncher: `{}`, {size} bytes", machine(), launcher.display());
        self.missing.iter().for_each(|missing| println!("left out: {missing}"));
        let heads: String = BASES.iter().map(|(_, head)| format!(" {head} |")).collect();
        println!("\n| start | median, µs | page faults | starts |{heads}");
        println!("|---|--:|--:|--:|{}", "--:|".repeat(BASES.len()));
        for peer in &self.peers {
            let ratios = BASES.iter().map(|(name, _)| {
                let base = self.peers.iter().find(|base| base.name == *name);
                let pairs = base.into_iter().flat_map(|base| peer.took.iter().zip(&base.took));
                let ratios: Vec<_> = pairs.filter_map(|(took, base)| Some((*took)? / (*base)?)).collect();
                if ratios.is_empty() { " – |".to_owned() } else { format!(" {:.2} |", median(ratios)) }
            });
            let took: Vec<_> = peer.took.iter().copied().flatten().collect();
            let (starts, faults) = (took.len(), median(peer.faults.clone()));
            println!("| {} | {:.0} | {faults:.0} | {starts} |{}", peer.what, median(took), ratios.collect::<String>());
        }
        println!();
    }
}

impl Peer {
    /// Makes one start. Returns its time in microseconds and its minor page faults.
    fn start(&self) -> (f64, f64) {
        if let Some(before) = &self.before {
            before();
        }
        let mut command = Command::new(&self.program);
        command.args(self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        if self.every > 1 {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let faults = || getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().minor_page_faults();
        let (before, begun) = (faults(), Instant::now());
        let status = command.spawn().and_then(|mut child| child.wait());
        let took = begun.elapsed();
        assert!(status.as_ref().is_ok_and(|status| status.success()), "{}: {status:?}", self.what);
        (took.as_secs_f64() * 1e6, (faults() - before) as f64)
    }

    /// Checks that the start took the decision that it is named after.
    fn check(&self) {
        let Some((journal, decision)) = &self.decision else { return };
        let text = fs::read_to_string(journal).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(line["decision"], *decision, "{}: {line}", self.what);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The processor, the number of processors, and the system.
fn machine() -> String {
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).trim().to_owned()
    };
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(": ")?.1.to_owned()));
    let model = model.unwrap_or_else(|| said("sysctl", &["-n", "machdep.cpu.brand_string"]));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("machine: {model}, {count} processors, {}; load {load}", said("uname", &["-srm"]))
}

/// Compiles `source`, in which `CODEX` is the path of codex, to a program that needs no dynamic loader.
fn compile_c(tools: &Fixture, source: &str, codex: &Path, to: &Path) -> Result<(), String> {
    let file = tools.root().join("source.c");
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.arg("-O2").arg(format!("-DCODEX=\"{}\"", codex.display())).arg(&file).arg("-o").arg(to);
    // macOS has no static programs.
    if cfg!(target_os = "linux") {
        compiler.arg("-static");
    }
    succeed(&mut compiler)
}

/// Compiles [`FLOOR`] as the launcher is released: for the musl target if it is installed. Returns the target.
fn compile_rust(tools: &Fixture, codex: &Path, to: &Path) -> Result<String, String> {
    let file = tools.root().join("floor.rs");
    fs::write(&file, FLOOR).unwrap();
    let musl = format!("{}-unknown-linux-musl", env::consts::ARCH);
    let built = tools.root().join("floor-built");
    let compile = |target: &[&str]| {
        let mut compiler = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        compiler.args(target).args(["--edition=2024", "-Copt-level=s", "-Clto=fat", "-Ccodegen-units=1"]);
        compiler.args(["-Cpanic=abort", "-Cstrip=symbols"]).arg(&file).arg("-o").arg(&built).env("CODEX", codex);
        succeed(&mut compiler)
    };
    let target = match compile(&["--target", &musl]) {
        Ok(()) => musl,
        Err(_) => compile(&[]).map(|()| "the default target".to_owned())?,
    };
    place(&built, to);
    Ok(target)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("`{program}`: {error}")),
    }
}
