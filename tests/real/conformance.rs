//! Compares our judgement with real codex, on the files of `tests/vectors` and on random ones.
//!
//! Two questions about the same bytes: does a turn carry a bearer (`auth.json`), and does `thread/start` succeed (`config.toml`)?
//! The rule is in [`crate::judge`]. Keys of `config.toml` that do not affect a login are not compared, because their types differ
//! between releases.
//!
//! The seed of the random files is printed, and `CODEX_HOME_SHIM_SEED` sets it. `CODEX_HOME_SHIM_MUTANTS` sets the number of random
//! `auth.json` files; there are a quarter as many of `config.toml`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use chrono::Utc;
use codex_home::home::Home;
use codex_home::home::auth::Login;
use codex_home::home::config::Provider;
use codex_home::request::Overrides;
use serde_json::Value;

use crate::judge::{Agreement, Codex, Ours, Probe, about, answered, uses};
use crate::mutants::{self, Mutant};
use crate::support::{Case, Need, case, versions};
use crate::vectors::{self, vectors};

type Question = (&'static str, fn(&Codex));

const QUESTIONS: &[Question] = &[
    ("a turn carries a bearer if getAuthStatus reports a token", a_turn_carries_what_the_status_says),
    ("every vector is judged as codex reads it", every_vector),
    ("every random auth.json is judged as codex reads it", random_auth),
    ("a login without `last_refresh` is renewed, unless it is broken for this release", without_last_refresh),
    ("every random config.toml is judged as codex reads it", random_config),
];

pub fn cases() -> Vec<Case> {
    versions::judges()
        .into_iter()
        .flat_map(|version| {
            QUESTIONS.iter().map(move |(question, ask)| {
                case(format!("codex {version}: {question}"), move || ask(&Codex::of(version)))
                    .needs(Need::Deep)
                    .needs(Need::Codex)
            })
        })
        .collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The default seed, so that a commit always passes or always fails.
const SEED: u64 = 642_635_754;

fn seed() -> u64 {
    static CHOSEN: OnceLock<u64> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let seed = number("CODEX_HOME_SHIM_SEED").unwrap_or(SEED);
        eprintln!("CODEX_HOME_SHIM_SEED={seed} CODEX_HOME_SHIM_MUTANTS={}", how_many());
        seed
    })
}

fn how_many() -> u64 {
    number("CODEX_HOME_SHIM_MUTANTS").unwrap_or(200)
}

fn every_vector(codex: &Codex) {
    let mut agreement = Agreement::of(codex);
    let (all, now) = (vectors(), Utc::now());
    // Files that all releases read alike are divided among the releases.
    let (apart, alike): (Vec<_>, Vec<_>) = all.iter().partition(|vector| vector.tells_versions_apart());
    for vector in apart.into_iter().chain(codex.share(alike)) {
        // codex waits for ever for a writer of a FIFO.
        if vector.name == "fs_fifo" {
            continue;
        }
        let look = |codex: &Codex| {
            let probe = Probe::new();
            vector.lay(&probe.home(), now);
            let home = probe.judged_for(codex);
            let token = probe.token(codex);
            fs::set_permissions(probe.home(), fs::Permissions::from_mode(0o700)).unwrap();
            (home, token.is_some())
        };
        let (home, is_used) = look(codex);
        let ask = |other: &Codex| if other.version == codex.version { is_used } else { look(other).1 };
        if let Some(why) = agreement.compare(&vector.name, ours(&home, &vector.name), ask) {
            agreement.note(about(&vector.name, &why, &home, &[]));
        }
    }
    // Some of the vectors are there because they cannot be judged.
    agreement.assert("vectors", true);
}

/// Our answer about an `auth.json`. Only releases after 0.136.0 read the `agent_identity` that they write, and they use the login
/// beside it. Such a home is not broken, so it is not compared.
fn ours(home: &Home, how: &str) -> Ours {
    match Ours::from(&home.login(&Overrides::default())) {
        Ours::Usable if how.contains("agent_identity") => Ours::NotJudged,
        ours => ours,
    }
}

