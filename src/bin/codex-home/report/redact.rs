//! Replaces the person's names: directories, users, hosts, accounts, agents.
//!
//! In code, words of this program's documentation and short numbers stay, because they say nothing about the person. Every other
//! word becomes a placeholder with a number; equal words get the same number.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use codex_home::display::plain_text;
use codex_home::invocation::Invocation;

/// The pages whose words are public.
const PAGES: [&str; 8] = [
    include_str!("../../../../docs/doctor.md"),
    include_str!("../../../../docs/failure-modes.md"),
    include_str!("../../../../docs/finding-codex.md"),
    include_str!("../../../../docs/openclaw-versions.md"),
    include_str!("../../../../docs/verify.md"),
    include_str!("../../../../docs/design.md"),
    include_str!("../../../../docs/settings.md"),
    include_str!("../../../../packaging/man/codex-home-shim.toml.5"),
];
/// The words of this program's advice that no page has.
const ADVICE: &str = "
    chmod +x o-w u+rwX; df; find -samefile; ln -sf; ls -la -ld; mv auth.json.old .codex.old .old; sudo env -u -H
    codex login --device-auth; codex-home config set --help; codex-home uninstall --purge; npm --prefix; ~/.tool-versions
    openclaw agent --agent --message ping; openclaw config plugins.allow plugins.deny OPENCLAW_PROFILE
    plugins.entries.codex.config.appServer.command plugins.entries.codex.config.appServer.args
    plugins.entries.codex.config.appServer.homeScope *.sqlite agent_identity chatgptAuthTokens lmstudio ollama
";
/// The longest number that stays, such as a mode, a year or an exit code.
const DIGITS: usize = 4;

/// Replaces names. A name has the same number in all texts.
pub struct Redactor {
    /// The person's home directories as text, the longest first.
    homes: Vec<String>,
    /// The person's names: of the user and of the host.
    names: HashSet<String>,
    numbers: HashMap<String, usize>,
    public: HashSet<&'static str>,
}

impl Redactor {
    /// Returns a redactor for this user on this host.
    pub fn new(invocation: &Invocation) -> Self {
        let home = invocation.person_home();
        let real = home.as_deref().and_then(codex_home::fs::canonicalize);
        let mut homes: Vec<_> =
            home.iter().chain(&real).filter(|home| *home != Path::new("/")).map(plain_text).collect();
        homes.sort_by_key(|home| std::cmp::Reverse(home.len()));
        let host = sysinfo::System::host_name();
        let short = host.as_deref().and_then(|host| host.split('.').next()).map(str::to_owned);
        let variables = ["USER", "LOGNAME", "SUDO_USER", "HOSTNAME"].into_iter();
        let variables = variables.filter_map(|name| Some(invocation.var(name)?.to_string_lossy().into_owned()));
        let of_home = homes.iter().filter_map(|home| home.rsplit('/').next()).map(str::to_owned);
        let names = host.into_iter().chain(short).chain(variables).chain([invocation.user()]).chain(of_home);
        let pages = PAGES.into_iter().chain([ADVICE]);
        let public = pages.flat_map(words).filter(|(_, is_word)| *is_word).map(|(word, _)| word);
        Self {
            names: names.filter(|name| !name.is_empty()).collect(),
            homes,
            numbers: HashMap::new(),
            public: public.collect(),
        }
    }

    /// Returns a text of this program without the person's names. Text in backticks is code. In the rest, which is our own, paths,
    /// addresses and the names themselves are replaced.
    pub fn text(&mut self, text: &str) -> String {
        let text = text.replace(['\n', '\r'], " ");
        // If a name has a backtick, it is unclear what is code, so all of it counts as code.
        let is_unclear = text.matches('`').count() % 2 == 1;
        let is_code = |at: usize| is_unclear || at % 2 == 1;
        let parts: Vec<_> = text.split('`').enumerate().map(|(at, part)| self.part(part, is_code(at))).collect();
        parts.join("`")
    }

    fn part(&mut self, part: &str, is_code: bool) -> String {
        let mut part = part.to_owned();
        for home in &self.homes {
            part = with_tilde(&part, home);
        }
        if is_code {
            return self.code(&part);
        }
        let words = part.split(' ').map(|word| match word {
            // `account …5555`
            word if word.contains('…') => "…".to_owned(),
            word if word.contains(['/', '@', '\\']) => self.code(word),
            word => self.without_names(word),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Replaces only the names of the user and of the host.
    fn without_names(&mut self, text: &str) -> String {
        let shown = words(text).map(|(word, is_word)| match is_word && self.names.contains(word) {
            true => self.code(word),
            false => word.to_owned(),
        });
        shown.collect::<Vec<_>>().concat()
    }

    /// Replaces every word that is not public.
    fn code(&mut self, code: &str) -> String {
        let mut shown = String::new();
        for (word, is_word) in words(code) {
            if !is_word || self.is_public(word) {
                shown.push_str(word);
            } else {
                let next = self.numbers.len() + 1;
                let number = *self.numbers.entry(word.to_owned()).or_insert(next);
                shown.push_str(&format!("name{number}"));
            }
        }
        shown
    }

    fn is_public(&self, word: &str) -> bool {
        self.public.contains(word) || is_number(word)
    }
}

/// Returns whether a word is a version, a time or a short number.
fn is_number(word: &str) -> bool {
    let word = word.trim_start_matches('v');
    let (number, rest) = word.split_once('-').unwrap_or((word, ""));
    let is_of_digits =
        |part: &str| !part.is_empty() && part.len() <= DIGITS && part.bytes().all(|b| b.is_ascii_digit());
    let is_preview = matches!(rest.split('.').next(), Some("" | "alpha" | "beta" | "rc"));
    let rest_is_known = rest.split('.').skip(1).all(is_of_digits) && is_preview;
    number.split('.').all(is_of_digits) && (rest_is_known || rest.split(['-', 'T']).all(is_of_digits))
}

/// Replaces a home directory by `~`, but not another directory with the same prefix.
fn with_tilde(text: &str, home: &str) -> String {
    let mut parts = text.split(home);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| {
        let is_whole = !part.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        shown + if is_whole { "~" } else { home } + part
    })
}

/// Splits a text into words and separators; the flag is true for words.
fn words(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_in_word = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+') || !(c.is_ascii() || matches!(c, '—' | '…'))
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_word = is_in_word(rest.chars().next()?);
        let end = rest.find(|c| is_in_word(c) != is_word).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        Some((word, is_word))
    })
}
