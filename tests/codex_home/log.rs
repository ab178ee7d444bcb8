//! `codex-home log`: the journal.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use snapbox::str;

use crate::support::{Case, Fixture, case, end, forking, run};
use crate::{ask, codex_home, complains, prints};

pub const STARTS: &str = r#"{"time":"2026-11-22T12:00:00.000001Z","pid":1,"version":"0.1.0","subcommand":"app-server","kind":"bridge","home":"/bridge","decision":"redirect","reason":"missing-id-token","effective_home":"/personal","codex":"/bin/codex","took_us":500}
not a line of ours
{"time":"2026-11-22T12:00:01.000001Z","pid":2,"version":"0.1.0","subcommand":"","kind":"personal","home":null,"decision":"keep","reason":"personal-home","effective_home":"/personal","codex":"/bin/codex","took_us":400}
{"time":"2026-11-22T12:00:02.000001Z","pid":3,"version":"0.1.0","subcommand":"exec","kind":"bridge","home":"/bridge","decision":"refuse","reason":"missing-id-token","effective_home":null,"codex":null,"took_us":400,"error":"no usable Codex home"}
"#;

/// A person with this journal.
pub fn with_journal(text: &str) -> Fixture {
    let person = Fixture::new();
    fs::create_dir_all(person.journal().parent().unwrap()).unwrap();
    fs::write(person.journal(), text).unwrap();
    person
}

fn starts() -> [&'static str; 3] {
    let mut lines = STARTS.lines();
    [lines.next(), lines.nth(1), lines.next()].map(Option::unwrap)
}

/// The lines that `log --json` prints.
fn lines(person: &Fixture, args: &[&str]) -> Vec<String> {
    let finished = ask(person, codex_home(person, &["log", "--json"]).args(args));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    finished.stdout.lines().map(str::to_owned).collect()
}

/// `log --follow`, which ends with the test.
struct Followed {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Followed {
    fn new(person: &Fixture) -> Followed {
        let mut log = codex_home(person, &["log", "--follow", "--json"]);
        log.stdout(Stdio::piped()).stdin(Stdio::null()).process_group(0);
        let mut child = {
            let _alone = forking();
            log.spawn().unwrap()
        };
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Followed { child, lines }
    }

    fn next(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        case("log: a line a start and a sentence below it, newest last", || {
            let person = with_journal(STARTS);
            prints(
                &person,
                &mut codex_home(&person, &["log"]),
                0,
                str![[r#"
2026-11-22 12:00:00  app-server  redirect
  used `/personal`, not `/bridge`: auth.json has no `id_token` (missing-id-token)
2026-11-22 12:00:01  codex  keep
  used `/personal`: it is the personal home (personal-home)
2026-11-22 12:00:02  exec  refuse
  no usable Codex home

"#]],
            );
            prints(
                &person,
                &mut codex_home(&person, &["log", "--lines", "1"]),
                0,
                str![[r#"
2026-11-22 12:00:02  exec  refuse
  no usable Codex home

"#]],
            );
        }),
        case(
            "log --json: the journal's own lines, those of the rotated journal first, and no half-written one",
            || {
                let [first, second, third] = starts();
                let person = with_journal(&format!("{third}\n{}", &first[..40]));
                fs::write(person.journal().with_file_name("journal.1.jsonl"), format!("{first}\n{second}\n")).unwrap();
                assert_eq!(lines(&person, &[]), [first, second, third]);
                assert_eq!(lines(&person, &["-n", "2"]), [second, third]);
                assert_eq!(ask(&person, &mut codex_home(&person, &["log", "--json", "-n", "0"])).stdout, "");
            },
        ),
        case("log: a start is in it as explain foretold it", || {
            let person = Fixture::issue_70511();
            person.serve().is_redirected("missing-id-token");
            let text = ask(&person, &mut codex_home(&person, &["log"])).stdout;
            let sentence = "  app-server  redirect\n  used `~/.codex`, not \
                            `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token` \
                            (missing-id-token)\n";
            assert!(text.contains(sentence), "{text}");
        }),
        case("log: no start yet, and a journal that is off", || {
            let person = Fixture::new();
            let expected = str![[r#"
codex-home: no start is recorded yet in `[..]/codex-home-shim/journal.jsonl`

"#]];
            complains(&person, &mut codex_home(&person, &["log"]), 0, expected);
            let mut log = codex_home(&person, &["log"]);
            complains(
                &person,
                log.env("CODEX_HOME_SHIM_JOURNAL", "off"),
                1,
                str![[r#"
codex-home: the settings turn the journal off
  help: set `CODEX_HOME_SHIM_JOURNAL=true` or unset it

"#]],
            );
            person.write_settings("journal = false\n");
            let said = ask(&person, &mut codex_home(&person, &["log"])).stderr;
            assert!(said.contains("help: set `journal = true` in `~/") && said.contains("config.toml`"), "{said}");
        }),
        case("log: a FIFO in the journal's place is not waited for", || {
            let person = with_journal("");
            fs::remove_file(person.journal()).unwrap();
            mkfifo(&person.journal(), Mode::S_IRWXU).unwrap();
            let finished = run(&mut codex_home(&person, &["log"]));
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("it is not a regular file"), "{}", finished.stderr);
        }),
        case("log: only starts are shown, and of a huge journal only the end is read", || {
            let [first, second, third] = starts();
            let person = with_journal(&format!("{first}\n\u{1b}]0;title\u{7}\n[]\n{second}\n"));
            assert_eq!(lines(&person, &["-n", "2"]), [first, second]);
            // Larger than any memory, and all of it in front.
            let mut file = File::create(person.journal()).unwrap();
            file.set_len(1 << 40).unwrap();
            file.seek(SeekFrom::End(0)).unwrap();
            writeln!(file, "\n{third}").unwrap();
            let finished = run(&mut codex_home(&person, &["log", "--json"]));
            assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), [third], "{finished:?}");
        }),
        case("log --follow: new starts as they come, across a rotation, those just before it too", || {
            let [first, second, third] = starts();
            let person = with_journal(&format!("{first}\n"));
            let mut followed = Followed::new(&person);
            assert_eq!(followed.next(), first);
            let mut journal = File::options().append(true).open(person.journal()).unwrap();
            // Half a line is none.
            let (half, rest) = second.split_at(10);
            journal.write_all(half.as_bytes()).unwrap();
            journal.write_all(format!("{rest}\n").as_bytes()).unwrap();
            assert_eq!(followed.next(), second);
            writeln!(journal, "{second}").unwrap();
            fs::rename(person.journal(), person.journal().with_file_name("journal.1.jsonl")).unwrap();
            fs::write(person.journal(), format!("{third}\n")).unwrap();
            assert_eq!([followed.next(), followed.next()], [second, third]);
        }),
        case("log: a reader that has read enough may go", || {
            let person = with_journal(&STARTS.repeat(2000));
            let mut log = codex_home(&person, &["log", "-n", "5000", "--json"]);
            let mut child = {
                let _alone = forking();
                log.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            };
            child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
        }),
        case("log: what a start was called cannot move the cursor", || {
            let evil = STARTS.replace("app-server", "a\\u001b[2Jb").replace("/bridge", "/c\\u001b[2Jd\\u202e");
            let person = with_journal(&evil);
            let text = ask(&person, &mut codex_home(&person, &["log"])).stdout;
            assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains("/c\\u{1b}[2Jd"), "{text:?}");
        }),
    ]
}
