//! `codex-home install` and `uninstall`: OpenClaw is told to start the launcher, by its own command, and told to stop.
//!
//! The only room that runs a program (`openclaw`), and with [`receipt`] the only one that writes. Never edits
//! `openclaw.json` itself: OpenClaw checks what it is told, and what it would not take is not there afterwards. Reads the file
//! itself, before and after: `openclaw config get` says `codex` where nothing is set (2026.4.21).
#![expect(clippy::disallowed_methods, reason = "this is the one room that runs a program, which is `openclaw`")]

mod receipt;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use codex_home::invocation::Invocation;
use codex_home::words::{cause, plain_text, shell_word};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::disk;
use crate::launcher;
use crate::openclaw::OpenClaw;
use crate::openclaw::config::{Config, Includes, KEY};
use crate::screen::{Ended, Screen, Trouble, plain};
use receipt::{Receipt, Receipts};

/// How long OpenClaw may take: it needs ten seconds for this on a good day.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it is given to stop once it was told to.
const GRACE: Duration = Duration::from_secs(5);
/// How long its last words may take once it has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The exit code where there is no `openclaw` command and something is left to be done by hand.
const BY_HAND: u8 = 3;

/// What is to be done, as it was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Do nothing, print the commands.
    pub dry_run: bool,
    /// Also where OpenClaw's own way is better.
    pub force: bool,
}

/// Everything both commands look at.
struct Scene<'a> {
    invocation: &'a Invocation,
    openclaw: OpenClaw,
    /// The launcher, links resolved.
    launcher: Option<PathBuf>,
    config_file: PathBuf,
    config: Config,
    place: PathBuf,
    receipts: Receipts,
}

impl<'a> Scene<'a> {
    fn look(invocation: &'a Invocation, screen: &Screen) -> Result<Self, Trouble> {
        let openclaw = OpenClaw::look(invocation);
        let no_home = || Trouble::new("this user has no home directory that could be found", "set `HOME`");
        let config_file = openclaw.config_file.clone().ok_or_else(no_home)?;
        let config = match &openclaw.config {
            Ok(config) => config.clone().unwrap_or_default(),
            Err(unread) => {
                let message = format!("`{}` cannot be used: {}", screen.path(&config_file), plain(unread));
                return Err(Trouble::new(message, "correct it, then run `openclaw config validate`"));
            }
        };
        if config.includes == Includes::OnTheWay {
            let message = format!(
                "`{}` takes in other files (`$include`) where it speaks of codex: what is set there now cannot be told, and \
                 so not be put back",
                screen.path(&config_file)
            );
            return Err(Trouble::new(message, format!("set `{KEY}` by hand, in the file that has it")));
        }
        let place = receipt::place(invocation).ok_or_else(no_home)?;
        let receipts = Receipts::read(&place).map_err(|unread| {
            let place = screen.path(&place);
            Trouble::new(format!("`{place}` cannot be read: {}", plain(&unread)), format!("move `{place}` away"))
        })?;
        Ok(Self { invocation, openclaw, launcher: launcher::find(invocation), config_file, config, place, receipts })
    }

    fn receipt(&self) -> Option<&Receipt> {
        self.receipts.of(&self.config_file)
    }

    /// Whether what is configured is the launcher, or what we have set.
    fn is_ours(&self) -> bool {
        let Some(program) = self.config.program() else { return false };
        let program = Path::new(program);
        let is_same = |launcher: &Path| program.is_absolute() && disk::is_same(launcher, program);
        let is_launcher = self.launcher.as_deref().is_some_and(is_same);
        is_launcher || self.receipt().is_some_and(|receipt| Some(&receipt.installed) == self.config.command.as_ref())
    }

    /// What is configured now, read anew.
    fn command_now(&self) -> Option<Option<String>> {
        let openclaw = OpenClaw::look(self.invocation);
        openclaw.config.ok().map(|config| config.and_then(|config| config.command))
    }
}

