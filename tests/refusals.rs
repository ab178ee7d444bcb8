//! The launcher when it stops for good, from where a host stands: one that talks as OpenClaw does, and one that starts
//! codex for anything else. Every reason that can be brought about from outside meets every conversation.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use codex_home::words::ROUTED;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use support::{PATIENCE, Tried, World, auth, run, wait_within};

/// As OpenClaw 2026.4.21 starts codex.
const APP_SERVER: [&str; 3] = ["app-server", "--listen", "stdio://"];
/// Starts that nobody answers over JSON-RPC.
const PLAIN: [&[&str]; 3] = [&["app-server", "--listen", "ws://127.0.0.1:0"], &["exec", "hi"], &["login", "status"]];
/// How long a launcher that has nothing to say is watched saying nothing.
const SILENCE: Duration = Duration::from_millis(300);
/// How soon a launcher that should end has ended.
const SOON: Duration = Duration::from_secs(1);

// ---- Every reason, in every conversation ----

fn reasons_that_take_another_user_are_among_them() -> Tried {
    if !Uid::effective().is_root() {
        return Err("only root can become another user".into());
    }
    if !can_start_as(STRANGER) {
        return Err("another user cannot start the launcher where it lies".into());
    }
    assert_eq!(cases(None).iter().filter(|case| case.uid == Some(STRANGER)).count(), 3);
    Ok(())
}

fn a_host_that_talks_as_openclaw_does_hears_the_reason_until_it_hangs_up() {
    for_each_case(|case| {
        let mut host = Host::start(&mut case.start());
        // Two requests in one write, the second with an id of another kind.
        host.say(&format!("{}\n{}\n", initialize("0"), initialize("\"1f2e3d4c-0000-4000-8000-00000000002a\"")));
        let first = host.hear();
        case.check_answer(&first, "0");
        let message = message(&first);
        case.check_answer(&host.hear(), "\"1f2e3d4c-0000-4000-8000-00000000002a\"");
        host.say(&format!("{}\n", initialize("1")));
        case.check_answer(&host.hear(), "1");
        // Nothing of this wants an answer.
        host.say("{\"method\":\"initialized\"}\n");
        host.say("{\"id\":7,\"result\":{}}\n{\"id\":8,\"error\":{\"code\":1,\"message\":\"no\"}}\n");
        host.say("\n\r\n   \n");
        host.say("this is no JSON\n{\"id\":9,\"method\":\n{\"id\":9,\"method\":\"a\"} {}\n[1,\n\"text\"\n12\nnull\n");
        host.write(b"\xff\xfe\x00\xc3\x28\n{\"id\":\"\xff\",\"method\":\"a\"}\n");
        host.say("{\"id\":null,\"method\":\"a\"}\n{\"id\":true,\"method\":\"a\"}\n{\"id\":{},\"method\":\"a\"}\n[]\n");
        host.is_silent();
        // And none of it has hurt.
        host.say(&format!("  \t{}\r\n", initialize("2")));
        case.check_answer(&host.hear(), "2");
        // A batch is answered on one line, its requests only.
        host.say("[{\"id\":3,\"method\":\"a\"},{\"method\":\"b\"},{\"id\":\"x\",\"method\":\"c\"},{\"id\":4,\"result\":1}]\n");
        let batch: Vec<Box<RawValue>> = serde_json::from_str(&host.hear()).unwrap();
        assert_eq!(batch.len(), 2, "{batch:?}");
        case.check_answer(batch[0].get(), "3");
        case.check_answer(batch[1].get(), "\"x\"");
        // Half a line is no request, and the end is the end.
        host.say("{\"id\":5,\"method\":\"initialize\",\"par");
        host.is_silent();
        let end = host.hang_up();
        assert_eq!(end.status.code(), Some(case.code), "{end:?}");
        assert_eq!(end.unheard, Vec::<String>::new());
        case.check_stderr(&end.stderr, &message);
    });
}

fn a_notification_may_come_first() {
    for_each_case(|case| {
        let mut host = Host::start(&mut case.start());
        host.say("{\"method\":\"initialized\"}\n");
        host.say(&format!("{}\n", initialize("1")));
        case.check_answer(&host.hear(), "1");
        assert_eq!(host.hang_up().status.code(), Some(case.code));
    });
}

fn a_host_that_asks_nothing_hears_nothing() {
    for_each_case(|case| {
        let mut host = Host::start(&mut case.start());
        host.is_silent();
        let end = host.hang_up();
        assert_eq!(end.status.code(), Some(case.code), "{end:?}");
        assert_eq!(end.unheard, Vec::<String>::new());
    });
}

fn a_host_that_hangs_up_at_once_gets_the_exit_code() {
    for_each_case(|case| {
        let host = Host::start(&mut case.start());
        assert_eq!(host.hang_up().status.code(), Some(case.code));
    });
}

fn a_host_that_closes_only_its_reading_end_is_not_waited_for() {
    for_each_case(|case| {
        for wire in [Wire::Pipes, Wire::Sockets] {
            // One that says no more, and one that goes on asking.
            for asks in [false, true] {
                let mut host = Host::start_over(&mut case.start(), wire);
                host.say(&format!("{}\n", initialize("1")));
                case.check_answer(&host.hear(), "1");
                host.stop_listening();
                if asks {
                    host.try_say(&format!("{}\n", initialize("2")));
                }
                let end = host.ends_by_itself();
                assert_eq!(end.status.code(), Some(case.code), "{wire:?}, asks: {asks}: {end:?}");
                assert!(!end.stderr.contains("panic"), "{end:?}");
                assert_eq!(lines_of_reasons(&end.stderr), 1, "{end:?}");
            }
        }
    });
}

fn a_hang_up_ends_it_as_any_program() -> Tried {
    ends_by(Signal::SIGHUP)
}

fn an_interrupt_ends_it_as_any_program() -> Tried {
    ends_by(Signal::SIGINT)
}

fn a_termination_ends_it_as_any_program() -> Tried {
    ends_by(Signal::SIGTERM)
}

fn ends_by(signal: Signal) -> Tried {
    if is_ignored_here(signal) {
        let reason = format!("{signal} is ignored in the process that runs the tests, and so in its children");
        return Err(reason.into());
    }
    for_each_case(|case| {
        let mut host = Host::start(&mut case.start());
        host.say(&format!("{}\n", initialize("1")));
        case.check_answer(&host.hear(), "1");
        host.signal(signal);
        let end = host.ends_by_itself();
        assert_eq!(end.status.signal(), Some(signal as i32), "{end:?}");
        assert_eq!(end.unheard, Vec::<String>::new());
    });
    Ok(())
}

fn sockets_for_stdio_as_node_makes_them_are_the_same() {
    for_each_case(|case| {
        let mut host = Host::start_over(&mut case.start(), Wire::Sockets);
        host.say(&format!("{}\n{}\n", initialize("1"), initialize("\"two\"")));
        let first = host.hear();
        case.check_answer(&first, "1");
        case.check_answer(&host.hear(), "\"two\"");
        host.is_silent();
        let end = host.hang_up();
        assert_eq!(end.status.code(), Some(case.code), "{end:?}");
        case.check_stderr(&end.stderr, &message(&first));
    });
}

fn a_socket_whose_writing_half_is_shut_has_hung_up() {
    for_each_case(|case| {
        let mut host = Host::start_over(&mut case.start(), Wire::Sockets);
        host.say(&format!("{}\n", initialize("1")));
        host.shut_writing_half();
        case.check_answer(&host.hear(), "1");
        assert_eq!(host.ends_by_itself().status.code(), Some(case.code));
    });
}

