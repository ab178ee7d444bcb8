//! The repair of a bridge: the new bytes, and how they are written.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use codex_home::decide::Repair;
use codex_home::home::auth::Auth;
use codex_home::home::repaired::{IdTokenFrom, Repaired, repair};
use codex_home::home::{Fact, SecretBytes};
use codex_home::observe;
use codex_home::reason::ReasonCode;
use codex_home::repair::{RepairError, apply, check};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::support::fixture::{BRIDGE_REFRESH, KEY, MALLORY, OPAQUE_ACCESS, broken};
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT, access_token, id_token};
use crate::support::{Case, Fixture, Need, assert_same, auth, case, snapshot};

/// The one file that a repair makes beside the old one.
const TEMPORARY: &str = ".auth.json.codex-home-shim";

fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00.5Z".parse().unwrap()
}

fn uid() -> u32 {
    geteuid().as_raw()
}

fn of(bytes: &[u8]) -> Result<Repaired, ReasonCode> {
    repair(&SecretBytes::from(bytes.to_vec()), now()).map_err(|reason| reason.code)
}

/// The repair of the home at `path`, as a start would decide on it.
fn decided(path: &Path) -> Repair {
    let home = observe::home(path, now(), uid());
    let Fact::Seen(file) = &home.auth else { panic!("{home:?}") };
    Repair {
        home: path.to_owned(),
        judged: file.bytes.clone(),
        repaired: repair(&file.bytes, now()).unwrap(),
        broken: ReasonCode::MissingIdToken.into(),
    }
}

/// The text that a repair of these bytes leaves.
pub fn written(bytes: &[u8]) -> String {
    let person = Fixture::new();
    person.write_auth(&person.bridge(), bytes);
    apply(&decided(&person.bridge()), uid()).unwrap();
    fs::read_to_string(person.bridge().join("auth.json")).unwrap()
}

pub fn cases() -> Vec<Case> {
    [bytes(), disk()].into_iter().flatten().collect()
}