/// Has OpenClaw start the launcher.
pub fn install(invocation: &Invocation, asked: Asked, screen: &mut Screen) -> Ended {
    let scene = Scene::look(invocation, screen)?;
    let Some(launcher) = &scene.launcher else {
        let message = "the launcher `codex-home-shim` is neither beside this program nor on PATH";
        return Err(Trouble::new(message, "reinstall codex-home-shim"));
    };
    let path = launcher::stable(invocation, launcher);
    let Some(value) = path.to_str().map(str::to_owned) else {
        let message = format!("the launcher's path `{}` is not UTF-8, and `openclaw.json` is", screen.path(&path));
        return Err(Trouble::new(message, "install it elsewhere"));
    };
    let current = scene.config.command.as_deref();
    // A name is looked for on the gateway's PATH, and a relative path from its directory.
    let leads_there = current
        .map(|current| Path::new(current.trim()))
        .is_some_and(|current| current.is_absolute() && disk::is_same(current, &path));
    let is_lasting = current.is_some_and(|current| !launcher::is_versioned(Path::new(current)));
    if current == Some(value.as_str()) || (leads_there && is_lasting) {
        let current = screen.path(Path::new(current.unwrap_or_default()));
        screen.line(format!("already installed: OpenClaw starts `{current}`; nothing was changed"))?;
        return Ok(0);
    }
    refuse_where_needless(&scene, asked)?;
    let Some(openclaw) = &scene.openclaw.command else { return by_hand(&scene, &value, screen) };
    if scene.openclaw.is_there() && scene.openclaw.version().is_none() {
        screen.aside("OpenClaw's version is not known: whether it has a way of its own cannot be told");
    }
    if launcher::is_versioned(&path) {
        let path = screen.path(&path);
        screen.aside(&format!("`{path}` has a version in it: after an upgrade run `codex-home install` again"));
    }
    // What we set ourselves is nobody's earlier value.
    let carried = scene.receipt().filter(|receipt| Some(receipt.installed.as_str()) == current);
    let previous = carried.map_or_else(|| scene.config.command.clone(), |receipt| receipt.previous.clone());
    let receipt = Receipt { config: scene.config_file.clone(), installed: value.clone(), previous };
    let step = Step::Set(value);
    if asked.dry_run {
        return rehearse(&scene, openclaw, &step, screen);
    }
    if !asked.force {
        refuse_for_another(&[&scene.config_file, &scene.place])?;
    }
    warn_of_comments(&scene, screen);
    // Before, not after: whoever is interrupted in between still knows what it was.
    keep(&scene, |receipts| receipts.with(receipt), screen)?;
    let ended = step.run(openclaw, screen);
    let is_done = scene.command_now().flatten() == step.value();
    if !is_done {
        // Nothing was set, so nothing is to be put back.
        let before = scene.receipt().cloned();
        let put_back = |receipts: Receipts| match before {
            Some(before) => receipts.with(before),
            None => receipts.without(&scene.config_file),
        };
        keep(&scene, put_back, screen)?;
    }
    let said = ended?;
    if !is_done {
        return Err(step.had_no_effect(&scene, screen));
    }
    let was = match &scene.config.command {
        None => "was absent".to_owned(),
        Some(command) => format!("was `{}`", plain(command)),
    };
    screen.line(format!("installed: `{KEY}` is `{}`; it {was}", screen.path(&path)))?;
    screen.line(said.restart())?;
    Ok(0)
}

/// Refuses where there is something better, or where something would be lost.
fn refuse_where_needless(scene: &Scene<'_>, asked: Asked) -> Result<(), Trouble> {
    if asked.force {
        return Ok(());
    }
    if scene.config.includes == Includes::Elsewhere {
        return Err(Trouble::new(
            "`openclaw.json` takes in other files (`$include`), and `openclaw config set` may write what they hold into it",
            "set it by hand, or run `codex-home install --force`",
        ));
    }
    let Some(version) = scene.openclaw.version() else { return Ok(()) };
    let Some(way) = version.own_way() else { return Ok(()) };
    let message = format!("OpenClaw {version} has a way of its own to log codex in, which is better than a launcher");
    Err(Trouble::new(message, format!("{way}; `codex-home install --force` installs it all the same")))
}

/// Refuses to write among somebody else's files: `sudo` leaves behind what its owner then cannot change, or read.
fn refuse_for_another(paths: &[&Path]) -> Result<(), Trouble> {
    let Some(path) = paths.iter().find(|path| disk::is_anothers(path)) else { return Ok(()) };
    let message = format!("`{}` is, or would be, among the files of another user", plain(&path.to_string_lossy()));
    Err(Trouble::new(message, "run this as that user, without `sudo`"))
}

