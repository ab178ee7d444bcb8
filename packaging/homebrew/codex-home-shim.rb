class CodexHomeShim < Formula
  desc "Launcher that gives OpenClaw's codex a home that can log in"
  homepage "https://github.com/codex-home-shim/codex-home-shim"
  # The release stamps the next two lines; see packaging/release.md.
  url "https://github.com/codex-home-shim/codex-home-shim/archive/refs/tags/v0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/codex-home-shim/codex-home-shim.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    man1.install "packaging/man/codex-home-shim.1", "packaging/man/codex-home.1"
    man5.install "packaging/man/codex-home-shim.toml.5"
    generate_completions_from_executable(bin/"codex-home", "completions")
  end

  def caveats
    <<~EOS
      To have OpenClaw start codex through the launcher, run

        #{opt_bin}/codex-home install

      which sets its `appServer.command` to #{opt_bin}/codex-home-shim,
      a path that stays the same when the formula is upgraded.
    EOS
  end

  test do
    # The situation of openclaw/openclaw#70511: a bridge whose auth.json has no
    # id_token, beside a person who is logged in.
    account = "acc-00000000-0000-0000-0000-000000000000"
    token = lambda do |kind|
      claims = { exp:                           4_102_444_800,
                 jti:                           kind,
                 "https://api.openai.com/auth": { chatgpt_account_id: account } }
      [{ alg: "none" }, claims].map { |part| [part.to_json].pack("m0").tr("+/", "-_").delete("=") }.push("c2ln").join(".")
    end
    bridge = testpath/".openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241"
    (bridge/"auth.json").write({
      auth_mode: "chatgpt",
      tokens:    { access_token: token.call("bridge"), refresh_token: "bridge", account_id: account },
    }.to_json)
    (testpath/".codex/auth.json").write({
      auth_mode:    "chatgpt",
      tokens:       { id_token: token.call("id"), access_token: token.call("personal"),
                      refresh_token: "personal", account_id: account },
      last_refresh: Time.now.utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }.to_json)
    personal = (testpath/".codex/auth.json").read

    # A codex that says which home it was given, and how it was called.
    codex = testpath/"stand-in/codex"
    codex.write <<~SH
      #!/bin/sh
      echo "$CODEX_HOME: $*"
    SH
    codex.chmod 0755

    ENV["CODEX_HOME"] = bridge.to_s
    ENV["CODEX_HOME_SHIM_CODEX"] = codex.to_s
    said = shell_output("#{bin}/codex-home-shim app-server --listen stdio://")
    assert_equal "#{testpath}/.codex: app-server --listen stdio://\n", said
    assert_equal personal, (testpath/".codex/auth.json").read
    assert_match '"decision": "redirect"', shell_output("#{bin}/codex-home explain --json")
    assert_match version.to_s, shell_output("#{bin}/codex-home --version")
  end
end
