//! Output: the only module that writes to stdout and stderr.
//!
//! Colour only on a terminal (`NO_COLOR` and `CLICOLOR_FORCE` override that), `~` for the person's home in text, full paths in
//! JSON. Text that another program chose cannot move the cursor. In a terminal sentences are wrapped and long paths shortened; in a
//! pipe a sentence is one line, with whole paths.

mod lines;

use std::io::{self, ErrorKind, IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use codex_home::describe;
use codex_home::display::{cause, escaped_json, plain_text, short_path};
use indicatif::{ProgressBar, ProgressFinish};
use serde::Serialize;

use crate::error::{CliError, CliResult};

/// What is right.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What deserves a look.
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// What does not work.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// A heading.
pub const HEAD: Style = Style::new().bold();
/// Less important text.
pub const DIM: Style = Style::new().dimmed();

/// The longest line, in columns: a longer one is hard to read.
const LONGEST: u16 = 120;
/// The shortest line that is wrapped: a terminal that says less does not know its width.
const SHORTEST: u16 = 20;

/// How far the texts beside headings are indented.
pub const INDENT: usize = 10;
/// What the styles of this program write behind the escape character.
const STYLES: [&str; 6] = ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"];
/// How a line begins that says what to do.
const HELP: &str = "  help: ";

/// Returns how wide lines are, if it is a terminal.
fn width_of(output: impl AsFd + IsTerminal) -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(&output).filter(|_| output.is_terminal())?;
    Some(match width.0 {
        0..SHORTEST => 80,
        width => usize::from(width.min(LONGEST)),
    })
}

/// Returns `text` in a style.
pub fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns a mark in its colour: ✓, ✗, or one of ? and !.
pub fn mark(mark: char) -> String {
    let style = match mark {
        '✓' => GOOD,
        '✗' => BAD,
        _ => DOUBTFUL,
    };
    painted(style, &mark.to_string())
}

/// Returns a text on one line, with control characters escaped, except for the styles of this program.
fn escaped(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut shown = plain_text(parts.next().unwrap_or_default());
    for part in parts {
        let is_style = STYLES.iter().any(|style| part.starts_with(style));
        shown.push_str(if is_style { "\u{1b}" } else { "\\u{1b}" });
        shown.push_str(&plain_text(part));
    }
    shown
}

/// Writes answers to stdout and remarks to stderr.
pub struct Printer {
    out: AutoStream<io::Stdout>,
    person_home: Option<PathBuf>,
    /// The width of the terminal, if stdout is one.
    width: Option<usize>,
    has_printed: bool,
}

impl Printer {
    /// Returns a printer that shows `person_home` as `~`.
    #[expect(clippy::disallowed_methods, reason = "the one writer of stdout")]
    pub fn new(person_home: Option<PathBuf>) -> Self {
        Self { out: AutoStream::auto(io::stdout()), person_home, width: width_of(io::stdout()), has_printed: false }
    }

    /// Returns a path as text shows it.
    pub fn path(&self, path: &Path) -> String {
        short_path(path, self.person_home.as_deref())
    }

    pub fn line(&mut self, text: impl AsRef<str>) -> Result<(), CliError> {
        self.unescaped(&escaped(text.as_ref()))
    }

    fn unescaped(&mut self, text: &str) -> Result<(), CliError> {
        writeln!(self.out, "{text}")?;
        self.has_printed = true;
        Ok(())
    }

    /// Prints a sentence behind `first`; its continued lines begin with `indent` spaces. In a terminal paths in backticks are
    /// shortened.
    pub fn sentence(&mut self, first: &str, indent: usize, text: &str) -> Result<(), CliError> {
        match self.width {
            Some(width) => self.pasted(first, indent, &lines::with_short_paths(text, width)),
            None => self.pasted(first, indent, text),
        }
    }

    /// Prints a sentence behind a mark.
    pub fn marked(&mut self, sign: char, text: &str) -> Result<(), CliError> {
        self.sentence(&format!("{} ", mark(sign)), 2, text)
    }

