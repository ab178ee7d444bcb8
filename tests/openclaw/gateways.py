"""A gateway of OpenClaw on the loopback, and a message to it."""

import json
import os
import signal
import subprocess
import time
import urllib.request

# A busy machine is slow.
PATIENCE = 180


class Gateway:
    """A gateway that runs. It asks its callers for no password: only this machine reaches it."""

    AUTH = {"mode": "none"}

    def __init__(self, openclaw, environment, port, log, options=()):
        words = [*openclaw, *options, "gateway", "--port", str(port), "--bind", "loopback"]
        self.url, self.log = f"http://127.0.0.1:{port}", log
        with open(log, "wb") as out:
            self.child = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def wait(self):
        """Returns when it is ready: it listens some time before."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{self.url}/readyz", timeout=5)
                return
            except OSError:
                time.sleep(0.5)
        raise SystemExit(f"no gateway at {self.url}: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self):
        """Kills it with everything that it started and that has not left it."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def message(openclaw):
    """Returns what sends a message to the gateway at `OPENCLAW_GATEWAY_PORT` by its own API, and prints what it answers at the end.
    (`openclaw agent` would make the turn itself if no gateway answered.)"""
    params = {"agentId": "main", "message": "ping", "idempotencyKey": "ping", "timeout": 90}
    return [*openclaw, "gateway", "call", "agent", "--params", json.dumps(params), "--expect-final", "--timeout", "200000"]


def spoken(stdout):
    """Returns the words in a gateway's answer, which is JSON behind a headline."""
    try:
        answer = json.loads(stdout[stdout.index("\n{") :])
    except ValueError:
        return []
    return [payload.get("text") for payload in answer["result"]["payloads"]]
