//! The recursion guard: a codex that starts the launcher again does not loop for ever; a launcher below a codex is no recursion.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use codex_home::launch::GUARD_VARIABLE;

use crate::support::stand_in::{self, Bytes, Report};
use crate::support::{Case, Ended, Fixture, Need, Start, case};

/// How long a loop may last.
const AT_ONCE: Duration = Duration::from_secs(20);

pub fn cases() -> Vec<Case> {
    [loops(), wrappers(), nested(), namespaces()].into_iter().flatten().collect()
}

/// A script in the place of codex.
fn script(person: &Fixture, text: &str) -> PathBuf {
    let text = text.replace("LAUNCHER", &person.launcher().display().to_string());
    person.write_program(&person.root().join("scripts/codex"), &format!("#!/bin/sh\n{text}\n"))
}

/// A refusal that names the codex, the launcher and the setting that helps.
fn is_a_loop(ended: &Ended, codex: &std::path::Path) {
    assert!(ended.code == Some(126) && ended.report.is_none(), "{ended:?}");
    // If another program stands between the two, the launcher sees no more than the depth.
    let [seen, deep] = [
        format!("`{}` starts this launcher", codex.display()),
        format!("the last of them started `{}`", codex.display()),
    ];
    assert!(ended.stderr.contains(&seen) || ended.stderr.contains(&deep), "{}", ended.stderr);
    assert!(ended.stderr.contains("CODEX_HOME_SHIM_CODEX"), "{}", ended.stderr);
}

fn loops() -> Vec<Case> {
    let texts = [
        ("in the same process", "exec 'LAUNCHER' \"$@\""),
        ("as a child", "'LAUNCHER' \"$@\""),
        ("as a child, and goes on after it", "'LAUNCHER' \"$@\"; exit $?"),
        ("through another shell", "exec sh -c '\"LAUNCHER\" \"$@\"' sh \"$@\""),
    ];
    let mut cases: Vec<_> = texts
        .into_iter()
        .map(|(how, text)| {
            case(format!("a codex in the settings that starts the launcher {how} is refused at once"), move || {
                let person = Fixture::issue_70511();
                let codex = script(&person, text);
                let ended = person.start(&["exec", "hi"]).setting("codex", &codex).within(AT_ONCE).run();
                is_a_loop(&ended, &codex);
                let is_seen = ended.stderr.contains(&format!("(`{}`) again", person.launcher().display()));
                assert_eq!(is_seen, how != "through another shell", "{}", ended.stderr);
            })
        })
        .collect();
    cases.push(case("sixteen launchers may be nested, and no more, whatever they started", || {
        let person = Fixture::issue_70511();
        let at_depth = |depth: u32| person.serve().env(GUARD_VARIABLE, format!("1:{depth}:1:/another/codex"));
        at_depth(14).is_redirected("missing-id-token");
        at_depth(15).is_refused("start-too-deep", 126, &["/another/codex", "`unset CODEX_HOME_SHIM_GUARD`"]);
        // That help, followed.
        at_depth(15).env_remove(GUARD_VARIABLE).is_redirected("missing-id-token");
    }));
    cases.push(case(
        "a bot that starts its own gateway anew may do so for ever: a codex that has ended counts no more",
        || {
            let person = Fixture::issue_70511();
            let mut ended = std::process::Command::new("true").spawn().unwrap();
            ended.wait().unwrap();
            let guard = format!("{}:15:1:/another/codex", ended.id());
            let report = person.serve().env(GUARD_VARIABLE, guard).is_redirected("missing-id-token").report.unwrap();
            let guard = report.var(GUARD_VARIABLE).unwrap();
            assert!(guard.as_os_str().as_bytes().starts_with(format!("{}:1:", report.pid).as_bytes()), "{guard:?}");
        },
    ));
    cases
}

/// A wrapper that clears the environment removes the guard, so it is recognised by its text.
fn wrappers() -> Vec<Case> {
    fn on_path<'a>(person: &'a Fixture, wrapper: &std::path::Path) -> Start<'a> {
        let bin = person.codex();
        let path = std::env::join_paths([wrapper.parent().unwrap(), bin.parent().unwrap()]).unwrap();
        person.serve().path(path).within(AT_ONCE)
    }
    let texts = [
        "exec 'LAUNCHER' \"$@\"",
        "exec env -i HOME=\"$HOME\" PATH=\"$PATH\" 'LAUNCHER' \"$@\"",
        "# my codex\n\nenv -u CODEX_HOME_SHIM_GUARD LAUNCHER app-server",
        "L=codex-home-shim\nexec \"$L\" \"$@\"",
    ];
    vec![
        case(
            "a script on PATH that names the launcher is skipped, with a warning, whatever it does to the environment",
            move || {
                for text in texts {
                    let person = Fixture::issue_70511();
                    let wrapper = script(&person, text);
                    let ended = on_path(&person, &wrapper).is_redirected_with_warning("missing-id-token");
                    assert_eq!(ended.report.unwrap().argv[0], Bytes::from(&person.codex()));
                    assert!(ended.stderr.contains("it is a script that starts this launcher"), "{}", ended.stderr);
                    let skipped = ended.journal.unwrap()["skipped"][0].as_str().unwrap().to_owned();
                    assert!(skipped.contains(&wrapper.display().to_string()), "{skipped}");
                }
            },
        ),
        case("a script that only mentions the launcher in a comment is a codex like any other", || {
            let person = Fixture::issue_70511();
            let text = format!("# In place of codex-home-shim.\nexec '{}' \"$@\"", person.codex().display());
            let wrapper = script(&person, &text);
            let ended = on_path(&person, &wrapper).is_redirected("missing-id-token");
            assert_eq!(ended.journal.unwrap()["codex"].as_str(), wrapper.to_str());
        }),
        case("such a script alone is no codex: the refusal names it", move || {
            let person = Fixture::issue_70511();
            let wrapper = script(&person, texts[1]);
            let start =
                person.start(&["exec", "hi"]).path(wrapper.parent().unwrap()).env("HOME", person.root().join("out"));
            let ended = start.within(AT_ONCE).run();
            // A machine may have a codex of its own in an installer's place.
            assert!(ended.report.is_none() && ended.stderr.contains(&wrapper.display().to_string()), "{ended:?}");
        }),
    ]
}

