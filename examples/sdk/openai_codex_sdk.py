# The Python SDK openai-codex-sdk with the launcher as its codex: pip install openai-codex-sdk (run with 0.1.11)
#
# Only for a program whose CODEX_HOME a host made. If CODEX_HOME is yours, the SDK needs no launcher.
import asyncio

from openai_codex_sdk import Codex


async def main():
    codex = Codex({"codex_path_override": "/usr/local/bin/codex-home-shim"})
    thread = codex.start_thread({"skip_git_repo_check": True})
    print((await thread.run("ping")).final_response)


asyncio.run(main())
