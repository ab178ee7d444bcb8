# pip install openai-codex   (run with 0.163.0, which drives `codex app-server`)
#
# Only for a program whose CODEX_HOME a host made. Where CODEX_HOME is yours the SDK needs no launcher.
from openai_codex import Codex, CodexConfig

with Codex(CodexConfig(codex_bin="/usr/local/bin/codex-home-shim")) as codex:
    print(codex.thread_start().run("ping").final_response)