fn any_other_start_gets_the_reason_on_stderr_and_the_exit_code() {
    for_each_case(|case| {
        for words in PLAIN {
            let finished = run(case.command().args(words));
            assert_eq!(finished.code, Some(case.code), "{words:?}: {finished:?}");
            assert_eq!(finished.stdout, "", "{words:?}");
            let lines: Vec<_> = finished.stderr.lines().filter(|line| !line.starts_with(WARNING)).collect();
            assert!((1..=3).contains(&lines.len()), "{words:?}: {}", finished.stderr);
            assert!(lines[0].starts_with(NAME), "{words:?}: {}", finished.stderr);
            assert!(lines[lines.len() - 1].starts_with("  help: "), "{words:?}: {}", finished.stderr);
            assert_unrouted(&finished.stderr);
        }
    });
}

fn every_way_to_ask_for_stdio_is_answered() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    let ways: [&[&str]; 6] = [
        &["app-server"],
        &["app-server", "--listen", "stdio://"],
        &["app-server", "--listen=stdio://"],
        &["app-server", "--stdio"],
        &["-c", "a=1", "app-server", "--listen", "stdio://"],
        &["app-server", "--listen", "ws://127.0.0.1:0", "--stdio"],
    ];
    for words in ways {
        let mut host = Host::start(case.command().args(words));
        host.say(&format!("{}\n", initialize("1")));
        case.check_answer(&host.hear(), "1");
        assert_eq!(host.hang_up().status.code(), Some(case.code), "{words:?}");
    }
}

/// No home is looked at for a start that selects a profile; the host of one waits for an answer all the same.
fn a_start_that_is_not_judged_is_answered_when_there_is_no_codex() {
    let case = &cases(Some("codex is not on PATH"))[0];
    let mut host = Host::start(case.command().args(["-p", "work", "app-server"]));
    host.say(&format!("{}\n", initialize("1")));
    case.check_answer(&host.hear(), "1");
    assert_eq!(host.hang_up().status.code(), Some(127));
    let plain = run(case.command().arg("--version"));
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(127), ""), "{plain:?}");
}

/// An option of a codex to come tells nothing about homes, and nothing against an answer.
fn a_start_with_an_unknown_option_is_answered_when_there_is_no_codex() {
    let case = &cases(Some("codex is not on PATH"))[0];
    for words in [&["app-server", "--unheard-of"][..], &["app-server", "--unheard-of", "value", "--stdio"]] {
        let mut host = Host::start(case.command().args(words));
        host.say(&format!("{}\n", initialize("1")));
        case.check_answer(&host.hear(), "1");
        assert_eq!(host.hang_up().status.code(), Some(127));
    }
}

/// std sets SIGPIPE to its default before it executes, and leaves it so where that fails.
fn a_stderr_that_nobody_reads_is_no_reason_to_die_of() {
    let case = &cases(Some("codex wants an interpreter that is not there"))[0];
    let mut command = case.start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{}\n", initialize("1")).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(126), "{output:?}");
    case.check_answer(String::from_utf8(output.stdout).unwrap().trim_end(), "1");
}

/// A loop that no process id gives away, for each round is a process of its own.
fn a_script_that_calls_the_launcher_is_a_loop_too() {
    let case = Case::new("codex calls the launcher", "exec-loop", 126, |world, env| {
        let path = world.root().join("codex-calls");
        program(&path, format!("#!/bin/sh\n'{}' \"$@\"\n", launcher()).as_bytes());
        env.push(("CODEX_HOME", "unset".into()));
        env.push(("CODEX_HOME_SHIM_CODEX", path));
    });
    let mut host = Host::start(&mut case.start());
    host.say(&format!("{}\n", initialize("1")));
    let answer = host.hear();
    case.check_answer(&answer, "1");
    host.is_silent();
    let end = host.hang_up();
    assert_eq!(end.status.code(), Some(126), "{end:?}");
    case.check_stderr(&end.stderr, &message(&answer));
}

// ---- What an answer looks like ----

fn an_id_comes_back_as_it_was_written() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    let mut host = Host::start(&mut case.start());
    let ids = [
        "0",
        "-0",
        "-1",
        "1.0",
        "1e2",
        "1E+2",
        "0.10",
        "9007199254740993",
        "123456789012345678901234567890123456789012345678901234567890",
        "-123456789012345678901234567890",
        "1e999",
        "\"\"",
        "\"1\"",
        "\"a\\u0041\\/\\n\"",
        "\"\\ud800\"",
        "\"ü 日本\"",
        "\" 1 \"",
    ];
    for id in ids {
        host.say(&format!("{}\n", initialize(id)));
        case.check_answer(&host.hear(), id);
        // Behind the method, with spaces around.
        host.say(&format!("{{ \"method\" : \"initialize\", \"params\":{{\"id\":5}}, \"id\" :  {id}  }}\n"));
        case.check_answer(&host.hear(), id);
    }
    assert_eq!(host.hang_up().status.code(), Some(case.code));
}

fn the_jsonrpc_member_is_there_only_where_the_host_writes_it() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    let mut host = Host::start(&mut case.start());
    for (line, expected) in [
        ("{\"id\":1,\"method\":\"initialize\"}", None),
        ("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"initialize\"}", Some("2.0")),
        ("{\"id\":3,\"method\":\"initialize\",\"params\":{\"jsonrpc\":\"2.0\"}}", None),
        ("{\"id\":4,\"method\":\"initialize\",\"jsonrpc\":\"2.0\"}", Some("2.0")),
    ] {
        host.say(&format!("{line}\n"));
        let answer: Value = serde_json::from_str(&host.hear()).unwrap();
        assert_eq!(answer.get("jsonrpc").and_then(Value::as_str), expected, "{line}");
        let mut members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        members.retain(|member| *member != "jsonrpc");
        assert_eq!(members, ["error", "id"], "{line}");
    }
    assert_eq!(host.hang_up().status.code(), Some(case.code));
}

fn a_message_names_what_to_run_where_it_fits_the_case() {
    let rows: [(&str, &[&str]); 7] = [
        ("the login of the personal home is missing", &["run `codex login`", "`~/.codex`"]),
        // codex makes no home but the default one.
        ("another personal home has no login", &["run `mkdir -p ~/elsewhere && CODEX_HOME=~/elsewhere codex login`"]),
        // By their last four characters; they end alike here.
        ("the accounts differ", &["…5555", "account"]),
        ("the personal login may be in the keyring and is forced", &["keyring"]),
        ("the personal login is in the keyring and may not be used", &["`CODEX_HOME_SHIM_STRATEGY=auto`"]),
        ("the personal config.toml is broken", &["~/.codex/config.toml", "at 1:"]),
        ("a strategy that does not exist", &["`CODEX_HOME_SHIM_STRATEGY`", "`x`"]),
    ];
    for (name, expected) in rows {
        let case = &cases(Some(name))[0];
        let message = case.message();
        for part in expected {
            assert!(message.contains(part), "{name}: no {part} in {message}");
        }
        assert!(!message.contains(case.world.root().to_str().unwrap()), "{name}: a path without `~` in {message}");
        for account in [ACCOUNT, OTHER_ACCOUNT] {
            assert!(!message.contains(account), "{name}: {message}");
        }
    }
}

fn the_account_clash_names_both_accounts_by_their_last_four_characters() {
    let case = Case::homes("accounts that end differently", "accounts-differ", |world, _| {
        bridge(world, &auth::issue_70511_with_account("opaque", "r", "acc-bridge-1a2b"));
        world.lay_personal(&auth::healthy("acc-person-3c4d", "p", "r2"));
    });
    let message = case.message();
    for (part, is_there) in [("1a2b", true), ("3c4d", true), ("e-1a2b", false), ("n-3c4d", false)] {
        assert_eq!(message.contains(part), is_there, "{part}: {message}");
    }
}

