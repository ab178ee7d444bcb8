//! systemd's units. systemd is asked, because it knows drop-ins, specifiers and environment files; else their files are read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_home::invocation::Invocation;

use super::service::{Service, changed, files, read};
use super::unit;
use crate::{child, disk};

/// The prefix of OpenClaw's units.
const NAMES: [&str; 2] = ["openclaw", "clawdbot"];
/// How long to wait for systemd.
const PATIENCE: Duration = Duration::from_secs(2);
/// The properties that are asked for.
const PROPERTIES: [&str; 6] = ["Environment", "EnvironmentFiles", "ExecStart", "FragmentPath", "DropInPaths", "User"];

/// One of systemd's managers: the system's, or this user's.
struct Manager {
    is_system: bool,
    /// The directories of its units, the strongest first.
    directories: Vec<PathBuf>,
}

/// Returns the units of both managers with OpenClaw's names.
pub fn find(invocation: &Invocation, home: Option<&Path>) -> Vec<Service> {
    // systemd may have been started without this shell's variable.
    let config = invocation.var("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.into_iter().chain(home.map(|home| home.join(".config")));
    let own = config.map(|config| config.join("systemd/user"));
    let own = own.chain(home.map(|home| home.join(".local/share/systemd/user")));
    let places = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    let of_user = places(&["/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"]);
    let of_system = places(&["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"]);
    let managers = [
        Manager { is_system: false, directories: own.chain(of_user).collect() },
        Manager { is_system: true, directories: of_system },
    ];
    managers.iter().flat_map(|manager| manager.services(invocation, home)).collect()
}

impl Manager {
    fn services(&self, invocation: &Invocation, home: Option<&Path>) -> Vec<Service> {
        let mut files = files(&self.directories, &NAMES, ".service");
        // A template is no unit.
        files.retain(|file| !file.to_string_lossy().ends_with("@.service"));
        if files.is_empty() {
            return Vec::new();
        }
        let answer = self.ask(invocation, &files).unwrap_or_default();
        let answers: Vec<_> = answer.split("\n\n").collect();
        files
            .iter()
            .filter_map(|file| {
                let answer = answers.iter().find(|answer| is_about(answer, file));
                answer.map(|answer| answered(answer, file, self.is_system)).or_else(|| self.read(file, home))
            })
            .collect()
    }

    /// Asks systemd, which changes nothing; `None` if there is no systemd, or it does not answer in time.
    fn ask(&self, invocation: &Invocation, files: &[PathBuf]) -> Option<String> {
        let mut command =
            child::command(disk::on_path(invocation, "systemctl").filter(|it| disk::open_to_all(it).is_none())?);
        if !self.is_system {
            command.arg("--user");
        }
        command.args(["show", "--no-pager"]).args(PROPERTIES.iter().flat_map(|property| ["-p", property]));
        command.args(files.iter().filter_map(|file| file.file_name()));
        child::output(&mut command, PATIENCE)
    }

    /// Reads a unit from its file and its drop-ins.
    fn read(&self, file: &Path, home: Option<&Path>) -> Option<Service> {
        let text = read(file)?;
        let mut name = file.file_name()?.to_owned();
        name.push(".d");
        let drop_ins: Vec<_> = self.directories.iter().map(|directory| directory.join(&name)).collect();
        let mut drop_ins = self::files(&drop_ins, &[""], ".conf");
        drop_ins.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
        let texts: Vec<_> = [text].into_iter().chain(drop_ins.iter().filter_map(|file| read(file))).collect();
        let home = if self.is_system { None } else { home };
        let mut service = Service::new(file, self.is_system);
        service.since = drop_ins.iter().map(|file| changed(file)).fold(service.since, i64::max);
        Some(unit::parse(service, &texts, home))
    }
}

/// Returns the text after `NAME=` on each of its lines.
fn values<'a>(answer: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    answer.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Returns whether systemd's answer is about the unit in this file. It may have none of that name, or another one.
fn is_about(answer: &str, file: &Path) -> bool {
    values(answer, "FragmentPath").any(|path| !path.is_empty() && disk::is_same(Path::new(path), file))
}

/// Parses systemd's answer about one unit.
fn answered(answer: &str, file: &Path, is_system: bool) -> Service {
    let mut service = Service::new(file, is_system);
    service.user = values(answer, "User").find(|user| !user.is_empty()).map(str::to_owned);
    for assignments in values(answer, "Environment") {
        unit::assign(&mut service, shlex::split(assignments).unwrap_or_default().iter().map(String::as_str));
    }
    for drop_in in values(answer, "DropInPaths").flat_map(str::split_whitespace) {
        service.since = service.since.max(changed(Path::new(drop_in)));
    }
    for environment_file in values(answer, "EnvironmentFiles") {
        // `/path/to/file (ignore_errors=yes)`
        let path = environment_file.rsplit_once(" (").map_or(environment_file, |(path, _)| path);
        unit::environment_file(&mut service, Path::new(path));
    }
    // `{ path=/usr/bin/node ; argv[]=/usr/bin/node … gateway ; ignore_errors=no ; … }`
    let argv = values(answer, "ExecStart").find_map(|start| Some(start.split_once("argv[]=")?.1));
    let argv = argv.map(|argv| argv.split_once(" ; ").map_or(argv, |(argv, _)| argv)).unwrap_or_default();
    service.program = argv.split_whitespace().map(str::to_owned).collect();
    service
}