fn bytes() -> Vec<Case> {
    vec![
        // https://github.com/openclaw/openclaw/issues/70511
        case("the file of openclaw#70511 is repaired from its own access token", || {
            assert_eq!(of(&broken(ACCOUNT)).unwrap().id_token, IdTokenFrom::AccessToken);
            let new: Value = serde_json::from_str(&written(&broken(ACCOUNT))).unwrap();
            assert_eq!(new["tokens"]["id_token"], access_token(ACCOUNT, "bridge"));
            assert_eq!(new["tokens"]["access_token"], access_token(ACCOUNT, "bridge"));
            assert_eq!(new["tokens"]["account_id"], ACCOUNT);
            assert_eq!(new["tokens"]["refresh_token"], "", "OpenClaw's, and not codex's to spend");
            assert_eq!(new["last_refresh"], "2026-11-22T12:00:00.500000Z");
        }),
        case("all other text stays as it is spelled", || {
            let access = access_token(ACCOUNT, "bridge");
            let old = format!(
                r#"{{"unknown":1e400,"auth_mode":"chatgpt","twice":1,"twice":2,"tokens":{{"access_token":"{access}","new":[1.50,"\ud800"],"refresh_token":"r","id_token":null}}}} "#
            );
            let new = old
                .replace(r#""refresh_token":"r","id_token":null}"#, &format!(r#""refresh_token":"","id_token":"{access}","account_id":"{ACCOUNT}"}},"last_refresh":"2026-11-22T12:00:00.500000Z""#));
            assert_eq!(written(old.as_bytes()), new);
        }),
        case("an `id_token` that codex can read is kept, one that it cannot is replaced", || {
            for (id, from) in [(json!(id_token(ACCOUNT)), IdTokenFrom::Itself), (json!("x"), IdTokenFrom::AccessToken)]
            {
                let mut value = auth::healthy_value(ACCOUNT, "bridge", BRIDGE_REFRESH);
                value["tokens"]["id_token"] = id;
                value["last_refresh"] = Value::Null;
                assert_eq!(of(&auth::bytes(&value)).unwrap().id_token, from);
            }
        }),
        case("what cannot be repaired from itself alone is not repaired", || {
            let without = |key: &str| {
                let mut value = auth::healthy_value(ACCOUNT, "bridge", BRIDGE_REFRESH);
                value["tokens"].as_object_mut().unwrap().remove(key);
                auth::bytes(&value)
            };
            let mut of_two = auth::healthy_value(ACCOUNT, "bridge", BRIDGE_REFRESH);
            of_two["tokens"]["id_token"] = json!(id_token(OTHER_ACCOUNT));
            let nameless = tokens::jwt(&json!({"exp": 4_102_444_800_u64}));
            let endless = tokens::jwt(&json!({"https://api.openai.com/auth": {"chatgpt_account_id": ACCOUNT}}));
            let other_account = auth::issue_70511_with_account(&access_token(ACCOUNT, "b"), "", OTHER_ACCOUNT);
            let ended = tokens::expired_access_token(ACCOUNT, "bridge");
            let rows = [
                ("nothing in it", b"{}".to_vec(), ReasonCode::NotRepairable),
                ("not JSON", b"{".to_vec(), ReasonCode::NotRepairable),
                ("empty", Vec::new(), ReasonCode::NotRepairable),
                ("an API key", auth::api_key(KEY), ReasonCode::NotRepairable),
                ("`tokens` twice", br#"{"tokens":{},"tokens":{}}"#.to_vec(), ReasonCode::NotRepairable),
                ("no access token", without("access_token"), ReasonCode::NotRepairable),
                ("an opaque access token", auth::issue_70511(OPAQUE_ACCESS, "r"), ReasonCode::NotRepairable),
                ("an access token that names nobody", auth::issue_70511(&nameless, "r"), ReasonCode::NotRepairable),
                ("an access token without an end", auth::issue_70511(&endless, "r"), ReasonCode::NotRepairable),
                ("parts that name two accounts", auth::bytes(&of_two), ReasonCode::NotRepairable),
                ("another `account_id`", other_account, ReasonCode::NotRepairable),
                ("an access token past its end", auth::issue_70511(&ended, "r"), ReasonCode::AccessTokenEnds),
            ];
            for (name, bytes, expected) in rows {
                assert_eq!(of(&bytes).map(drop), Err(expected), "{name}");
            }
        }),
        case("an access token must live for five minutes more", || {
            for (seconds, is_repaired) in [(299, false), (300, false), (301, true)] {
                let end = (now() + TimeDelta::seconds(seconds)).timestamp() + 1;
                let claims = json!({"exp": end - 1, "https://api.openai.com/auth": {"chatgpt_account_id": ACCOUNT}});
                let now = DateTime::from_timestamp(now().timestamp(), 0).unwrap();
                let bytes = SecretBytes::from(auth::issue_70511(&tokens::jwt(&claims), "r"));
                assert_eq!(repair(&bytes, now).is_ok(), is_repaired, "{seconds} s");
            }
        }),
        case("a repaired file is a login, and repairing it again changes its time only", || {
            let new = written(&broken(ACCOUNT));
            assert_eq!(Auth::parse(new.as_bytes(), now()).login.reason().code, ReasonCode::OkChatgpt);
            let again = of(new.as_bytes()).unwrap();
            assert_eq!((again.id_token, again.bytes), (IdTokenFrom::Itself, SecretBytes::from(new.into_bytes())));
        }),
        case("a clock at the end of time repairs nothing and does not panic", || {
            let bytes = SecretBytes::from(broken(ACCOUNT));
            assert!(repair(&bytes, DateTime::<Utc>::MAX_UTC).is_err());
            assert!(repair(&bytes, DateTime::<Utc>::MIN_UTC).is_ok());
        }),
    ]
}

/// A bridge of openclaw#70511, and the repair that was decided on.
fn scene() -> (Fixture, PathBuf, Repair) {
    let person = Fixture::new();
    let bridge = person.break_bridge(ACCOUNT);
    let repair = decided(&bridge);
    (person, bridge, repair)
}

/// Applies a repair that is not permitted: nothing changes.
fn is_not_made(name: &str, person: &Fixture, repair: &Repair) -> RepairError {
    let before = snapshot(&person.home());
    let error = apply(repair, uid()).expect_err(name);
    assert_same(&before, &snapshot(&person.home()));
    error
}

fn disk() -> Vec<Case> {
    vec![
        case("newer bytes win, and so does a file that is gone", || {
            let newer = auth::issue_70511(&access_token(ACCOUNT, "newer"), "newer-refresh");
            for rewritten in [newer, [broken(ACCOUNT), b"\n".to_vec()].concat(), Vec::new()] {
                let (person, bridge, repair) = scene();
                person.write_auth(&bridge, &rewritten);
                assert!(matches!(check(&repair, uid()), Err(RepairError::Changed)));
                assert!(matches!(is_not_made("rewritten", &person, &repair), RepairError::Changed));
            }
            let (person, bridge, repair) = scene();
            fs::remove_file(bridge.join("auth.json")).unwrap();
            assert!(matches!(is_not_made("removed", &person, &repair), RepairError::Changed));
        }),
        case("nothing is written through a symlink or a second hard link that was put in the way", || {
            let swap_part = |person: &Fixture, part: &str| {
                let bridge = person.bridge();
                let from = bridge.ancestors().find(|path| path.ends_with(part)).unwrap();
                fs::rename(from, person.home().join("elsewhere")).unwrap();
                symlink(person.home().join("elsewhere"), from).unwrap();
            };
            type Swap = Box<dyn Fn(&Fixture)>;
            let swaps: [(&str, Swap); 5] = [
                (
                    "auth.json",
                    Box::new(|person| {
                        let (file, to) = (person.bridge().join("auth.json"), person.home().join("elsewhere.json"));
                        fs::rename(&file, &to).unwrap();
                        symlink(&to, &file).unwrap();
                    }),
                ),
                (
                    "a hard link",
                    Box::new(|person| {
                        fs::hard_link(person.bridge().join("auth.json"), person.home().join("elsewhere.json")).unwrap();
                    }),
                ),
                ("the hash", Box::new(move |person| swap_part(person, "06bfb5171eff0241"))),
                ("codex", Box::new(move |person| swap_part(person, "harness-auth/codex"))),
                ("harness-auth", Box::new(move |person| swap_part(person, "harness-auth"))),
            ];
            for (name, swap) in swaps {
                let (person, _, repair) = scene();
                swap(&person);
                let error = is_not_made(name, &person, &repair);
                assert!(matches!(error, RepairError::NotOurs(_)), "{name}: {error:?}");
                assert!(check(&repair, uid()).is_err(), "{name}");
            }
        }),
        case("a symlink above what the host made is the person's own business", || {
            let (person, bridge, repair) = scene();
            fs::rename(person.home().join(".openclaw"), person.root().join("data")).unwrap();
            person.link(&person.root().join("data"), &person.home().join(".openclaw"));
            apply(&repair, uid()).unwrap();
            assert!(fs::read_to_string(bridge.join("auth.json")).unwrap().contains("id_token"));
        }),
        case("what a killed start left is replaced, and everything else stays", || {
            let (_person, bridge, repair) = scene();
            fs::write(bridge.join(TEMPORARY), "half").unwrap();
            fs::write(bridge.join(".auth.json.backup"), "a person's own").unwrap();
            apply(&repair, uid()).unwrap();
            let mut left: Vec<_> = fs::read_dir(&bridge).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            left.sort();
            assert_eq!(left, [".auth.json.backup", "auth.json"]);
        }),
        case("a symlink under the name of the temporary file is replaced, not followed", || {
            let (person, bridge, repair) = scene();
            let other = person.root().join("other");
            fs::write(&other, "a person's own").unwrap();
            person.link(&other, &bridge.join(TEMPORARY));
            apply(&repair, uid()).unwrap();
            assert_eq!(fs::read_to_string(&other).unwrap(), "a person's own");
        }),
        case("a repair of the same home that does not end is not waited for, and leaves the file as it was", || {
            let (person, bridge, repair) = scene();
            let directory = fs::File::open(&bridge).unwrap();
            let lock = Flock::lock(directory, FlockArg::LockExclusive).unwrap();
            assert!(matches!(is_not_made("locked", &person, &repair), RepairError::Changed));
            drop(lock);
            apply(&repair, uid()).unwrap();
        }),
        case("the new file is readable by its owner alone", || {
            let (_person, bridge, repair) = scene();
            fs::set_permissions(bridge.join("auth.json"), fs::Permissions::from_mode(0o644)).unwrap();
            apply(&repair, uid()).unwrap();
            assert_eq!(fs::metadata(bridge.join("auth.json")).unwrap().permissions().mode() & 0o7777, 0o600);
        }),
        case("a directory or a file of another user is left alone", || {
            for path in ["", "auth.json"] {
                let (person, bridge, repair) = scene();
                chown(bridge.join(path), Some(MALLORY), None).unwrap();
                assert!(matches!(is_not_made(path, &person, &repair), RepairError::NotOurs(_)));
            }
        })
        .needs(Need::Root),
    ]
}
