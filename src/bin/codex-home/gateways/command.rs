//! The `openclaw` command for one gateway.

use std::path::{Path, PathBuf};

use codex_home::display::shell_word;

/// The `openclaw` command for one gateway.
#[derive(Clone, Debug)]
pub struct OpenClawCommand {
    pub program: PathBuf,
    /// The variables that it needs.
    pub env: Vec<(&'static str, PathBuf)>,
    /// The options before its own words.
    pub options: Vec<String>,
}

impl OpenClawCommand {
    /// Returns it for a shell, such that it works in any shell of this user.
    pub fn shown(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", shell_word(value, None)));
        let options = self.options.iter().map(|option| shell_word(Path::new(option), None));
        env.chain([shell_word(&self.program, None)]).chain(options).collect::<Vec<_>>().join(" ")
    }
}
