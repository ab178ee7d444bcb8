//! Paths, values and errors in messages: on one line, harmless, and quoted so that a shell reads them back.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use codex_home::display::{
    TRIGGER_WORDS, cause, defuse, is_control, json_line, plain_text, position, shell_word, short_path, tail,
};
use nix::errno::Errno;
use serde_json::Value;

use crate::support::{Case, case, run};

/// Characters that end a line, move the cursor or reverse the text.
const ACTING: [char; 13] = [
    '\n', '\r', '\0', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}',
    '\u{200f}',
];

pub fn cases() -> Vec<Case> {
    vec![
        case("no text contains a word that a host acts on, in any case and wherever it stands", || {
            for word in TRIGGER_WORDS {
                for text in [word.to_owned(), word.to_uppercase(), format!("/a/{word}{word}/b"), format!("ä{word}")] {
                    let defused = defuse(&text);
                    assert!(!TRIGGER_WORDS.iter().any(|word| defused.to_lowercase().contains(word)), "{defused}");
                    assert_eq!(defused.replace('…', ""), text, "nothing is lost");
                }
            }
            assert_eq!(defuse("error 4010 and 401"), "error 4…010 and 4…01");
            assert_eq!(defuse("a plain text"), "a plain text");
        }),
        case("characters that act are escaped, and all others shown", || {
            for c in ACTING {
                assert!(is_control(c), "{c:?}");
                let shown = plain_text(format!("a{c}b"));
                assert!(!shown.chars().any(is_control) && shown.starts_with("a\\"), "{shown}");
            }
            assert_eq!(plain_text("ä 漢 😀 `'\""), "ä 漢 😀 `'\"");
            assert_eq!(plain_text(OsStr::from_bytes(b"a\xffb")), "a\u{fffd}b");
        }),
        // Node 24 ends a line at U+0085 and U+2028.
        case("JSON is one line for every reader, and the same value", || {
            let value = Value::from(format!("a{}😀", ACTING.iter().collect::<String>()));
            let line = json_line(&value).unwrap();
            assert!(!line.chars().any(is_control), "{line}");
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        }),
        case("the end of a long path is what is shown", || {
            assert_eq!(tail("/a/long/path", 6), "…/path");
            assert_eq!(tail("/a/b", 4), "/a/b");
            assert_eq!(tail("äöüß", 3), "…üß");
        }),
        case("the person's home is `~`, and nothing else is", || {
            let me = Some(Path::new("/home/me"));
            for (path, expected) in
                [("/home/me", "~"), ("/home/me/.codex", "~/.codex"), ("/home/meow", "/home/meow"), ("/x", "/x")]
            {
                assert_eq!(short_path(Path::new(path), me), expected);
            }
            assert_eq!(short_path(Path::new("/home/me"), None), "/home/me");
        }),
        case("a shell reads a word back as the path it stands for", || {
            let me = Path::new("/home/me");
            let mut paths: Vec<PathBuf> = [
                "/a b",
                "/a'b",
                "/a\"b$x`y`\\z",
                "/home/me/.codex",
                "/home/me/a b",
                "/ä",
                "/~",
                "/401/timeout/expired",
                "/-x*?[]{}#!",
            ]
            .map(PathBuf::from)
            .to_vec();
            // bash's own quotes.
            paths.extend(ACTING.iter().filter(|c| **c != '\0').map(|c| PathBuf::from(format!("/a'{c}\\b/401"))));
            paths.extend(["", "~", "~root", "/home/me"].map(PathBuf::from));
            for path in paths {
                let word = shell_word(&path, Some(me));
                assert!(!word.chars().any(is_control), "{word}");
                assert!(!TRIGGER_WORDS.iter().any(|trigger| word.contains(trigger)), "{word}");
                let mut command = Command::new("bash");
                command.args(["-c", &format!("printf %s {word}")]).env("HOME", me).env("LC_ALL", "C.UTF-8");
                assert_eq!(run(&mut command).stdout, path.to_string_lossy(), "{word}");
            }
        }),
        case("a word with control characters runs nothing in a shell that does not read it", || {
            let word = shell_word(Path::new("\t'$(echo ran >&2) #"), None);
            for shell in ["sh", "bash"] {
                let finished = run(Command::new(shell).args(["-c", &format!("printf %s {word}")]));
                assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{shell}: {word}");
            }
        }),
        case("a word that needs no quotes has none", || {
            for path in ["/usr/local/bin/codex", "/opt/a-b_c.d+e,f:g@h%i"] {
                assert_eq!(shell_word(Path::new(path), None), path);
            }
        }),
        case("a system error is named in lowercase, without a word that a host acts on", || {
            for errno in [Errno::EACCES, Errno::ENOENT, Errno::ETIMEDOUT, Errno::EROFS, Errno::ENOSPC] {
                let cause = cause(&io::Error::from(errno));
                assert!(!cause.contains("time") && !cause.starts_with(char::is_uppercase), "{cause}");
            }
            assert_eq!(cause(&Errno::EACCES.into()), "permission denied");
        }),
        case("a place in a text is counted in lines and characters, from 1", || {
            for (text, offset, expected) in
                [("", 0, (1, 1)), ("ab", 1, (1, 2)), ("a\nb", 2, (2, 1)), ("ä=", 2, (1, 2)), ("a", 9, (1, 2))]
            {
                assert_eq!(position(text, offset), expected, "{text:?} {offset}");
            }
        }),
    ]
}
