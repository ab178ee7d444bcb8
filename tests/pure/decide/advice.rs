//! The help of a refusal is followed: the facts change as the words say, and the next start is not refused.

use std::collections::BTreeMap;

use codex_home::decide::{Decision, RepairState, decide};
use codex_home::describe;

use super::world::{Axis, PERSONAL_REAL, World};
use super::{DECIDED, Decided};
use crate::support::{Case, case};

const DOCTOR: &str = "run `codex-home doctor`";

pub fn cases() -> Vec<Case> {
    vec![
        case("following the help of a refusal ends in a start", || {
            let mut wrong = BTreeMap::new();
            let mut count = 0;
            for (world, help) in refusals().filter(|(world, help)| help != DOCTOR && hides_nothing(world)) {
                count += 1;
                let followed = help.split(", then ").try_fold(world, follow);
                let followed = followed.unwrap_or_else(|()| panic!("{world:?}: nobody could follow `{help}`"));
                if matches!(decide(&followed.observed(), RepairState::Untried), Decision::Refuse(_)) {
                    let (plainest, times) = wrong.entry(help).or_insert((world, 0));
                    *times += 1;
                    if distance(&world) < distance(plainest) {
                        *plainest = world;
                    }
                }
            }
            assert!(wrong.is_empty(), "{wrong:#?}");
            assert!(count > 500, "{count} refusals");
        }),
        case("a refusal by one fact or two of the person's own never sends the person to the doctor", || {
            // A person cannot change what is unknown, the files of the administrator, or a project.
            let of_others = [
                Axis::SystemConfig,
                Axis::ManagedConfig,
                Axis::Requirements,
                Axis::Preferences,
                Axis::Project,
                Axis::NamedFile,
            ];
            let is_hopeless = |world: &World| {
                format!("{world:?}").contains("unknown")
                    || of_others.iter().any(|axis| !matches!(world[*axis], "absent" | "harmless" | "silent" | "usable"))
            };
            let sent = refusals().filter(|(world, help)| help == DOCTOR && !is_hopeless(world) && distance(world) <= 2);
            let mut sent: Vec<_> = sent.map(|(world, _)| format!("{world:?}")).collect();
            sent.sort_by_key(String::len);
            assert!(sent.is_empty(), "{}", sent.join("\n"));
        }),
    ]
}

/// Returns whether unreadable files hide no problem that no advice could know of.
fn hides_nothing(world: &World) -> bool {
    use Axis::*;
    let is_closed = |directory: &str| matches!(directory, "absent" | "no home" | "unusable" | "unknown");
    let mut hidden = Vec::new();
    if is_closed(world[InjectedDirectory]) {
        hidden.extend([InjectedConfig, InjectedAuth]);
    }
    if is_closed(world[PersonalDirectory]) {
        hidden.extend([PersonalConfig, PersonalConfigFile, PersonalAuth, NamedFile, InstallationId]);
    }
    if is_closed(world[PersonalDirectory]) || is_closed(world[PersonalAuth]) {
        hidden.extend([PersonalAuthFile, Renewable]);
    }
    if is_closed(world[PersonalConfig]) {
        hidden.extend([PersonalConfigFile, NamedFile]);
    }
    hidden.into_iter().all(|axis| world[axis] == World::plain()[axis])
}

/// On how many axes a world is not the plain one.
fn distance(world: &World) -> usize {
    format!("{world:?}").matches(": ").count()
}

fn refusals() -> impl Iterator<Item = (World, String)> {
    DECIDED.iter().filter_map(|Decided { world, decision }| match decision {
        Decision::Refuse(failure) => Some((*world, describe::help(failure, Some(std::path::Path::new("/home/me"))))),
        _ => None,
    })
}