// ---- Lines without measure ----

fn a_line_of_many_mebibytes_is_answered_without_growing() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    let mut host = Host::start(&mut case.start());
    let long = "x".repeat(8 << 20);
    let deep = 2 << 20;
    let long_lines = [
        (format!("{{\"id\":1,\"method\":\"a\",\"params\":{{\"text\":\"{long}\"}}}}"), Some("1")),
        (format!("{{\"method\":\"a\",\"params\":[\"{long}\"],\"id\":2}}"), Some("2")),
        (format!("{{\"method\":\"{long}\",\"id\":\"three\"}}"), Some("\"three\"")),
        (format!("{{\"method\":\"a\",\"{long}\":0,\"id\":4}}"), Some("4")),
        (format!("{{\"id\":5,\"method\":\"a\",\"params\":[{}0]}}", "0,".repeat(4 << 20)), Some("5")),
        (format!("{{\"id\":6,\"method\":\"a\",\"params\":{}{}}}", "[".repeat(deep), "]".repeat(deep)), Some("6")),
        (format!("{{\"id\":\"{long}\",\"method\":\"an id nobody could answer\"}}"), None),
        (format!("{{\"id\":{{\"deep\":\"{long}\"}},\"method\":\"a\"}}"), None),
        (format!("{{\"id\":{},\"method\":\"a\"}}", "1".repeat(8 << 20)), None),
        (
            format!("{{\"params\":\"{}\",\"id\":\"\\u0041\",\"method\":\"a\"}}", "\\u00e9".repeat(2 << 20)),
            Some("\"\\u0041\""),
        ),
        (format!("{{\"id\":7,\"method\":\"a\",\"params\":\"{long}"), None),
        (long.clone(), None),
        ("[".repeat(8 << 20), None),
        (format!("\"{long}\""), None),
        (format!("{{\"id\":8,\"result\":\"{long}\"}}"), None),
    ];
    for (line, id) in long_lines {
        host.say(&line);
        host.say("\n");
        if let Some(id) = id {
            case.check_answer(&host.hear(), id);
        }
        host.say(&format!("{}\n", initialize("\"after\"")));
        case.check_answer(&host.hear(), "\"after\"");
        let start: String = line.chars().take(24).collect();
        assert!(host.most_memory().is_none_or(|kib| kib < 16 << 10), "{start}…: {:?} KiB", host.most_memory());
    }
    assert_eq!(host.hang_up().status.code(), Some(case.code));
}

fn a_batch_of_many_is_answered_without_growing() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    let mut host = Host::start(&mut case.start());
    let batch: Vec<String> = (0..50_000).map(initialize).collect();
    host.say(&format!("[{}]\n", batch.join(",")));
    let answers: Vec<Box<RawValue>> = serde_json::from_str(&host.hear()).unwrap();
    assert!(!answers.is_empty());
    case.check_answer(answers[0].get(), "0");
    host.say(&format!("{}\n", initialize("\"after\"")));
    case.check_answer(&host.hear(), "\"after\"");
    assert!(host.most_memory().is_none_or(|kib| kib < 16 << 10), "{:?} KiB", host.most_memory());
    assert_eq!(host.hang_up().status.code(), Some(case.code));
}

// ---- A host that writes a prompt ----

fn a_host_that_is_slow_to_write_its_prompt_sees_no_broken_pipe() {
    for_each_case(|case| {
        for wire in [Wire::Pipes, Wire::Sockets] {
            let mut host = Host::start_over(case.command().args(["exec", "-"]), wire);
            thread::sleep(Duration::from_millis(200));
            let prompt = vec![b'p'; 1 << 20];
            assert_eq!(host.try_write(&prompt), Ok(()), "{wire:?}");
            let end = host.hang_up();
            assert_eq!(end.status.code(), Some(case.code), "{wire:?}: {end:?}");
        }
    });
}

fn a_prompt_that_never_comes_costs_a_second_at_most() {
    for_each_case(|case| {
        let is_first = case.name == "the login of the personal home is missing";
        for words in if is_first { &PLAIN[..] } else { &PLAIN[1..2] } {
            let since = Instant::now();
            let host = Host::start(case.command().args(*words));
            let end = host.ends_by_itself_within(Duration::from_secs(3));
            assert_eq!(end.status.code(), Some(case.code), "{words:?}: {end:?}");
            assert!(since.elapsed() < Duration::from_millis(1700), "{words:?}: {:?}", since.elapsed());
        }
    });
}

fn a_prompt_that_never_ends_costs_a_second_at_most() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    for _ in 0..3 {
        let (reader, writer) = std::io::pipe().unwrap();
        // Two that write as fast as they can: the pipe is never empty.
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let mut writer = writer.try_clone().unwrap();
                thread::spawn(move || {
                    let block = vec![b'p'; 1 << 20];
                    let deadline = Instant::now() + Duration::from_secs(6);
                    while Instant::now() < deadline && writer.write_all(&block).is_ok() {}
                })
            })
            .collect();
        drop(writer);
        let mut command = case.command();
        command.args(["exec", "-"]).stdin(Stdio::from(reader)).stdout(Stdio::null()).stderr(Stdio::null());
        let since = Instant::now();
        let mut child = command.spawn().unwrap();
        // The command holds the reading end too.
        drop(command);
        let status = wait_within(&mut child, Duration::from_secs(10));
        let took = since.elapsed();
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(status.and_then(|status| status.code()), Some(case.code));
        assert!(took < Duration::from_millis(2500), "{took:?}");
    }
}

fn a_file_on_stdin_costs_nothing() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    let file = case.world.root().join("prompt");
    fs::write(&file, vec![b'p'; 1 << 20]).unwrap();
    let stdins: [fn(&Path) -> Stdio; 2] = [|_| Stdio::null(), |file| File::open(file).unwrap().into()];
    for words in PLAIN.into_iter().chain([&APP_SERVER[..]]) {
        for stdin in stdins {
            let since = Instant::now();
            let mut command = case.command();
            command.args(words).stdin(stdin(&file)).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let status = wait_within(&mut child, PATIENCE);
            let took = since.elapsed();
            let _ = child.kill();
            let mut stdout = String::new();
            child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
            let _ = child.wait();
            assert_eq!(status.and_then(|status| status.code()), Some(case.code), "{words:?}");
            assert_eq!(stdout, "", "{words:?}");
            assert!(took < Duration::from_millis(800), "{words:?}: {took:?}");
        }
    }
}

/// As a shell without job control, or a supervisor, may start it.
fn closed_descriptors_are_no_reason_to_hang_or_to_panic() {
    let case = &cases(Some("the login of the personal home is missing"))[0];
    for words in [&APP_SERVER[..], &["exec", "hi"]] {
        for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
            let mut shell = case.command_of("/bin/sh");
            shell.args(["-c", &format!("exec \"$0\" \"$@\" {closed}")]).arg(launcher()).args(words);
            let since = Instant::now();
            let finished = run(&mut shell);
            assert_eq!(finished.code, Some(case.code), "{words:?} {closed}: {finished:?}");
            assert_eq!(finished.stdout, "", "{words:?} {closed}");
            assert!(!finished.stderr.contains("panic"), "{words:?} {closed}: {finished:?}");
            assert!(since.elapsed() < Duration::from_secs(2), "{words:?} {closed}: {:?}", since.elapsed());
        }
    }
}

// ---- Words that hosts act upon, and paths nobody thought of ----

