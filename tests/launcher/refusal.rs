//! The answer to a host if codex is not started: every reason, for a host that speaks JSON-RPC as OpenClaw does, and for any other.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use codex_home::display::{TRIGGER_WORDS, is_control};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::fixture::BRIDGE_REFRESH;
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Case, Fixture, Need, PATIENCE, Start, auth, case, forking, run, wait_within};

/// How long to watch for output that must not come.
const SILENCE: Duration = Duration::from_millis(200);
/// The longest time for a launcher to end.
const SOON: Duration = Duration::from_secs(10);

pub fn cases() -> Vec<Case> {
    [every_reason(), answers(), lines(), ends(), other_hosts(), paths(), whose()].into_iter().flatten().collect()
}

// ---- Every reason ----

/// A person, and the failure of the start.
struct Refused {
    name: &'static str,
    reason: &'static str,
    code: i32,
    lay: fn(&Fixture) -> Vec<(&'static str, PathBuf)>,
}

const REFUSED: &[Refused] = &[
    Refused { name: "there is no login anywhere", reason: "missing-id-token", code: 78, lay: hopeless },
    Refused {
        name: "the accounts differ and the bridge cannot be repaired",
        reason: "accounts-differ",
        code: 78,
        lay: |person| {
            person.log_in(OTHER_ACCOUNT);
            let bytes = auth::issue_70511_with_account("opaque", BRIDGE_REFRESH, ACCOUNT);
            person.write_auth(&person.bridge(), &bytes);
            vec![]
        },
    },
    Refused { name: "the bridge is missing", reason: "home-missing", code: 78, lay: |_| vec![] },
    Refused {
        name: "the bridge's auth.json is no JSON",
        reason: "auth-not-json",
        code: 78,
        lay: |person| {
            person.write_auth(&person.bridge(), b"{\"auth_mode\":\"chat");
            vec![]
        },
    },
    Refused {
        name: "the bridge's config.toml is broken",
        reason: "config-invalid",
        code: 78,
        lay: |person| {
            person.break_bridge(ACCOUNT);
            person.write_config(&person.bridge(), "a = = 1\n");
            vec![]
        },
    },
    Refused {
        name: "the bridge's access token is past its end",
        reason: "missing-id-token",
        code: 78,
        lay: |person| {
            let access = tokens::expired_access_token(ACCOUNT, "bridge");
            person.write_auth(&person.bridge(), &auth::issue_70511(&access, BRIDGE_REFRESH));
            vec![]
        },
    },
    Refused {
        name: "a setting is wrong",
        reason: "setting-invalid",
        code: 78,
        lay: |_| vec![("CODEX_HOME_SHIM_STRATEGY", "always".into())],
    },
    Refused {
        name: "the settings file is wrong",
        reason: "setting-invalid",
        code: 78,
        lay: |person| {
            person.write_settings("codecs = 1\n");
            vec![]
        },
    },
    Refused {
        name: "codex is not on PATH",
        reason: "codex-not-found",
        code: 127,
        lay: |person| {
            vec![("CODEX_HOME_SHIM_CODEX", "".into()), ("PATH", person.root().join("none")), ("HOME", person.work())]
        },
    },
    Refused {
        name: "the codex in the settings is missing",
        reason: "codex-setting-invalid",
        code: 127,
        lay: |_| vec![("CODEX_HOME_SHIM_CODEX", "/nowhere/codex".into())],
    },
    Refused {
        name: "the codex in the settings is a directory",
        reason: "codex-setting-invalid",
        code: 126,
        lay: |person| vec![("CODEX_HOME_SHIM_CODEX", person.home())],
    },
    Refused {
        name: "codex is the launcher",
        reason: "codex-setting-invalid",
        code: 126,
        lay: |person| vec![("CODEX_HOME_SHIM_CODEX", person.launcher())],
    },
    Refused {
        name: "codex starts the launcher again",
        reason: "exec-loop",
        code: 126,
        lay: |person| {
            person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
            let text = format!("#!/bin/sh\nexec '{}' \"$@\"\n", person.launcher().display());
            vec![("CODEX_HOME_SHIM_CODEX", person.write_program(&person.root().join("bin/loops"), &text))]
        },
    },
    Refused {
        name: "sixteen starts are above this one",
        reason: "start-too-deep",
        code: 126,
        lay: |_| vec![("CODEX_HOME_SHIM_GUARD", "1:15:1:/another/codex".into())],
    },
    Refused {
        name: "codex wants an interpreter that is missing",
        reason: "codex-not-executable",
        code: 126,
        lay: |person| {
            person.write_auth(&person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
            vec![("CODEX_HOME_SHIM_CODEX", person.write_program(&person.root().join("bin/text"), "#!no/interpreter\n"))]
        },
    },
];

fn hopeless(person: &Fixture) -> Vec<(&'static str, PathBuf)> {
    person.break_bridge_for_good();
    vec![]
}

impl Refused {
    fn start<'a>(&self, person: &'a Fixture, args: &[&str]) -> Start<'a> {
        let variables = (self.lay)(person);
        variables
            .into_iter()
            .fold(person.start(args).home(person.bridge()), |start, (name, value)| start.env(name, value))
    }

