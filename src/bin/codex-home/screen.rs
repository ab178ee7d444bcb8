//! WHAT PEOPLE SEE: the only room that writes to stdout and stderr.
//!
//! Colour only where somebody looks (`NO_COLOR`, `CLICOLOR_FORCE` and the terminal decide), `~` for the person's home in
//! text, full paths in JSON. Nothing that somebody else chose can move the cursor.
#![expect(clippy::disallowed_methods, reason = "this is the one room of this program that writes to the terminal")]

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use codex_home::failure::Failure;
use codex_home::words::{is_control, plain_text, short_path};
use comfy_table::{Cell, ContentArrangement, Table, presets};
use serde::Serialize;

/// How a command ended: its exit code, or what kept it from doing what was asked.
pub type Ended = Result<u8, Trouble>;

/// What kept a command from doing what was asked.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody reads any more, or nothing can be written.
    Output(io::Error),
    /// What would stop a start stops us too.
    Failure(Failure),
    /// Anything else.
    Other {
        /// What, in a sentence.
        message: String,
        /// What to do about it.
        help: Option<String>,
        /// The exit code.
        code: u8,
    },
}

impl Trouble {
    /// Trouble with exit code 1.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Other { message: message.into(), help: Some(help.into()), code: 1 }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What is good.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What somebody should look at.
pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// What does not work.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What heads other text.
pub const HEAD: Style = Style::new().bold();
/// What is said aside.
pub const ASIDE: Style = Style::new().dimmed();

/// `text` in a style.
pub fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Where everything is shown.
pub struct Screen {
    out: AutoStream<io::Stdout>,
    person_home: Option<PathBuf>,
}

impl Screen {
    /// A screen that writes `person_home` as `~`.
    pub fn new(person_home: Option<PathBuf>) -> Self {
        Self { out: AutoStream::auto(io::stdout()), person_home }
    }

    /// A path as text has it.
    pub fn path(&self, path: &Path) -> String {
        short_path(path, self.person_home.as_deref())
    }

    /// One line.
    pub fn line(&mut self, text: impl AsRef<str>) -> Result<(), Trouble> {
        writeln!(self.out, "{}", text.as_ref())?;
        Ok(())
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.out.write_all(bytes)?;
        Ok(())
    }

    /// A value as JSON, for programs.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        self.json_text(&text)
    }

    /// JSON as it is: what could move the cursor, or would be taken out on the way into a pipe, is escaped.
    pub fn json_text(&mut self, text: &str) -> Result<(), Trouble> {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            // Beyond white space between values JSON has these in strings alone.
            if is_control(c) && !matches!(c, '\n' | '\t') {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            } else {
                escaped.push(c);
            }
        }
        self.line(escaped)
    }

    /// Rows under headings; without headings where there are none.
    pub fn table(&mut self, headings: &[&str], rows: Vec<Vec<String>>) -> Result<(), Trouble> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        // In a pipe a line is a row, however long.
        match terminal_size::terminal_size().filter(|_| io::stdout().is_terminal()) {
            Some((width, _)) => table.set_width(width.0),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if !headings.is_empty() {
            table.set_header(headings.iter().map(Cell::new));
        }
        table.add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Says aside, on stderr, what is no part of an answer.
    pub fn aside(&mut self, text: &str) {
        let mut err = AutoStream::auto(io::stderr());
        // Nobody is left to tell if it fails.
        let _ = writeln!(err, "codex-home: {text}");
    }

    /// Ends: says what went wrong, and with which code.
    pub fn end(&mut self, ended: Ended) -> ExitCode {
        let ended = ended.and_then(|code| {
            self.out.flush()?;
            Ok(code)
        });
        match ended {
            Ok(code) => ExitCode::from(code),
            // `codex-home log | head` has what it wanted.
            Err(Trouble::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(Trouble::Output(error)) => {
                self.aside(&format!("the output cannot be written: {}", codex_home::words::cause(&error)));
                ExitCode::FAILURE
            }
            Err(Trouble::Failure(failure)) => {
                self.aside(&failure.to_string());
                ExitCode::from(failure.exit_code())
            }
            Err(Trouble::Other { message, help, code }) => {
                let help = help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
                self.aside(&format!("{message}{help}"));
                ExitCode::from(code)
            }
        }
    }
}

/// `text` that somebody else chose, on one line.
pub fn plain(text: &str) -> String {
    plain_text(text.as_ref())
}
