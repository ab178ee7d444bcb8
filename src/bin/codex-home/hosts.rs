//! WHAT OTHER HOSTS DO with their homes, and what it would risk to redirect them.
//!
//! Pure. Words only: nothing here changes a verdict.

use std::path::Path;

use codex_home::home::Kind;

/// Why a home that is left alone is not redirected, and what it would risk; `None` for a bridge, or one's own.
pub fn risk(path: &Path, kind: Kind) -> Option<&'static str> {
    if !matches!(kind, Kind::HostLogin | Kind::Other) {
        return None;
    }
    let mut parts = path.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let mut next = || parts.next().unwrap_or_default();
    let (last, parent, grandparent) = (next(), next(), next());
    Some(match (last.as_ref(), parent.as_ref(), grandparent.as_ref()) {
        ("codex-home", "acpx", _) => {
            "an ACP adapter logs out unasked when an error tells it to, and with codex 0.123 to 0.148 that ends your own login"
        }
        ("codex-home", _, "companies") => {
            "its companies are kept apart on purpose: their work would go to your account"
        }
        ("codex-home", ..) => {
            "its host logs in over RPC, and up to OpenClaw 2026.8.1-beta.3 an API key would be written over your own login"
        }
        (".codex-coding-agent", ..) => "it is kept apart on purpose, with a login of its own",
        ("codex_home", ..) => "its workspaces are kept apart on purpose: their work would go to your account",
        _ => "whoever made it may have meant another account than yours",
    })
}
