//! The differences between Linux and macOS, as values. Tests on Linux run the rows of macOS too.
//!
//! `cfg!` chooses the value here and nowhere else. System calls that only one system has are in [`crate::fs`].

/// A family of systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
}

/// The programs that run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Programs {
    /// ELF with this `e_machine`.
    Elf(u16),
    /// Mach-O, except thin files with this `cputype`. Apple silicon may run Intel's.
    MachO {
        /// The `cputype` that does not run here.
        foreign: Option<u32>,
    },
}

/// The PATH of the services that OpenClaw 2026.4.21 to 2026.9.6 makes, after node's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePath {
    /// Directories below the person's home.
    pub of_user: &'static [&'static str],
    /// The system's directories.
    pub of_system: &'static [&'static str],
}

/// The places of the system and of codex on this platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The family of the system.
    pub os: Os,
    /// Whether `XDG_CONFIG_HOME` and `XDG_STATE_HOME` are read.
    pub has_xdg: bool,
    /// The settings' directory below the person's home.
    pub config_directory: &'static str,
    /// The journal's directory below the person's home.
    pub state_directory: &'static str,
    /// The directory of codex's system-wide configuration.
    pub etc_codex: &'static str,
    /// The property lists from which codex takes managed preferences; `~` is the person's home, `$USER` their
    /// name, `*` in a file's name the machine's id.
    pub preferences: &'static [&'static str],
    /// npm's package with the native codex.
    pub npm_package: &'static str,
    /// The target of the native codex, as npm's script names it.
    pub triple: &'static str,
    /// The programs that run here.
    pub programs: Programs,
    /// The PATH of OpenClaw's services.
    pub service_path: ServicePath,
}

/// This machine's.
pub const PLATFORM: Platform = match (cfg!(target_os = "macos"), cfg!(target_arch = "aarch64")) {
    (false, false) => LINUX_X64,
    (false, true) => LINUX_ARM64,
    (true, false) => MACOS_X64,
    (true, true) => MACOS_ARM64,
};

/// Linux on x86-64.
pub const LINUX_X64: Platform = Platform {
    os: Os::Linux,
    has_xdg: true,
    config_directory: ".config",
    state_directory: ".local/state",
    etc_codex: "/etc/codex",
    preferences: &[],
    npm_package: "codex-linux-x64",
    triple: "x86_64-unknown-linux-musl",
    programs: Programs::Elf(62),
    service_path: ServicePath {
        of_user: &[".local/bin", ".npm-global/bin", "bin", ".volta/bin", ".asdf/shims", ".bun/bin"],
        of_system: &["/usr/local/bin", "/usr/bin", "/bin"],
    },
};

/// Linux on arm64.
pub const LINUX_ARM64: Platform = Platform {
    npm_package: "codex-linux-arm64",
    triple: "aarch64-unknown-linux-musl",
    programs: Programs::Elf(183),
    ..LINUX_X64
};

/// macOS on Apple silicon.
pub const MACOS_ARM64: Platform = Platform {
    os: Os::MacOs,
    has_xdg: false,
    config_directory: "Library/Application Support",
    state_directory: "Library/Application Support",
    etc_codex: "/etc/codex",
    preferences: &[
        "/Library/Managed Preferences/$USER/com.openai.codex.plist",
        "/Library/Managed Preferences/com.openai.codex.plist",
        "/Library/Managed Preferences/$USER/.GlobalPreferences.plist",
        "/Library/Managed Preferences/.GlobalPreferences.plist",
        "~/Library/Preferences/ByHost/.GlobalPreferences.*.plist",
        "~/Library/Preferences/com.openai.codex.plist",
        "~/Library/Preferences/ByHost/com.openai.codex.*.plist",
        "/Library/Preferences/com.openai.codex.plist",
        "~/Library/Preferences/.GlobalPreferences.plist",
        "/Library/Preferences/.GlobalPreferences.plist",
    ],
    npm_package: "codex-darwin-arm64",
    triple: "aarch64-apple-darwin",
    programs: Programs::MachO { foreign: None },
    service_path: ServicePath {
        of_user: &[],
        of_system: &[
            "/opt/homebrew/bin",
            "/opt/homebrew/sbin",
            "/usr/local/bin",
            "/usr/bin",
            "/bin",
            "/usr/sbin",
            "/sbin",
        ],
    },
};

/// macOS on Intel.
pub const MACOS_X64: Platform = Platform {
    npm_package: "codex-darwin-x64",
    triple: "x86_64-apple-darwin",
    programs: Programs::MachO { foreign: Some(0x0100_000c) },
    ..MACOS_ARM64
};
