//! The decision table once more, in terms of [`World`]: the decisions that must come out, written independently of the code.

use super::world::{Axis, World};
use Axis::*;

/// The decision that must come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Keep,
    KeepWithWarning,
    Redirect,
    RedirectByException,
    Repair,
    Refuse,
}

/// The first row that applies.
pub fn expected(world: &World) -> Expected {
    use Expected::*;
    let is_kept = world[Strategy] == "off"
        || world[Start] == "logout"
        || matches!(world[Kind], "left alone" | "personal" | "host login")
        || world[AccessToken] == "set"
        || (world[ApiKey] == "set" && matches!(world[Start], "exec" | "review"));
    if is_kept {
        return Keep;
    }
    match can_log_in(world) {
        Some(true) => return Keep,
        None => return KeepWithWarning,
        Some(false) => {}
    }
    if world[Identity] == "unknown" || is_same_file(world) {
        return KeepWithWarning;
    }
    // A layer that is unknown may name a provider.
    if [SystemConfig, ManagedConfig, Requirements, Preferences].into_iter().any(|layer| world[layer] == "unknown") {
        return KeepWithWarning;
    }
    // A machine-wide provider, profile or store may need no login in the home.
    let is_loaded = !is_there(world[InjectedDirectory]) || is_known(world, InjectedConfig);
    if layers_are_known(world)
        && is_loaded
        && (highest(world, InjectedConfig, &ELSEWHERE) == Some("own provider")
            || highest(world, InjectedConfig, &["profile"]).is_some()
            || highest(world, InjectedConfig, &["keyring", "auto", "ephemeral"]) == Some("ephemeral"))
    {
        return KeepWithWarning;
    }
    if is_certain(world) {
        match whose(world) {
            Whose::Same => return Redirect,
            Whose::Excepted => return RedirectByException,
            Whose::Another => {}
        }
    }
    match world[Kind] {
        "other" => KeepWithWarning,
        _ if is_repairable(world) => Repair,
        _ => Refuse,
    }
}

fn is_same_file(world: &World) -> bool {
    let is_read = |auth: &str| !matches!(auth, "absent" | "unusable" | "unknown");
    world[SameFile] == "yes"
        && is_there(world[InjectedDirectory])
        && is_there(world[PersonalDirectory])
        && is_read(world[InjectedAuth])
        && is_read(world[PersonalAuth])
}

/// Whether anything in the directory can be read.
fn is_there(directory: &str) -> bool {
    !matches!(directory, "absent" | "unusable" | "unknown" | "no home")
}

/// Whether the injected home can log in; `None` if that cannot be judged.
fn can_log_in(world: &World) -> Option<bool> {
    match world[InjectedDirectory] {
        "unknown" => return None,
        "seen" => {}
        _ => return Some(false),
    }
    match world[InjectedConfig] {
        "unusable" => return Some(false),
        "unknown" | "keyring" | "ephemeral" | "own provider" | "profile" => return None,
        _ => {}
    }
    match (world[InjectedAuth], world[InjectedConfig]) {
        ("unknown" | "other mode" | "array", _) => None,
        ("healthy", "forces another" | "forces an API key") => Some(false),
        // Only a ChatGPT login has a workspace.
        ("healthy" | "API key", _) => Some(true),
        _ => Some(false),
    }
}

/// The value that counts for a kind of key: the highest layer that has one.
fn highest(world: &World, own: Axis, values: &[&str]) -> Option<&'static str> {
    [ManagedConfig, own, SystemConfig]
        .into_iter()
        .filter(|axis| *axis == SystemConfig || *axis == ManagedConfig || has_config(world, own))
        .map(|axis| world[axis])
        .find(|value| values.contains(value))
}

fn has_config(world: &World, own: Axis) -> bool {
    is_there(world[if own == InjectedConfig { InjectedDirectory } else { PersonalDirectory }])
}

/// Values of a configuration that name another provider than the default one.
const ELSEWHERE: [&str; 3] = ["own provider", "OpenAI through a proxy", "undefined provider"];

fn is_known(world: &World, layer: Axis) -> bool {
    !matches!(world[layer], "unusable" | "unknown")
}

fn layers_are_known(world: &World) -> bool {
    [SystemConfig, ManagedConfig, Requirements, Preferences].into_iter().all(|layer| is_known(world, layer))
}

/// Everything except the owner of the login.
fn is_certain(world: &World) -> bool {
    let starts = matches!(world[Start], "app-server" | "login status")
        || (world[Strategy] == "redirect" && world[Project] == "silent");
    let has_config = world[PersonalConfig] != "absent";
    let has_auth = !matches!(world[PersonalAuth], "absent" | "unusable" | "unknown");
    let can_work = matches!(world[PersonalDirectory], "seen" | "root's")
        && (!has_config || world[PersonalConfigFile] == "private")
        && (!has_auth || !matches!(world[PersonalAuthFile], "mallory's" | "open"))
        && world[InstallationId] == "usable";
    let goes_to_openai = layers_are_known(world)
        && !matches!(world[PersonalConfig], "unusable" | "unknown" | "profile")
        && highest(world, PersonalConfig, &ELSEWHERE).is_none()
        && highest(world, PersonalConfig, &["base URL"]).is_none()
        && world[NamedFile] == "usable";
    // The bridge's own configuration sends its work to OpenAI.
    let bridge_is_plain = match is_there(world[InjectedDirectory]) {
        true => {
            is_known(world, InjectedConfig)
                && !matches!(world[InjectedConfig], "profile" | "base URL")
                && !ELSEWHERE.contains(&world[InjectedConfig])
        }
        // The content of a directory that cannot be entered is unknown.
        false => world[InjectedDirectory] == "absent",
    };
    world[Strategy] != "repair" && starts && can_work && goes_to_openai && bridge_is_plain
}

