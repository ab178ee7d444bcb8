#!/usr/bin/env node
// Lays out the npm packages: packaging/npm/build.js DIST DIRECTORY
//
// DIST is what packaging/build made, `target/dist`. One package a platform, which carries its native programs, and one that
// depends on all of them optionally, of which npm fetches the one that fits. A platform that was not built is left out, so that
// a machine can try its own; a release has all four (packaging/release.md).
//
// A `bin` can only name files of its own package, and npm 12 runs no scripts, so what the main package puts on PATH stays a script
// for node. The package of a platform has native programs in its `bin`: it can be installed by itself.
"use strict";

const fs = require("fs");
const path = require("path");

const [dist, to] = process.argv.slice(2);
if (!dist || !to) {
  console.error("usage: packaging/npm/build.js DIST DIRECTORY");
  process.exit(2);
}
const root = path.join(__dirname, "..", "..");
const cargo = fs.readFileSync(path.join(root, "Cargo.toml"), "utf8");
const field = (name) => cargo.match(new RegExp(`^${name} = "(.*)"$`, "m"))[1];
const programs = ["codex-home-shim", "codex-home"];
const bin = Object.fromEntries(programs.map((program) => [program, `bin/${program}`]));
const platforms = [
  { os: "linux", cpu: "x64", target: "x86_64-unknown-linux-musl" },
  { os: "linux", cpu: "arm64", target: "aarch64-unknown-linux-musl" },
  { os: "darwin", cpu: "x64", target: "x86_64-apple-darwin" },
  { os: "darwin", cpu: "arm64", target: "aarch64-apple-darwin" },
];
const common = {
  version: field("version"),
  license: field("license"),
  repository: { type: "git", url: `git+${field("repository")}.git` },
  homepage: field("repository"),
};

const write = (file, text, mode = 0o644) => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode });
};
const copy = (from, file, mode = 0o644) => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.copyFileSync(from, file);
  fs.chmodSync(file, mode);
};
const manifest = (directory, fields) =>
  write(path.join(directory, "package.json"), `${JSON.stringify(fields, null, 2)}\n`);

fs.rmSync(to, { recursive: true, force: true });
const optionalDependencies = {};
for (const { os, cpu, target } of platforms) {
  const built = path.join(dist, target);
  if (!fs.existsSync(built)) continue;
  const name = `@codex-home-shim/${os}-${cpu}`;
  const directory = path.join(to, `${os}-${cpu}`);
  manifest(directory, {
    name,
    ...common,
    description: `The programs of codex-home-shim for ${os} on ${cpu}`,
    os: [os],
    cpu: [cpu],
    bin,
    files: ["bin", "README.md"],
    preferUnplugged: true,
  });
  for (const program of programs) copy(path.join(built, program), path.join(directory, "bin", program), 0o755);
  copy(path.join(__dirname, "README.md"), path.join(directory, "README.md"));
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copy(path.join(root, licence), path.join(directory, licence));
  optionalDependencies[name] = common.version;
}

const directory = path.join(to, "codex-home-shim");
manifest(directory, {
  name: "codex-home-shim",
  ...common,
  description: field("description"),
  keywords: ["codex", "openclaw", "launcher", "auth"],
  bin,
  man: ["man/codex-home-shim.1", "man/codex-home.1", "man/codex-home-shim.toml.5"],
  files: ["bin", "man", "run.js", "install.js"],
  scripts: { postinstall: "node install.js" },
  optionalDependencies,
  engines: { node: ">=18" },
});
for (const program of programs) {
  write(path.join(directory, "bin", program), `#!/usr/bin/env node\nrequire("../run.js")("${program}");\n`, 0o755);
}
for (const file of ["run.js", "install.js", "README.md"]) copy(path.join(__dirname, file), path.join(directory, file));
for (const page of fs.readdirSync(path.join(root, "packaging", "man"))) {
  copy(path.join(root, "packaging", "man", page), path.join(directory, "man", page));
}
for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copy(path.join(root, licence), path.join(directory, licence));
console.log(`${to}: ${["codex-home-shim", ...Object.keys(optionalDependencies)].join(", ")} ${common.version}`);
