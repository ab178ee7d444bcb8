//! Child processes that never outlive their test, however they hang.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The longest time for a child. Real codex on a busy machine needs a few seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Held while a program is written and while a process is started: a child that is forked while a program is open for writing
/// keeps it open until it execs, and a file that is open for writing cannot be executed (ETXTBSY).
pub fn forking() -> MutexGuard<'static, ()> {
    static FORKING: Mutex<()> = Mutex::new(());
    FORKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a child ended and what it said.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// Runs a command to its end, without stdin. If it takes longer than [`PATIENCE`], it is killed and the test fails.
pub fn run(command: &mut Command) -> Finished {
    run_within(command, PATIENCE).unwrap_or_else(|reason| panic!("{reason}\n{command:?}"))
}

/// As [`run`], but returns a failure instead of panicking.
pub fn run_within(command: &mut Command, patience: Duration) -> Result<Finished, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let spawned = {
        let _alone = forking();
        command.spawn()
    };
    let mut child = spawned.map_err(|error| format!("{program}: {error}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait_within(&mut child, patience);
    // Grandchildren hold the pipes open too, so the whole group ends here.
    end(&mut child);
    let stdout = stdout.text();
    let stderr = stderr.text();
    let Some(status) = status else {
        return Err(format!("{program}: still running after {patience:?}\nstdout: {stdout}\nstderr: {stderr}"));
    };
    Ok(Finished { code: status.code(), signal: status.signal(), stdout, stderr })
}

/// The bytes of a pipe so far, read on a thread of its own so that a talkative child never blocks.
pub struct Drained {
    bytes: Arc<Mutex<Vec<u8>>>,
    done: Receiver<()>,
}

impl Drained {
    /// All of it. A descendant that left the process group may hold the pipe open: it is not waited for long.
    pub fn text(self) -> String {
        let _ = self.done.recv_timeout(Duration::from_secs(5));
        let bytes = self.bytes.lock().unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

pub fn drain(pipe: Option<impl Read + Send + 'static>) -> Drained {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (finished, done) = mpsc::channel();
    let sink = Arc::clone(&bytes);
    thread::spawn(move || {
        // Dropped at the end, which is all that is waited for.
        let _finished: Sender<()> = finished;
        let Some(mut pipe) = pipe else { return };
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            let read = buffer.get(..length).unwrap_or_default();
            sink.lock().unwrap().extend_from_slice(read);
        }
    });
    Drained { bytes, done }
}

/// Waits for a child, but not for ever.
pub fn wait_within(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a child that leads its own process group, with the group, and reaps it.
pub fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may be gone already.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = child.wait();
}

/// Writes a script that can be executed.
pub fn write_executable(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let _alone = forking();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
