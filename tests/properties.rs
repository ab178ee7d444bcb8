//! What must hold whatever the files hold: nothing panics, nothing hangs, a completed login is a login, what goes in on the
//! command line comes out of it, and no secret comes out of anything.
//!
//! Files are drawn by proptest: any bytes, any JSON, and files that are nearly right (`support/mutants.rs`). What failed once
//! is printed small; `PROPTEST_CASES` asks for more of it.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and lays its own files"
)]

#[path = "support/mutants.rs"]
mod mutants;
mod support;
#[path = "support/targets.rs"]
mod targets;
#[path = "support/vectors.rs"]
mod vectors;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use chrono::{DateTime, Utc};
use codex_home::home::Kind;
use codex_home::home::auth::{Auth, Ownership, Usable};
use codex_home::home::completion::{IdTokenFrom, Sealed, complete};
use codex_home::inspection::Inspection;
use codex_home::invocation::Invocation;
use codex_home::plan::{Plan, Step};
use codex_home::reason::Reason;
use codex_home::rehearsal::Rehearsal;
use codex_home::repair::{Flush, replace_auth};
use codex_home::settings::{Settings, Strategy};
use codex_home::start::Start;
use codex_home::survey;
use codex_home::verdict::{Verdict, judge};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use serde_json::Value;
use serde_json::value::RawValue;
use support::World;

/// The day of the files' dates.
fn clock() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// `cases` of them, or as many as `PROPTEST_CASES` asks for; nothing is written beside the sources.
fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    }
}

// ---- What is drawn ----

/// Any JSON, most of whose keys are ones that somebody knows.
fn json() -> impl Strategy_<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::from("chatgpt")),
        Just(Value::from("a.e30.c")),
        Just(Value::from("2026-11-22T10:00:00Z")),
    ];
    let key = prop_oneof![
        Just("auth_mode".to_owned()),
        Just("OPENAI_API_KEY".to_owned()),
        Just("tokens".to_owned()),
        Just("last_refresh".to_owned()),
        Just("id_token".to_owned()),
        Just("access_token".to_owned()),
        Just("refresh_token".to_owned()),
        Just("account_id".to_owned()),
        Just("https://api.openai.com/auth".to_owned()),
        ".{0,8}",
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

use proptest::strategy::Strategy as Strategy_;

/// An `auth.json` of any kind.
fn auth_file() -> impl Strategy_<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..512),
        1 => json().prop_map(|json| json.to_string().into_bytes()),
        8 => any::<u64>().prop_map(|seed| mutants::auth(seed, clock()).bytes),
    ]
}

/// The bridge of issue 70511 in many forms: what OpenClaw may write, with a few things spoiled.
fn bridge_file() -> impl Strategy_<Value = Vec<u8>> {
    (any::<u64>(), any::<[bool; 3]>()).prop_map(|(seed, drop)| {
        let whole = mutants::auth(seed, clock()).bytes;
        let Ok(mut file) = serde_json::from_slice::<Value>(&whole) else { return whole };
        for (drop, (object, key)) in
            drop.iter().zip([("/tokens", "id_token"), ("", "last_refresh"), ("/tokens", "account_id")])
        {
            if *drop && let Some(object) = file.pointer_mut(object).and_then(Value::as_object_mut) {
                object.remove(key);
            }
        }
        serde_json::to_vec(&file).unwrap()
    })
}

fn config_file() -> impl Strategy_<Value = Option<Vec<u8>>> {
    prop_oneof![
        3 => Just(None),
        1 => any::<u64>().prop_map(|seed| Some(mutants::config(seed).bytes)),
    ]
}

/// A word of a command line, not always text.
fn word() -> impl Strategy_<Value = OsString> {
    prop_oneof![
        prop::collection::vec(1_u8.., 0..12).prop_map(OsString::from_vec),
        "[a-z-]{1,12}".prop_map(OsString::from),
        Just(OsString::from("")),
        Just(OsString::from("--")),
        Just(OsString::from("-c")),
        Just(OsString::from("model=\"a b\"")),
        Just(OsString::from("app-server")),
        Just(OsString::from("exec")),
        Just(OsString::from("--listen")),
        Just(OsString::from("stdio://")),
    ]
}

