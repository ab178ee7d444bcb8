//! What `codex-home inspect` says of a `CODEX_HOME` that may be set by mistake.

use std::fs;

use serde_json::json;

use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, case};
use crate::{ask_json, codex_home};

pub fn cases() -> Vec<Case> {
    vec![
        // https://github.com/farion1231/cc-switch/issues/3101, https://github.com/UiPath/coder_eval/issues/39
        case("inspect: that `CODEX_HOME` is set is said, and the help is one that works while it is", || {
            let person = Fixture::new();
            let said = |value: &str| {
                let mut inspect = codex_home(&person, &["inspect", "--json"]);
                let (_, json) = ask_json(&person, inspect.env("CODEX_HOME", value));
                (json["remarks"].clone(), json["help"].as_str().unwrap_or_default().to_owned())
            };
            let personal = person.personal().display().to_string();
            let opencode = person.home().join(".config/opencode").display().to_string();
            fs::create_dir_all(&opencode).unwrap();
            let (remarks, help) = said(&opencode);
            assert_eq!(remarks, json!([format!("`CODEX_HOME` is set to `{opencode}`")]));
            assert_eq!(help, "run `CODEX_HOME=~/.config/opencode codex login`");
            assert_eq!(said(&personal).1, "run `unset CODEX_HOME`, then `codex login`");
            let (remarks, help) = said("~/.codex");
            assert_eq!(remarks, json!(["`CODEX_HOME` is set to `~/.codex`, in which nothing has expanded the `~`"]));
            assert_eq!(help, "run `unset CODEX_HOME`, then `codex login`");
            person.log_in(ACCOUNT);
            for value in [opencode.as_str(), "~/.codex", &format!("{personal}\r"), &format!("{personal}/gone")] {
                assert_eq!(said(value).1, "run `unset CODEX_HOME`: `~/.codex` can log in", "{value:?}");
            }
            // A home that is named on the command line is meant.
            let (_, json) = ask_json(&person, &mut codex_home(&person, &["inspect", "--json", &opencode]));
            assert_eq!(
                (&json["remarks"], &json["help"]),
                (&json!([]), &json!("run `CODEX_HOME=~/.config/opencode codex login`"))
            );
        }),
    ]
}
