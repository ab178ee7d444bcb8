// Puts the native programs in the place of the scripts that npm linked, so that no node is started for them: OpenClaw 2026.8.1 and
// later verifies what it starts, and refuses a script. What cannot be done is let go: the scripts work everywhere.
"use strict";

const fs = require("fs");
const path = require("path");

const agent = process.env.npm_config_user_agent || "";
// Yarn wraps what it links in a script for node, whatever it is.
if (process.platform !== "win32" && !/\byarn\//.test(agent)) {
  for (const name of ["codex-home-shim", "codex-home"]) {
    const script = path.join(__dirname, "bin", name);
    const fresh = `${script}.fresh`;
    try {
      const manifest = require.resolve(`@codex-home-shim/${process.platform}-${process.arch}/package.json`);
      const program = path.join(path.dirname(manifest), "bin", name);
      // A file of its own: a second link would be a surprise to who removes the other package.
      fs.copyFileSync(program, fresh);
      fs.chmodSync(fresh, 0o755);
      fs.renameSync(fresh, script);
    } catch {
      fs.rmSync(fresh, { force: true });
    }
  }
}
