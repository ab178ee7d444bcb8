//! The policy as a pure function: [`decide`] is asked about thousands of combinations of facts, without a disk.

mod advice;
mod table;
pub mod world;

use std::sync::LazyLock;
use std::thread;

use codex_home::codex::{Skipped, Unfit};
use codex_home::decide::{Decision, RepairState, decide};
use codex_home::describe;
use codex_home::display::TRIGGER_WORDS;
use codex_home::failure::Failure;
use codex_home::reason::ReasonCode;
use codex_home::repair::RepairError;

use crate::support::fixture::{BRIDGE_REFRESH, KEY, OPAQUE_ACCESS, PERSONAL_REFRESH};
use crate::support::{Case, case, harness};
use table::{Expected, expected};
use world::{AXES, Axis, INJECTED, PERSONAL, PERSONAL_REAL, World};

/// The number of random worlds, and that of the deep checks.
const RANDOM: usize = 2_000;
const RANDOM_DEEP: usize = 50_000;

/// A world, and the decision about it.
struct Decided {
    world: World,
    decision: Decision,
}

/// Every world that is one fact or two away from the plain redirect, every pair of logins under every strategy, and some at
/// random.
static DECIDED: LazyLock<Vec<Decided>> = LazyLock::new(|| {
    let mut rng = fastrand::Rng::with_seed(0x70511);
    let count = if harness::is_deep() { RANDOM_DEEP } else { RANDOM };
    let random = (0..count).map(|_| World::random(&mut rng));
    let worlds: Vec<_> = pairs().chain(logins()).chain(random).collect();
    thread::scope(|scope| {
        let chunks = worlds.chunks(worlds.len().div_ceil(4));
        let threads: Vec<_> = chunks.map(|worlds| scope.spawn(move || worlds.iter().map(decided).collect())).collect();
        threads.into_iter().flat_map(|thread| -> Vec<Decided> { thread.join().unwrap() }).collect()
    })
});

fn decided(world: &World) -> Decided {
    Decided { world: *world, decision: decide(&world.observed(), RepairState::Untried) }
}

fn pairs() -> impl Iterator<Item = World> {
    let one_away = |world: World, axes: &'static [(Axis, &[&'static str])]| {
        axes.iter().flat_map(move |(axis, values)| values[1..].iter().map(move |value| world.with(*axis, value)))
    };
    let two_away = AXES.iter().enumerate().flat_map(move |(index, (axis, values))| {
        let others = &AXES[index + 1..];
        values[1..].iter().flat_map(move |value| one_away(World::plain().with(*axis, value), others))
    });
    one_away(World::plain(), AXES).chain(two_away)
}

fn logins() -> impl Iterator<Item = World> {
    let values = |axis: Axis| AXES[axis as usize].1;
    let mut worlds = vec![World::plain()];
    for axis in [Axis::Kind, Axis::Strategy, Axis::Listed, Axis::InjectedAuth, Axis::PersonalAuth] {
        let choices = values(axis).iter().take(if axis == Axis::Kind { 2 } else { usize::MAX });
        worlds = choices.flat_map(|value| worlds.iter().map(|world| world.with(axis, value))).collect();
    }
    let stores = ["keyring", "auto"].into_iter().flat_map(move |store| {
        let trusted = World::plain().with(Axis::Strategy, "redirect").with(Axis::PersonalConfig, store);
        let auths = values(Axis::PersonalAuth).iter();
        auths.map(move |auth| trusted.with(Axis::PersonalAuth, auth))
    });
    worlds.into_iter().chain(stores)
}

/// Checks every world that `of` chooses.
fn every(name: &str, of: fn(&World) -> bool, holds: fn(&World, &Decision) -> bool) -> Case {
    case(name, move || {
        let chosen: Vec<_> = DECIDED.iter().filter(|decided| of(&decided.world)).collect();
        assert!(chosen.len() >= 20, "only {} worlds", chosen.len());
        let mut wrong: Vec<_> = chosen.into_iter().filter(|one| !holds(&one.world, &one.decision)).collect();
        wrong.sort_by_key(|one| format!("{:?}", one.world).len());
        if let Some(one) = wrong.first() {
            panic!("{} worlds, the plainest {:?}: {:#?}", wrong.len(), one.world, one.decision);
        }
    })
}