fn nested() -> Vec<Case> {
    vec![
        case("a codex that starts the launcher for a server of its own gets another codex", || {
            let person = Fixture::issue_70511();
            let nested = person.root().join("out/nested.json");
            let start = person.serve().env(stand_in::NEST, person.launcher()).env(stand_in::NESTED_REPORT, &nested);
            let ended = start.run();
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            let (outer, inner) = (ended.report.unwrap(), Report::read(&nested).unwrap());
            assert_eq!((inner.parent, &inner.argv), (outer.pid, &outer.argv));
            assert_eq!(inner.var("CODEX_HOME"), Some(person.personal()));
            let guard = inner.var(GUARD_VARIABLE).unwrap();
            assert!(guard.as_os_str().as_bytes().starts_with(format!("{}:1:", inner.pid).as_bytes()), "{guard:?}");
        }),
        // The wrapper that people had before. A script that has become codex is no script any more.
        case("a codex behind a script of the person's may start the launcher too", || {
            let person = Fixture::issue_70511();
            let nested = person.root().join("out/nested.json");
            let wrapper = script(&person, &format!("exec '{}' \"$@\"", person.codex().display()));
            let start = person.serve().setting("codex", wrapper).env(stand_in::NEST, person.launcher());
            let ended = start.env(stand_in::NESTED_REPORT, &nested).run();
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            assert_eq!(Report::read(&nested).unwrap().var("CODEX_HOME"), Some(person.personal()));
        }),
        case("a guard that this process inherited for another codex is no loop", || {
            let person = Fixture::issue_70511();
            let script = format!("export {GUARD_VARIABLE}=$$:0:0:/elsewhere/codex; exec \"$@\"");
            person.serve().behind(&script).is_redirected("missing-id-token");
        }),
        case("the launcher as a version manager's codex starts the next codex, not itself", || {
            let person = Fixture::issue_70511();
            let first = person.root().join("first");
            std::fs::create_dir(&first).unwrap();
            symlink(person.launcher(), first.join("codex")).unwrap();
            let path = std::env::join_paths([&first, &person.root().join("bin")]).unwrap();
            let ended = person.serve().path(path).is_redirected("missing-id-token");
            assert_eq!(ended.report.unwrap().argv[0], Bytes::from(&person.codex()));
        }),
    ]
}

fn namespaces() -> Vec<Case> {
    const NEW: &str = "unshare -p -f --mount-proc \"$@\"";
    vec![
        case("the same process id in a nested pid namespace is no loop", || {
            let person = Fixture::issue_70511();
            let nested = person.root().join("out/nested.json");
            let nest = person.write_program(
                &person.root().join("out/nest"),
                &format!("#!/bin/sh\nset -- '{}' \"$@\"\nexec {NEW}\n", person.launcher().display()),
            );
            let start = person.serve().env(stand_in::NEST, nest).env(stand_in::NESTED_REPORT, &nested);
            let ended = start.behind(NEW).run();
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
            let inner = Report::read(&nested).unwrap();
            assert_eq!((ended.report.unwrap().pid, inner.pid), (1, 1));
            assert_eq!(inner.var("CODEX_HOME"), Some(person.personal()));
        })
        .needs(Need::MountNamespace),
        case("a loop inside a pid namespace is still a loop", || {
            let person = Fixture::issue_70511();
            let codex = script(&person, "exec 'LAUNCHER' \"$@\"");
            let start = person.start(&["exec", "hi"]).setting("codex", &codex).behind(NEW);
            is_a_loop(&start.within(AT_ONCE).run(), &codex);
        })
        .needs(Need::MountNamespace),
        case("without /proc a codex is found and started, and a loop ends", || {
            let person = Fixture::issue_70511();
            // The stand-in lists its descriptors in /proc.
            let codex = person.write_program(&person.root().join("bin/says"), "#!/bin/sh\necho \"$CODEX_HOME\"\n");
            let ended = person.serve().setting("codex", codex).in_namespace("umount -l /proc").run();
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), person.personal().to_string_lossy());
            let codex = script(&person, "exec 'LAUNCHER' \"$@\"");
            let start = person.start(&["exec", "hi"]).setting("codex", &codex).in_namespace("umount -l /proc");
            let ended = start.within(AT_ONCE).run();
            assert!(ended.code == Some(126) && ended.report.is_none(), "{ended:?}");
        })
        .needs(Need::MountNamespace),
        case("without /proc a launcher that is first on PATH as codex does not start itself for ever", || {
            let person = Fixture::issue_70511();
            let first = person.root().join("first");
            std::fs::create_dir(&first).unwrap();
            symlink(person.launcher(), first.join("codex")).unwrap();
            let path =
                std::env::join_paths([&first, &person.root().join("bin"), &"/usr/bin".into(), &"/bin".into()]).unwrap();
            let ended = person.start(&["exec", "hi"]).path(path).in_namespace("umount -l /proc").within(AT_ONCE).run();
            assert!(ended.code.is_some(), "{ended:?}");
        })
        .needs(Need::MountNamespace),
    ]
}
