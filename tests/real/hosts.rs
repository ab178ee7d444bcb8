//! The hosts of `examples/`, fetched from npm and PyPI and run against a stand-in for OpenAI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::examples::with_launcher;
use crate::lab::{Lab, bridge_bearer, personal_bearer};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, Need, case, entry, npm, run, run_within, versions};

/// One host: its name and version, what fetches it, and how it is started with the launcher.
struct Host {
    name: &'static str,
    from: Source,
    start: fn(&Lab, &Path, &Path) -> Command,
    /// The login that answers: that of `~/.codex` for an app-server, that of the repaired bridge for any other start.
    bearer: fn() -> String,
}

enum Source {
    Npm(&'static [&'static str]),
    PyPi(&'static str),
}

const HOSTS: &[Host] = &[
    Host {
        name: "@openai/codex-sdk 0.163.0 runs `exec` through the launcher",
        from: Source::Npm(&["@openai/codex-sdk@0.163.0"]),
        start: |lab, prefix, node| {
            // Modules are looked for from the program's own directory.
            let program = prefix.join(format!("example-{}.mjs", std::process::id()));
            fs::write(&program, with_launcher("sdk/typescript.mjs", &lab.person.launcher())).unwrap();
            let mut command = lab.person.command(node.join("node"));
            command.arg(program);
            command
        },
        bearer: bridge_bearer,
    },
    Host {
        name: "openai-codex 0.163.0 of PyPI runs `app-server` through the launcher",
        from: Source::PyPi("openai-codex==0.163.0"),
        start: |lab, prefix, _| python_example(lab, prefix, "sdk/openai_codex.py"),
        bearer: personal_bearer,
    },
    Host {
        name: "openai-codex-sdk 0.1.11 of PyPI runs `exec` through the launcher",
        from: Source::PyPi("openai-codex-sdk==0.1.11"),
        start: |lab, prefix, _| python_example(lab, prefix, "sdk/openai_codex_sdk.py"),
        bearer: bridge_bearer,
    },
    Host {
        name: "acpx 0.19.1 with codex-acp 2.6.0 runs `$CODEX_PATH app-server`, which is the launcher",
        from: Source::Npm(&["acpx@0.19.1", "@agentclientprotocol/codex-acp@2.6.0"]),
        start: |lab, prefix, node| {
            let adapter = prefix.join("node_modules/.bin/codex-acp");
            let agent = format!("{} {}", node.join("node").display(), adapter.display());
            let mut command = acpx(lab, prefix, node, &agent);
            command.env("CODEX_PATH", lab.person.launcher());
            command
        },
        bearer: personal_bearer,
    },
    Host {
        name: "acpx 0.19.1 starts the launcher, which starts Zed's codex-acp 0.16.0",
        from: Source::Npm(&["acpx@0.19.1", "@zed-industries/codex-acp@0.16.0"]),
        start: |lab, prefix, node| {
            let scope = prefix.join("node_modules/@zed-industries");
            let mut native = fs::read_dir(&scope).unwrap().map(|entry| entry.unwrap().path().join("bin/codex-acp"));
            let native = native.find(|path| fs::read(path).is_ok_and(|bytes| !bytes.starts_with(b"#!"))).unwrap();
            let adapter = lab.person.write_program(&lab.person.root().join("acp/codex"), &lab.backend.script(&native));
            let mut command = acpx(lab, prefix, node, lab.person.launcher().to_str().unwrap());
            command.env("CODEX_HOME_SHIM_CODEX", adapter);
            command
        },
        bearer: bridge_bearer,
    },
];

pub fn cases() -> Vec<Case> {
    HOSTS.iter().map(|host| case(host.name, || host.answers()).needs(Need::Deep).needs(Need::Npm)).collect()
}

fn python_example(lab: &Lab, prefix: &Path, path: &str) -> Command {
    let program = lab.person.root().join("example.py");
    fs::write(&program, with_launcher(path, &lab.person.launcher())).unwrap();
    let mut command = lab.person.command(prefix.join("bin/python"));
    command.arg(program);
    command
}

fn acpx(lab: &Lab, prefix: &Path, node: &Path, agent: &str) -> Command {
    let mut command = lab.person.command(node.join("node"));
    command.arg(prefix.join("node_modules/acpx/dist/cli.js")).args(["--agent", agent, "exec", "ping"]);
    command
}

impl Host {
    /// In a bridge that cannot log in, beside a login of the person, the right login is used.
    fn answers(&self) {
        let prefix = match &self.from {
            Source::Npm(specs) => npm::packages(specs).unwrap(),
            Source::PyPi(spec) => pypi(spec).unwrap(),
        };
        let node = npm::node().unwrap();
        let lab = Lab::new(versions::codex()[1]);
        let (bridge, personal) = (lab.person.break_bridge(ACCOUNT), lab.person.log_in(ACCOUNT));
        let before = entry(&personal.join("auth.json"));
        let mut command = (self.start)(&lab, &prefix, &node);
        let own: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
        lab.prepare(&mut command, &bridge);
        // The host's own variables override these, except PATH.
        command.envs(own).env("PATH", format!("{}:/usr/bin:/bin", node.display()));
        let said = run(&mut command);

        assert!(said.stdout.contains("pong"), "{said:?}\n{:?}", lab.backend.requests());
        // A host asks a second time if the answer is slow.
        let (bearers, right) = (lab.backend.bearers(), Some((self.bearer)()));
        assert!(!bearers.is_empty() && bearers.iter().all(|bearer| *bearer == right), "{bearers:?}");
        assert_eq!(entry(&personal.join("auth.json")), before);
    }
}

/// A virtual environment with this package in it, kept beside npm's.
fn pypi(spec: &str) -> Result<PathBuf, String> {
    let kept = npm::cache()?.join(format!("pypi-{}", spec.replace("==", "-")));
    let (python, done) = (kept.join("bin/python"), kept.join("installed"));
    if done.is_file() {
        return Ok(kept);
    }
    // It is made in its final place, because an environment cannot be moved.
    let scratch = Fixture::new();
    let steps: [(&Path, Vec<&str>); 2] = [
        (Path::new("python3"), vec!["-m", "venv", "--clear", kept.to_str().ok_or("no UTF-8")?]),
        (&python, vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", spec]),
    ];
    for (program, args) in steps {
        let mut command = Command::new(program);
        command.args(args).env("PIP_CACHE_DIR", scratch.root());
        let said = run_within(&mut command, Duration::from_secs(300))?;
        if said.code != Some(0) {
            return Err(format!("{spec}: {}", said.stderr.lines().last().unwrap_or("pip did not say why")));
        }
    }
    fs::write(&done, "").map_err(|error| format!("{}: {error}", done.display()))?;
    Ok(kept)
}
