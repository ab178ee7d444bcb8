//! The homes that need nothing, and what becomes of each.

use codex_home::decide::Decision;
use codex_home::home::auth::Login;

use super::Checks;
use crate::doctor::homes::JudgedHome;

impl Checks<'_> {
    /// Adds the line about a home that nothing is wrong with, or that the launcher handles.
    pub(super) fn fine(&mut self, home: &JudgedHome) {
        let shown = self.path(&home.path);
        let reason = home.inspection.reason();
        let text = match (&home.start.decision, &home.inspection.login) {
            // The check `codex` says why nothing is started.
            (Decision::Refuse(_), _) => return,
            (Decision::Redirect(redirect), _) => {
                format!("`{shown}` is redirected to `{}`: {reason}", self.path(&redirect.shown))
            }
            (Decision::Repair(_), _) => format!("`{shown}` is repaired when codex starts there: {reason}"),
            (Decision::Keep { .. }, Login::Usable(_)) => format!("`{shown}` can log in: {reason}"),
            (Decision::Keep { reason, .. }, _) => format!("`{shown}` is left as it is: {reason}"),
        };
        self.ok("homes", text);
    }
}