/// The world after one piece of advice was followed.
fn follow(world: World, advice: &str) -> Result<World, ()> {
    use Axis::*;
    let repaired = |world: World, axes: &[(Axis, &[&str], &'static str)]| {
        axes.iter().fold(world, |world, (axis, bad, good)| match bad.contains(&world[*axis]) {
            true => world.with(*axis, good),
            false => world,
        })
    };
    // A file that could not be read shows its content only now. Here it is the right login.
    let login = login_of(&world);
    let world_read = match world[PersonalDirectory] {
        "unusable" | "unknown" => world.with(PersonalAuth, login),
        _ => world,
    };
    let readable: [(Axis, &[&str], &str); 3] = [
        (PersonalDirectory, &["unusable", "not writable"], "seen"),
        (PersonalAuth, &["unusable"], login),
        (PersonalAuthFile, &["read-only"], "private"),
    ];
    let command = advice.split('`').nth(1).unwrap_or_default().replace(PERSONAL_REAL, "~/.codex");
    let is_about_bridge = advice.contains("06bfb5171eff0241");
    Ok(match command.as_str() {
        "codex-home config set strategy auto" => world.with(Strategy, "auto"),
        "codex-home config set strategy redirect" => world.with(Strategy, "redirect"),
        "CODEX_HOME_SHIM_PERSONAL_HOME" => {
            let files = [(PersonalAuthFile, "private"), (PersonalConfig, "absent"), (InstallationId, "usable")];
            log_in(
                files
                    .into_iter()
                    .fold(world, |world, (axis, good)| world.with(axis, good))
                    .with(PersonalDirectory, "seen"),
            )
        }
        "openclaw models auth login --provider openai-codex" => {
            let world = repaired(world, &[(InjectedDirectory, &["absent"], "seen")]);
            match world[InjectedAuth] {
                "broken, another account" => world,
                _ => world.with(InjectedAuth, "broken"),
            }
        }
        _ if command.starts_with("sudo chown -R \"$(id -un)\" ~/.codex") => repaired(
            world,
            &[
                (PersonalDirectory, &["mallory's"], "seen"),
                (PersonalAuthFile, &["mallory's"], "private"),
                (PersonalConfigFile, &["mallory's"], "private"),
                (InstallationId, &["unusable"], "usable"),
            ],
        ),
        _ if command.starts_with("chmod go-w ~/.codex") => command.split(' ').skip(2).fold(world, |world, path| {
            let (axis, good) = match path.strip_prefix("~/.codex").unwrap_or(path) {
                "" => (PersonalDirectory, "seen"),
                "/auth.json" => (PersonalAuthFile, "private"),
                "/config.toml" => (PersonalConfigFile, "private"),
                other => panic!("`{other}` is no file that was judged"),
            };
            repaired(world, &[(axis, &["open"], good)])
        }),
        "chmod -R u+rwX ~/.codex" => repaired(world_read, &readable),
        // A directory that could not be entered shows its content only now. Here it is a bridge of openclaw#70511.
        _ if command.starts_with("chmod -R u+rwX ") && is_about_bridge && world[InjectedDirectory] == "unusable" => {
            world.with(InjectedDirectory, "seen").with(InjectedConfig, "absent").with(InjectedAuth, "broken")
        }
        _ if command.starts_with("chmod -R u+rwX ") && is_about_bridge => {
            repaired(world, &[(InjectedDirectory, &["not writable"], "seen"), (InjectedAuth, &["unusable"], "broken")])
        }
        "~/.codex/config.toml" => world.with(PersonalConfig, "absent").with(NamedFile, "usable"),
        "~/.codex/auth.json" => world.with(Renewable, "yes").with(PersonalAuthFile, "private"),
        _ if command.ends_with("/config.toml") && is_about_bridge => world.with(InjectedConfig, "absent"),
        "codex login" => log_in(world),
        _ if advice == "send the message again" => repaired(
            world_read,
            &[
                (PersonalDirectory, &["unknown"], "seen"),
                (PersonalConfig, &["unknown"], "absent"),
                (PersonalAuth, &["unknown"], login),
            ],
        ),
        _ if advice.starts_with("correct `/etc/codex/") => {
            let files = [
                ("/config.toml", SystemConfig),
                ("/managed_config.toml", ManagedConfig),
                ("/requirements.toml", Requirements),
            ];
            files
                .into_iter()
                .filter(|(name, _)| advice.contains(&format!("/etc/codex{name}`")))
                .fold(world, |world, (_, axis)| repaired(world, &[(axis, &["unusable", "unknown"], "absent")]))
        }
        _ => return Err(()),
    })
}

/// The login of the account that the message names.
fn login_of(world: &World) -> &'static str {
    match world[Axis::InjectedAuth] {
        "broken, another account" => "another account",
        "broken, another person" => "another person",
        _ => "healthy",
    }
}

/// The person logs in with that account.
fn log_in(world: World) -> World {
    use Axis::*;
    let directory = if world[PersonalDirectory] == "absent" { "seen" } else { world[PersonalDirectory] };
    world.with(PersonalAuth, login_of(&world)).with(Renewable, "yes").with(PersonalDirectory, directory)
}