fn is_any(world: &World, axis: Axis, values: &[&str]) -> bool {
    values.contains(&world[axis])
}

/// The axes of the injected home and of the configuration around both.
const FOR_REPAIR: [Axis; 8] = [
    Axis::Identity,
    Axis::InjectedDirectory,
    Axis::InjectedConfig,
    Axis::InjectedAuth,
    Axis::SystemConfig,
    Axis::ManagedConfig,
    Axis::Requirements,
    Axis::Preferences,
];

pub fn cases() -> Vec<Case> {
    let cases = [table(), invariants(), strategies(), others(), advice::cases()];
    cases.into_iter().flatten().map(Case::can_be_deeper).collect()
}

fn table() -> Vec<Case> {
    vec![
        case("whatever the facts, the decision is the first row of the table that applies", || {
            let mut wrong: Vec<_> = DECIDED
                .iter()
                .map(|one| (one, expected(&one.world), kind_of(&one.decision)))
                .filter(|(_, expected, decided)| expected != decided)
                .map(|(one, expected, _)| {
                    format!("{:?}: {expected:?}, not {} ({})", one.world, one.decision.name(), one.decision.code())
                })
                .collect();
            wrong.sort_by_key(String::len);
            wrong.truncate(20);
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }),
        case("every row of the table is met often", || {
            use Expected::*;
            for row in [Keep, KeepWithWarning, Redirect, RedirectByException, Repair, Refuse] {
                let count = DECIDED.iter().filter(|one| kind_of(&one.decision) == row).count();
                assert!(count >= 100, "{row:?}: {count}");
            }
        }),
        case("the same facts give the same decision, whatever was decided before", || {
            for one in DECIDED.iter().step_by(7) {
                assert_eq!(decided(&one.world).decision, one.decision, "{:?}", one.world);
            }
        }),
    ]
}

fn invariants() -> Vec<Case> {
    vec![
        every(
            "an unknown fact about the bridge or the layers permits neither a redirect nor a repair",
            |world| FOR_REPAIR.iter().any(|axis| is_there(world, *axis) && world[*axis] == "unknown"),
            |_, decision| !matches!(decision, Decision::Redirect(_) | Decision::Repair(_)),
        ),
        every(
            "a layer that codex cannot load permits neither a redirect nor a repair",
            |world| {
                let layers = [Axis::SystemConfig, Axis::ManagedConfig, Axis::Requirements];
                layers.iter().any(|axis| world[*axis] == "unusable")
            },
            |_, decision| !matches!(decision, Decision::Redirect(_) | Decision::Repair(_)),
        ),
        every(
            "an unknown fact about the personal home permits no redirect",
            |world| {
                let axes = [Axis::PersonalDirectory, Axis::PersonalConfig, Axis::PersonalAuth];
                // codex does not read auth.json if its login is in the keyring.
                let in_keyring = [Axis::PersonalConfig, Axis::SystemConfig, Axis::ManagedConfig]
                    .iter()
                    .any(|axis| world[*axis] == "keyring");
                axes.iter().any(|axis| is_there(world, *axis) && world[*axis] == "unknown") && !in_keyring
            },
            |_, decision| !matches!(decision, Decision::Redirect(_)),
        ),
        every(
            "a bridge that can log in is kept",
            |world| {
                let is_whole = world[Axis::InjectedDirectory] == "seen"
                    && is_any(world, Axis::InjectedConfig, &["absent", "harmless"]);
                is_whole && is_any(world, Axis::InjectedAuth, &["healthy", "API key"])
            },
            |_, decision| matches!(decision, Decision::Keep { is_doubtful: false, .. }),
        ),
        every(
            "one account's work never goes to another's login, whatever the settings say",
            |world| {
                let a = is_any(world, Axis::InjectedAuth, &["broken", "broken, ended", "opaque, account", "healthy"]);
                let is_read = is_there(world, Axis::InjectedAuth) && is_there(world, Axis::PersonalAuth);
                // With a login in the keyring codex ignores auth.json.
                let in_keyring = [Axis::PersonalConfig, Axis::SystemConfig, Axis::ManagedConfig]
                    .iter()
                    .any(|axis| world[*axis] == "keyring");
                a && is_read && !in_keyring && is_any(world, Axis::PersonalAuth, &["another account", "two accounts"])
            },
            |_, decision| !matches!(decision, Decision::Redirect(_)),
        ),
        every(
            "one person's work never goes to another member of the workspace",
            |world| {
                let is_read = is_there(world, Axis::InjectedAuth) && is_there(world, Axis::PersonalAuth);
                let in_store = [Axis::PersonalConfig, Axis::SystemConfig, Axis::ManagedConfig]
                    .iter()
                    .any(|axis| world[*axis] == "keyring");
                is_read
                    && !in_store
                    && world[Axis::InjectedAuth] == "broken"
                    && world[Axis::PersonalAuth] == "another person"
            },
            |_, decision| !matches!(decision, Decision::Redirect(_)),
        ),
        every(
            "work is never redirected to or from an API key",
            |world| {
                let mine = is_there(world, Axis::InjectedAuth)
                    && is_any(world, Axis::InjectedAuth, &["API key", "no API key"]);
                let in_keyring = [Axis::PersonalConfig, Axis::SystemConfig, Axis::ManagedConfig]
                    .iter()
                    .any(|axis| world[*axis] == "keyring");
                let theirs =
                    is_there(world, Axis::PersonalAuth) && world[Axis::PersonalAuth] == "API key" && !in_keyring;
                mine || theirs
            },
            |_, decision| !matches!(decision, Decision::Redirect(_)),
        ),
        every(
            "another home than a bridge is never repaired and never refused",
            |world| world[Axis::Kind] != "bridge",
            |_, decision| !matches!(decision, Decision::Repair(_) | Decision::Refuse(_)),
        ),
        every(
            "an exception is made for bridges only, and said",
            |_| true,
            |world, decision| match decision {
                Decision::Redirect(redirect) => match &redirect.exception {
                    Some(reason) => {
                        world[Axis::Kind] == "bridge"
                            && matches!(reason.code, ReasonCode::UnnamedBridge | ReasonCode::TrustedBySettings)
                    }
                    None => true,
                },
                _ => true,
            },
        ),
    ]
}