enum Whose {
    Same,
    Excepted,
    Another,
}

/// The account and the person that a file names: `?` stands for several.
fn names(auth: &str) -> (Option<char>, Option<char>) {
    match auth {
        "broken" | "healthy" | "broken, ended" => (Some('a'), Some('a')),
        "broken, another account" | "another account" => (Some('b'), Some('b')),
        "broken, another person" | "another person" => (Some('a'), Some('b')),
        "broken, two accounts" | "two accounts" => (Some('?'), Some('a')),
        "opaque, account" | "no person" => (Some('a'), None),
        _ => (None, None),
    }
}

/// Whether the bot's work may be done with the personal login, by the known owners of both.
fn whose(world: &World) -> Whose {
    let is_bridge = world[Kind] == "bridge";
    let is_trusted = is_bridge && (world[Strategy] == "redirect" || world[Listed] == "yes");
    let injected = if is_there(world[InjectedDirectory]) { world[InjectedAuth] } else { "absent" };
    if matches!(injected, "API key" | "no API key" | "other mode" | "unknown") {
        return Whose::Another;
    }
    let store = highest(world, PersonalConfig, &["keyring", "auto", "ephemeral"]);
    let forces = ["forces the account", "forces another"];
    let forced = highest(world, PersonalConfig, &forces);
    let forces_api_key = world[PersonalConfig] == "forces an API key";
    let (mine, theirs) = (names(injected), names(world[PersonalAuth]));
    let differ = |mine: Option<char>, theirs: Option<char>| {
        mine.is_some() && theirs.is_some() && (mine != theirs || mine == Some('?'))
    };
    let is_another = differ(mine.0, theirs.0) || differ(mine.1, theirs.1);
    let bridge_forces = Some(world[InjectedConfig]).filter(|_| is_there(world[InjectedDirectory]));
    let is_free = forced.is_none()
        && !forces_api_key
        && !bridge_forces.is_some_and(|value| value.starts_with("forces"))
        && world[Requirements] == "absent";
    match store {
        Some("keyring") if is_trusted && is_free => return Whose::Excepted,
        // codex falls back to the file.
        Some("auto")
            if is_trusted
                && is_free
                && !is_another
                && !matches!(world[PersonalAuth], "API key" | "other mode" | "unknown") =>
        {
            return Whose::Excepted;
        }
        Some(_) => return Whose::Another,
        None => {}
    }
    let is_login = matches!(
        world[PersonalAuth],
        "healthy" | "another account" | "another person" | "two accounts" | "unnamed" | "no person"
    );
    let account = theirs.0;
    let is_forbidden = |rule: Option<&str>| match rule {
        Some("forces the account" | "admits it") => account != Some('a'),
        Some("forces another" | "admits another") => account != Some('b'),
        Some("forces an API key" | "admits API keys") => true,
        _ => false,
    };
    let is_usable = is_login
        && !is_forbidden(forced)
        && !is_forbidden(Some(world[Requirements]))
        && !is_forbidden(bridge_forces)
        && !forces_api_key
        && world[Renewable] == "yes";
    if !is_usable || is_another {
        return Whose::Another;
    }
    let is_same = mine.0 == theirs.0 && mine.1 == theirs.1 && mine.0.is_some();
    let holds_nothing = matches!(injected, "absent" | "empty")
        && world[InjectedDirectory] != "unusable"
        && !bridge_forces.is_some_and(|value| value.starts_with("forces") || value == "unusable");
    match (is_same, is_bridge && holds_nothing || is_trusted) {
        (true, _) => Whose::Same,
        (false, true) => Whose::Excepted,
        (false, false) => Whose::Another,
    }
}

/// The row of the repair.
fn is_repairable(world: &World) -> bool {
    let account = match world[InjectedAuth] {
        "broken" | "healthy" | "broken, another person" => 'a',
        "broken, another account" => 'b',
        _ => return false,
    };
    let forced = highest(world, InjectedConfig, &["forces the account", "forces another"]);
    let is_admitted = match forced {
        Some("forces the account") => account == 'a',
        Some(_) => account == 'b',
        None => true,
    };
    let is_required = match world[Requirements] {
        "admits it" => account == 'a',
        "admits another" => account == 'b',
        "admits API keys" => false,
        _ => true,
    };
    // The bridge's own rule applies even if a higher layer has another one.
    let own = match world[InjectedConfig] {
        "forces the account" => account == 'a',
        "forces another" => account == 'b',
        "forces an API key" => false,
        _ => true,
    };
    world[Strategy] != "redirect"
        && world[InjectedDirectory] == "seen"
        && world[InjectedConfig] != "unusable"
        && layers_are_known(world)
        && highest(world, InjectedConfig, &["keyring"]).is_none()
        && is_admitted
        && is_required
        && own
}
