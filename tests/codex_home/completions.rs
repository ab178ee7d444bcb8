//! The completion scripts, by completing something in each shell.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Case, Finished, Fixture, Need, case, run};
use crate::{ask, codex_home};

/// A shell, and a script that completes a line in it: `$1` is the completion script, then come the words of the line.
struct Shell {
    name: &'static str,
    need: Need,
    completes: &'static str,
}

const BASH: Shell = Shell {
    name: "bash",
    need: Need::Shell("bash"),
    completes: r#"
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_codex__home codex-home "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"#,
};

const FISH: Shell = Shell {
    name: "fish",
    need: Need::Shell("fish"),
    completes: "source $argv[1]\ncomplete -C (string join ' ' -- $argv[2..])\n",
};

/// zsh completes only in a terminal, so it runs in one of its own and lists the candidates there.
const ZSH: Shell = Shell {
    name: "zsh",
    need: Need::Shell("zsh"),
    completes: r#"
zmodload zsh/zpty
script=$1; shift
zpty -b shell zsh -f -i
zpty -w shell 'PS1=ready RPS1= LISTMAX=1000; stty -echo columns 200 rows 200; unsetopt zle_bracketed_paste 2>/dev/null'
zpty -w shell 'autoload -Uz compinit && compinit -u -D; source '$script'; compdef _codex-home codex-home'
zpty -w shell 'zstyle ":completion:*" list-prompt ""; setopt no_auto_menu no_list_ambiguous no_beep'
zpty -w shell 'print begin-of""-list'
zpty -r shell text '*begin-of-list*'
zpty -w -n shell "${(j: :)@}"$'\t\t'
# What it lists is at hand as soon as nothing more comes.
text= quiet=0 waited=0
while (( quiet < 15 && waited < 200 )); do
    sleep 0.1
    if zpty -r -t shell chunk; then text+=$chunk quiet=0; else [[ -z $text ]] || quiet=$((quiet + 1)); fi
    waited=$((waited + 1))
done
print -r -- "$text"
zpty -d shell
"#,
};

impl Shell {
    /// The candidates of the shell at the end of a line.
    fn offers(&self, person: &Fixture, words: &[&str]) -> String {
        let script = ask(person, &mut codex_home(person, &["completions", self.name])).stdout;
        let place = person.root().join(format!("completions.{}", self.name));
        fs::write(&place, script).unwrap();
        let program = person.root().join(format!("complete.{}", self.name));
        fs::write(&program, self.completes).unwrap();
        let mut command = Command::new(self.name);
        command.arg(&program).arg(&place).args(words).env_clear().current_dir(person.work());
        command.env("HOME", person.home()).env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TERM", "xterm");
        let Finished { stdout, .. } = run(&mut command);
        stdout
    }
}

fn completes(shell: Shell) -> Case {
    let (name, need) = (shell.name, shell.need);
    let completes = move || {
        let person = Fixture::new();
        let directory = person.work().join("homes");
        fs::create_dir_all(&directory).unwrap();
        fs::write(person.work().join("homework"), "").unwrap();
        let words: [(&[&str], &str); 6] = [
            (&["codex-home", "expl"], "explain"),
            (&["codex-home", "explain", "--ho"], "--home"),
            (&["codex-home", "config", "uns"], "unset"),
            (&["codex-home", "log", "--li"], "--lines"),
            (&["codex-home", "explain", "missing-id"], "missing-id-token"),
            (&["codex-home", "config", "set", "strat"], "strategy"),
        ];
        for (words, offered) in words {
            let offers = shell.offers(&person, words);
            assert!(offers.contains(offered), "{words:?}: {offers:?}");
        }
        let offers = shell.offers(&person, &["codex-home", "explain", "--home", "home"]);
        match shell.name {
            // It asks its own completion for directories.
            "bash" => {}
            // On a busy machine it may offer files beside them.
            "fish" => assert!(offers.contains("homes/\tDirectory"), "{offers:?}"),
            _ => assert!(offers.contains("homes") && !offers.contains("homework"), "{offers:?}"),
        }
    };
    case(format!("completions complete in {name}"), completes).needs(need)
}

pub fn cases() -> Vec<Case> {
    let readable = case("there are completions for every shell", || {
        let person = Fixture::new();
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let finished = ask(&person, &mut codex_home(&person, &["completions", shell]));
            assert!(finished.code == Some(0) && finished.stdout.contains("codex-home"), "{shell}: {finished:?}");
        }
    });
    let directories = case("bash completes homes as directories", || {
        let person = Fixture::new();
        let script = ask(&person, &mut codex_home(&person, &["completions", "bash"])).stdout;
        let place = person.root().join("completions");
        fs::write(&place, script).unwrap();
        fs::create_dir_all(person.work().join("homes")).unwrap();
        fs::write(person.work().join("homework"), "").unwrap();
        // `compopt` works only in a completion, so its arguments are printed instead.
        let text = "source \"$1\"; compopt() { printf '%s ' \"$@\"; }; COMP_WORDS=(codex-home explain --home h); \
                    COMP_CWORD=3; _codex__home codex-home h --home; printf '%s ' \"${COMPREPLY[@]}\"";
        let mut bash = person.command(Path::new("/bin/bash"));
        let finished = run(bash.args(["-c", text, "bash"]).arg(&place).current_dir(person.work()));
        assert!(finished.stdout.contains("plusdirs"), "{finished:?}");
        assert!(!finished.stdout.contains("homework"), "{finished:?}");
    })
    .needs(Need::Shell("bash"));
    let values = case("bash completes the value of a setting: one of its values, else a file", || {
        let person = Fixture::new();
        for (key, begin, offered) in [
            ("strategy", "", "auto\nredirect\nrepair\noff\n"),
            ("strategy", "re", "redirect\nrepair\n"),
            ("journal", "t", "true\n"),
            ("npm_native", "f", "false\n"),
            // Nothing of ours, so bash takes the files.
            ("codex", "s", "\n"),
            ("leave", "", "\n"),
        ] {
            let offers = BASH.offers(&person, &["codex-home", "config", "set", key, begin]);
            assert_eq!(offers, offered, "{key} {begin}");
        }
        let offers = BASH.offers(&person, &["codex-home", "config", "--json", "set", "--json", "strat"]);
        assert_eq!(offers, "strategy\n");
    })
    .needs(Need::Shell("bash"));
    vec![readable, directories, values, completes(BASH), completes(FISH), completes(ZSH)]
}
