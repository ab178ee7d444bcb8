//! The releases that tests know, in one list.

/// The codex of the report (openclaw#70511) and the newest one known: every turn is tried on both.
pub const CODEX: [&str; 2] = ["0.123.0", "0.169.0"];
/// The releases that judge our judge, the oldest first.
pub const CODEX_JUDGES: [&str; 5] = ["0.118.0", "0.123.0", "0.136.0", "0.150.1", "0.169.0"];