    fn check_answer(&self, line: &str, id: &str) {
        let (written, error) = parse(line);
        assert_eq!((written.as_str(), &error["code"]), (id, &json!(-32603)), "{line}");
        let message = error["message"].as_str().unwrap();
        assert_message(message);
        let data = &error["data"];
        assert_eq!(keys(data), ["bridge", "help", "personal", "reason", "source"], "{line}");
        assert_eq!((&data["source"], &data["reason"]), (&json!("codex-home-shim"), &json!(self.reason)), "{line}");
        let help = data["help"].as_str().unwrap();
        assert!(!help.is_empty() && message.ends_with(help), "{line}");
        // The reader of a chat may be another user, with another `~`.
        assert_eq!(message.contains("`~"), message.contains("; `~` is `/"), "{line}");
        let is_about_homes = message.starts_with("no usable Codex home: ");
        for home in ["bridge", "personal"] {
            let home = &data[home];
            let expected: &[&str] = if home.is_null() { &[] } else { &["detail", "home", "kind", "reason", "usable"] };
            assert_eq!((keys(home), home.is_null()), (expected.to_vec(), !is_about_homes), "{line}");
        }
    }
}

fn whose() -> Vec<Case> {
    // https://github.com/jdhill777/openclaw-unraid/issues/14
    vec![case("the answer says whose home `~` is, because the reader of a chat may be another user", || {
        let person = Fixture::new();
        person.break_bridge_for_good();
        let ask = |start: Start<'_>| start.stdin(b"{\"id\":1,\"method\":\"initialize\"}\n").run().stdout;
        let home = person.home().display().to_string();
        let said = String::from_utf8(ask(person.serve().env("USER", "node"))).unwrap();
        assert!(said.contains(&format!("; `~` is `{home}` of user `node`; run `")), "{said}");
        let said = String::from_utf8(ask(person.serve())).unwrap();
        assert!(said.contains(&format!("; `~` is `{home}` of uid ")), "{said}");
    })]
}

fn every_reason() -> Vec<Case> {
    let conversations = REFUSED.iter().map(|refused| {
        case(format!("{}: a host that talks as OpenClaw does hears the reason until it hangs up", refused.name), move || {
            let person = Fixture::new();
            let mut host = Host::start(refused.start(&person, &APP_SERVER), Wire::Pipes);
            // Two requests in one write, the second with an id of another kind.
            let uuid = "\"1f2e3d4c-0000-4000-8000-00000000002a\"";
            host.say(&format!("{}\n{}\n", initialize("0"), initialize(uuid)));
            let first = host.hear();
            refused.check_answer(&first, "0");
            refused.check_answer(&host.hear(), uuid);
            // None of these is a request.
            host.say("{\"method\":\"initialized\"}\n{\"id\":7,\"result\":{}}\n{\"id\":8,\"error\":{\"code\":1}}\n");
            host.say("\n\r\n   \nthis is no JSON\n{\"id\":9,\"method\":\n{\"id\":9,\"method\":\"a\"} {}\n[1,\n\"text\"\n12\nnull\n[]\n");
            host.say("{\"id\":null,\"method\":\"a\"}\n{\"id\":true,\"method\":\"a\"}\n{\"id\":{},\"method\":\"a\"}\n{\"id\":[1],\"method\":\"a\"}\n");
            host.write(b"\xff\xfe\x00\xc3\x28\n{\"id\":\"\xff\",\"method\":\"a\"}\n");
            host.is_silent();
            // And none of these did any harm.
            host.say(&format!("  \t{}\r\n", initialize("2")));
            refused.check_answer(&host.hear(), "2");
            let end = host.hang_up();
            assert_eq!((end.status.code(), end.unheard), (Some(refused.code), vec![]));
            // The same on stderr, on one line.
            let said: Vec<_> = end.stderr.lines().filter(|line| !line.contains(": warning: ")).collect();
            assert_eq!(said, [format!("codex-home-shim: {}", message(&first))], "{}", end.stderr);
        })
    });
    let others = REFUSED.iter().map(|refused| {
        case(
            format!("{}: any other start gets the reason and the help on stderr, and the exit code", refused.name),
            move || {
                for args in [&["exec", "hi"][..], &["login", "status"], &["app-server", "--listen", "ws://127.0.0.1:0"]]
                {
                    let person = Fixture::new();
                    let start = refused.start(&person, args);
                    let ended = start.run();
                    assert_eq!(
                        (ended.code, ended.stdout.as_slice()),
                        (Some(refused.code), &b""[..]),
                        "{args:?}: {ended:?}"
                    );
                    let lines: Vec<_> = ended.stderr.lines().filter(|line| !line.contains(": warning: ")).collect();
                    assert!((2..=3).contains(&lines.len()), "{}", ended.stderr);
                    assert!(lines[0].starts_with("codex-home-shim: "), "{}", ended.stderr);
                    assert!(lines[lines.len() - 1].starts_with("  help: "), "{}", ended.stderr);
                    lines.iter().for_each(|line| assert_no_trigger(line));
                }
            },
        )
    });
    let with_needs = |(refused, case): (&Refused, Case)| match refused.reason {
        "codex-not-found" => case.needs(Need::NoSystemCodex),
        _ => case,
    };
    let all = REFUSED.iter().zip(conversations).chain(REFUSED.iter().zip(others));
    all.map(with_needs).collect()
}