fn strategies() -> Vec<Case> {
    vec![
        every(
            "strategy `off` keeps every home",
            |world| world[Axis::Strategy] == "off",
            |_, decision| matches!(decision, Decision::Keep { is_doubtful: false, .. }),
        ),
        every(
            "strategy `redirect` never repairs",
            |world| world[Axis::Strategy] == "redirect",
            |_, decision| !matches!(decision, Decision::Repair(_)),
        ),
        every(
            "strategy `repair` never redirects",
            |world| world[Axis::Strategy] == "repair",
            |_, decision| !matches!(decision, Decision::Redirect(_)),
        ),
        every(
            "`exec`, `review`, `resume`, `fork` and the interactive program are redirected by strategy `redirect` only, past \
             silent projects only",
            |world| is_any(world, Axis::Start, &["exec", "review", "resume", "fork", ""]),
            |world, decision| {
                let is_permitted = world[Axis::Strategy] == "redirect" && world[Axis::Project] == "silent";
                is_permitted || !matches!(decision, Decision::Redirect(_))
            },
        ),
        case("a repair does not depend on the personal home", || {
            let axes = [Axis::PersonalDirectory, Axis::PersonalConfig, Axis::PersonalAuth, Axis::PersonalAuthFile];
            for bridge in AXES[Axis::InjectedAuth as usize].1 {
                let world = World::plain().with(Axis::Strategy, "repair").with(Axis::InjectedAuth, bridge);
                let plain = decided(&world).decision;
                for axis in axes {
                    for value in AXES[axis as usize].1 {
                        let other = decided(&world.with(axis, value)).decision;
                        match (&plain, &other) {
                            (Decision::Refuse(_), _) => {
                                assert_eq!(other.name(), "refuse", "{bridge}, {axis:?} {value}")
                            }
                            _ => assert_eq!(plain, other, "{bridge}, {axis:?} {value}"),
                        }
                    }
                }
            }
        }),
    ]
}

