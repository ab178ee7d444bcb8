//! What the homes of other hosts are for, and what it would risk to redirect them.
//!
//! Pure. Words only: nothing here changes a decision.

use std::path::Path;

use codex_home::home::Kind;

/// Returns what a redirect of this home would risk; `None` for a bridge and for the personal home.
///
/// OpenClaw's own homes are recognised by their place ([`Kind::of_path`]), those of other hosts by the names in the path.
pub fn risk(path: &Path, kind: Kind) -> Option<&'static str> {
    if !matches!(kind, Kind::HostLogin | Kind::Other) {
        return None;
    }
    let mut parts = path.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let mut next = || parts.next().unwrap_or_default();
    let (last, parent, grandparent) = (next(), next(), next());
    Some(match (kind, last.as_ref(), parent.as_ref(), grandparent.as_ref()) {
        (_, ".codex-coding-agent", ..) => "it is kept apart on purpose, with a login of its own",
        (Kind::HostLogin, ..) => {
            "its host logs in over RPC, and up to OpenClaw 2026.8.1-beta.3 an API key would be written over your own login"
        }
        (_, "codex-home", "acpx", _) => {
            "an ACP adapter logs out unasked if an error tells it to, and with codex 0.123 to 0.148 that ends your own login"
        }
        (_, "codex-home", _, "companies") => {
            "its companies are kept apart on purpose: their work would go to your account"
        }
        (_, "codex_home", ..) => "its workspaces are kept apart on purpose: their work would go to your account",
        _ => "it may have been made for another account than yours",
    })
}