// ---- What an answer looks like ----

fn answers() -> Vec<Case> {
    vec![
        case("an id comes back as it was written, wherever it stands", || {
            let person = Fixture::new();
            let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), Wire::Pipes);
            let numbers = [
                "0",
                "-0",
                "-1",
                "1.0",
                "1e2",
                "1E+2",
                "0.10",
                "9007199254740993",
                "123456789012345678901234567890",
                "1e999",
            ];
            let strings = ["\"\"", "\"1\"", "\"a\\u0041\\/\\n\"", "\"\\ud800\"", "\"ü 日本\"", "\" 1 \""];
            for id in numbers.into_iter().chain(strings) {
                host.say(&format!(
                    "{}\n{{ \"method\" : \"a\", \"params\":{{\"id\":5}}, \"id\" :  {id}  }}\n",
                    initialize(id)
                ));
                REFUSED[0].check_answer(&host.hear(), id);
                REFUSED[0].check_answer(&host.hear(), id);
            }
        }),
        case("the `jsonrpc` member is there only if the host writes it", || {
            let person = Fixture::new();
            let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), Wire::Pipes);
            for (line, expected) in [
                ("{\"id\":1,\"method\":\"initialize\"}", None),
                ("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"initialize\"}", Some("2.0")),
                ("{\"id\":3,\"method\":\"initialize\",\"params\":{\"jsonrpc\":\"2.0\"}}", None),
                ("{\"id\":4,\"method\":\"initialize\",\"jsonrpc\":\"2.0\"}", Some("2.0")),
            ] {
                host.say(&format!("{line}\n"));
                let answer: Value = serde_json::from_str(&host.hear()).unwrap();
                assert_eq!(answer.get("jsonrpc").and_then(Value::as_str), expected, "{line}");
                let mut members = keys(&answer);
                members.retain(|member| *member != "jsonrpc");
                assert_eq!(members, ["error", "id"], "{line}");
            }
        }),
        case("every way to ask codex for stdio is answered, judged or not", || {
            let person = Fixture::new();
            let missing = &REFUSED[9];
            for args in [
                &["app-server"][..],
                &["app-server", "--listen=stdio://"],
                &["app-server", "--stdio"],
                &["-c", "a=1", "app-server", "--listen", "stdio://"],
                &["app-server", "--listen", "ws://127.0.0.1:0", "--stdio"],
                &["-p", "work", "app-server"],
                &["app-server", "--unheard-of"],
                &["app-server", "--unheard-of", "value", "--stdio"],
            ] {
                let ended = missing.start(&person, args).stdin(format!("{}\n", initialize("1")).as_bytes()).run();
                missing.check_answer(String::from_utf8(ended.stdout).unwrap().trim_end(), "1");
            }
        }),
        case("accounts are named by their last four characters only", || {
            let person = Fixture::new();
            person.write_auth(&person.personal(), &auth::healthy("acc-person-3c4d", "p", "r2"));
            person.write_auth(&person.bridge(), &auth::issue_70511_with_account("opaque", "r", "acc-bridge-1a2b"));
            let message = said(&person.serve());
            for (part, is_there) in [("1a2b", true), ("3c4d", true), ("e-1a2b", false), ("n-3c4d", false)] {
                assert_eq!(message.contains(part), is_there, "{part}: {message}");
            }
        }),
    ]
}