fn others() -> Vec<Case> {
    vec![
        every(
            "a redirect goes to the canonical path of the personal home, a repair to the bridge itself",
            |_| true,
            |_, decision| match decision {
                Decision::Redirect(redirect) => {
                    redirect.to.as_os_str() == PERSONAL_REAL
                        && redirect.shown.as_os_str() == PERSONAL
                        && redirect.from.as_os_str() == INJECTED
                }
                Decision::Repair(repair) => repair.home.as_os_str() == INJECTED,
                _ => true,
            },
        ),
        case("a refusal names both homes and one thing to do, on one line that fits a chat window", || {
            for Decided { world, decision } in DECIDED.iter() {
                let Decision::Refuse(failure) = decision else { continue };
                let person_home = Some(std::path::Path::new("/home/me"));
                let (line, help) = (describe::chat_line(failure, person_home), describe::help(failure, person_home));
                assert!(line.chars().count() <= 400 && !line.contains('\n'), "{world:?}: {line}");
                assert!(line.starts_with("no usable Codex home: bridge `"), "{world:?}: {line}");
                assert!(line.contains("06bfb5171eff0241") && line.contains("; personal "), "{world:?}: {line}");
                let is_command = help.matches('`').count() >= 2 && !help.contains("``");
                assert!(is_command || help == "send the message again", "{world:?}: {help}");
                let said = format!("{line} {}", describe::terminal(failure, person_home)).to_lowercase();
                for word in TRIGGER_WORDS {
                    assert!(!said.contains(word), "{world:?}: `{word}` in {said}");
                }
                assert_eq!(failure.exit_code(), 78);
            }
        }),
        case("a repair that failed ends in a refusal that says so, never in another repair", || {
            let error = RepairError::Changed;
            let repairs = DECIDED.iter().filter(|one| matches!(one.decision, Decision::Repair(_)));
            for one in repairs.step_by(5) {
                let decision = decide(&one.world.observed(), RepairState::Failed(&error));
                let Decision::Refuse(failure) = decision else { panic!("{:?}: {decision:?}", one.world) };
                let text = describe::terminal(&failure, None);
                assert!(text.contains("(repair-failed)") && text.contains("rewritten"), "{text}");
            }
        }),
        case("a wrong setting stops every start, and so does a codex that cannot be started", || {
            let wrong = Failure::Setting { name: "CODEX_HOME_SHIM_STRATEGY", cause: "y".to_owned() };
            let missing = Failure::CodexSetting {
                file: None,
                skipped: Skipped { path: "/x".into(), real_path: "/x".into(), unfit: Unfit::Missing },
            };
            for one in DECIDED.iter().step_by(50) {
                let mut observed = one.world.observed();
                observed.codex = Err(missing.clone());
                assert_eq!(decide(&observed, RepairState::Untried), Decision::Refuse(missing.clone()));
                observed.problems.push(wrong.clone());
                assert_eq!(decide(&observed, RepairState::Untried), Decision::Refuse(wrong.clone()));
            }
        }),
        case("neither facts nor decisions show a secret", || {
            for one in DECIDED.iter().step_by(11) {
                let shown = format!("{:?} {:?}", one.world.observed(), one.decision);
                for secret in [BRIDGE_REFRESH, PERSONAL_REFRESH, OPAQUE_ACCESS, KEY, "eyJ", "acc-11111111", "user-of"] {
                    assert!(!shown.contains(secret), "`{secret}` in {shown}");
                }
            }
        }),
    ]
}

/// Whether the fact was looked for. In a closed or absent directory nothing is.
fn is_there(world: &World, axis: Axis) -> bool {
    let directory = match axis {
        Axis::InjectedConfig | Axis::InjectedAuth => world[Axis::InjectedDirectory],
        Axis::PersonalConfig | Axis::PersonalAuth => world[Axis::PersonalDirectory],
        _ => return true,
    };
    !matches!(directory, "absent" | "unusable" | "unknown" | "no home")
}

fn kind_of(decision: &Decision) -> Expected {
    match decision {
        Decision::Keep { is_doubtful: false, .. } => Expected::Keep,
        Decision::Keep { .. } => Expected::KeepWithWarning,
        Decision::Redirect(redirect) if redirect.exception.is_some() => Expected::RedirectByException,
        Decision::Redirect(_) => Expected::Redirect,
        Decision::Repair(_) => Expected::Repair,
        Decision::Refuse(_) => Expected::Refuse,
    }
}
