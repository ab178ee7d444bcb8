// The TypeScript SDK with the launcher as its codex: npm i @openai/codex-sdk (run with 0.163.0)
//
// Only for a program whose CODEX_HOME a host made. If CODEX_HOME is yours, the SDK needs no launcher.
import { Codex } from "@openai/codex-sdk";

const codex = new Codex({
  codexPathOverride: "/usr/local/bin/codex-home-shim",
  // With `env` the SDK passes on nothing else: without HOME nobody could tell which home is yours.
  // env: { HOME: process.env.HOME, PATH: process.env.PATH, CODEX_HOME: process.env.CODEX_HOME },
});
const turn = await codex.startThread({ skipGitRepoCheck: true }).run("ping");
console.log(turn.finalResponse);