// ---- Lines without measure ----

fn lines() -> Vec<Case> {
    vec![
        case("a line of up to 1 MiB is answered, a longer one is skipped, and the next one is answered", || {
            let person = Fixture::new();
            let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), Wire::Pipes);
            let padded = |length: usize| {
                let frame = "{\"method\":\"a\",\"params\":\"\",\"id\":1}";
                let pad = "x".repeat(length - frame.len());
                format!("{{\"method\":\"a\",\"params\":\"{pad}\",\"id\":1}}")
            };
            host.say(&format!("{}\n", padded(1 << 20)));
            REFUSED[0].check_answer(&host.hear(), "1");
            for length in [(1 << 20) + 8193, 3 << 20, 9 << 20] {
                host.say(&format!("{}\n{}\n", padded(length), initialize("\"after\"")));
                REFUSED[0].check_answer(&host.hear(), "\"after\"");
            }
            host.is_silent();
            assert!(host.most_memory().is_none_or(|kib| kib < 24 << 10), "{:?} KiB", host.most_memory());
        }),
        case("a line nested without end is skipped, and the next one is answered", || {
            let person = Fixture::new();
            let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), Wire::Pipes);
            for piece in ["[", "{\"id\":", "{\"id\":1,\"method\":\"x\",\"params\":[["] {
                host.say(&format!("{}\n{}\n", piece.repeat(30_000), initialize("\"after\"")));
                REFUSED[0].check_answer(&host.hear(), "\"after\"");
            }
        }),
        case("many requests in one write are answered in order", || {
            let person = Fixture::new();
            let requests: String = (0..500).map(|id| initialize(id) + "\n").collect();
            let ended = REFUSED[0].start(&person, &APP_SERVER).stdin(requests.as_bytes()).run();
            let ids: Vec<_> = String::from_utf8(ended.stdout).unwrap().lines().map(|line| parse(line).0).collect();
            assert!(ids.iter().enumerate().all(|(at, id)| *id == at.to_string()) && ids.len() == 500, "{}", ids.len());
        }),
        case("half a line at the end of stdin is no request, and a whole one without its newline is one", || {
            let person = Fixture::new();
            let start = |stdin: &str| REFUSED[0].start(&person, &APP_SERVER).stdin(stdin.as_bytes()).run();
            assert_eq!(start("{\"id\":5,\"method\":\"initialize\",\"par").stdout, b"");
            REFUSED[0].check_answer(String::from_utf8(start(&initialize("6")).stdout).unwrap().trim_end(), "6");
        }),
    ]
}

// ---- How it ends ----