fn random_auth(codex: &Codex) {
    let mut agreement = Agreement::of(codex);
    for number in codex.share(0..how_many()) {
        let mutant = mutants::auth(seed().wrapping_add(number), Utc::now());
        let home = Probe::with("auth.json", &mutant.bytes).judged_for(codex);
        let ask = |codex: &Codex| uses(codex, &mutant.bytes, &home);
        if let Some(why) = agreement.compare(&mutant.how, ours(&home, &mutant.how), ask) {
            agreement.note(about(format_args!("file {number} ({})", mutant.how), &why, &home, &mutant.bytes));
        }
    }
    agreement.assert("auth.json", false);
}

fn without_last_refresh(codex: &Codex) {
    for (missing, value) in [("", ""), ("account_id", "null"), ("refresh_token", "\"\"")] {
        let mut file: Value = serde_json::from_slice(&vectors::vector("last_refresh_null").bytes(Utc::now())).unwrap();
        if !missing.is_empty() {
            file["tokens"][missing] = serde_json::from_str(value).unwrap();
        }
        let probe = Probe::with("auth.json", file.to_string().as_bytes());
        let login = probe.judged_for(codex).login(&Overrides::default());
        let turn = answered(probe.serve(codex, |_| ()).turn("ping")).unwrap();
        assert_eq!(turn.status == "completed", !matches!(login, Login::Broken(_)), "{missing}: {login:?}, {turn:?}");
    }
}

/// Values that only later releases accept (a list came after 0.123.0). They do not break a home.
const TAKEN_LATER: [&str; 2] = ["workspace list", "workspace empty list"];

fn random_config(codex: &Codex) {
    let mut agreement = Agreement::of(codex);
    let drawn = (0..how_many() / 4).map(|number| mutants::config(seed().wrapping_add(number)));
    for (number, file) in codex.share(mutants::config_lines().chain(drawn).enumerate()) {
        let home = Probe::with("config.toml", &file.bytes).judged();
        let is_taken_later =
            file.how.split("; ").any(|what| what.starts_with("profiles") || TAKEN_LATER.contains(&what));
        let ours = match home.own_config(&Overrides::default()) {
            Err(Login::Broken(_)) => Ours::Broken,
            // Whether such a provider or profile is complete does not affect a login.
            Ok(config) if !config.selects_profile && config.provider == Provider::OpenAi && !is_taken_later => {
                Ours::Usable
            }
            _ => Ours::NotJudged,
        };
        let ask = |codex: &Codex| Probe::with("config.toml", &file.bytes).thread(codex).is_ok();
        if let Some(why) = agreement.compare(&file.how, ours, ask) {
            let said = Probe::with("config.toml", &file.bytes).thread(codex).err().unwrap_or_default();
            let why = format!("{why}: {}", said.lines().next().unwrap_or_default());
            agreement.note(about(format_args!("config {number} ({})", file.how), &why, &home, &file.bytes));
        }
    }
    agreement.assert("config.toml", false);
}

/// Files on which `getAuthStatus` and a turn could differ, one of each way in which a file fails or does not.
const SAMPLE: [&str; 16] = [
    "fs_missing",
    "json_empty_object",
    "ok_chatgpt_legacy",
    "openclaw_70511",
    "refresh_token_empty",
    "access_token_empty",
    "access_token_newline",
    "access_token_unicode",
    "access_token_expired",
    "last_refresh_null",
    "account_id_mismatch",
    "key_only",
    "key_empty_string",
    "key_whitespace_only",
    "key_unicode",
    "tokens_array_form",
];

/// Everything else here believes `getAuthStatus` because of this.
fn a_turn_carries_what_the_status_says(codex: &Codex) {
    let sample = SAMPLE.map(|name| Mutant { bytes: vectors::vector(name).bytes(Utc::now()), how: name.to_owned() });
    let mut files: Vec<_> = if codex.sees_all() { sample.to_vec() } else { codex.share(sample).collect() };
    files.extend(codex.share(0..10).map(|number| mutants::auth(seed().wrapping_add(number), Utc::now())));
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // A turn that fails waits most of the time, because codex retries.
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = if file.how == "fs_missing" { "elsewhere.json" } else { "auth.json" };
                    let lay = || Probe::with(name, &file.bytes);
                    // HTTP drops blanks around the value of a header.
                    let trimmed = |token: Option<String>| token.map(|token| token.trim().to_owned());
                    let (says, does) = (trimmed(lay().token(codex)), trimmed(lay().bearer(codex)));
                    if says != does {
                        let [says, does] = [says.is_some(), does.is_some()];
                        let text = format!("{}: says {says}, does {does}\n{}", file.how, file.redacted());
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
