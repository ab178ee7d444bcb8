//! WHAT WE SAY: `tracing` to stderr, by level.
//!
//! The only room that writes to stderr. Silence is success: by default only warnings are said. A stderr that is closed
//! or full costs nothing.
#![expect(clippy::disallowed_methods, reason = "this is the one room that writes to stderr")]

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::words::plain_text;

/// The variable that sets the level.
const SETTING: &str = "CODEX_HOME_SHIM_LOG";
/// The name every line begins with.
const NAME: &str = "codex-home-shim";

/// Starts saying things, at the level of `CODEX_HOME_SHIM_LOG` (`error`, `warn`, `info`, `debug`, `trace`).
///
/// A level that is none of these is said and costs nothing else: no bot falls silent over it.
pub fn open(invocation: &Invocation) {
    let asked = invocation.var(SETTING);
    let level = asked.map(|asked| level(asked.to_str().unwrap_or_default()));
    let subscriber = tracing_subscriber::registry().with(Stderr { level: level.flatten().unwrap_or(Level::WARN) });
    // Somebody who calls us twice in one process has the first one's.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let (Some(asked), Some(None)) = (asked, level) {
        let asked = plain_text(asked);
        tracing::warn!("`{SETTING}` is `{asked}`, not one of `error`, `warn`, `info`, `debug`, `trace`: using `warn`");
    }
}

fn level(name: &str) -> Option<Level> {
    [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
        .into_iter()
        .find(|level| level.as_str().eq_ignore_ascii_case(name))
}

/// Says `text` at a level that is known only now.
pub fn say(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        Level::INFO => tracing::info!("{text}"),
        Level::DEBUG => tracing::debug!("{text}"),
        Level::TRACE => tracing::trace!("{text}"),
    }
}

/// Says why nothing was started.
pub fn report(failure: &Failure) {
    tracing::error!("{failure}");
}

/// One line a message on stderr.
struct Stderr {
    level: Level,
}

impl<S: Subscriber> Layer<S> for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = NAME.to_owned();
        match *event.metadata().level() {
            Level::WARN => line.push_str(": warning"),
            Level::DEBUG => line.push_str(": debug"),
            Level::TRACE => line.push_str(": trace"),
            _ => {}
        }
        event.record(&mut Message(&mut line));
        line.push('\n');
        // One write, so that lines of many starts do not mix; nobody is left to tell if it fails.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Appends the message of an event.
struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, ": {value:?}");
        }
    }
}
