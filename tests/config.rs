//! What a `config.toml` says about the login, and which one codex cannot load: bytes in, an answer out.
//!
//! Most of what is here is about long ones. The tables of trusted directories are left out before such a file is parsed, and
//! nobody may be able to tell.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

use codex_home::home::config::{Config, Provider, Store};
use codex_home::reason::{Because, Reason};
use codex_home::start::Overrides;

fn read(text: &str) -> Result<Config, Because> {
    Config::read(Some(text.as_bytes()), &Overrides::default())
}

/// As codex writes them: one directory after the other, each with a table of its own.
fn trusted(directories: std::ops::Range<u32>) -> String {
    directories.map(|number| format!("[projects.\"/work/{number}\"]\ntrust_level = \"trusted\"\n\n")).collect()
}

/// `text` with enough trusted directories in front of it and behind it that they are worth leaving out.
fn amid_trusted(text: &str) -> String {
    let whole = format!("{}{text}{}", trusted(1_000..1_100), trusted(2_000..2_100));
    assert!(whole.len() > 8 << 10);
    whole
}

#[test]
fn a_table_between_trusted_directories_is_read() {
    let own = "[model_providers.own]\nname = \"own\"\nrequires_openai_auth = true\n\n";
    let text = format!("cli_auth_credentials_store = \"keyring\"\nmodel_provider = \"own\"\n\n{}", amid_trusted(own));
    let config = read(&text).unwrap();
    assert_eq!((config.store, config.provider), (Store::Keyring, Provider::WithOpenAiLogin));
}

#[test]
fn what_is_wrong_among_trusted_directories_is_found() {
    let rows = [
        ("a directory that stands there twice", "[projects.\"/work/1000\"]\ntrust_level = \"trusted\"\n"),
        ("in another table of the same name", "[projects.'/work/1000']\ntrust_level = \"trusted\"\n"),
        ("with another value", "[projects.\"/work/1000\"]\ntrust_level = \"untrusted\"\n"),
        ("with an escape in its name", "[projects.\"/\\u0077ork/1000\"]\ntrust_level = \"trusted\"\n"),
        ("as a list of tables", "[[projects.\"/work/2001\"]]\ntrust_level = \"trusted\"\n"),
        (
            "a key that stands twice behind an empty line",
            "[projects.\"/x\"]\ntrust_level = \"trusted\"\n\ntrust_level = 1\n",
        ),
        ("the table of tables as a value", "[projects]\n\"/work/1001\" = 1\n"),
        ("a list that is not closed", "[a]\nb = [\n"),
        ("a text that is not closed", "[a]\nb = '''\n"),
        ("no TOML at all", "[\n"),
    ];
    for (sentence, wrong) in rows {
        let text = amid_trusted(wrong);
        assert!(toml::from_str::<toml::Table>(&text).is_err(), "{sentence} is not wrong");
        assert_eq!(read(&text).map_err(|because| because.reason), Err(Reason::ConfigInvalid), "{sentence}");
    }
}

#[test]
fn a_mistake_is_named_by_its_line_in_the_whole_file() {
    let because = read(&amid_trusted("oops\n")).unwrap_err();
    assert_eq!(because.to_string(), "config.toml is not valid TOML at 301:5");
}

#[test]
fn a_directory_that_is_trusted_in_a_text_of_many_lines_is_text() {
    let text = format!("cli_auth_credentials_store = '''\n{}'''\n", trusted(0..200));
    let because = read(&text).unwrap_err();
    assert!(because.to_string().contains("is none of `file`"), "{because}");
    let text = format!("instructions = '''\n{}'''\ncli_auth_credentials_store = \"keyring\"\n", trusted(0..200));
    assert_eq!(read(&text).unwrap().store, Store::Keyring);
}

/// codex 0.123.0 and 0.169.0: "cannot recurse further".
#[test]
fn eighty_arrays_may_lie_within_one_another_and_no_more() {
    let nested = |depth: usize| format!("a = {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(&nested(80)), Ok(Config::default()));
    assert_eq!(read(&nested(81)).map_err(|because| because.reason), Err(Reason::ConfigInvalid));
}

/// Whatever stands beside trusted directories: the answer is the one that all of the text has.
#[test]
fn no_text_is_read_differently_for_its_trusted_directories() {
    const PIECES: &[&str] = &[
        "[projects.\"/a\"]\ntrust_level = \"trusted\"\n",
        "[projects.\"/a\"]\ntrust_level = \"untrusted\"\n\n\n",
        "[projects.\"/b\"]\ntrust_level = \"trusted\"\n\n",
        "[projects.\"/c\"]\ntrust_level = \"trusted\"",
        "[projects.\"/d\"]\ntrust_level = \"trusted\"\n# a remark\n",
        "[projects.\"/e\"]\r\ntrust_level = \"trusted\"\r\n",
        "[projects.\"/a\\\\b\"]\ntrust_level = \"trusted\"\n",
        "[projects.'/a']\ntrust_level = \"trusted\"\n",
        "[projects.\"/a\".more]\nkey = 1\n",
        "[projects]\n",
        "[[projects]]\n",
        "[other]\nkey = \"value\"\n",
        "[other.\"/a\"]\ntrust_level = \"trusted\"\n",
        "projects.\"/b\".trust_level = \"trusted\"\n",
        "projects = {}\n",
        "trust_level = \"trusted\"\n",
        "cli_auth_credentials_store = \"keyring\"\n",
        "list = [\n",
        "]\n",
        "text = \"\"\"\n",
        "\"\"\"\n",
        "\n",
    ];
    // Mostly valid ones: of many pieces at random nothing would ever be.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let (mut valid, mut invalid) = (0, 0);
    for _ in 0..3_000 {
        let mut text = "# ".to_owned() + &"-".repeat(4 << 10) + "\n";
        for directory in 0..random(4) {
            text.push_str(&format!("[projects.\"/more/{directory}\"]\ntrust_level = \"trusted\"\n"));
        }
        for _ in 0..random(5) {
            text.push_str(PIECES[random(PIECES.len())]);
        }
        let whole = toml::from_str::<toml::Table>(&text);
        let answer = read(&text);
        match whole {
            Ok(table) => {
                let in_keyring = table.contains_key("cli_auth_credentials_store");
                let store = if in_keyring { Store::Keyring } else { Store::File };
                assert_eq!(answer.map(|config| config.store), Ok(store), "{text}");
                valid += 1;
            }
            Err(_) => {
                assert_eq!(answer.map_err(|because| because.reason), Err(Reason::ConfigInvalid), "{text}");
                invalid += 1;
            }
        }
    }
    assert!(valid > 500 && invalid > 500, "{valid} valid, {invalid} invalid");
}