fn ends() -> Vec<Case> {
    let mut cases = vec![
        case("a host that asks nothing hears nothing, and gets the exit code when it hangs up", || {
            let person = Fixture::new();
            let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), Wire::Pipes);
            host.is_silent();
            let end = host.hang_up();
            assert_eq!((end.status.code(), end.unheard), (Some(78), vec![]));
        }),
        case("a host that closes only its reading end is not waited for", || {
            for (wire, asks) in
                [(Wire::Pipes, false), (Wire::Pipes, true), (Wire::Sockets, false), (Wire::Sockets, true)]
            {
                let person = Fixture::new();
                let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), wire);
                host.say(&format!("{}\n", initialize("1")));
                REFUSED[0].check_answer(&host.hear(), "1");
                host.stop_listening();
                if asks {
                    let _ = host.try_write(format!("{}\n", initialize("2")).as_bytes());
                }
                let end = host.ends_by_itself();
                assert_eq!((end.status.code(), end.stderr.lines().count()), (Some(78), 1), "{wire:?} {asks}: {end:?}");
            }
        }),
        case("sockets for stdio, as Node makes them, are the same; shutting the writing half is hanging up", || {
            let person = Fixture::new();
            let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), Wire::Sockets);
            host.say(&format!("{}\n{}\n", initialize("1"), initialize("\"two\"")));
            REFUSED[0].check_answer(&host.hear(), "1");
            REFUSED[0].check_answer(&host.hear(), "\"two\"");
            host.is_silent();
            host.stdin.as_ref().unwrap().shut();
            assert_eq!(host.ends_by_itself().status.code(), Some(78));
        }),
        // A host may share a non-blocking pipe or socket with its child.
        case("a non-blocking stdin and stdout lose no answer, however slowly the host reads", || {
            let person = Fixture::new();
            let (ours, childs) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
            for end in [&ours.1, &childs.1] {
                fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
            }
            let mut command = REFUSED[0].start(&person, &APP_SERVER).command;
            command.stdin(OwnedFd::from(ours.1)).stdout(OwnedFd::from(childs.1)).stderr(Stdio::null());
            let mut child = {
                let _alone = forking();
                command.spawn().unwrap()
            };
            drop(command);
            let many = 3000;
            let mut stdin = ours.0;
            let writer = thread::spawn(move || {
                let requests: String = (0..many).map(|id| initialize(id) + "\n").collect();
                stdin.write_all(requests.as_bytes()).unwrap();
            });
            thread::sleep(Duration::from_millis(300));
            let answers: Vec<_> = BufReader::new(childs.0).lines().map(Result::unwrap).collect();
            writer.join().unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(78));
            assert_eq!(answers.len(), many);
            assert!(answers.iter().enumerate().all(|(at, line)| parse(line).0 == at.to_string()));
        }),
        case("a stderr that the host does not read is no reason to die without an answer", || {
            let person = Fixture::new();
            for refused in [&REFUSED[0], &REFUSED[13]] {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                let mut command = refused.start(&person, &APP_SERVER).command;
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(writer);
                let mut child = {
                    let _alone = forking();
                    command.spawn().unwrap()
                };
                child.stdin.take().unwrap().write_all(format!("{}\n", initialize("1")).as_bytes()).unwrap();
                let output = child.wait_with_output().unwrap();
                assert_eq!(output.status.code(), Some(refused.code), "{output:?}");
                refused.check_answer(String::from_utf8(output.stdout).unwrap().trim_end(), "1");
            }
        }),
        case("a warning that the host does not read is no reason not to start codex", || {
            let person = Fixture::new();
            person.write_auth(&person.other(), b"{}");
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = person.start(&APP_SERVER).home(person.other()).command;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
            let status = {
                let _alone = forking();
                command.status().unwrap()
            };
            assert!(status.code() == Some(0) && person.report().exists(), "{status:?}");
        }),
        case("closed descriptors are no reason to hang or to panic", || {
            let person = Fixture::new();
            for args in [&APP_SERVER[..], &["exec", "hi"]] {
                for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
                    let start = REFUSED[0].start(&person, args).behind(&format!("exec \"$@\" {closed}"));
                    let ended = start.within(SOON).run();
                    assert_eq!(
                        (ended.code, ended.stdout.as_slice()),
                        (Some(78), &b""[..]),
                        "{args:?} {closed}: {ended:?}"
                    );
                    assert!(!ended.stderr.contains("panic"), "{ended:?}");
                }
            }
        }),
    ];
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        cases.push(
            case(format!("{signal} ends a refusal as it ends any program"), move || {
                let person = Fixture::new();
                // Children ignore the signals that the caller of the tests ignores.
                if is_ignored_here(signal) {
                    return;
                }
                let mut host = Host::start(REFUSED[0].start(&person, &APP_SERVER), Wire::Pipes);
                host.say(&format!("{}\n", initialize("1")));
                REFUSED[0].check_answer(&host.hear(), "1");
                kill(Pid::from_raw(i32::try_from(host.child.id()).unwrap()), signal).unwrap();
                assert_eq!(host.ends_by_itself().status.signal(), Some(signal as i32));
            })
            .needs(Need::Linux),
        );
    }
    cases
}

// ---- Hosts that write a prompt ----

