// Where npm's scripts were not run: becomes the native program of this platform's package, or stays as its parent.
"use strict";

const path = require("path");

/** Starts the program of that name with our arguments. */
module.exports = function run(name) {
  const platform = `${process.platform}-${process.arch}`;
  let program;
  try {
    const manifest = require.resolve(`@codex-home-shim/${platform}/package.json`);
    program = path.join(path.dirname(manifest), "bin", name);
  } catch {
    console.error(
      `${name}: there is no program for ${platform} here\n` +
        `  help: run \`npm i codex-home-shim\` without \`--omit=optional\`, or \`cargo install --locked codex-home-shim\``,
    );
    process.exit(127);
  }
  const args = process.argv.slice(2);
  // Node 22.15 and later can become another program: nobody is left between a host and it.
  if (typeof process.execve === "function") {
    process.execve(program, [program, ...args], process.env);
  }
  const { spawn } = require("child_process");
  const child = spawn(program, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`${name}: \`${program}\` cannot be started: ${error.message}`);
    process.exit(126);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
};