    /// Prints a sentence of its own.
    pub fn say(&mut self, text: impl AsRef<str>) -> Result<(), CliError> {
        self.sentence("", 2, text.as_ref())
    }

    /// Prints a heading and a text beside it.
    pub fn item(&mut self, heading: &str, text: &str) -> Result<(), CliError> {
        self.sentence(&format!("{} ", painted(HEAD, &format!("{heading:9}"))), INDENT, text)
    }

    /// Prints what to do, below a line that is indented by `indent`. Its paths are pasted, and so stay whole.
    pub fn help(&mut self, indent: usize, help: &str) -> Result<(), CliError> {
        let first = format!("{}help: ", " ".repeat(indent));
        self.pasted(&first, first.len(), help)
    }

    /// Prints a text as [`sentence`](Self::sentence) does, with whole paths.
    pub fn pasted(&mut self, first: &str, indent: usize, text: &str) -> Result<(), CliError> {
        match self.width {
            Some(width) => {
                lines::wrapped(first, indent, &escaped(text), width).iter().try_for_each(|line| self.line(line))
            }
            None => self.line(format!("{first}{text}")),
        }
    }

    /// Prints an empty line, if anything was printed before.
    pub fn gap(&mut self) -> Result<(), CliError> {
        if self.has_printed { self.line("") } else { Ok(()) }
    }

    /// Prints bytes unchanged.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.out.write_all(bytes)?;
        Ok(())
    }

    pub fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        self.json_text(&text)
    }

    /// Prints JSON text. Characters that could move the cursor, or that a pipe would drop, are escaped.
    pub fn json_text(&mut self, text: &str) -> Result<(), CliError> {
        self.unescaped(&escaped_json(text))
    }

    /// Prints a remark that is not part of the answer to stderr.
    #[expect(clippy::disallowed_methods, reason = "remarks go to stderr")]
    pub fn remark(&self, text: &str) {
        let mut err = AutoStream::auto(io::stderr());
        let text = format!("codex-home: {text}");
        let lines =
            text.lines().map(escaped).flat_map(|line| match (width_of(io::stderr()), line.strip_prefix(HELP)) {
                (Some(width), Some(help)) => lines::wrapped(HELP, HELP.len(), help, width),
                (Some(width), None) => lines::wrapped("", 2, &line, width),
                (None, _) => vec![line],
            });
        for line in lines {
            // There is no other place to report a failure to.
            let _ = writeln!(err, "{line}");
        }
    }

    /// Shows on stderr that something is waited for, if that is a terminal, until what it returns is dropped.
    #[expect(clippy::unused_self, reason = "every output is asked of the printer")]
    pub fn spinner(&self, text: &str) -> ProgressBar {
        let spinner = ProgressBar::new_spinner().with_message(plain_text(text)).with_finish(ProgressFinish::AndClear);
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    }

    /// Prints what went wrong, if anything did, and returns the exit code.
    pub fn finish(&mut self, result: CliResult) -> ExitCode {
        let result = result.and_then(|code| {
            self.out.flush()?;
            Ok(code)
        });
        match result {
            Ok(code) => ExitCode::from(code),
            // `codex-home log | head` has read what it wanted.
            Err(CliError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(CliError::Output(error)) => {
                self.remark(&format!("the output cannot be written: {}", cause(&error)));
                ExitCode::FAILURE
            }
            Err(CliError::Failure(failure)) => {
                self.remark(&describe::terminal(&failure, self.person_home.as_deref()));
                ExitCode::from(failure.exit_code())
            }
            Err(CliError::Interrupted(signal)) => {
                self.remark(&format!("stopped by {signal}"));
                // As a shell has it.
                ExitCode::from(u8::try_from(signal as i32).unwrap_or_default().saturating_add(128))
            }
            Err(CliError::Other { message, help, code }) => {
                self.remark(&format!("{}\n{HELP}{}", plain_text(message), plain_text(help)));
                ExitCode::from(code)
            }
        }
    }
}