/// Has OpenClaw start what it started before.
pub fn uninstall(invocation: &Invocation, asked: Asked, screen: &mut Screen) -> Ended {
    let scene = Scene::look(invocation, screen)?;
    let current = scene.config.command.clone();
    let receipt = scene.receipt().cloned();
    if !scene.is_ours() {
        let Some(receipt) = receipt else {
            screen.line("not installed: OpenClaw does not start the launcher; nothing was changed")?;
            return Ok(0);
        };
        if receipt.previous == current {
            screen.line("not installed: the value from before is in place; nothing was changed")?;
            if !asked.dry_run {
                keep(&scene, |receipts| receipts.without(&scene.config_file), screen)?;
            }
            return Ok(0);
        }
        let now = current.map_or_else(|| "absent".to_owned(), |current| format!("`{}`", plain(&current)));
        let before = Step::to(receipt.previous);
        let message = format!("`{KEY}` is {now}, which is not what `codex-home install` set: it is left as it is");
        let help = format!("to have the value from before all the same, run `{}`", before.shown(Path::new("openclaw")));
        return Err(Trouble::new(message, help));
    }
    let step = Step::to(receipt.as_ref().and_then(|receipt| receipt.previous.clone()));
    if receipt.is_none() {
        screen.aside("no earlier value was noted down: the setting is taken away");
    }
    let Some(openclaw) = &scene.openclaw.command else {
        screen.line(format!("no `openclaw` command is found; in `{}`", screen.path(&scene.config_file)))?;
        match step.value() {
            Some(value) => screen.line(format!("set `{KEY}` to {}", Value::from(value)))?,
            None => screen.line(format!("remove `{KEY}`"))?,
        }
        return Ok(BY_HAND);
    };
    if asked.dry_run {
        return rehearse(&scene, openclaw, &step, screen);
    }
    // Whoever installed it may take it back.
    refuse_for_another(&[&scene.place])?;
    warn_of_comments(&scene, screen);
    let said = step.run(openclaw, screen)?;
    if scene.command_now() != Some(step.value()) {
        return Err(step.had_no_effect(&scene, screen));
    }
    keep(&scene, |receipts| receipts.without(&scene.config_file), screen)?;
    screen.line(match step.value() {
        Some(value) => format!("uninstalled: `{KEY}` is `{}` again", plain(&value)),
        None => format!("uninstalled: `{KEY}` is absent"),
    })?;
    screen.line(said.restart())?;
    Ok(0)
}

/// Prints what would be run.
fn rehearse(scene: &Scene<'_>, openclaw: &Path, step: &Step, screen: &mut Screen) -> Ended {
    warn_of_comments(scene, screen);
    screen.line(step.shown(openclaw))?;
    Ok(0)
}

/// Prints what somebody without an `openclaw` command would write.
fn by_hand(scene: &Scene<'_>, value: &str, screen: &mut Screen) -> Ended {
    let file = screen.path(&scene.config_file);
    screen.aside(&format!("no `openclaw` command is found; put this into `{file}`, beside what is there:"));
    let value = Value::from(value);
    screen.line(format!(
        "{{ plugins: {{ entries: {{ codex: {{ config: {{ appServer: {{ command: {value} }} }} }} }} }} }}"
    ))?;
    Ok(BY_HAND)
}

/// `openclaw config set` writes the file anew, without its comments (2026.4.21, 2026.9.6).
fn warn_of_comments(scene: &Scene<'_>, screen: &mut Screen) {
    if scene.config.has_comments {
        let file = screen.path(&scene.config_file);
        screen.aside(&format!(
            "`openclaw config` drops the comments in `{file}`; it keeps the file as it was in `{file}.bak`"
        ));
    }
}

fn keep(scene: &Scene<'_>, change: impl FnOnce(Receipts) -> Receipts, screen: &Screen) -> Result<(), Trouble> {
    Receipts::change(&scene.place, change).map_err(|cause| {
        let place = screen.path(&scene.place);
        Trouble::new(format!("`{place}` cannot be written: {cause}"), "see who owns it, and whether the disk is full")
    })
}

/// One change to OpenClaw's configuration.
enum Step {
    Set(String),
    Unset,
}

impl Step {
    fn to(value: Option<String>) -> Self {
        value.map_or(Self::Unset, Self::Set)
    }

    /// What is configured after it.
    fn value(&self) -> Option<String> {
        match self {
            Self::Set(value) => Some(value.clone()),
            Self::Unset => None,
        }
    }

