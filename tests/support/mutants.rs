//! Files that are nearly right: an `auth.json` or a `config.toml` with a few things spoiled, each made from a number.
//!
//! The same number makes the same file (but for the dates, which are counted from `now`), on every machine.

#![allow(dead_code, reason = "every test crate includes this module and uses its own part of it")]

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use fastrand::Rng;

/// A file, and what was done to it.
#[derive(Clone)]
pub struct Mutant {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// What is not as codex writes it; never what the file holds.
    pub how: String,
}

impl Mutant {
    /// What it holds with nothing in it that could be a token: a long word is shown by its length.
    pub fn redacted(&self) -> String {
        redacted(&self.bytes)
    }
}

/// `bytes` with every word of more than sixteen characters shown by its length.
pub fn redacted(bytes: &[u8]) -> String {
    let mut shown = String::new();
    let mut word = String::new();
    let text = String::from_utf8_lossy(bytes);
    for c in text.chars().chain(['\n']) {
        if c.is_alphanumeric() || "-_.+=".contains(c) {
            word.push(c);
            continue;
        }
        match word.chars().count() {
            length @ 17.. => _ = write!(shown, "‹{length}›"),
            _ => shown.push_str(&word),
        }
        word.clear();
        if c.is_control() && c != '\n' { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if std::str::from_utf8(bytes).is_err() {
        shown.push_str("(not UTF-8)");
    }
    shown
}

/// An object as it is written: the text of each key and of each value.
type Object = Vec<(String, Node)>;

#[derive(Clone)]
enum Node {
    Text(String),
    Object(Object),
}

impl Node {
    fn string(text: &str) -> Node {
        Node::Text(quoted(text))
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn object(fields: &[(&str, Node)]) -> Object {
    fields.iter().map(|(key, node)| (quoted(key), node.clone())).collect()
}

fn written(object: &Object, indent: Option<usize>) -> String {
    let mut text = "{".to_owned();
    for (index, (key, node)) in object.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        if let Some(depth) = indent {
            _ = write!(text, "\n{:1$}", "", depth + 2);
        }
        let value = match node {
            Node::Text(value) => value.clone(),
            Node::Object(object) => written(object, indent.map(|depth| depth + 2)),
        };
        _ = write!(text, "{key}:{}{value}", if indent.is_some() { " " } else { "" });
    }
    if let Some(depth) = indent {
        _ = write!(text, "\n{:1$}", "", depth);
    }
    text + "}"
}

/// What is made is kept here, with what was done to it.
struct Making {
    rng: Rng,
    how: Vec<String>,
}

impl Making {
    fn new(seed: u64) -> Making {
        Making { rng: Rng::with_seed(seed), how: Vec::new() }
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    fn did(&mut self, what: impl Into<String>) {
        self.how.push(what.into());
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.rng.usize(..of.len())]
    }

    /// The healthy value, or one time in `odds` one of the others.
    fn choose(&mut self, what: &str, odds: u32, healthy: Node, others: &[(&str, Node)]) -> Node {
        if !self.one_in(odds) {
            return healthy;
        }
        let (name, node) = self.pick(others).clone();
        self.did(format!("{what}: {name}"));
        node
    }

    fn finish(self, bytes: Vec<u8>) -> Mutant {
        let how = if self.how.is_empty() { "nothing".to_owned() } else { self.how.join("; ") };
        Mutant { bytes, how }
    }
}

// ---- auth.json ----

/// Values of every type and of some odd forms.
const ODD: &[(&str, &str)] = &[
    ("null", "null"),
    ("true", "true"),
    ("a number", "5"),
    ("a float", "1.5"),
    ("a negative zero", "-0"),
    ("a number beyond any range", "1e999"),
    ("an integer beyond any range", "123456789012345678901234567890"),
    ("an empty string", "\"\""),
    ("a blank string", "\"  \""),
    ("an empty array", "[]"),
    ("an array of a string", "[\"x\"]"),
    ("an empty object", "{}"),
    ("an object", "{\"a\":{\"b\":[null]}}"),
    ("a lone surrogate", "\"\\ud800\""),
    ("a pair of surrogates", "\"\\ud83d\\ude00\""),
    ("an escaped NUL", "\"\\u0000\""),
    ("a bare word", "nul"),
    ("a leading zero", "01"),
    ("an unknown escape", "\"\\x41\""),
];

fn odd() -> Vec<(&'static str, Node)> {
    ODD.iter().map(|(name, text)| (*name, Node::Text((*text).to_owned()))).collect()
}

/// The same account in every part.
const ACCOUNT: &str = "acc-11111111-2222-3333-4444-555555555555";
const AUTH: &str = "https://api.openai.com/auth";
const PROFILE: &str = "https://api.openai.com/profile";

/// An `auth.json`.
pub fn auth(seed: u64, now: DateTime<Utc>) -> Mutant {
    let mut making = Making::new(seed);
    let mut file = fields(&mut making, now);
    for _ in 0..making.rng.u32(..3) / 2 * making.rng.u32(1..3) {
        spoil_object(&mut making, &mut file);
    }
    let indent = (!making.one_in(5)).then_some(0);
    let text = written(&file, indent);
    let bytes = spoil_text(&mut making, text);
    making.finish(bytes)
}

/// A whole file by its fields, most of them as codex writes them.
fn fields(making: &mut Making, now: DateTime<Utc>) -> Object {
    let strings = |values: &[(&'static str, &str)]| {
        values.iter().map(|(name, text)| (*name, Node::string(text))).chain(odd()).collect::<Vec<_>>()
    };
    let is_key = making.one_in(6);
    let mode = making.choose(
        "auth_mode",
        6,
        Node::string(if is_key { "apikey" } else { "chatgpt" }),
        &[
            ("null", Node::Text("null".to_owned())),
            ("null", Node::Text("null".to_owned())),
            ("the other one", Node::string(if is_key { "chatgpt" } else { "apikey" })),
            ("of tokens that a host brings", Node::string("chatgptAuthTokens")),
            ("in capitals", Node::string("ChatGPT")),
            ("`ApiKey`", Node::string("ApiKey")),
            ("`api_key`", Node::string("api_key")),
            ("`headers`", Node::string("headers")),
            ("with a blank behind it", Node::string("chatgpt ")),
            ("escaped", Node::Text("\"\\u0063hatgpt\"".to_owned())),
            ("empty", Node::string("")),
            ("a number", Node::Text("5".to_owned())),
            ("an array", Node::Text("[\"chatgpt\"]".to_owned())),
            ("an object", Node::Text("{\"chatgpt\":null}".to_owned())),
            ("an agent identity", Node::string("agentIdentity")),
        ],
    );
    let keys = strings(&[
        ("with a newline", "sk-synthetic\n0000"),
        ("with a tab", "sk-synthetic\t0000"),
        ("with DEL", "sk-synthetic\u{7f}0000"),
        ("with a C1 control", "sk-synthetic\u{85}0000"),
        ("in another alphabet", "sk-\u{e4}\u{f6}\u{fc}"),
        ("with blanks around it", " sk-synthetic-0000 "),
        ("of a blank that is not ASCII", "\u{a0}"),
        ("of an ideographic blank", "\u{3000}"),
        ("of a newline", "\n"),
        ("of one character", "x"),
    ]);
    let key = if is_key {
        making.choose("key", 3, Node::string("sk-synthetic-0000000000000000"), &keys)
    } else {
        making.choose("a key beside the tokens", 10, Node::Text("null".to_owned()), &keys)
    };
    let id = id_token(making);
    let access = access_token(making, now);
    let refresh = making.choose(
        "refresh_token",
        10,
        Node::string("rt-synthetic-0000000000000000"),
        &strings(&[("with a newline", "rt\n0")]),
    );
    let account = making.choose(
        "account_id",
        8,
        Node::string(ACCOUNT),
        &strings(&[
            ("of somebody else", "acc-99999999-8888-7777-6666-555555555555"),
            ("with a newline", "acc\n1"),
            ("in another alphabet", "\u{e4}\u{f6}\u{fc}"),
            ("with DEL", "acc\u{7f}1"),
        ]),
    );
    let refreshed = last_refresh(making, now);
    let mut tokens =
        object(&[("id_token", id), ("access_token", access), ("refresh_token", refresh), ("account_id", account)]);
    if making.one_in(14) {
        let drop = making.rng.usize(..tokens.len());
        let (key, _) = tokens.remove(drop);
        making.did(format!("without {key}"));
    }
    let tokens = if is_key && !making.one_in(3) { Node::Text("null".to_owned()) } else { Node::Object(tokens) };
    let tokens = making.choose(
        "tokens",
        25,
        tokens,
        &[odd(), vec![("an array in their order", Node::Text("[\"a\",\"b\",\"c\",null]".to_owned()))]].concat(),
    );
    let mut file =
        object(&[("auth_mode", mode), ("OPENAI_API_KEY", key), ("tokens", tokens), ("last_refresh", refreshed)]);
    if making.one_in(14) {
        let drop = making.rng.usize(..file.len());
        let (key, _) = file.remove(drop);
        making.did(format!("without {key}"));
    }
    if making.one_in(12) {
        let extra = making.pick(&["agent_identity", "personal_access_token", "bedrock_api_key", "future_field"]);
        let (name, node) = making.pick(&odd()).clone();
        making.did(format!("{extra}: {name}"));
        file.push((quoted(extra), node));
    }
    file
}

fn id_token(making: &mut Making) -> Node {
    let claims = claims(making, "4102444800");
    let mut claims = claims;
    claims.insert(0, (quoted("email"), Node::string("user@example.com")));
    spoil_claims(making, &mut claims);
    let payload = written(&claims, None);
    let payload = match making.rng.u32(..30) {
        0 => named(making, "id_token: payload with white space around it", format!(" \n{payload}\t")),
        1 => named(making, "id_token: payload with something behind it", format!("{payload}x")),
        2 => named(making, "id_token: payload with a byte order mark", format!("\u{feff}{payload}")),
        3 => named(making, "id_token: payload is an array", "[null,null,null]".to_owned()),
        4 => named(making, "id_token: payload is empty JSON", "{}".to_owned()),
        5 => named(making, "id_token: payload is null", "null".to_owned()),
        6 => named(making, "id_token: payload is cut", payload.get(..payload.len() - 1).unwrap_or_default().to_owned()),
        _ => payload,
    };
    Node::string(&jwt(making, "id_token", &payload))
}

fn named(making: &mut Making, what: &str, text: String) -> String {
    making.did(what);
    text
}

/// The claims that both tokens have, `exp` as it is written.
fn claims(making: &mut Making, exp: &str) -> Object {
    let plan = making.choose(
        "plan",
        12,
        Node::string("plus"),
        &[odd(), vec![("unknown", Node::string("nobody_knows")), ("in capitals", Node::string("PLUS"))]].concat(),
    );
    let auth = object(&[
        ("chatgpt_plan_type", plan),
        ("chatgpt_user_id", Node::string("user-synthetic")),
        ("user_id", Node::string("user-synthetic")),
        ("chatgpt_account_id", Node::string(ACCOUNT)),
    ]);
    let profile = object(&[("email", Node::string("user@example.com")), ("email_verified", Node::Text("true".into()))]);
    object(&[("exp", Node::Text(exp.to_owned())), (AUTH, Node::Object(auth)), (PROFILE, Node::Object(profile))])
}

/// Other types, other keys and double ones for the claims that codex types.
fn spoil_claims(making: &mut Making, claims: &mut Object) {
    if !making.one_in(3) {
        return;
    }
    let odd = odd();
    let (name, node) = making.pick(&odd).clone();
    match making.rng.u32(..9) {
        0 => {
            making.did(format!("id_token: email is {name}"));
            claims[0].1 = node;
        }
        1 | 2 => {
            let at = making.rng.usize(..claims.len());
            making.did(format!("id_token: {} is {name}", claims[at].0));
            claims[at].1 = node;
        }
        3 => {
            let at = making.rng.usize(..claims.len());
            let again = claims[at].clone();
            making.did(format!("id_token: {} stands twice", again.0));
            claims.push(again);
        }
        4 => {
            making.did(format!("id_token: an unknown claim is {name}"));
            claims.push((quoted("amr"), node));
        }
        _ => {
            let inner = if making.one_in(4) { quoted(PROFILE) } else { quoted(AUTH) };
            let Some((_, Node::Object(object))) = claims.iter_mut().find(|(key, _)| *key == inner) else { return };
            let is_auth = inner == quoted(AUTH);
            let known: &[&str] = if is_auth {
                &[
                    "chatgpt_plan_type",
                    "chatgpt_user_id",
                    "user_id",
                    "chatgpt_account_id",
                    "chatgpt_account_is_fedramp",
                    "organizations",
                    "groups",
                    "chatgpt_subscription_active_until",
                    "chatgpt_subscription_active_start",
                    "organization_id",
                    "project_id",
                    "is_org_owner",
                    "localhost",
                    "completed_platform_onboarding",
                ]
            } else {
                &["email", "email_verified"]
            };
            let key = *making.pick(known);
            let place = object.iter().position(|(name, _)| *name == quoted(key));
            match (place, making.rng.u32(..3)) {
                (Some(at), 0) => {
                    making.did(format!("id_token: without {key}"));
                    object.remove(at);
                }
                (Some(at), 1) => {
                    making.did(format!("id_token: {key} stands twice"));
                    let again = object[at].clone();
                    object.push(again);
                }
                (Some(at), _) => {
                    making.did(format!("id_token: {key} is {name}"));
                    object[at].1 = node;
                }
                (None, _) => {
                    making.did(format!("id_token: {key} is {name}"));
                    object.push((quoted(key), node));
                }
            }
        }
    }
}

/// `header.payload.signature`, now and then not quite.
fn jwt(making: &mut Making, what: &str, payload: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let encoded = URL_SAFE_NO_PAD.encode(payload);
    if !making.one_in(8) {
        return format!("{header}.{encoded}.c2ln");
    }
    let form = making.rng.u32(..14);
    let (name, token) = match form {
        0 => ("in two segments", format!("{header}.{encoded}")),
        1 => ("with an empty signature", format!("{header}.{encoded}.")),
        2 => ("in four segments", format!("{header}.{encoded}.c2ln.x")),
        3 => ("with four dots", format!("{header}.{encoded}.c2ln..")),
        4 => ("with an empty header", format!(".{encoded}.c2ln")),
        5 => ("with a header of nothing", format!("!.{encoded}.c2ln")),
        6 => ("padded", format!("{header}.{}.c2ln", URL_SAFE.encode(format!("{payload} ")))),
        7 => ("in the other alphabet", format!("{header}.{}.c2ln", STANDARD_NO_PAD.encode(format!("{payload}  ")))),
        8 => ("in the other alphabet, padded", format!("{header}.{}.c2ln", STANDARD.encode(payload))),
        9 => ("with a blank before it", format!(" {header}.{encoded}.c2ln")),
        10 => ("with a newline behind it", format!("{header}.{encoded}.c2ln\n")),
        11 => ("with trailing bits", format!("{header}.{}.c2ln", trailing_bits(&encoded))),
        12 => ("with a signature that is not base64", format!("{header}.{encoded}.\u{e4}")),
        _ => ("with a newline in its payload", format!("{header}.\n{encoded}.c2ln")),
    };
    making.did(format!("{what} {name}"));
    token
}

/// The last character with its lowest bit turned over, which stands for nothing if the text does not fill it.
fn trailing_bits(encoded: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = encoded.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut()
        && let Some(at) = ALPHABET.iter().position(|letter| letter == last)
    {
        *last = ALPHABET[at ^ 1];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn access_token(making: &mut Making, now: DateTime<Utc>) -> Node {
    if making.one_in(5) {
        return making.choose(
            "access_token",
            1,
            Node::string(""),
            &[
                odd(),
                vec![
                    ("opaque", Node::string("at-synthetic-opaque")),
                    ("opaque", Node::string("at-synthetic-opaque")),
                    ("opaque", Node::string("at-synthetic-opaque")),
                    ("with a newline", Node::string("at\n0")),
                    ("with a tab", Node::string("at\t0")),
                    ("with DEL", Node::string("at\u{7f}0")),
                    ("with a C1 control", Node::string("at\u{85}0")),
                    ("in another alphabet", Node::string("\u{e4}\u{f6}\u{fc}")),
                    ("of a blank that is not ASCII", Node::string("\u{a0}")),
                    ("with blanks around it", Node::string("  at-synthetic  ")),
                    ("of dots", Node::string("..")),
                ],
            ]
            .concat(),
        );
    }
    let at = |delta: TimeDelta| (now + delta).timestamp().to_string();
    let exp = match making.rng.u32(..30) {
        0..=2 => named(making, "access_token: past its end", at(TimeDelta::days(-1))),
        3 => named(making, "access_token: ends in a few minutes", at(TimeDelta::minutes(3))),
        4 => named(making, "access_token: ends in an hour", at(TimeDelta::minutes(60))),
        5 => named(making, "access_token: its end is a string", "\"4102444800\"".to_owned()),
        6 => named(making, "access_token: its end is a float", "4102444800.5".to_owned()),
        7 => named(making, "access_token: its end is a whole float", "4102444800.0".to_owned()),
        8 => named(making, "access_token: its end is null", "null".to_owned()),
        9 => named(making, "access_token: its end is negative", "-1".to_owned()),
        10 => named(making, "access_token: its end is zero", "0".to_owned()),
        11 => named(making, "access_token: its end is in milliseconds", "4102444800000".to_owned()),
        12 => named(making, "access_token: its end fills 63 bits", i64::MAX.to_string()),
        13 => named(making, "access_token: its end fills 64 bits", u64::MAX.to_string()),
        14 => named(making, "access_token: its end is beyond the calendar", "8210298412800".to_owned()),
        15 => named(making, "access_token: its end in exponents", "4.1024448e9".to_owned()),
        16 => named(making, "access_token: its end is an object", "{}".to_owned()),
        17 => named(making, "access_token: its end is a past float", "1.5e9".to_owned()),
        _ => "4102444800".to_owned(),
    };
    let mut claims = claims(making, &exp);
    match making.rng.u32(..20) {
        0 => {
            making.did("access_token: no end");
            claims.remove(0);
        }
        1 => {
            making.did("access_token: two ends");
            claims.push((quoted("exp"), Node::Text("1577836800".to_owned())));
        }
        _ => {}
    }
    let payload = written(&claims, None);
    let payload = match making.rng.u32(..40) {
        0 => named(making, "access_token: payload is an array of its end", format!("[{exp}]")),
        1 => named(making, "access_token: payload with something behind it", format!("{payload}x")),
        2 => named(making, "access_token: payload with white space around it", format!(" {payload}\n")),
        _ => payload,
    };
    Node::string(&jwt(making, "access_token", &payload))
}

fn last_refresh(making: &mut Making, now: DateTime<Utc>) -> Node {
    let ago = |days| (now - TimeDelta::days(days)).to_rfc3339_opts(SecondsFormat::Micros, true);
    let day = (now - TimeDelta::days(1)).format("%Y-%m-%d").to_string();
    let forms: &[(&str, String)] = &[
        ("nine days old", ago(9)),
        ("nine days old", ago(9)),
        ("seven days old", ago(7)),
        ("years old", "2020-01-01T00:00:00Z".to_owned()),
        ("to come", "2090-01-01T00:00:00Z".to_owned()),
        ("with a blank for the T", format!("{day} 10:00:00Z")),
        ("in lower case", format!("{day}t10:00:00z")),
        ("with an underscore for the T", format!("{day}_10:00:00Z")),
        ("without a zone", format!("{day}T10:00:00")),
        ("with an offset", format!("{day}T10:00:00+02:00")),
        ("with an offset without a colon", format!("{day}T10:00:00+0200")),
        ("with an offset of hours", format!("{day}T10:00:00+02")),
        ("with an offset of a day", format!("{day}T10:00:00+24:00")),
        ("with an unknown offset", format!("{day}T10:00:00-00:00")),
        ("with a minus that is not ASCII", format!("{day}T10:00:00\u{2212}02:00")),
        ("with a leap second", format!("{day}T23:59:60Z")),
        ("with second 61", format!("{day}T23:59:61Z")),
        ("at 24 o'clock", format!("{day}T24:00:00Z")),
        ("without seconds", format!("{day}T10:00Z")),
        ("with a comma", format!("{day}T10:00:00,5Z")),
        ("with nine digits", format!("{day}T10:00:00.123456789Z")),
        ("with twelve digits", format!("{day}T10:00:00.123456789012Z")),
        ("with a dot and no digits", format!("{day}T10:00:00.Z")),
        ("a day alone", day.clone()),
        ("with white space around it", format!(" {day}T10:00:00Z ")),
        ("on a day that never was", "2025-02-30T10:00:00Z".to_owned()),
        ("in the year 10000", "+10000-01-01T00:00:00Z".to_owned()),
        ("in the year 10000 unsigned", "10000-01-01T00:00:00Z".to_owned()),
        ("in the year 0", "0000-01-01T00:00:00Z".to_owned()),
        ("before the year 0", "-0001-01-01T00:00:00Z".to_owned()),
        ("with one digit a part", "2026-1-2T3:4:5Z".to_owned()),
        ("without dashes", "20260101T100000Z".to_owned()),
        ("a zone by name", format!("{day}T10:00:00 UTC")),
        ("a zone in brackets", format!("{day}T10:00:00Z[UTC]")),
        ("a blank before the zone", format!("{day}T10:00:00 Z")),
        ("a timestamp", "1760000000".to_owned()),
        ("a mail date", "Sat, 21 Nov 2026 10:00:00 GMT".to_owned()),
    ];
    let forms: Vec<_> = forms.iter().map(|(name, text)| (*name, Node::string(text))).chain(odd()).collect();
    making.choose("last_refresh", 4, Node::string(&ago(1)), &forms)
}

/// Fields dropped, retyped, renamed, doubled, moved.
fn spoil_object(making: &mut Making, file: &mut Object) {
    let in_tokens = making.rng.bool();
    let object = match file.iter_mut().find(|(key, node)| key == "\"tokens\"" && matches!(node, Node::Object(_))) {
        Some((_, Node::Object(tokens))) if in_tokens => tokens,
        _ => file,
    };
    if object.is_empty() {
        return;
    }
    let at = making.rng.usize(..object.len());
    let key = object[at].0.clone();
    match making.rng.u32(..9) {
        0 => {
            making.did(format!("without {key}"));
            object.remove(at);
        }
        1 => {
            let (name, node) = making.pick(&odd()).clone();
            making.did(format!("{key} is {name}"));
            object[at].1 = node;
        }
        2 => {
            making.did(format!("{key} stands twice"));
            let again = object[at].clone();
            object.push(again);
        }
        3 => {
            let (name, node) = making.pick(&odd()).clone();
            making.did(format!("{key} stands twice, once as {name}"));
            object.insert(0, (key, node));
        }
        4 => {
            making.did(format!("{key} with its first letter escaped"));
            let first = key.chars().nth(1).unwrap_or('x');
            object[at].0 = format!("\"\\u{:04x}{}", u32::from(first), key.get(2..).unwrap_or("\""));
        }
        5 => {
            making.did(format!("{key} in other case"));
            let other = if key.chars().any(char::is_uppercase) { key.to_lowercase() } else { key.to_uppercase() };
            object[at].0 = other;
        }
        6 => {
            making.did(format!("{key} moved"));
            let field = object.remove(at);
            object.insert(0, field);
        }
        7 => {
            let (name, node) = making.pick(&odd()).clone();
            making.did(format!("an unknown field is {name}"));
            object.insert(at, (quoted("extra"), node));
        }
        _ => {
            let depth = *making.pick(&[100_usize, 127, 128, 129, 400]);
            making.did(format!("an unknown field is {depth} deep"));
            object.push((quoted("deep"), Node::Text(format!("{}{}", "[".repeat(depth), "]".repeat(depth)))));
        }
    }
}

/// The text cut, torn, in another encoding, with something around it.
fn spoil_text(making: &mut Making, text: String) -> Vec<u8> {
    if !making.one_in(7) {
        return text.into_bytes();
    }
    let bytes = text.clone().into_bytes();
    match making.rng.u32(..18) {
        0 | 1 => {
            making.did("cut short");
            bytes.get(..making.rng.usize(..bytes.len())).unwrap_or_default().to_vec()
        }
        2 => {
            making.did("its last byte missing");
            bytes.get(..bytes.len() - 1).unwrap_or_default().to_vec()
        }
        3 => {
            making.did("a byte order mark");
            [b"\xef\xbb\xbf", &bytes[..]].concat()
        }
        4 => {
            making.did("white space around it");
            [b" \t\r\n", &bytes[..], b"\r\n\t "].concat()
        }
        5 => {
            let (name, odd) = *making.pick(&[
                ("a vertical tab", "\u{b}"),
                ("a form feed", "\u{c}"),
                ("a hard blank", "\u{a0}"),
                ("a line separator", "\u{2028}"),
                ("a NUL", "\0"),
                ("a comma", ","),
                ("a second object", "{}"),
                ("a comment", "// x"),
            ]);
            making.did(format!("{name} behind it"));
            [&bytes[..], odd.as_bytes()].concat()
        }
        6 => {
            making.did("a hard blank before it");
            ["\u{a0}".as_bytes(), &bytes[..]].concat()
        }
        7 => {
            making.did("UTF-16");
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        8 => {
            making.did("UTF-16 with a mark");
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
        }
        9 => {
            making.did("a byte that is not UTF-8 in an unknown field");
            let at = bytes.len() - 1;
            [bytes.get(..at).unwrap_or_default(), b",\"x\":\"\xff\"}"].concat()
        }
        10 => {
            making.did("an encoded surrogate in an unknown field");
            let at = bytes.len() - 1;
            [bytes.get(..at).unwrap_or_default(), b",\"x\":\"\xed\xa0\x80\"}"].concat()
        }
        11 => {
            making.did("a comma too many");
            let at = bytes.len() - 1;
            [bytes.get(..at).unwrap_or_default(), b",}"].concat()
        }
        12 => {
            making.did("a control character in an unknown field");
            let at = bytes.len() - 1;
            [bytes.get(..at).unwrap_or_default(), b",\"x\":\"\x01\"}"].concat()
        }
        13 => {
            making.did("in an array");
            [b"[", &bytes[..], b"]"].concat()
        }
        14 => {
            making.did("single quotes");
            text.replace('"', "'").into_bytes()
        }
        15 => {
            making.did("CRLF");
            text.replace('\n', "\r\n").into_bytes()
        }
        _ => {
            making.did("a byte turned over");
            let mut bytes = bytes;
            let at = making.rng.usize(..bytes.len());
            bytes[at] ^= 1 << making.rng.u32(..8);
            bytes
        }
    }
}

// ---- config.toml ----

/// What a person may have in it beside all that. No enumeration: a letter turned over in one is an error that is not ours
/// to know.
const PLAIN: &[&str] = &[
    "model = \"gpt-5\"",
    "# a comment",
    "",
    "hide_agent_reasoning = true",
    "model_context_window = 200000",
    "notify = [\"/bin/true\", \"x\"]",
    "unknown_key = { a = 1, b = [1, 2, 3] }",
    "cli_auth_credentials_store = \"file\"",
];

/// Lines that decide about a login, or that only some readers of TOML take; each with what it is.
const LINES: &[(&str, &str)] = &[
    ("store file", "cli_auth_credentials_store = \"file\""),
    ("store keyring", "cli_auth_credentials_store = \"keyring\""),
    ("store auto", "cli_auth_credentials_store = \"auto\""),
    ("store ephemeral", "cli_auth_credentials_store = \"ephemeral\""),
    ("store in capitals", "cli_auth_credentials_store = \"File\""),
    ("store unknown", "cli_auth_credentials_store = \"vault\""),
    ("store empty", "cli_auth_credentials_store = \"\""),
    ("store a number", "cli_auth_credentials_store = 1"),
    ("store a list", "cli_auth_credentials_store = [\"file\"]"),
    ("store a table", "cli_auth_credentials_store = {}"),
    ("store a table of a variant", "cli_auth_credentials_store = { file = {} }"),
    ("store in single quotes", "cli_auth_credentials_store = 'file'"),
    ("store in three quotes", "cli_auth_credentials_store = \"\"\"\nfile\"\"\""),
    ("store escaped", "cli_auth_credentials_store = \"\\u0066ile\""),
    ("store by a quoted key", "\"cli_auth_credentials_store\" = \"file\""),
    ("store by an escaped key", "\"cli_auth_credential\\u0073_store\" = \"vault\""),
    ("store in a dotted key", "cli_auth_credentials_store.x = 1"),
    ("method chatgpt", "forced_login_method = \"chatgpt\""),
    ("method api", "forced_login_method = \"api\""),
    ("method apikey", "forced_login_method = \"apikey\""),
    ("method in capitals", "forced_login_method = \"ChatGPT\""),
    ("method a number", "forced_login_method = 3"),
    ("method a truth", "forced_login_method = false"),
    ("method a table of a variant", "forced_login_method = { chatgpt = 1 }"),
    ("workspace", "forced_chatgpt_workspace_id = \"acc-11111111-2222-3333-4444-555555555555\""),
    ("workspace list", "forced_chatgpt_workspace_id = [\"acc-1\", \"acc-2\"]"),
    ("workspace empty", "forced_chatgpt_workspace_id = \"\""),
    ("workspace empty list", "forced_chatgpt_workspace_id = []"),
    ("workspace a number", "forced_chatgpt_workspace_id = 5"),
    ("workspace list of numbers", "forced_chatgpt_workspace_id = [5]"),
    ("workspace mixed list", "forced_chatgpt_workspace_id = [\"a\", 5]"),
    ("workspace a table", "forced_chatgpt_workspace_id = {}"),
    ("provider openai", "model_provider = \"openai\""),
    ("provider unknown", "model_provider = \"nobody\""),
    ("provider a number", "model_provider = 7"),
    ("provider a table", "model_provider = { name = \"openai\" }"),
    ("provider empty", "model_provider = \"\""),
    ("provider oss", "model_provider = \"oss\""),
    ("providers a string", "model_providers = \"x\""),
    ("providers a list", "model_providers = []"),
    ("providers empty", "model_providers = {}"),
    ("provider of one's own", "[model_providers.mine]\nname = \"Mine\"\nbase_url = \"http://127.0.0.1:9/v1\""),
    ("provider without a name", "[model_providers.mine]\nbase_url = \"http://127.0.0.1:9/v1\""),
    ("provider with an empty name", "[model_providers.mine]\nname = \"\""),
    ("provider that is a string", "model_providers.mine = \"x\""),
    ("provider with a wrong base_url", "[model_providers.mine]\nname = \"Mine\"\nbase_url = 5"),
    ("provider with a wrong env_key", "[model_providers.mine]\nname = \"Mine\"\nenv_key = 5"),
    ("provider with a wrong requires", "[model_providers.mine]\nname = \"Mine\"\nrequires_openai_auth = \"yes\""),
    ("provider with wrong headers", "[model_providers.mine]\nname = \"Mine\"\nhttp_headers = \"x\""),
    ("provider with a header of a number", "[model_providers.mine]\nname = \"Mine\"\nhttp_headers = { a = 1 }"),
    ("provider with an unknown key", "[model_providers.mine]\nname = \"Mine\"\nfuture = 5"),
    ("provider with a wire that is gone", "[model_providers.mine]\nname = \"Mine\"\nwire_api = \"chat\""),
    ("provider with an unknown wire", "[model_providers.mine]\nname = \"Mine\"\nwire_api = \"pigeon\""),
    ("provider with a token", "[model_providers.mine]\nname = \"Mine\"\nexperimental_bearer_token = \"x\""),
    (
        "provider openai defined again",
        "[model_providers.openai]\nname = \"Mine\"\nbase_url = \"http://127.0.0.1:9/v1\"",
    ),
    ("profile that is not there", "profile = \"nowhere\""),
    ("profile a number", "profile = 5"),
    ("profile empty", "profile = \"\""),
    ("profile that is there", "profile = \"work\"\n[profiles.work]\nmodel = \"gpt-5\""),
    ("profiles unused", "[profiles.work]\nmodel = \"gpt-5\""),
    ("profiles a string", "profiles = \"work\""),
    ("profiles with a wrong type", "[profiles.work]\nmodel = 5"),
    ("profiles with an unknown provider", "[profiles.work]\nmodel_provider = \"nobody\""),
    ("an array of tables for a table", "[[model_providers.mine]]\nname = \"Mine\""),
    ("an array of tables", "[[unknown]]\na = 1\n[[unknown]]\na = 2"),
    ("a key twice", "unknown = 1\nunknown = 2"),
    ("a key twice, once quoted", "unknown = 1\n\"unknown\" = 2"),
    ("a table twice", "[unknown]\na = 1\n[unknown]\nb = 2"),
    ("a table after its child", "[unknown.a]\nb = 1\n[unknown]\nc = 2"),
    ("a dotted key into a closed table", "unknown = { a = 1 }\nunknown.b = 2"),
    ("a dotted key into a value", "unknown = 1\nunknown.b = 2"),
    ("a header over dotted keys", "unknown.a = 1\n[unknown]\nb = 2"),
    ("a header over a static array", "unknown = [1]\n[[unknown]]\na = 1"),
    ("escape of ESC", "unknown = \"\\e[0m\""),
    ("escape of two digits", "unknown = \"\\x41\""),
    ("escape of a surrogate", "unknown = \"\\ud800\""),
    ("escape nobody knows", "unknown = \"\\q\""),
    ("an inline table over lines", "unknown = {\n  a = 1,\n  b = 2\n}"),
    ("an inline table with a comma at its end", "unknown = { a = 1, }"),
    ("an inline table with a comment", "unknown = { a = 1, # one\n b = 2 }"),
    ("an array over lines with a comma at its end", "unknown = [\n  1, # one\n  2,\n]"),
    ("a time without seconds", "unknown = 10:30"),
    ("a date and time without seconds", "unknown = 2026-11-22T10:30Z"),
    ("a date and time with a blank", "unknown = 2026-11-22 10:30:00"),
    ("a date that never was", "unknown = 2025-02-30"),
    ("a leap second", "unknown = 2016-12-31T23:59:60Z"),
    ("a date in lower case", "unknown = 2026-11-22t10:30:00z"),
    ("a bare key that is not ASCII", "schl\u{fc}ssel = 1"),
    ("a quoted key that is not ASCII", "\"schl\u{fc}ssel\" = 1"),
    ("an empty bare key", " = 1"),
    ("an empty quoted key", "\"\" = 1"),
    ("a number with underscores", "unknown = 1_000"),
    ("a number with two underscores", "unknown = 1__000"),
    ("a number with a leading zero", "unknown = 007"),
    ("a hexadecimal number", "unknown = 0xDEAD_beef"),
    ("a hexadecimal number with a sign", "unknown = +0xff"),
    ("an integer of 63 bits", "unknown = 9223372036854775807"),
    ("an integer of 64 bits", "unknown = 9223372036854775808"),
    ("an integer below all", "unknown = -9223372036854775809"),
    ("a float without digits behind the dot", "unknown = 1."),
    ("a float without digits before the dot", "unknown = .5"),
    ("a float beyond any range", "unknown = 1e999"),
    ("not a number", "unknown = nan"),
    ("infinite", "unknown = -inf"),
    ("a truth in capitals", "unknown = True"),
    ("no value", "unknown ="),
    ("no key", "unknown"),
    ("two values on a line", "unknown = 1 another = 2"),
    ("an open string", "unknown = \"abc"),
    ("an open long string", "unknown = \"\"\"abc"),
    ("an open array", "unknown = [1"),
    ("an open table header", "[unknown"),
    ("something behind a header", "[unknown] x"),
    ("an empty header", "[]"),
    ("a newline in a string", "unknown = \"a\nb\""),
    ("a tab in a string", "unknown = \"a\tb\""),
    ("a control character in a string", "unknown = \"a\u{1}b\""),
    ("DEL in a string", "unknown = \"a\u{7f}b\""),
    ("a control character in a comment", "# a\u{1}b"),
    ("DEL in a comment", "# a\u{7f}b"),
    ("a tab in a comment", "# a\tb"),
    ("a lone CR", "unknown = 1\ranother = 2"),
    ("a CR in a comment", "# a\rb"),
    ("a CR in a long string", "unknown = \"\"\"a\rb\"\"\""),
    ("NUL", "unknown = \"\0\""),
    ("a vertical tab", "\u{b}unknown = 1"),
    ("a hard blank", "\u{a0}unknown = 1"),
    ("a byte order mark inside", "\u{feff}unknown = 1"),
    ("five quotes at the end of a long string", "unknown = \"\"\"a\"\"\"\"\""),
    ("six quotes at the end of a long string", "unknown = \"\"\"a\"\"\"\"\"\""),
    ("a mixed array", "unknown = [1, \"a\", {}]"),
    ("a semicolon", "unknown = 1;"),
    ("JSON", "{\"unknown\": 1}"),
    ("a colon for the equals sign", "unknown: 1"),
];

/// What every line of [`LINES`] is called.
pub fn config_lines() -> impl Iterator<Item = Mutant> {
    LINES.iter().map(|(name, line)| Mutant { bytes: format!("{line}\n").into_bytes(), how: (*name).to_owned() })
}

/// A `config.toml`.
pub fn config(seed: u64) -> Mutant {
    let mut making = Making::new(seed);
    let mut lines: Vec<String> = Vec::new();
    let mut plain: Vec<_> = PLAIN.to_vec();
    making.rng.shuffle(&mut plain);
    lines.extend(plain.into_iter().take(making.rng.usize(..6)).map(str::to_owned));
    for _ in 0..making.rng.u32(..3) {
        let (name, line) = *making.pick(LINES);
        making.did(name);
        // A table takes everything behind it.
        let at = if line.starts_with('[') { lines.len() } else { making.rng.usize(..=lines.len()) };
        lines.insert(at, line.to_owned());
    }
    if making.one_in(8) {
        let depth = *making.pick(&[50_usize, 79, 80, 81, 127, 128, 129, 400]);
        making.did(format!("an array {depth} deep"));
        lines.insert(0, format!("deep = {}{}", "[".repeat(depth), "]".repeat(depth)));
    }
    if making.one_in(12) {
        let depth = *making.pick(&[50_usize, 80, 128, 129, 400]);
        making.did(format!("a key of {depth} parts"));
        lines.insert(0, format!("deep{} = 1", ".a".repeat(depth)));
    }
    let mut bytes = lines.join("\n").into_bytes();
    bytes.push(b'\n');
    match making.rng.u32(..20) {
        0 => {
            making.did("a byte order mark");
            bytes = [b"\xef\xbb\xbf", &bytes[..]].concat();
        }
        1 => {
            making.did("two byte order marks");
            bytes = [b"\xef\xbb\xbf\xef\xbb\xbf", &bytes[..]].concat();
        }
        2 => {
            making.did("CRLF");
            bytes = String::from_utf8_lossy(&bytes).replace('\n', "\r\n").into_bytes();
        }
        3 => {
            making.did("CR");
            bytes = String::from_utf8_lossy(&bytes).replace('\n', "\r").into_bytes();
        }
        4 => {
            making.did("a byte that is not UTF-8 in a comment");
            bytes.extend_from_slice(b"# \xff\n");
        }
        5 => {
            making.did("a byte that is not UTF-8 in a string");
            bytes = [b"latin = \"\xe4\"\n", &bytes[..]].concat();
        }
        6 => {
            making.did("UTF-16 with a mark");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            bytes = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        }
        7 => {
            making.did("no newline at its end");
            bytes.pop();
        }
        8 => {
            making.did("cut short");
            bytes.truncate(making.rng.usize(..bytes.len()));
        }
        9 => {
            making.did("a byte turned over");
            let at = making.rng.usize(..bytes.len());
            bytes[at] ^= 1 << making.rng.u32(..8);
        }
        _ => {}
    }
    making.finish(bytes)
}
