"""What differs from one OpenClaw to the next: what npm installs, which login is used, what the settings are called."""

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# `@openclaw/codex`, the plugin of these releases, is a package of its own, which npm has only for some of them.
PLUGIN = "@openclaw/codex"

# The releases that the tests know.
VERSIONS = json.loads((Path(__file__).resolve().parents[1] / "versions.json").read_text())


class CannotRun(Exception):
    """Why a release cannot be shown here, in one line."""


def number(version):
    """`2026.4.21` and `2026.9.1-beta.1` as what can be compared."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if not found:
        raise CannotRun(f"`{version}` is no version of OpenClaw, such as 2026.4.21")
    return tuple(int(part) for part in found.groups())


class Release:
    def __init__(self, version):
        self.version = version
        self.number = number(version)
        if self.number < (2026, 4, 15):
            raise CannotRun(f"OpenClaw {version} has no codex plugin that starts an app-server")

    # ---- The login ----

    @property
    def login(self):
        """`file`: the bridge home of #70511. `lent`: such a home, with the id token of `~/.codex`. `ambient`: no home is injected.
        `rpc`: the host logs in after the start."""
        if (2026, 4, 20) <= self.number <= (2026, 4, 22):
            return "lent" if self.number == (2026, 4, 22) else "file"
        return "ambient" if self.number < (2026, 5, 2) else "rpc"

    @property
    def provider(self):
        """The provider OpenClaw keeps the login under."""
        return "openai-codex" if self.number < (2026, 7, 1) else "openai"

    # ---- What npm brings ----

    @property
    def before(self):
        """The day after which nothing that this release depends on is taken: some of it has moved on. npm dates some copies later
        than their release, so the day may be later too."""
        days = sorted((number(last), day) for last, day in VERSIONS["openclaw"]["dependencies"].items())
        return next((day for last, day in days if self.number <= last), None)

    @property
    def codex(self):
        """A codex that passes this release's gate: the bug report's, else the newest known."""
        return VERSIONS["codex"]["reported" if self.number < (2026, 4, 25) else "newest"]

    # ---- What the settings are called ----

    def settings(self, app_server, workspace):
        """`openclaw.json`, with codex for every answer and nothing else that could ask the network."""
        defaults = {"workspace": str(workspace), "skipBootstrap": True}
        if self.number < (2026, 5, 1):
            # What 4.23 and later call it is taken over by the model's name.
            defaults["model"] = {"primary": "codex/gpt-5.4"}
            if self.number < (2026, 4, 23):
                defaults["embeddedHarness"] = {"runtime": "codex", "fallback": "none"}
        elif self.number < (2026, 7, 1):
            defaults["model"] = {"primary": "openai/gpt-5.4"}
            if self.number < (2026, 5, 12):
                defaults["agentRuntime"] = {"id": "codex", "fallback": "none"}
            else:
                defaults["models"] = {"openai/gpt-5.4": {"agentRuntime": {"id": "codex"}}}
        else:
            defaults["model"] = {"primary": "openai/gpt-5.4" if self.number < (2026, 8, 1) else "openai/gpt-5.6-terra"}
        # Bundled plugins that would fetch what they depend on at their first load.
        eager = ["acpx", "amazon-bedrock", "amazon-bedrock-mantle", "browser", "microsoft"]
        config = {"discovery": {"enabled": False}} | ({"appServer": app_server} if app_server else {})
        plugins = {"allow": ["codex", "openai"], "entries": {"codex": {"enabled": True, "config": config}}}
        if self.number < (2026, 5, 1):
            plugins["deny"] = eager
            plugins["allow"] = ["codex"]
        return {
            "update": {"checkOnStart": False},
            "gateway": {"mode": "local"},
            "agents": {"defaults": defaults},
            "plugins": plugins,
        }

    def arguments(self, in_the_persons_home):
        """Returns what this release starts codex with by default."""
        is_kept = in_the_persons_home or self.number < (2026, 8, 1)
        store = [] if is_kept else ["-c", 'cli_auth_credentials_store="ephemeral"']
        return [*store, "app-server", "--listen", "stdio://"]


# ---- npm ----


class Shelf:
    """What was installed before, one directory a package and version; the tests' own, so that nothing is fetched twice."""

    def __init__(self, root):
        self.root = Path(root).resolve()
        self.machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(
            platform.machine().lower()
        )
        if self.machine is None:
            raise CannotRun(f"npm has neither node nor codex for {platform.machine()}")
        self.system = platform.system().lower()

    def bring(self, release, codex):
        """Returns the directory of node, OpenClaw's command, what it installs its codex plugin from unless it brings the plugin, and
        the native codex of that version. Runs beside this one wait."""
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self.node(), *self.openclaw(release), self.codex(codex)

    def node(self):
        """The directory of a node that every release runs on."""
        package = f"node-{self.system}-{self.machine}"
        there = self.fetch(package, [f"{package}@24"], f"node_modules/{package}/bin/node")
        return there.parent

    def codex(self, version):
        """The native codex of one version, as npm brings it."""
        triple = {
            "linux-x64": "x86_64-unknown-linux-musl",
            "linux-arm64": "aarch64-unknown-linux-musl",
            "darwin-x64": "x86_64-apple-darwin",
            "darwin-arm64": "aarch64-apple-darwin",
        }[f"{self.system}-{self.machine}"]
        # The binary moved between 0.128 and 0.136.
        found = f"node_modules/**/vendor/{triple}/*/codex"
        return self.fetch(f"codex-{version}", [f"@openai/codex@{version}"], found)

    def openclaw(self, release):
        """Returns OpenClaw's command, and what it installs its codex plugin from unless it brings the plugin."""
        command = self.fetch(
            f"openclaw-{release.version}",
            [f"openclaw@{release.version}"],
            "node_modules/openclaw/openclaw.mjs",
            release.before,
        )
        bundled = command.parent / "dist/extensions"
        if (bundled / "codex").is_dir():
            for plugin in bundled.iterdir():
                supply(plugin, command.parent.parent)
            return command, None
        return command, self.plugin(release, command)

    def plugin(self, release, command):
        """Returns the codex plugin of a release that does not bundle it: npm's if npm has it, else the code in the release."""
        there_are = self.versions(PLUGIN)
        for version in reversed(there_are):
            if number(version)[:2] == release.number[:2] and number(version) <= release.number:
                return f"npm:{PLUGIN}@{version}"
        if release.number >= (2026, 8, 1):
            raise CannotRun(
                f"OpenClaw {release.version} accepts its codex plugin from npm only, and npm has {PLUGIN} {' and '.join(there_are)}"
            )
        mount(release, command.parent)
        return None

    def install_plugin(self, release, plugin, command, home, state):
        """Has OpenClaw install its plugin into a state directory: it accepts no other installer."""
        state.mkdir(mode=0o700, parents=True)
        environment = os.environ | {
            "HOME": str(home),
            "OPENCLAW_STATE_DIR": str(state),
            "OPENCLAW_CONFIG_PATH": str(state / "openclaw.json"),
            "PATH": f"{self.node()}:{os.environ['PATH']}",
            "npm_config_cache": str(self.root / "npm"),
            "NO_COLOR": "1",
        }
        # The second compares what is installed with what npm has; before that the plugin is not used.
        steps = [["plugins", "install", plugin], ["plugins", "list"]]
        if not plugin.endswith(f"@{release.version}"):
            # It wants a plugin of its own version; this accepts the one that exists.
            steps[1] = ["update", "repair"]
        for words in steps:
            words = [self.node() / "node", command, *words]
            said = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if said.returncode:
                lines = visible(said.stdout) + visible(said.stderr) or ["it did not say why"]
                reason = next((line for line in lines if "rror" in line), lines[-1])
                raise CannotRun(f"OpenClaw could not install {plugin}: {reason}")

    def is_mounted(self, command):
        """Whether the plugin is one of ours, of the release's code."""
        described = command.parent / "dist/extensions/codex/package.json"
        return described.is_file() and "mounted" in json.loads(described.read_text())

    def versions(self, package):
        said = subprocess.run(["npm", "view", package, "versions", "--json"], capture_output=True, text=True)
        try:
            versions = json.loads(said.stdout)
        except ValueError:
            return []
        return sorted([versions] if isinstance(versions, str) else versions, key=number)

    def fetch(self, name, specs, pattern, before=None):
        """Returns what `pattern` finds in the cache, which npm fills if it finds nothing yet: with what was there before a day."""
        kept = self.root / name
        if found := first(kept, pattern):
            return found
        self.root.mkdir(parents=True, exist_ok=True)
        # Other programs may be here too: each installs beside, the first to finish moves in.
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=self.root) as fresh:
            prefix = Path(fresh) / "installed"
            prefix.mkdir()
            self.install(prefix, self.pack(fresh, specs[0], before) if before else specs)
            if not first(prefix, pattern):
                raise CannotRun(f"{specs[0]} brought no `{pattern}`")
            try:
                prefix.rename(kept)
            except OSError:
                shutil.rmtree(prefix, ignore_errors=True)
        if found := first(kept, pattern):
            return found
        raise CannotRun(f"{kept} was there and is gone")

    def pack(self, directory, spec, before):
        """Returns what installs one package with dependencies of before a day. The package itself may be a copy of a later day,
        which npm would not find then, so it is a file."""
        said = npm(["pack", spec, "--pack-destination", str(directory)], directory)
        return [f"{directory}/{said.split()[-1]}", f"--before={before}"]

    def install(self, prefix, specs):
        print(f"installing {' '.join(specs)} …", flush=True)
        npm(["install", "--prefix", ".", "--ignore-scripts", "--include=optional", "--no-audit", "--no-fund", *specs], prefix)