    /// The arguments of `openclaw`.
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Set(value) => {
                // OpenClaw reads a value as JSON5 where it is that, and as text where it is not; and not at all where it
                // looks like an option (`OpenClaw does not recognize option`, 2026.9.6).
                let is_text = json5::from_str::<Value>(value).is_err() && value.trim() == value;
                let is_text = is_text && !value.is_empty() && !value.starts_with('-');
                let value = if is_text { value.clone() } else { Value::from(value.as_str()).to_string() };
                ["config", "set", KEY, &value].map(str::to_owned).into()
            }
            Self::Unset => ["config", "unset", KEY].map(str::to_owned).into(),
        }
    }

    /// The command, as a shell takes it.
    fn shown(&self, openclaw: &Path) -> String {
        let words = self.arguments();
        let words = words.iter().map(|word| match word.strip_prefix('~') {
            // Nobody's home is meant.
            Some(_) => format!("'{}'", word.replace('\'', r"'\''")),
            None => shell_word(Path::new(word), None),
        });
        [shell_word(openclaw, None)].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Runs `openclaw`, and shows what it says.
    fn run(&self, openclaw: &Path, screen: &mut Screen) -> Result<Said, Trouble> {
        let shown = self.shown(openclaw);
        let failed = |cause: String| {
            Trouble::new(format!("`{shown}` {cause}"), "see what it said above; nothing of ours was changed")
        };
        let mut command = Command::new(openclaw);
        command.args(self.arguments()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {}", cause(&error))))?;
        let (lines, said) = mpsc::channel();
        let stdout = child.stdout.take();
        thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n').map_while(Result::ok))
            {
                if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        let deadline = Instant::now() + PATIENCE;
        let mut next_look = Instant::now() + LAST_WORDS;
        let mut words = Said::default();
        // Whether or not anybody reads on, it is waited for: what it does must be known.
        let mut shown = Ok(());
        let mut hear = |line: &str| {
            words.hear(line);
            if shown.is_ok() {
                shown = screen.line(plain_text(line.trim_end().as_ref()));
            }
        };
        let status = loop {
            match said.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => {
                    hear(&line);
                    // Whoever talks on, it or what it leaves behind, is looked at all the same.
                    if Instant::now() < next_look {
                        continue;
                    }
                }
                // What it leaves behind may hold its stdout open.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            next_look = Instant::now() + LAST_WORDS;
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                Ok(None) => {
                    stop(&mut child);
                    return Err(failed(format!("was stopped: it had not ended after {} s", PATIENCE.as_secs())));
                }
                Err(error) => return Err(failed(format!("cannot be waited for: {}", cause(&error)))),
            }
        };
        // Its last words may still be on their way; what it leaves behind may hold its stdout open, and talk.
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline
            && let Ok(line) = said.recv_timeout(LAST_WORDS)
        {
            hear(&line);
        }
        shown?;
        match status.code() {
            Some(0) => Ok(words),
            Some(code) => Err(failed(format!("failed with exit code {code}"))),
            None => Err(failed("was killed".to_owned())),
        }
    }

    /// Where OpenClaw says that it did what is not there afterwards.
    fn had_no_effect(&self, scene: &Scene<'_>, screen: &Screen) -> Trouble {
        let file = screen.path(&scene.config_file);
        let message = format!("`openclaw` reports no error, and `{KEY}` in `{file}` is not what it was told");
        Trouble::new(message, format!("run `openclaw config get {KEY}`, and `openclaw config file`"))
    }
}

/// Ends a child: by its leave, then without.
fn stop(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // Gone already is as good.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// What OpenClaw said about its gateway.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    wants_restart: bool,
    needs_none: bool,
}

impl Said {
    /// `Restart the gateway to apply.` (2026.4.21), `Change will apply without restarting the gateway.` (2026.9.6).
    fn hear(&mut self, line: &str) {
        let line = line.to_lowercase();
        self.wants_restart |= line.contains("restart the gateway");
        self.needs_none |= line.contains("without restarting");
    }

    /// Whether the gateway wants a restart, in words.
    const fn restart(self) -> &'static str {
        match (self.wants_restart, self.needs_none) {
            (false, true) => "the gateway takes it over by itself; no restart is needed",
            (true, _) => "restart the gateway for it: run `openclaw gateway restart`",
            (false, false) => {
                "OpenClaw does not say whether its gateway must be restarted: run `openclaw gateway restart`"
            }
        }
    }
}