fn other_hosts() -> Vec<Case> {
    vec![
        case("a host that is slow to write its prompt to `codex exec` sees no broken pipe", || {
            let person = Fixture::new();
            for wire in [Wire::Pipes, Wire::Sockets] {
                let mut host = Host::start(REFUSED[0].start(&person, &["exec", "-"]), wire);
                thread::sleep(Duration::from_millis(200));
                assert_eq!(host.try_write(&vec![b'p'; 1 << 20]), Ok(()), "{wire:?}");
                assert_eq!(host.hang_up().status.code(), Some(78));
            }
        }),
        case("a prompt that never comes, or never ends, costs about a second", || {
            let person = Fixture::new();
            for writes in [false, true] {
                let (reader, writer) = std::io::pipe().unwrap();
                let mut command = REFUSED[0].start(&person, &["exec", "-"]).command;
                command.stdin(Stdio::from(reader)).stdout(Stdio::null()).stderr(Stdio::null());
                let begun = Instant::now();
                let mut child = {
                    let _alone = forking();
                    command.spawn().unwrap()
                };
                // The command holds the reading end too.
                drop(command);
                // Ends with the launcher, its only reader.
                let mut busy = writer.try_clone().unwrap();
                let writing = thread::spawn(move || while writes && busy.write_all(&[b'p'; 1 << 16]).is_ok() {});
                let status = wait_within(&mut child, PATIENCE);
                let took = begun.elapsed();
                let _ = child.kill();
                let _ = child.wait();
                writing.join().unwrap();
                drop(writer);
                assert_eq!(status.and_then(|status| status.code()), Some(78));
                assert!(took < Duration::from_secs(20), "writes: {writes}: {took:?}");
            }
        }),
        case("a file on stdin is left unread, unless the start is a conversation", || {
            let person = Fixture::new();
            let prompt = person.root().join("prompt");
            fs::write(&prompt, "a prompt").unwrap();
            for args in [&["exec", "hi"][..], &["login", "status"]] {
                // The rest of it is printed afterwards.
                let script = format!("{{ \"$@\"; code=$?; cat; exit $code; }} <'{}'", prompt.display());
                let ended = REFUSED[0].start(&person, args).behind(&script).run();
                assert_eq!((ended.code, ended.stdout.as_slice()), (Some(78), &b"a prompt"[..]), "{args:?}");
            }
            let ended = REFUSED[0].start(&person, &APP_SERVER).behind("exec \"$@\" </dev/null").run();
            assert_eq!((ended.code, ended.stdout.as_slice()), (Some(78), &b""[..]));
        }),
    ]
}

// ---- Odd paths ----

fn paths() -> Vec<Case> {
    vec![
        case("a path never brings a word that hosts act on, and the command still works", || {
            for name in ["401", "timeout", "Rate Limit", "EXPIRED", "log out", "a'401'b", "40401", "cloud requirements"]
            {
                let person = Fixture::new();
                person.break_bridge_for_good();
                for parent in [person.home(), person.root().to_owned()] {
                    let personal = parent.join(name).join("codex 401");
                    fs::create_dir_all(&personal).unwrap();
                    command_works(&person, &personal);
                }
                let bridge = person.home().join(name).join("401/harness-auth/codex/06bfb5171eff0241");
                person.write_auth(&bridge, b"{}");
                assert_message(&said(&person.start(&APP_SERVER).home(&bridge)));
            }
        }),
        case("a path that means something to a shell is quoted", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            let names = [
                "a b", "a'b", "$(false)", "a\"b", "a;b", "a&b", "~", "~root", "a:~", "a=~", "*", "-n", "ü", "#", "!",
                "{a,b}", "a\\b",
            ];
            for name in names {
                for parent in [person.home(), person.root().to_owned()] {
                    let personal = parent.join(name).join("x");
                    fs::create_dir_all(&personal).unwrap();
                    command_works(&person, &personal);
                }
            }
        }),
        // Node 24 ends a line at U+2028, U+2029 and U+0085: the answer was torn, and the host showed nothing.
        case("no control, bidi or line-separator character of a path is in an answer or on stderr", || {
            let person = Fixture::new();
            for c in [
                '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}',
                '\u{2066}', '\u{200f}', '\u{61c}',
            ] {
                for parent in [person.home(), person.root().to_owned()] {
                    let home = parent.join(format!("a{c}b/harness-auth/codex/06bfb5171eff0241"));
                    person.write_auth(&home, b"{}");
                    let start =
                        person.start(&APP_SERVER).home(&home).stdin(format!("{}\n", initialize("1")).as_bytes());
                    let ended = start.run();
                    let line = String::from_utf8(ended.stdout).unwrap();
                    let line = line.strip_suffix('\n').unwrap();
                    assert!(!line.chars().any(is_control), "{line:?}");
                    let (_, error) = parse(line);
                    assert_eq!(error["data"]["bridge"]["home"].as_str(), home.to_str(), "it comes back as it was");
                    assert_message(error["message"].as_str().unwrap());
                    assert!(
                        ended.stderr.lines().count() == 1 && !ended.stderr.trim_end().chars().any(is_control),
                        "{:?}",
                        ended.stderr
                    );
                }
            }
        }),
        case("no path, value or setting makes a message longer than 400 characters, or more than one line", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            let long = ["x".repeat(200), "401 ".repeat(50), "'".repeat(200), "\u{9b}31m".repeat(20)];
            for part in long {
                let name: PathBuf = std::iter::repeat_n(&part, 15).collect();
                let (path, in_home) = (person.root().join(&name), person.home().join(&name));
                let bridge = |parent: &Path| parent.join("agent/harness-auth/codex/06bfb5171eff0241");
                let variables: [&[(&str, PathBuf)]; 7] = [
                    &[("CODEX_HOME", bridge(&path))],
                    &[("CODEX_HOME", bridge(&in_home)), ("CODEX_HOME_SHIM_PERSONAL_HOME", path.clone())],
                    &[("CODEX_HOME_SHIM_PERSONAL_HOME", in_home)],
                    &[("HOME", path.clone())],
                    &[("CODEX_HOME_SHIM_CODEX", path.clone())],
                    &[("CODEX_HOME_SHIM_STRATEGY", name)],
                    &[("PATH", path), ("CODEX_HOME_SHIM_CODEX", PathBuf::new())],
                ];
                for variables in variables {
                    let start = variables.iter().fold(person.serve(), |start, (name, value)| start.env(name, value));
                    let ended = start.stdin(format!("{}\n", initialize("1")).as_bytes()).run();
                    // A path that is too long for this system call may still be a home that codex can read, so it is kept.
                    if ended.report.is_some() {
                        assert_eq!(variables[0].0, "CODEX_HOME", "{ended:?}");
                        continue;
                    }
                    let message = message(String::from_utf8(ended.stdout).unwrap().trim_end());
                    assert_message(&message);
                    assert_eq!(ended.stderr.lines().count(), 1, "{:?}", ended.stderr);
                }
            }
        }),
    ]
}