def npm(words, directory):
    """Returns what npm printed."""
    words = ["npm", *words, "--no-update-notifier", "--loglevel=error"]
    said = subprocess.run(words, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if said.returncode:
        lines = [line for line in said.stderr.splitlines() if line.strip() and "warn" not in line and " code " not in line]
        raise CannotRun(f"`{' '.join(words)}` failed: {lines[0] if lines else 'it did not say why'}")
    return said.stdout


def first(root, pattern):
    return next((path for path in sorted(root.glob(pattern)) if path.is_file()), None)


def supply(bundled, modules):
    """Links what a bundled plugin depends on beside it. OpenClaw's install script fetches it a second time, and its first
    start does if that did not run; npm has already brought the same for OpenClaw itself."""
    described = bundled / "package.json"
    if not described.is_file():
        return
    for name in json.loads(described.read_text()).get("dependencies", {}):
        link, there = bundled / "node_modules" / name, modules / name
        if there.is_dir() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(there, link.parent))


# ---- A plugin whose package is gone ----

MOUNTED = """// The codex plugin of OpenClaw {version}, whose own package npm has no longer: the release's own code, registered as
// the package did it.
import {{ {harness} as createHarness }} from "{harness_file}";
import {{ {provider} as createProvider }} from "{provider_file}";
{imports}
export default {{
  id: "codex",
  name: "Codex",
  description: "Codex app-server harness",
  register(api) {{
    const options = {{ pluginConfig: api.pluginConfig{options} }};
    api.registerAgentHarness(createHarness(options));
    api.registerProvider(createProvider({{ pluginConfig: api.pluginConfig }}));
  }},
}};
"""