/// What a host makes of a word it finds in a message is in `words.rs`.
fn a_path_never_brings_a_routed_word_and_its_command_still_works() {
    for name in ["401", "timeout", "rate limit", "Rate Limit", "timed out", "EXPIRED", "log out", "a'401'b", "40401"] {
        let world = World::new();
        let home = world.root().join(name).join("home");
        let bridge = home.join("401/timeout/rate limit/agent/harness-auth/codex/06bfb5171eff0241");
        make(&bridge, &no_login());
        let personals = [home.join(".codex"), home.join(name), world.root().join(name).join("codex 401")];
        for personal in personals {
            let mut command = world.launcher();
            command.env("HOME", &home).env("CODEX_HOME", &bridge).env("CODEX_HOME_SHIM_PERSONAL_HOME", &personal);
            command.env("CODEX_HOME_SHIM_CODEX", sturdy(&world));
            let answer = first_answer(command.args(APP_SERVER));
            let message = message(&answer);
            assert_unrouted(&message);
            assert!(message.chars().count() <= 400, "{message}");
            command_works(&world, &home, &message, &personal).unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_unrouted(answer["error"]["data"]["help"].as_str().unwrap());
            assert_eq!(answer["error"]["data"]["personal"]["home"].as_str(), personal.to_str());
        }
    }
}