/// Runs the command that the refusal prints, with a codex that reports its home.
fn command_works(person: &Fixture, personal: &Path) {
    let message = said(&person.serve().setting("personal_home", personal).setting("strategy", "redirect"));
    assert_message(&message);
    let codex = person.root().join("says/codex");
    if !codex.exists() {
        person.write_program(&codex, "#!/bin/sh\nprintf %s \"${CODEX_HOME-$HOME/.codex}|$*\"\n");
    }
    let printed =
        message.rsplit_once("run `").and_then(|(_, rest)| rest.split_once("` with").or(rest.rsplit_once('`')));
    let (printed, _) = printed.unwrap_or_else(|| panic!("no command: {message}"));
    let mut shell = person.command("/bin/sh");
    shell.env("PATH", format!("{}:/usr/bin:/bin", codex.parent().unwrap().display())).arg("-c").arg(printed);
    let ran = run(&mut shell);
    assert_eq!(ran.stdout, format!("{}|login", personal.display()), "`{printed}`: {ran:?}");
}

// ---- Answers ----

const APP_SERVER: [&str; 3] = ["app-server", "--listen", "stdio://"];

/// The request that OpenClaw 2026.4.21 writes.
fn initialize(id: impl std::fmt::Display) -> String {
    let client = r#"{"name":"openclaw","title":"OpenClaw","version":"2026.4.21"}"#;
    format!(r#"{{"id":{id},"method":"initialize","params":{{"clientInfo":{client},"capabilities":{{}}}}}}"#)
}

/// The id of an answer as it was written, and its error.
fn parse(line: &str) -> (String, Value) {
    #[derive(serde::Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
        error: Value,
    }
    let answer: Answer<'_> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (answer.id.get().to_owned(), answer.error)
}

fn message(answer: &str) -> String {
    parse(answer).1["message"].as_str().unwrap().to_owned()
}

