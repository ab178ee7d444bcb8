# The Python SDK openai-codex with the launcher as its codex: pip install openai-codex (run with 0.163.0)
#
# Only for a program whose CODEX_HOME a host made. If CODEX_HOME is yours, the SDK needs no launcher.
from openai_codex import Codex, CodexConfig

with Codex(CodexConfig(codex_bin="/usr/local/bin/codex-home-shim")) as codex:
    print(codex.thread_start().run("ping").final_response)