fn a_path_that_means_something_to_a_shell_is_quoted() {
    let names =
        ["a b", "a'b", "$(false)", "a\"b", "a;b", "a&b", "~", "~root", "a:~", "a=~", "*", "-n", "ü", "#", "!", "{a,b}"];
    let mut failed = Vec::new();
    for name in names {
        let world = World::new();
        bridge(&world, &no_login());
        for parent in [world.home(), world.root().to_owned()] {
            let personal = parent.join(name).join("x");
            let mut command = world.launcher();
            command.env("CODEX_HOME", world.bridge()).env("CODEX_HOME_SHIM_PERSONAL_HOME", &personal);
            command.env("CODEX_HOME_SHIM_CODEX", sturdy(&world));
            let message = message(&first_answer(command.args(APP_SERVER)));
            if let Err(error) = command_works(&world, &world.home(), &message, &personal) {
                failed.push(error);
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn no_path_breaks_a_line_or_a_limit() {
    let strange = ["a\nb", "a\rb", "a\tb", "\u{1b}[31ma", "a\u{7f}b", "a\u{85}b", "a\u{9b}31mb", "a'\n'b"];
    let long = ["x".repeat(200), "401 ".repeat(50), "ü".repeat(100), "'".repeat(200)];
    let mut names: Vec<PathBuf> = strange.iter().map(PathBuf::from).collect();
    names.extend(long.iter().map(|part| std::iter::repeat_n(part, 15).collect::<PathBuf>()));
    names.push(std::ffi::OsString::from_vec(b"a\xff\nb".to_vec()).into());
    let bridge_under = |parent: &Path| parent.join("agent/harness-auth/codex/06bfb5171eff0241");
    let mut failed = Vec::new();
    for name in &names {
        let world = World::new();
        let codex = sturdy(&world);
        bridge(&world, &no_login());
        let path = world.root().join(name);
        let in_home = world.home().join(name);
        // Each variable that a message may show, and homes on either side of `~`.
        let starts: [(&str, Vec<(&str, PathBuf)>); 9] = [
            ("bridge", vec![("CODEX_HOME", bridge_under(&path))]),
            ("bridge below ~", vec![("CODEX_HOME", bridge_under(&in_home))]),
            ("personal", vec![("CODEX_HOME_SHIM_PERSONAL_HOME", path.clone())]),
            ("personal below ~", vec![("CODEX_HOME_SHIM_PERSONAL_HOME", in_home.clone())]),
            ("both", vec![("CODEX_HOME", bridge_under(&path)), ("CODEX_HOME_SHIM_PERSONAL_HOME", in_home.clone())]),
            ("HOME", vec![("HOME", path.clone())]),
            ("codex", vec![("CODEX_HOME_SHIM_CODEX", path.clone())]),
            ("strategy", vec![("CODEX_HOME_SHIM_STRATEGY", name.clone())]),
            ("PATH", vec![("PATH", path.clone()), ("CODEX_HOME_SHIM_CODEX", PathBuf::new())]),
        ];
        for (what, variables) in starts {
            // codex takes a CODEX_HOME that is not UTF-8 for none, and so there is nothing to refuse.
            if variables.iter().any(|(name, value)| *name == "CODEX_HOME" && value.to_str().is_none()) {
                continue;
            }
            let mut command = world.launcher();
            command.env("CODEX_HOME", world.bridge()).env("CODEX_HOME_SHIM_CODEX", &codex);
            command.env("CODEX_HOME_SHIM_JOURNAL", "off").envs(variables);
            let shown: String = name.to_string_lossy().chars().take(12).collect();
            let which = format!("{what} {shown:?}");
            let mut host = Host::start(command.args(APP_SERVER));
            host.say(&format!("{}\n", initialize("1")));
            let message = message(&host.hear());
            let stderr = host.hang_up().stderr;
            let count = message.chars().count();
            if count > 400 {
                failed.push(format!("{which}: {count} characters"));
            }
            if let Some(control) = message.chars().find(|c| c.is_control()) {
                failed.push(format!("{which}: {control:?} in {message:?}"));
            }
            if stderr.lines().count() != 1 {
                failed.push(format!("{which}: {} lines on stderr", stderr.lines().count()));
            }
            if let Some(word) = ROUTED.iter().find(|word| message.to_lowercase().contains(*word)) {
                failed.push(format!("{which}: `{word}` in {message}"));
            }
            command_again(&mut failed, &which, &world, &codex, what, &path, &in_home);
        }
    }
    assert!(failed.is_empty(), "{} failures:\n{}", failed.len(), failed.join("\n"));
}

/// The plain form of the same: no more lines than three, and no control characters in them.
fn command_again(
    failed: &mut Vec<String>,
    which: &str,
    world: &World,
    codex: &Path,
    what: &str,
    path: &Path,
    in_home: &Path,
) {
    let mut command = world.launcher();
    command.env("CODEX_HOME", world.bridge()).env("CODEX_HOME_SHIM_CODEX", codex);
    match what {
        "personal" => command.env("CODEX_HOME_SHIM_PERSONAL_HOME", path),
        "personal below ~" => command.env("CODEX_HOME_SHIM_PERSONAL_HOME", in_home),
        "codex" => command.env("CODEX_HOME_SHIM_CODEX", path),
        _ => return,
    };
    let finished = run(command.env("CODEX_HOME_SHIM_JOURNAL", "off").args(["login", "status"]));
    let lines = finished.stderr.lines().count();
    if lines > 3 || finished.stderr.chars().any(|c| c.is_control() && c != '\n') {
        failed.push(format!(
            "{which}, plain: {lines} lines: {:?}",
            finished.stderr.chars().take(900).collect::<String>()
        ));
    }
}

/// Runs the command that the message prints, with a codex that says which home it was given.
fn command_works(world: &World, home: &Path, message: &str, personal: &Path) -> Result<(), String> {
    let bin = world.root().join("stand-in");
    fs::create_dir_all(&bin).unwrap();
    program(&bin.join("codex"), b"#!/bin/sh\nprintf %s \"${CODEX_HOME-$HOME/.codex}|$*\"\n");
    let (_, printed) = message.rsplit_once("; run `").ok_or_else(|| format!("no command: {message}"))?;
    let (printed, _) = printed.rsplit_once("`,").ok_or_else(|| format!("no end: {message}"))?;
    let mut shell = world.command("/bin/sh");
    shell.env("HOME", home).env("PATH", format!("{}:/usr/bin:/bin", bin.display())).arg("-c").arg(printed);
    let ran = run(&mut shell);
    let expected = format!("{}|login", personal.display());
    if ran.stdout == expected { Ok(()) } else { Err(format!("`{printed}` is not for {expected}: {ran:?}")) }
}

// ---- The reasons ----

/// What every line of the launcher's on stderr begins with.
const NAME: &str = "codex-home-shim: ";
const WARNING: &str = "codex-home-shim: warning: ";

/// One reason, and the world in which it is the reason.
struct Case {
    name: &'static str,
    reason: &'static str,
    code: i32,
    world: World,
    env: Vec<(&'static str, PathBuf)>,
    /// Whether it is the homes, so that the answer describes them.
    homes: bool,
    /// The user to be, where that is another one.
    uid: Option<u32>,
}

type Env = Vec<(&'static str, PathBuf)>;

impl Case {
    fn new(name: &'static str, reason: &'static str, code: i32, lay: impl FnOnce(&World, &mut Env)) -> Case {
        let world = World::new();
        let mut env = vec![("CODEX_HOME_SHIM_CODEX", sturdy(&world)), ("CODEX_HOME", world.bridge())];
        lay(&world, &mut env);
        Case { name, reason, code, world, env, homes: false, uid: None }
    }

    /// No home can log in.
    fn homes(name: &'static str, reason: &'static str, lay: impl FnOnce(&World, &mut Env)) -> Case {
        Case { homes: true, ..Case::new(name, reason, 78, lay) }
    }

    fn command(&self) -> Command {
        self.command_of(launcher())
    }

    fn command_of(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.world.command(program);
        for (name, value) in &self.env {
            if value == Path::new("unset") {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
    }

    fn start(&self) -> Command {
        let mut command = self.command();
        command.args(APP_SERVER);
        command
    }

    fn message(&self) -> String {
        let answer = first_answer(&mut self.start());
        self.check_answer(&answer, "1");
        message(&answer)
    }

    /// One line, with the id as it was written, and what the issue says about the rest.
    #[track_caller]
    fn check_answer(&self, line: &str, id: &str) {
        #[derive(serde::Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            id: &'a RawValue,
            error: Value,
        }
        let answer: Answer<'_> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(answer.id.get(), id, "{line}");
        let error = &answer.error;
        assert_eq!(error["code"], json!(-32603), "{line}");
        let message = error["message"].as_str().unwrap();
        assert!(message.chars().count() <= 400 && !message.contains('\n') && !message.is_empty(), "{line}");
        assert_unrouted(message);
        let data = &error["data"];
        assert_eq!(keys(data), ["bridge", "help", "personal", "reason", "source"], "{line}");
        assert_eq!(data["source"], json!("codex-home-shim"), "{line}");
        assert_eq!(data["reason"], json!(self.reason), "{line}");
        let help = data["help"].as_str().unwrap();
        assert!(!help.is_empty() && message.ends_with(help), "{line}");
        if self.homes {
            assert_eq!(keys(&data["bridge"]), ["detail", "home", "kind", "reason", "usable"], "{line}");
            assert_eq!(data["bridge"]["kind"], json!("bridge"), "{line}");
            assert!(message.contains(data["bridge"]["detail"].as_str().unwrap()), "{line}");
            if !data["personal"].is_null() {
                assert_eq!(keys(&data["personal"]), ["detail", "home", "kind", "reason", "usable"], "{line}");
                assert!(message.contains(data["personal"]["detail"].as_str().unwrap()), "{line}");
            }
        } else {
            assert_eq!((&data["bridge"], &data["personal"]), (&Value::Null, &Value::Null), "{line}");
        }
    }

    /// The reason on one line, the same as in the answers; a repair that failed is a warning of its own before it.
    #[track_caller]
    fn check_stderr(&self, stderr: &str, message: &str) {
        let lines: Vec<_> = stderr.lines().filter(|line| !line.starts_with(WARNING)).collect();
        assert_eq!(lines, [format!("{NAME}{message}")], "{stderr}");
        assert!(stderr.ends_with('\n'), "{stderr:?}");
    }
}

/// Every reason that can be brought about from outside; `only` the one of that name.
fn cases(only: Option<&str>) -> Vec<Case> {
    let mut cases = homes_that_cannot_log_in();
    cases.extend(homes_that_do_not_go_together());
    cases.extend(starts_that_never_come_to_a_home());
    cases.retain(|case| only.is_none_or(|only| case.name == only));
    assert!(!cases.is_empty(), "no case is called {only:?}");
    cases
}

/// The bridge's own reason stands for the refusal.
fn homes_that_cannot_log_in() -> Vec<Case> {
    let broken = |name, reason, auth: Value| {
        Case::homes(name, reason, move |world, _| {
            bridge(world, &auth::bytes(&auth));
        })
    };
    let bytes = |name, reason, auth: &'static [u8]| {
        Case::homes(name, reason, move |world, _| {
            bridge(world, auth);
        })
    };
    let with_config = |name, reason, config: &'static str| {
        Case::homes(name, reason, move |world, _| {
            bridge(world, &auth::healthy(ACCOUNT, "b", "r"));
            fs::write(world.bridge().join("config.toml"), config).unwrap();
        })
    };
    let personal_config = |name, config: &'static str, strategy: &'static str| {
        Case::homes(name, "missing-id-token", move |world, env| {
            bridge(world, &no_login());
            world.lay_personal(&auth::healthy(OTHER_ACCOUNT, "p", "r2"));
            fs::write(world.personal().join("config.toml"), config).unwrap();
            env.push(("CODEX_HOME_SHIM_STRATEGY", strategy.into()));
        })
    };
    let mut cases = vec![
        Case::homes("the login of the personal home is missing", "missing-id-token", |world, _| {
            bridge(world, &no_login());
        }),
        Case::homes("another personal home has no login", "missing-id-token", |world, env| {
            bridge(world, &no_login());
            env.push(("CODEX_HOME_SHIM_PERSONAL_HOME", "~/elsewhere".into()));
        }),
        Case::homes("the bridge is not there", "home-missing", |_, _| {}),
        Case::homes("the bridge is a file", "home-not-directory", |world, _| {
            fs::create_dir_all(world.bridge().parent().unwrap()).unwrap();
            fs::write(world.bridge(), "").unwrap();
        }),
        Case::homes("the bridge has no auth.json", "auth-missing", |world, _| {
            fs::create_dir_all(world.bridge()).unwrap();
        }),
        Case::homes("the bridge's auth.json is a directory", "auth-not-regular-file", |world, _| {
            fs::create_dir_all(world.bridge().join("auth.json")).unwrap();
        }),
        Case::homes("the bridge's auth.json is a link to itself", "auth-unreadable", |world, _| {
            fs::create_dir_all(world.bridge()).unwrap();
            symlink("auth.json", world.bridge().join("auth.json")).unwrap();
        }),
        bytes("the bridge's auth.json is empty", "auth-empty", b""),
        bytes("the bridge's auth.json is not UTF-8", "auth-not-utf8", b"{\"a\":\"\xff\"}"),
        bytes("the bridge's auth.json is half a file", "auth-not-json", b"{\"auth_mode\":\"chat"),
        bytes("the bridge's auth.json is a list", "auth-wrong-type", b"[]"),
        bytes("the bridge's auth.json holds no tokens", "no-tokens", b"{}"),
        bytes("the bridge's auth.json is for an API key it has not", "no-api-key", b"{\"auth_mode\":\"apikey\"}"),
        broken("the bridge's API key is blank", "blank-api-key", json!({"auth_mode": "apikey", "OPENAI_API_KEY": " "})),
        broken("the bridge's auth_mode is not one codex knows", "unknown-auth-mode", json!({"auth_mode": "nonesuch"})),
        broken(
            "the bridge's id_token is malformed",
            "malformed-id-token",
            json!({"tokens": {"id_token": "x", "access_token": "opaque", "refresh_token": "r"}}),
        ),
        broken(
            "the bridge has no access_token",
            "missing-access-token",
            json!({"tokens": {"id_token": tokens::id_token(ACCOUNT), "refresh_token": "r"}}),
        ),
        broken(
            "the bridge has no refresh_token",
            "missing-refresh-token",
            json!({"tokens": {"id_token": tokens::id_token(ACCOUNT), "access_token": "opaque"}}),
        ),
        Case::homes("the bridge's last_refresh is no time and may not be mended", "bad-last-refresh", |world, env| {
            let mut auth = auth::healthy_value(ACCOUNT, "b", "r");
            auth["last_refresh"] = json!("yesterday");
            bridge(world, &auth::bytes(&auth));
            env.push(("CODEX_HOME_SHIM_STRATEGY", "redirect".into()));
        }),
        Case::homes("the bridge has no last_refresh and may not be mended", "missing-last-refresh", |world, env| {
            let mut auth = auth::healthy_value(ACCOUNT, "b", "r");
            auth["last_refresh"] = Value::Null;
            bridge(world, &auth::bytes(&auth));
            env.push(("CODEX_HOME_SHIM_STRATEGY", "redirect".into()));
        }),
        broken("the bridge's access_token is blank", "blank-access-token", {
            let mut auth = auth::healthy_value(ACCOUNT, "b", "r");
            auth["tokens"]["access_token"] = json!(" ");
            auth
        }),
        broken("the bridge is past its end and has no refresh_token", "stale-without-refresh-token", {
            let mut auth = auth::healthy_value(ACCOUNT, "b", "");
            auth["tokens"]["access_token"] = json!(tokens::expired_access_token(ACCOUNT, "b"));
            auth
        }),
        broken("the bridge is past its end and names no account", "stale-without-account", {
            let past = tokens::jwt(&json!({"exp": 1_577_836_800}));
            let id = tokens::jwt(&json!({"exp": 1_577_836_800}));
            json!({"tokens": {"id_token": id, "access_token": past, "refresh_token": "r"}, "last_refresh": "2020-01-01T00:00:00Z"})
        }),
        Case::homes("completing the bridge fails", "missing-id-token", |world, _| {
            let auth = auth::issue_70511_with_account(&tokens::access_token(ACCOUNT, "b"), "r", ACCOUNT);
            bridge(world, &auth);
            fs::hard_link(world.bridge().join("auth.json"), world.root().join("second")).unwrap();
        }),
        Case::homes("both homes share a refresh_token", "missing-id-token", |world, _| {
            bridge(world, &auth::issue_70511(&tokens::access_token(ACCOUNT, "b"), "shared"));
            world.lay_personal(&auth::bytes(&json!({"tokens": {"refresh_token": "shared"}})));
        }),
        Case::homes("the bridge is past its end beside a personal login", "missing-id-token", |world, _| {
            bridge(world, &auth::issue_70511(&tokens::expired_access_token(ACCOUNT, "b"), "r"));
            world.lay_personal(&auth::issue_70511("opaque", "r2"));
        }),
        with_config("the bridge's config.toml is broken", "config-invalid", "a = = 1\n"),
        with_config("the bridge's store is none", "config-invalid", "cli_auth_credentials_store = \"nowhere\"\n"),
        Case::homes("the bridge's config.toml is a directory", "config-unreadable", |world, _| {
            bridge(world, &auth::healthy(ACCOUNT, "b", "r"));
            fs::create_dir(world.bridge().join("config.toml")).unwrap();
        }),
        Case::homes("the personal home is a file", "missing-id-token", |world, _| {
            bridge(world, &no_login());
            fs::write(world.personal(), "").unwrap();
        }),
        Case::homes("the personal auth.json is a directory", "missing-id-token", |world, _| {
            bridge(world, &no_login());
            fs::create_dir_all(world.personal().join("auth.json")).unwrap();
        }),
        Case::homes("the personal auth.json is a link to itself", "missing-id-token", |world, _| {
            bridge(world, &no_login());
            fs::create_dir_all(world.personal()).unwrap();
            symlink("auth.json", world.personal().join("auth.json")).unwrap();
        }),
        Case::homes("the personal login is past its end", "missing-id-token", |world, _| {
            bridge(world, &no_login());
            let mut auth = auth::healthy_value(ACCOUNT, "p", "");
            auth["tokens"]["access_token"] = json!(tokens::expired_access_token(ACCOUNT, "p"));
            world.lay_personal(&auth::bytes(&auth));
        }),
        personal_config("the personal config.toml is broken", "a = = 1\n", "auto"),
        personal_config("the personal login is in the keyring and may not be used", KEYRING, "repair"),
        personal_config(
            "the personal login may be in the keyring and is forced",
            "cli_auth_credentials_store = \"auto\"\nforced_login_method = \"chatgpt\"\n",
            "auto",
        ),
        personal_config("the personal login is kept in memory", "cli_auth_credentials_store = \"ephemeral\"\n", "auto"),
        personal_config("the personal config.toml selects a profile", "profile = \"work\"\n", "auto"),
        personal_config("the personal provider is another", "model_provider = \"mine\"\n", "auto"),
        Case::homes(
            "the personal login may be in the keyring and is another account's",
            "missing-id-token",
            |world, _| {
                bridge(world, &auth::issue_70511_with_account("opaque", "r", ACCOUNT));
                world.lay_personal(&auth::healthy(OTHER_ACCOUNT, "p", "r2"));
                fs::write(world.personal().join("config.toml"), "cli_auth_credentials_store = \"auto\"\n").unwrap();
            },
        ),
    ];
    if Uid::effective().is_root() {
        let mut nobody = Case::homes("this user is in no user database", "missing-id-token", |world, env| {
            bridge(world, &no_login());
            for path in [world.root().to_owned(), world.home()] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            give(&world.home(), STRANGER);
            env.push(("HOME", "unset".into()));
        });
        nobody.uid = Some(STRANGER);
        let unwritable = |name, reason, mode| {
            let mut case = Case::homes(name, reason, |world, _| {
                bridge(world, &no_login());
                fs::set_permissions(world.root(), fs::Permissions::from_mode(0o755)).unwrap();
                give(&world.home(), STRANGER);
                fs::set_permissions(world.bridge(), fs::Permissions::from_mode(mode)).unwrap();
            });
            case.uid = Some(STRANGER);
            case
        };
        let closed = unwritable("the bridge cannot be entered", "home-unreadable", 0o600);
        let read_only = unwritable("the bridge cannot be written", "home-not-writable", 0o500);
        for case in [nobody, closed, read_only] {
            if can_start_as(STRANGER) {
                cases.push(case);
            }
        }
    }
    cases
}

/// The personal home could log in, and its reason stands for the refusal.
fn homes_that_do_not_go_together() -> Vec<Case> {
    let clash = |name, reason, bridge_auth: Vec<u8>, personal: Vec<u8>| {
        Case::homes(name, reason, move |world, _| {
            bridge(world, &bridge_auth);
            world.lay_personal(&personal);
        })
    };
    let key = auth::api_key("an-api-key");
    let healthy = auth::healthy(ACCOUNT, "p", "r2");
    let forced = |name, config: &'static str| {
        Case::homes(name, "login-forbidden", move |world, _| {
            bridge(world, &no_login());
            world.lay_personal(&auth::healthy(ACCOUNT, "p", "r2"));
            fs::write(world.personal().join("config.toml"), config).unwrap();
        })
    };
    vec![
        clash(
            "the accounts differ",
            "accounts-differ",
            auth::issue_70511_with_account("opaque", "r", ACCOUNT),
            auth::healthy(OTHER_ACCOUNT, "p", "r2"),
        ),
        clash(
            "the bridge is for an API key and the person for ChatGPT",
            "logins-differ",
            auth::bytes(&json!({"auth_mode": "apikey"})),
            healthy.clone(),
        ),
        clash("the bridge is for ChatGPT and the person has an API key", "logins-differ", no_login(), key),
        forced("the personal config.toml forbids its login", "forced_login_method = \"api\"\n"),
        forced("the personal config.toml forbids its account", "forced_chatgpt_workspace_id = \"acc-nobody\"\n"),
        Case::homes("the strategy is repair and there is nothing to repair", "strategy-forbids", |world, env| {
            bridge(world, &no_login());
            world.lay_personal(&auth::healthy(ACCOUNT, "p", "r2"));
            env.push(("CODEX_HOME_SHIM_STRATEGY", "repair".into()));
        }),
        Case::homes("the personal provider is another with the same login", "custom-provider", |world, _| {
            bridge(world, &no_login());
            world.lay_personal(&auth::healthy(ACCOUNT, "p", "r2"));
            let config =
                "model_provider = \"mine\"\n[model_providers.mine]\nname = \"Mine\"\nrequires_openai_auth = true\n";
            fs::write(world.personal().join("config.toml"), config).unwrap();
        }),
        Case::homes("the personal login must be renewed and cannot be kept", "login-not-renewable", |world, _| {
            bridge(world, &no_login());
            let mut auth = auth::healthy_value(ACCOUNT, "p", "r2");
            auth["tokens"]["access_token"] = json!(tokens::expired_access_token(ACCOUNT, "p"));
            world.lay_personal(&auth::bytes(&auth));
            fs::hard_link(world.personal().join("auth.json"), world.root().join("second")).unwrap();
        }),
    ]
}

fn starts_that_never_come_to_a_home() -> Vec<Case> {
    let setting = |name, variable: &'static str, value: &'static str| {
        Case::new(name, "setting-invalid", 78, move |_, env| env.push((variable, value.into())))
    };
    let codex = |name, reason, code, lay: fn(&World) -> PathBuf| {
        Case::new(name, reason, code, move |world, env| {
            world.lay_personal(&auth::healthy(ACCOUNT, "p", "r2"));
            env.push(("CODEX_HOME", "unset".into()));
            env.push(("CODEX_HOME_SHIM_CODEX", lay(world)));
        })
    };
    let on_path = |name, path: fn(&World) -> PathBuf| {
        Case::new(name, "codex-not-found", 127, move |world, env| {
            env.push(("CODEX_HOME_SHIM_CODEX", "unset".into()));
            env.push(("PATH", path(world)));
        })
    };
    vec![
        setting("a strategy that does not exist", "CODEX_HOME_SHIM_STRATEGY", "x"),
        setting("a relative path for codex", "CODEX_HOME_SHIM_CODEX", "bin/codex"),
        setting("a relative path for the personal home", "CODEX_HOME_SHIM_PERSONAL_HOME", "codex"),
        setting("a relative path for a bridge", "CODEX_HOME_SHIM_BRIDGES", "/a:b"),
        setting("a relative path for a home to be left alone", "CODEX_HOME_SHIM_LEAVE", "a"),
        setting("a relative path for the journal", "CODEX_HOME_SHIM_JOURNAL", "journal.jsonl"),
        on_path("codex is not on PATH", |world| world.root().join("empty")),
        on_path("PATH names no directory", |_| "unset".into()),
        on_path("PATH names many directories", |_| "/a:/b:/c:/d:/e:/f:/401:/timeout".into()),
        on_path("the only codex on PATH is the launcher", |world| {
            let bin = world.root().join("bin");
            fs::create_dir(&bin).unwrap();
            symlink(launcher(), bin.join("codex")).unwrap();
            bin
        }),
        codex("the codex that is set is not there", "codex-setting-invalid", 127, |world| world.root().join("none")),
        codex("the codex that is set is a directory", "codex-setting-invalid", 126, |world| world.home()),
        codex("the codex that is set is not executable", "codex-setting-invalid", 126, |world| {
            let path = world.root().join("plain-file");
            fs::write(&path, "").unwrap();
            path
        }),
        codex("the codex that is set is the launcher", "codex-setting-invalid", 126, |_| launcher().into()),
        codex("the codex that is set is a link to the launcher", "codex-setting-invalid", 126, |world| {
            let path = world.root().join("codex-link");
            symlink(launcher(), &path).unwrap();
            path
        }),
        codex("codex starts the launcher again", "exec-loop", 126, |world| {
            let path = world.root().join("codex-loop");
            program(&path, format!("#!/bin/sh\nexec '{}' \"$@\"\n", launcher()).as_bytes());
            path
        }),
        codex("codex wants an interpreter that is not there", "codex-not-executable", 126, |world| {
            let path = world.root().join("codex-script");
            program(&path, b"#!/nowhere/interpreter\n");
            path
        }),
        codex("codex was built for another machine", "codex-not-executable", 126, |world| {
            let path = world.root().join("codex-foreign");
            // The head of a 64-bit program for a machine that no longer exists (EM_M32).
            let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
            bytes.extend([0; 9]);
            bytes.extend([2, 0, 1, 0, 1, 0, 0, 0]);
            bytes.extend([0; 40]);
            program(&path, &bytes);
            path
        }),
    ]
}

const KEYRING: &str = "cli_auth_credentials_store = \"keyring\"\n";

/// Somebody who is in no user database.
const STRANGER: u32 = 61_234;

/// What OpenClaw wrote, with an access token that says nothing, so that nothing can be completed from it.
fn no_login() -> Vec<u8> {
    auth::issue_70511("opaque", "refresh")
}

fn bridge(world: &World, auth_json: &[u8]) -> PathBuf {
    world.lay_bridge(auth_json)
}

/// A home anywhere.
fn make(home: &Path, auth_json: &[u8]) {
    fs::create_dir_all(home).unwrap();
    fs::write(home.join("auth.json"), auth_json).unwrap();
}

fn launcher() -> &'static str {
    env!("CARGO_BIN_EXE_codex-home-shim")
}

/// A codex that would start. Nothing here should ever start it.
fn sturdy(world: &World) -> PathBuf {
    let path = world.root().join("sturdy-codex");
    program(&path, b"#!/bin/sh\necho codex was started\nexit 42\n");
    path
}

/// A program. Written by another one: a file that this process has open for writing cannot be executed by a child of
/// another thread's.
fn program(path: &Path, bytes: &[u8]) {
    let draft = path.with_extension("draft");
    fs::write(&draft, bytes).unwrap();
    let made = Command::new("/bin/sh")
        .args(["-c", "cp \"$0\" \"$1\" && chmod 755 \"$1\" && rm \"$0\""])
        .arg(&draft)
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

/// Gives a tree to another user.
fn give(path: &Path, uid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        for child in fs::read_dir(path).unwrap() {
            give(&child.unwrap().path(), uid);
        }
    }
}

/// Whether the launcher can be reached by another user where it was built.
fn can_start_as(uid: u32) -> bool {
    let mut command = Command::new(launcher());
    command.env_clear().current_dir("/").uid(uid).gid(uid).arg("--version");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The request OpenClaw 2026.4.21 writes.
fn initialize(id: impl std::fmt::Display) -> String {
    let client = r#"{"name":"openclaw","title":"OpenClaw","version":"2026.4.21"}"#;
    format!(r#"{{"id":{id},"method":"initialize","params":{{"clientInfo":{client},"capabilities":{{}}}}}}"#)
}

fn message(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["error"]["message"].as_str().unwrap().to_owned()
}

/// What one question is answered with.
fn first_answer(command: &mut Command) -> String {
    let mut host = Host::start(command);
    host.say(&format!("{}\n", initialize("1")));
    let answer = host.hear();
    host.hang_up();
    answer
}

#[track_caller]
fn assert_unrouted(text: &str) {
    let text = text.to_lowercase();
    for word in ROUTED {
        assert!(!text.contains(word), "`{word}` in {text}");
    }
}

fn lines_of_reasons(stderr: &str) -> usize {
    stderr.lines().filter(|line| !line.starts_with(WARNING)).count()
}

/// Whether this process, and so its children, ignores a signal: `nohup` does that.
fn is_ignored_here(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    ignored >> (signal as i32 - 1) & 1 == 1
}

/// Every case meets the test, a few at a time; all that fail are named.
fn for_each_case(test: impl Fn(&Case) + Sync) {
    let waiting = Mutex::new(cases(None));
    let failed = Mutex::new(Vec::new());
    let mut first = None;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut first = None;
                    loop {
                        let Some(case) = waiting.lock().unwrap().pop() else { return first };
                        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(&case))) {
                            failed.lock().unwrap().push(case.name);
                            first.get_or_insert(panic);
                        }
                    }
                })
            })
            .collect();
        first = workers.into_iter().filter_map(|worker| worker.join().unwrap()).next();
    });
    if let Some(panic) = first {
        eprintln!("failed where: {}", failed.lock().unwrap().join("; "));
        resume_unwind(panic);
    }
}

