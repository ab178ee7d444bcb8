"""One turn of OpenClaw inside the namespace, and what it leaves behind."""

import fcntl
import hashlib
import json
import os
import shlex
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from releases import visible

# A busy machine is slow; a turn that is answered takes seconds.
PATIENCE = 240
# Some releases do not end after a turn that succeeds, because they keep their codex. So many seconds after the last output they
# are sent Ctrl-C.
QUIET = 2


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


def person(backend, home, temporary):
    """Returns the environment of a person whom only the stand-in answers."""
    return backend.environment() | {
        "HOME": str(home),
        "USER": "person",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/sh",
        "TERM": "dumb",
        "NO_COLOR": "1",
        # Gateways have their locks there.
        "TMPDIR": str(temporary),
    }


def lay_codex(file, codex, backend, remark=""):
    """Writes a codex that talks to the stand-in. A start whose own arguments send codex elsewhere is redirected nowhere, so they
    are added behind the launcher."""
    file.write_text(f"#!/bin/sh{remark}\nexec {shlex.join([codex, *backend.arguments()])} \"$@\"\n")
    file.chmod(0o755)


def bring_logins(release, openclaw, environment, log):
    """Brings OpenClaw's logins of `auth-profiles.json` into the database in which newer releases have them."""
    if release.number >= (2026, 8, 1):
        words = [*openclaw, "doctor", "--fix", "--non-interactive"]
        with open(log, "wb") as said:
            subprocess.run(words, env=environment, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=said, stderr=said)


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
                child.wait(1)
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


def layout(state, launcher):
    """Returns what OpenClaw has laid out: directories and files down to what is in the homes, the names of the fields of each
    `auth.json`, and `openclaw.json`, with the launcher's path as `LAUNCHER`. No login is in it."""
    paths, logins = [], {}
    for path in sorted(state.rglob("*")):
        below = path.relative_to(state)
        # Databases come and go with their journals, and everything else there is OpenClaw's own.
        if below.parts[0] != "agents" or len(below.parts) > (7 if "harness-auth" in below.parts else 5):
            continue
        if path.name.endswith(("-shm", "-wal")) or ".migrated-" in path.name or "sessions" in below.parts[:-1]:
            continue
        paths.append(f"{below}{'/' if path.is_dir() else ''} {path.stat().st_mode & 0o777:o}")
        if path.name == "auth.json":
            login = json.loads(path.read_text())
            logins[str(below)] = sorted({*login, *(f"tokens.{name}" for name in login.pop("tokens", {}))} - {"tokens"})
    settings = json.loads((state / "openclaw.json").read_text().replace(str(launcher), "LAUNCHER"))
    kept = {key: settings[key] for key in ("agents", "plugins") if key in settings}
    kept["agents"].get("defaults", {}).pop("workspace", None)
    return {"paths": paths, "logins": logins, "settings": kept}


def names(directory):
    return sorted(os.listdir(directory)) if directory.is_dir() else []


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "absent"


def write(file, value):
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=2) + "\n")
    file.chmod(0o600)