BINDINGS = """,
      bindingStore: createBindings(api.runtime.state.openSyncKeyedStore({
        namespace: "app-server-thread-bindings",
        maxEntries: 1000,
        overflowPolicy: "reject-new",
      }))"""


def mount(release, package):
    """Writes the plugin's entry beside the release, which carries the plugin's code in `dist` and no entry to it."""
    # Among the bundled ones, for only those may keep what this one keeps.
    directory = package / "dist/extensions/codex"
    harness_file, harness = exported(package, "harness.ts", "createCodexAppServerAgentHarness")
    provider_file, provider = exported(package, "provider.ts", "buildCodexProvider")
    imports, options = "", ""
    if "bindingStore" in harness_file.read_text():
        bindings_file, bindings = exported(
            package, "src/app-server/session-binding.ts", "createCodexAppServerBindingStore"
        )
        imports = f'import {{ {bindings} as createBindings }} from "{bindings_file}";\n'
        options = BINDINGS
    entry = MOUNTED.format(
        version=release.version,
        harness=harness,
        harness_file=harness_file,
        provider=provider,
        provider_file=provider_file,
        imports=imports,
        options=options,
    )
    directory.mkdir()
    (directory / "index.js").write_text(entry)
    manifest = {
        "id": "codex",
        "name": "Codex",
        "providers": ["codex"],
        "activation": {"onStartup": True, "onAgentHarnesses": ["codex"]},
        "configSchema": {"type": "object", "additionalProperties": True, "properties": {}},
    }
    (directory / "openclaw.plugin.json").write_text(json.dumps(manifest, indent=2))
    described = {
        "name": PLUGIN,
        "version": release.version,
        "type": "module",
        "openclaw": {"extensions": ["./index.js"]},
        "mounted": True,
    }
    (directory / "package.json").write_text(json.dumps(described, indent=2))


def exported(package, source, name):
    """The file of a release's `dist` that `source` of the plugin went into, and what it exports `name` as."""
    for file in sorted((package / "dist").glob("*.js")):
        text = file.read_text(errors="replace")
        if f"//#region extensions/codex/{source}\n" in text:
            alias = re.search(rf"\b{name} as (\w+)", text[text.rfind("export {") :])
            if alias:
                return file, alias.group(1)
    raise CannotRun(f"OpenClaw {package.parent.parent.name} carries no code of its codex plugin (`{source}`)")


def visible(text):
    """The lines of an output, without those of the boxes in which OpenClaw warns about other things."""
    return [line.rstrip() for line in text.splitlines() if line.strip() and line[0] not in "│◇├┌└"]


def executable(path):
    return os.access(path, os.X_OK) and Path(path).is_file()