// ---- The host ----

/// What stdin and stdout are.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Pipes,
    /// Two pairs, as node makes them.
    Sockets,
}

/// A host and its child, which never outlives it.
struct Host {
    child: Child,
    stdin: Option<Box<dyn Writing>>,
    /// Lets the reading end go; dropped with the reader.
    stop: Option<Stop>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

trait Writing: Write + Send {
    fn shut(&self) {}
}

impl Writing for std::process::ChildStdin {}

impl Writing for UnixStream {
    fn shut(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

/// How a reading end is closed although somebody may be reading from it.
struct Stop(mpsc::Sender<()>, JoinHandle<()>);

/// How a conversation ended.
#[derive(Debug)]
struct End {
    status: ExitStatus,
    /// What was said on stdout that nobody asked for.
    unheard: Vec<String>,
    stderr: String,
}

impl Host {
    fn start(command: &mut Command) -> Host {
        Host::start_over(command, Wire::Pipes)
    }

    fn start_over(command: &mut Command, wire: Wire) -> Host {
        command.stderr(Stdio::piped()).process_group(0);
        let (mut child, stdin, stdout): (Child, Box<dyn Writing>, OwnedFd) = match wire {
            Wire::Pipes => {
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
                (child, Box::new(stdin), stdout.into())
            }
            Wire::Sockets => {
                let (stdin, childs_stdin) = UnixStream::pair().unwrap();
                let (stdout, childs_stdout) = UnixStream::pair().unwrap();
                command.stdin(OwnedFd::from(childs_stdin)).stdout(OwnedFd::from(childs_stdout));
                let child = command.spawn().unwrap();
                // The command would keep the child's ends open.
                command.stdin(Stdio::null()).stdout(Stdio::null());
                (child, Box::new(stdin), stdout.into())
            }
        };
        let (sender, lines) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let reader = thread::spawn(move || read_lines(File::from(stdout), &sender, &stopped));
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Host { child, stdin: Some(stdin), stop: Some(Stop(stop, reader)), lines, stderr: Some(stderr) }
    }

    fn say(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).unwrap();
    }

    fn try_say(&mut self, text: &str) {
        let _ = self.try_write(text.as_bytes());
    }

    /// What the system says where it would not take it.
    fn try_write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).and_then(|()| stdin.flush()).map_err(|error| error.to_string())
    }

