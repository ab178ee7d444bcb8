//! `${NAME}` in OpenClaw's settings, resolved with the known environment of the gateway.

use crate::gateways::Known;
use crate::gateways::environment::Environment;

/// A text with its variables resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The text; an unset variable stays as `${NAME}`.
    pub text: String,
    /// How the variables are known.
    pub known: Known,
    /// Whether every variable was resolved.
    pub is_complete: bool,
}

/// Resolves the variables of a text, as OpenClaw 2026.4.21 does: `${NAME}` in capitals, `$${NAME}` for the text itself.
pub fn resolve(text: &str, environment: &Environment) -> Resolved {
    let mut resolved = Resolved { text: String::new(), known: Known::Seen, is_complete: true };
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        resolved.text.push_str(before);
        let is_escaped = from.starts_with("$${");
        match name(from.get(1 + usize::from(is_escaped)..).unwrap_or_default()) {
            Some(name) => {
                let value = environment.get(name).and_then(|value| value.to_str()).filter(|_| !is_escaped);
                match value {
                    Some(value) => {
                        resolved.text.push_str(value);
                        resolved.known = resolved.known.and(environment.known(name));
                    }
                    None => {
                        resolved.text.push_str(&format!("${{{name}}}"));
                        resolved.is_complete &= is_escaped;
                    }
                }
                rest = from.get(name.len() + 3 + usize::from(is_escaped)..).unwrap_or_default();
            }
            None => {
                resolved.text.push('$');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    resolved.text.push_str(rest);
    resolved
}

/// Returns the name in `{NAME}…`.
fn name(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_word = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    (is_word && name.starts_with(|c: char| !c.is_ascii_digit())).then_some(name)
}