// ---- No bytes are too much ----

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        for target in &targets::TARGETS {
            (target.holds)(&bytes);
        }
    }

    #[test]
    fn any_text_has_an_answer(text in ".{0,512}") {
        for target in &targets::TARGETS {
            (target.holds)(text.as_bytes());
        }
    }

    #[test]
    fn any_json_has_an_answer(json in json()) {
        for target in &targets::TARGETS {
            (target.holds)(json.to_string().as_bytes());
        }
    }

    #[test]
    fn any_auth_json_that_is_nearly_right_has_an_answer(bytes in auth_file()) {
        targets::auth(&bytes);
    }

    #[test]
    fn any_config_toml_that_is_nearly_right_has_an_answer(seed in any::<u64>()) {
        targets::config(&mutants::config(seed).bytes);
        targets::settings_file(&mutants::config(seed).bytes);
    }

    #[test]
    fn any_command_line_has_an_answer(words in prop::collection::vec(word(), 0..8)) {
        targets::argv(&words.join(OsStr::new("\0")).into_vec());
    }
}

/// A parser that looks at everything twice for each thing it has seen would be at this for hours.
#[test]
fn no_size_and_no_depth_takes_long() {
    let deep = |open: &str, close: &str| [open.repeat(200_000), close.repeat(200_000)].concat();
    let long = "x".repeat(1 << 20);
    let files = [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        format!("{{\"tokens\":{}}}", deep("[", "]")),
        format!("a = {}", deep("[", "]")),
        format!("a = {}", deep("{a=", "}")),
        format!("a{} = 1", ".a".repeat(200_000)),
        format!("[a{}]\nb = 1", ".a".repeat(200_000)),
        format!("exec\0-c\0a{}=1", ".a".repeat(200_000)),
        format!("exec\0-c\0a={}", deep("[", "]")),
        format!("{{\"id\":1,\"params\":{}}}\n", deep("[", "]")),
        format!("{{\"tokens\":{{\"id_token\":\"a.{long}.c\"}}}}"),
        format!("{{{}\"a\":1}}", "\"a\":1,".repeat(50_000)),
        format!("{{\"id\":\"{long}\",\"method\":\"a\"}}\n"),
        "a=1\n".repeat(1000),
        "\n".repeat(100_000),
    ];
    for file in files {
        for target in &targets::TARGETS {
            let since = Instant::now();
            (target.holds)(file.as_bytes());
            let (name, took) = (target.name, since.elapsed().as_secs());
            assert!(took < 20, "{name}: {took} s for {} bytes", file.len());
        }
    }
}

// ---- Completing ----

/// The fields of an object as they stand in the text, in their order.
fn fields(text: &str) -> Vec<(String, String)> {
    struct Fields(Vec<(String, String)>);
    impl<'de> serde::Deserialize<'de> for Fields {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct InOrder;
            impl<'de> serde::de::Visitor<'de> for InOrder {
                type Value = Fields;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                    let mut fields = Vec::new();
                    while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                        fields.push((key, value.get().to_owned()));
                    }
                    Ok(Fields(fields))
                }
            }
            deserializer.deserialize_map(InOrder)
        }
    }
    serde_json::from_str::<Fields>(text).unwrap().0
}

/// Those that completing may not touch.
fn kept(text: &str, completed: &[&str]) -> Vec<(String, String)> {
    fields(text).into_iter().filter(|(key, _)| !completed.contains(&key.as_str())).collect()
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn what_is_completed_can_log_in_and_keeps_all_the_rest(bridge in bridge_file(), personal in auth_file()) {
        let personal = Sealed::from(personal);
        let Ok(completion) = complete(&Sealed::from(bridge.clone()), Some(&personal), clock()) else { return Ok(()) };

        let world = World::new();
        let home = world.lay_bridge(&bridge);
        replace_auth(&home, &Sealed::from(bridge.clone()), &completion.bytes, 1, Flush::First).unwrap();
        let new = fs::read_to_string(home.join("auth.json")).unwrap();
        prop_assert_eq!(Auth::read(new.as_bytes(), clock()).because.reason, Reason::OkChatgpt);

        let old = String::from_utf8(bridge).unwrap();
        prop_assert_eq!(kept(&new, &["tokens", "last_refresh"]), kept(&old, &["tokens", "last_refresh"]));
        let tokens = |text: &str| fields(text).into_iter().rfind(|(key, _)| key == "tokens").unwrap().1;
        let completed = ["id_token", "account_id"];
        prop_assert_eq!(kept(&tokens(&new), &completed), kept(&tokens(&old), &completed));

        // And there is nothing left to complete.
        let again = complete(&Sealed::from(new.into_bytes()), None, clock()).unwrap();
        prop_assert_eq!(again.id_token, IdTokenFrom::Itself);
        prop_assert_eq!(again.bytes, completion.bytes);
    }
}

// ---- Judging, and what may be seen of it ----

/// Somebody's home beside a bridge, each with what files it may hold, and a start.
struct Case {
    world: World,
    secrets: Vec<Vec<u8>>,
    strategy: Strategy,
}