    /// The next line, without its end.
    #[track_caller]
    fn hear(&mut self) -> String {
        match self.lines.recv_timeout(Duration::from_secs(20)) {
            Ok(line) => {
                let line = line.strip_suffix('\n').unwrap_or_else(|| panic!("half a line: {line}"));
                line.to_owned()
            }
            Err(error) => panic!("no answer ({error}); the launcher: {:?}", self.child.try_wait()),
        }
    }

    /// Says nothing for a while, and is there all the time.
    #[track_caller]
    fn is_silent(&mut self) {
        match self.lines.recv_timeout(SILENCE) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("not silent: {other:?}"),
        }
        assert_eq!(self.child.try_wait().unwrap(), None, "gone while stdin was open");
    }

    /// Closes the reading end and nothing else.
    fn stop_listening(&mut self) {
        let Stop(stop, reader) = self.stop.take().unwrap();
        drop(stop);
        reader.join().unwrap();
    }

    fn shut_writing_half(&mut self) {
        self.stdin.as_ref().unwrap().shut();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The most memory it ever had, in KiB, where the system says.
    fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        most.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Closes stdin and waits for the launcher to leave.
    #[track_caller]
    fn hang_up(mut self) -> End {
        self.stdin = None;
        self.end(SOON * 5)
    }

    /// Waits for the launcher to leave although stdin is open.
    #[track_caller]
    fn ends_by_itself(self) -> End {
        self.ends_by_itself_within(SOON)
    }

    #[track_caller]
    fn ends_by_itself_within(mut self, patience: Duration) -> End {
        self.end(patience)
    }

    #[track_caller]
    fn end(&mut self, patience: Duration) -> End {
        let Some(status) = wait_within(&mut self.child, patience) else { panic!("still running after {patience:?}") };
        let stderr = self.stderr.take().unwrap().join().unwrap();
        if let Some(Stop(_stop, reader)) = self.stop.take() {
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

/// Sends line after line, until the end or until nobody wants more.
fn read_lines(stdout: File, lines: &mpsc::Sender<String>, stopped: &Receiver<()>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd as _;
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
        match stdout.read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => return,
        }
        if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
    }
}

support::run_tests![
    reasons_that_take_another_user_are_among_them,
    a_host_that_talks_as_openclaw_does_hears_the_reason_until_it_hangs_up,
    a_notification_may_come_first,
    a_host_that_asks_nothing_hears_nothing,
    a_host_that_hangs_up_at_once_gets_the_exit_code,
    a_host_that_closes_only_its_reading_end_is_not_waited_for,
    a_hang_up_ends_it_as_any_program,
    an_interrupt_ends_it_as_any_program,
    a_termination_ends_it_as_any_program,
    sockets_for_stdio_as_node_makes_them_are_the_same,
    a_socket_whose_writing_half_is_shut_has_hung_up,
    any_other_start_gets_the_reason_on_stderr_and_the_exit_code,
    every_way_to_ask_for_stdio_is_answered,
    a_start_that_is_not_judged_is_answered_when_there_is_no_codex,
    a_start_with_an_unknown_option_is_answered_when_there_is_no_codex,
    a_stderr_that_nobody_reads_is_no_reason_to_die_of,
    a_script_that_calls_the_launcher_is_a_loop_too,
    an_id_comes_back_as_it_was_written,
    the_jsonrpc_member_is_there_only_where_the_host_writes_it,
    a_message_names_what_to_run_where_it_fits_the_case,
    the_account_clash_names_both_accounts_by_their_last_four_characters,
    a_line_of_many_mebibytes_is_answered_without_growing,
    a_batch_of_many_is_answered_without_growing,
    a_host_that_is_slow_to_write_its_prompt_sees_no_broken_pipe,
    a_prompt_that_never_comes_costs_a_second_at_most,
    a_prompt_that_never_ends_costs_a_second_at_most,
    a_file_on_stdin_costs_nothing,
    closed_descriptors_are_no_reason_to_hang_or_to_panic,
    a_path_never_brings_a_routed_word_and_its_command_still_works,
    a_path_that_means_something_to_a_shell_is_quoted,
    no_path_breaks_a_line_or_a_limit,
];
