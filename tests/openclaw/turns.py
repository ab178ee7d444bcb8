"""One turn of OpenClaw inside the namespace, and what it leaves behind."""

import fcntl
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

# A busy machine is slow; a turn that is answered takes seconds.
PATIENCE = 240
# Some releases do not end after a turn that succeeds, because they keep their codex. So many seconds after the last output they
# are sent Ctrl-C.
QUIET = 4


def raise_loopback():
    """Brings up the loopback, which is down in a new network namespace; outside of one this changes nothing."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            up, running = 0x1, 0x40
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up | running))
    except OSError:
        pass


def own_log(scratch):
    """OpenClaw always logs into /tmp/openclaw: in a mount namespace of our own that becomes a directory of this turn."""
    if os.getpid() != 1:
        return
    log = scratch / "log"
    log.mkdir(mode=0o700)
    there = Path("/tmp/openclaw")
    if not there.exists():
        there.mkdir(mode=0o700)
    subprocess.run(["mount", "--bind", str(log), str(there)], capture_output=True)


def turn(command, environment, workspace, scratch, backend):
    """Runs OpenClaw to its end, or until it has answered and is silent."""
    with open(scratch / "stdout", "wb") as out, open(scratch / "stderr", "wb") as err:
        child = subprocess.Popen(
            command,
            env=environment,
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        deadline, quiet, size = time.monotonic() + PATIENCE, 0.0, 0
        while child.poll() is None and time.monotonic() < deadline and quiet < QUIET:
            time.sleep(0.25)
            now = (scratch / "stdout").stat().st_size
            asked = any(request["turn"] for request in backend.seen)
            quiet = quiet + 0.25 if asked and now and now == size else 0.0
            size = now
        code = child.poll()
        end = f"exit code {code}"
        if code is None:
            end = "did not end by itself" if quiet >= QUIET else f"no end within {PATIENCE} s"
            os.killpg(child.pid, signal.SIGINT)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    return end, *((scratch / name).read_text(errors="replace") for name in ("stdout", "stderr"))


def check_settings(node, environment, workspace):
    said = subprocess.run(
        [*node, "config", "validate"],
        env=environment,
        cwd=workspace,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    lines = visible(said.stdout) + visible(said.stderr)
    return [f"exit code {said.returncode}: {' / '.join(lines[-3:])}"]


def visible(text):
    """The lines, without those of the boxes in which OpenClaw warns about other things."""
    return [line.rstrip() for line in text.splitlines() if line.strip() and line[0] not in "│◇├┌└"]


def journal(scratch):
    """Yields the lines of the launcher's journal, without what differs from run to run."""
    for file in sorted(scratch.rglob("codex-home-shim/journal.jsonl")):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            yield {key: entry[key] for key in entry if key not in ("at", "time", "pid")}


def homes(scratch):
    """Yields every home, with the names in it."""
    for auth in sorted(scratch.rglob("codex-home")) + sorted(scratch.glob("state/agents/*/agent/*-auth/codex/*")):
        if auth.is_dir():
            yield f"{auth.relative_to(scratch)}: {' '.join(names(auth)) or '(nothing)'}"
    yield f"~/.codex: {' '.join(names(scratch / 'home/.codex'))}"


def names(directory):
    return sorted(os.listdir(directory)) if directory.is_dir() else []


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "absent"


def write(file, value):
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=2) + "\n")
    file.chmod(0o600)