impl Case {
    fn lay(bridge: &[u8], personal: Option<&[u8]>, configs: [Option<&Vec<u8>>; 2], strategy: usize) -> Case {
        let world = World::new();
        let home = world.lay_bridge(bridge);
        let mut secrets = vec![bridge.to_vec()];
        if let Some(personal) = personal {
            world.lay_personal(personal);
            secrets.push(personal.to_vec());
        }
        for (home, config) in [home, world.personal()].iter().zip(configs) {
            if let Some(config) = config.filter(|_| home.exists()) {
                fs::write(home.join("config.toml"), [config, SECRET_CONFIG.as_bytes()].concat()).unwrap();
            }
        }
        Case { world, secrets, strategy: Strategy::ALL[strategy % Strategy::ALL.len()] }
    }

    /// The start as the launcher sees it.
    fn invocation(&self) -> Invocation {
        let env = [
            ("HOME", self.world.home().into_os_string()),
            ("CODEX_HOME", self.world.bridge().into_os_string()),
            ("OPENAI_API_KEY", OsString::from(SECRET_IN_ENVIRONMENT)),
            ("CODEX_HOME_SHIM_STRATEGY", OsString::from(self.strategy.name())),
        ];
        Invocation {
            args: ARGS.iter().map(OsString::from).collect(),
            env: env.into_iter().map(|(name, value)| (OsString::from(name), value)).collect(),
            cwd: || None,
            user_database: || None,
            program: None,
            ..Invocation::capture()
        }
    }