/// The message of the answer to one request.
fn said(start: &Start<'_>) -> String {
    let mut command = Command::new(start.command.get_program());
    command.args(start.command.get_args()).env_clear();
    command.envs(start.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = {
        let _alone = forking();
        command.spawn().unwrap()
    };
    child.stdin.take().unwrap().write_all(format!("{}\n", initialize("1")).as_bytes()).unwrap();
    message(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim_end())
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn assert_no_trigger(text: &str) {
    for word in TRIGGER_WORDS {
        assert!(!text.to_lowercase().contains(word), "`{word}` in {text}");
    }
}

/// Checks for one line of at most 400 characters without any word that makes a host act.
fn assert_message(text: &str) {
    assert!(!text.is_empty() && text.chars().count() <= 400, "{} characters: {text}", text.chars().count());
    assert!(!text.chars().any(is_control), "{text:?}");
    assert_no_trigger(text);
}

/// Whether this process, and so its children, ignores a signal: `nohup` does that.
fn is_ignored_here(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    ignored >> (signal as i32 - 1) & 1 == 1
}

// ---- The host ----

/// The type of stdin and stdout.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Pipes,
    /// Two pairs, as Node makes them.
    Sockets,
}

trait Writing: Write {
    fn shut(&self) {}
}

impl Writing for std::process::ChildStdin {}

impl Writing for UnixStream {
    fn shut(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

/// A host and its child. The child is killed when this is dropped.
struct Host {
    child: Child,
    stdin: Option<Box<dyn Writing>>,
    /// Closes the reading end when it is dropped.
    stop: Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>,
    lines: Receiver<String>,
    stderr: Option<thread::JoinHandle<String>>,
}

/// The end of a conversation.
#[derive(Debug)]
struct End {
    status: ExitStatus,
    /// The output on stdout after the last answer that was waited for.
    unheard: Vec<String>,
    stderr: String,
}

impl Host {
    fn start(start: Start<'_>, wire: Wire) -> Host {
        let mut command = start.command;
        command.stderr(Stdio::piped()).process_group(0);
        let (mut child, stdin, stdout): (Child, Box<dyn Writing>, OwnedFd) = {
            let _alone = forking();
            match wire {
                Wire::Pipes => {
                    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
                    (child, Box::new(stdin), stdout.into())
                }
                Wire::Sockets => {
                    let ((stdin, childs_stdin), (stdout, childs_stdout)) =
                        (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
                    command.stdin(OwnedFd::from(childs_stdin)).stdout(OwnedFd::from(childs_stdout));
                    (command.spawn().unwrap(), Box::new(stdin), stdout.into())
                }
            }
        };
        // It would keep the child's ends open.
        drop(command);
        let (sender, lines) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let reader = thread::spawn(move || read_lines(File::from(stdout), &sender, &stopped));
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Host { child, stdin: Some(stdin), stop: Some((stop, reader)), lines, stderr: Some(stderr) }
    }

    fn say(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).unwrap();
    }

    fn try_write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).and_then(|()| stdin.flush()).map_err(|error| error.to_string())
    }

    /// The next line, without its newline.
    fn hear(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line.strip_suffix('\n').unwrap_or_else(|| panic!("half a line: {line}")).to_owned(),
            Err(error) => panic!("no answer ({error}); the launcher: {:?}", self.child.try_wait()),
        }
    }

    /// Checks that the launcher prints nothing for a while, and stays.
    fn is_silent(&mut self) {
        match self.lines.recv_timeout(SILENCE) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("not silent: {other:?}"),
        }
        assert_eq!(self.child.try_wait().unwrap(), None, "gone while stdin was open");
    }

    /// Closes the reading end and nothing else.
    fn stop_listening(&mut self) {
        let (stop, reader) = self.stop.take().unwrap();
        drop(stop);
        reader.join().unwrap();
    }

    /// Its peak memory in KiB, if the system tells.
    fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        most.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Closes stdin and waits for the end.
    fn hang_up(mut self) -> End {
        self.stdin = None;
        self.end(SOON * 5)
    }

    /// Waits for the end while stdin stays open.
    fn ends_by_itself(mut self) -> End {
        self.end(SOON)
    }

    fn end(&mut self, patience: Duration) -> End {
        let Some(status) = wait_within(&mut self.child, patience) else { panic!("still running after {patience:?}") };
        let stderr = self.stderr.take().unwrap().join().unwrap();
        if let Some((_stop, reader)) = self.stop.take() {
            reader.join().unwrap();
        }
        End { status, unheard: self.lines.try_iter().collect(), stderr }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends line after line, until the end or until nothing more is wanted.
fn read_lines(stdout: File, lines: &mpsc::Sender<String>, stopped: &Receiver<()>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let mut stdout = BufReader::new(stdout);
    loop {
        if stdout.buffer().is_empty() {
            let mut fds = [PollFd::new(stdout.get_ref().as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, PollTimeout::from(10u8)).unwrap();
            if stopped.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
                return;
            }
            if ready == 0 {
                continue;
            }
        }
        let mut line = Vec::new();
        let is_over = !matches!(stdout.read_until(b'\n', &mut line), Ok(1..));
        if is_over || lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
    }
}
