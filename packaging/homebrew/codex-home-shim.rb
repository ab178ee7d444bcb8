class CodexHomeShim < Formula
  desc "Launcher that gives OpenClaw's codex a home that can log in"
  homepage "https://github.com/codex-home-shim/codex-home-shim"
  # The release stamps the next two lines; see packaging/release.md.
  url "https://github.com/codex-home-shim/codex-home-shim/archive/refs/tags/v0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/codex-home-shim/codex-home-shim.git", branch: "main"

  depends_on "rust" => :build

  deny_network_access!

  def fetch
    system "cargo", "fetch", *std_cargo_fetch_args
  end

  def install
    system "cargo", "install", *std_cargo_args
    man1.install "packaging/man/codex-home-shim.1", "packaging/man/codex-home.1"
    man5.install "packaging/man/codex-home-shim.toml.5"
    generate_completions_from_executable(bin/"codex-home", "completions")
  end

  def caveats
    <<~EOS
      `codex-home install` makes OpenClaw start the launcher. Undo that before
      you uninstall the formula, or OpenClaw cannot start codex any more:
        codex-home uninstall
    EOS
  end

  test do
    # The situation of openclaw/openclaw#70511: no `id_token`, and no other login.
    bridge = testpath/".openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241"
    (bridge/"auth.json").write <<~JSON
      { "auth_mode": "chatgpt", "tokens": { "access_token": "a", "refresh_token": "r" } }
    JSON
    assert_match "missing-id-token", shell_output("#{bin}/codex-home inspect #{bridge}", 1)

    ENV["CODEX_HOME"] = bridge.to_s
    ENV["CODEX_HOME_SHIM_CODEX"] = "/usr/bin/true"
    said = shell_output("#{bin}/codex-home-shim login status 2>&1", 78)
    assert_match "missing-id-token", said
    assert_match "openclaw models auth login", said
  end
end