    /// Everything in it that nobody may see: every long word with a digit in it, be it of a file, of argv or of the
    /// environment, but for the names of fields (one with an escape in it has digits).
    fn secrets(&self) -> BTreeSet<String> {
        const NAMES: [&str; 8] = [
            "api_key",
            "account_id",
            "token",
            "auth_mode",
            "last_refresh",
            "identity",
            "chatgpt_",
            "credentials_store",
        ];
        let is_name = |word: &str| NAMES.iter().any(|name| word.to_ascii_lowercase().contains(name));
        let all = self.secrets.iter().map(|file| String::from_utf8_lossy(file).into_owned());
        let all = all.chain([SECRET_CONFIG, SECRET_IN_ENVIRONMENT, ARGS[1]].map(str::to_owned));
        all.flat_map(|text| {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_@".contains(c)));
            words
                .filter(|word| word.len() > 16 && word.bytes().any(|b| b.is_ascii_digit()) && !is_name(word))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .chain(["synthetic", "user@example.com", "eyJ"].map(str::to_owned))
        .collect()
    }

    /// Fails where one of them shows, or as much as a dozen characters of it.
    fn hides(&self, what: &str, shown: &str) {
        // The scratch directory has a name by chance, in which `eyJ` may stand.
        let shown = &shown.replace(&*self.world.root().to_string_lossy(), "");
        let shown_parts: BTreeSet<&[u8]> = shown.as_bytes().windows(12).collect();
        for secret in self.secrets() {
            let is_seen = match secret.len() {
                12.. => secret.as_bytes().windows(12).any(|part| shown_parts.contains(part)),
                _ => shown.contains(&secret),
            };
            assert!(!is_seen, "{what} shows a secret of {} characters: {shown}", secret.len());
        }
    }
}

const SECRET_IN_ENVIRONMENT: &str = "sk-environment-synthetic-0123456789";
const SECRET_CONFIG: &str = "\n[mcp_servers.x.env]\nTOKEN = \"config-synthetic-0123456789\"\n";
const ARGS: [&str; 5] =
    ["-c", "shell_environment_policy.set.TOKEN=\"argv-synthetic-0123456789\"", "app-server", "--listen", "stdio://"];

type Drawn = (Vec<u8>, Option<Vec<u8>>, [Option<Vec<u8>>; 2], usize);

/// A bridge, a person's own login (now and then of the same file), both configurations, a strategy.
fn case() -> impl Strategy_<Value = Drawn> {
    let healthy = any::<u64>().prop_map(|seed| {
        let mut files = (0..).map(|number| mutants::auth(seed.wrapping_add(number), clock()).bytes);
        files.find(|file| Auth::read(file, clock()).usable == Usable::Yes)
    });
    let personal = prop_oneof![1 => Just(None), 2 => auth_file().prop_map(Some), 2 => healthy];
    let strategy = prop_oneof![3 => Just(0_usize), 2 => 1_usize..5];
    (bridge_file(), personal, [config_file(), config_file()], strategy)
}

fn laid((bridge, personal, [ours, theirs], strategy): &Drawn) -> Case {
    Case::lay(bridge, personal.as_deref(), [ours.as_ref(), theirs.as_ref()], *strategy)
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn whatever_is_judged_keeps_the_promises_and_shows_no_secret(drawn in case()) {
        let case = laid(&drawn);
        let invocation = case.invocation();
        let settings = Settings::read(&invocation).unwrap();
        let start = Start::read(&invocation.args);
        let facts = survey::look(&invocation, &settings, &start);
        let verdict = judge(&facts);
        let plan = Plan::of(&verdict, &facts, &settings);

        prop_assert_eq!(format!("{verdict:?}"), format!("{:?}", judge(&facts)), "the same facts, another verdict");
        if let Some(injected) = &facts.injected && facts.kind == Kind::Bridge && case.strategy != Strategy::Off {
            let can = injected.can_log_in().0;
            let is_trusted = matches!(verdict, Verdict::Trust(_));
            prop_assert!(can == Usable::No || is_trusted, "what works is left alone");
        }
        if matches!(case.strategy, Strategy::Off | Strategy::Observe) {
            prop_assert!(matches!(plan.step, Step::Start), "told to do nothing");
        }
        match &verdict {
            Verdict::Trust(_) => {}
            Verdict::Redirect { from, to, .. } => {
                prop_assert_ne!(case.strategy, Strategy::Repair);
                prop_assert_ne!(to.can_log_in().0, Usable::No);
                prop_assert_ne!(from.ownership(to), Ownership::Differs, "one account's work to another's login");
            }
            Verdict::Repair { bridge, .. } => {
                prop_assert_ne!(case.strategy, Strategy::Redirect);
                prop_assert_eq!(&bridge.path, &case.world.bridge());
            }
            Verdict::Refuse { .. } => {
                let Step::Stop(failure) = &plan.step else { panic!("a refusal that starts something") };
                prop_assert!(!failure.help().is_empty());
                prop_assert!(failure.message().chars().count() <= 400);
            }
        }

        // Whatever anybody can be shown of it, each by name.
        let mut outputs = vec![
            ("Invocation", format!("{invocation:?}")),
            ("Settings", format!("{settings:?}")),
            ("Start", format!("{start:?}")),
            ("Facts", format!("{facts:#?}")),
            ("Verdict", format!("{verdict:?}")),
            ("Plan", format!("{plan:?}")),
            ("what is said", plan.says.iter().map(|(_, text)| text.as_str()).collect()),
            ("Completion", format!("{:?}", facts.completion())),
            ("Rehearsal", format!("{:?}", Rehearsal::of(&invocation))),
            ("Inspection", format!("{:?}", Inspection::of(&case.world.bridge(), &settings))),
        ];
        for home in facts.injected.iter().chain(&facts.personal) {
            outputs.push(("Home", format!("{home:?}")));
            outputs.push(("Auth", format!("{:?}", home.auth())));
            outputs.push(("Because", format!("{0} {0:#} {0:?}", home.can_log_in().1)));
        }
        if let Step::Stop(failure) = &plan.step {
            outputs.push(("Failure", format!("{failure} {failure:?} {} {}", failure.message(), failure.data())));
        }
        for (what, shown) in outputs {
            case.hides(what, &shown);
        }
    }
}

/// What is drawn is worth drawing: every verdict comes up, and many a file that can be completed.
#[test]
fn every_verdict_is_drawn() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..200 {
        let case = laid(&case().new_tree(&mut runner).unwrap().current());
        let invocation = case.invocation();
        let settings = Settings::read(&invocation).unwrap();
        let facts = survey::look(&invocation, &settings, &Start::read(&invocation.args));
        *seen.entry(judge(&facts).name()).or_insert(0) += 1;
        *seen.entry("completed").or_insert(0) += usize::from(facts.completion().is_ok());
    }
    for verdict in ["trust", "repair", "redirect", "refuse", "completed"] {
        assert!(seen.get(verdict).is_some_and(|count| *count >= 5), "{verdict}: {seen:?}");
    }
}

/// And whoever looks for secrets would see one, or a part of one.
#[test]
fn a_secret_that_shows_is_seen() {
    let whole = vectors::vector("ok_chatgpt_auth_mode").bytes(clock());
    let case = Case::lay(&whole, None, [None, None], 0);
    let file: Value = serde_json::from_slice(&whole).unwrap();
    let access = file["tokens"]["access_token"].as_str().unwrap();
    let account = file["tokens"]["account_id"].as_str().unwrap();
    for shown in [access, &access[100..130], account, &account[..20], SECRET_IN_ENVIRONMENT] {
        let seen = std::panic::catch_unwind(|| case.hides("a test", &format!("a line with {shown} in it")));
        assert!(seen.is_err(), "{} characters", shown.len());
    }
    case.hides("a test", "an account, shortened: …5555, and the `id_token`, `access_token` and OPENAI_API_KEY by name");
}

// ---- The launcher from outside ----

/// A program that writes its arguments down, each behind its length.
fn lay_codex(world: &World) -> (PathBuf, PathBuf) {
    let (codex, said) = (world.root().join("codex"), world.root().join("said"));
    let script = format!(
        "#!/bin/sh\nexec >'{}'\nprintf '%s\\0' \"$#\"\nfor word; do printf '%s\\0' \"$word\"; done\n",
        said.display()
    );
    fs::write(&codex, script).unwrap();
    fs::set_permissions(&codex, fs::Permissions::from_mode(0o755)).unwrap();
    (codex, said)
}

fn launcher(case: &Case, codex: &Path, journal: &Path) -> Command {
    started(case.world.launcher(), case, codex, journal)
}

/// The program that explains what the launcher would do.
fn explainer(case: &Case, codex: &Path, journal: &Path) -> Command {
    started(case.world.command(env!("CARGO_BIN_EXE_codex-home")), case, codex, journal)
}

fn started(mut command: Command, case: &Case, codex: &Path, journal: &Path) -> Command {
    command
        .env("CODEX_HOME", case.world.bridge())
        .env("CODEX_HOME_SHIM_CODEX", codex)
        .env("CODEX_HOME_SHIM_JOURNAL", journal)
        .env("CODEX_HOME_SHIM_STRATEGY", case.strategy.name())
        .env("CODEX_HOME_SHIM_LOG", "trace")
        .env("OPENAI_API_KEY", SECRET_IN_ENVIRONMENT)
        .current_dir(case.world.root());
    command
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn what_goes_in_on_the_command_line_comes_out(words in prop::collection::vec(word(), 0..8)) {
        // A home that can log in: no start is refused.
        let whole = vectors::vector("ok_chatgpt_auth_mode").bytes(clock());
        let case = Case::lay(&whole, None, [None, None], 0);
        let (codex, said) = lay_codex(&case.world);
        let ended = support::run(launcher(&case, &codex, &case.world.root().join("journal")).args(&words));

        prop_assert_eq!(ended.code, Some(0), "{:?}", ended);
        let mut expected = vec![words.len().to_string().into_bytes()];
        expected.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        let said = fs::read(said).unwrap();
        let said: Vec<_> = said.strip_suffix(b"\0").unwrap().split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        prop_assert_eq!(said, expected);
    }

    #[test]
    fn nothing_is_written_that_shows_a_secret_and_what_is_explained_is_done(drawn in case()) {
        let case = laid(&drawn);
        let (codex, _) = lay_codex(&case.world);
        let journal = case.world.root().join("journal");
        let ask = |words: &[&str]| support::run(explainer(&case, &codex, &journal).args(words));
        let as_json = ask(&[&["explain", "--json", "--"], &ARGS[..]].concat());
        let as_text = ask(&[&["explain", "--"], &ARGS[..]].concat());

        let mut command = launcher(&case, &codex, &journal);
        command.args(ARGS).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // The stand-in for codex does not listen.
        let _ = std::io::Write::write_all(&mut stdin, b"{\"id\":1,\"method\":\"initialize\"}\n");
        drop(stdin);
        let ended = child.wait_with_output().unwrap();
        let noted = fs::read_to_string(&journal).unwrap_or_default();

        let explained: Value = serde_json::from_str(&as_json.stdout).unwrap();
        prop_assert_eq!(as_json.code, ended.status.code(), "{}", explained);
        if let Some(line) = noted.lines().last() {
            let noted: Value = serde_json::from_str(line).unwrap();
            prop_assert_eq!(&explained["verdict"], &noted["verdict"]);
            prop_assert_eq!(&explained["reason"], &noted["reason"]);
        }

        let inspected = ask(&["inspect", "--json"]);
        let logged = [ask(&["log"]), ask(&["log", "--json"])];
        let outputs = [
            ("stdout", String::from_utf8_lossy(&ended.stdout).into_owned()),
            ("stderr", String::from_utf8_lossy(&ended.stderr).into_owned()),
            ("the journal", noted),
            ("explain", as_text.stdout + &as_text.stderr),
            ("explain --json", as_json.stdout + &as_json.stderr),
            ("inspect --json", inspected.stdout + &inspected.stderr),
            ("log", logged.map(|logged| logged.stdout + &logged.stderr).concat()),
        ];
        for (what, shown) in outputs {
            case.hides(what, &shown);
        }
    }
}
