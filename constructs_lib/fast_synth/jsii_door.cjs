// Preloaded into jsii's Node process by jsii_door.py. Each part is slower but never wrong where it does not fit.
"use strict";
const Module = require("node:module");
const threads = require("node:worker_threads");

// 1. A provider's lib/index.js requires every module of the provider (2,200 for AWS) although a stack uses a dozen.
// Here its lines `exports.x = require("./x");`, or `exports.x = __importStar(require("./x"));` in CDK Terrain's, become
// getters that require on first use.
const PROVIDER_INDEX = /[\\/]@cdkt[fn][\\/]provider-[^\\/]+[\\/]lib[\\/]index\.js$/;
const EAGER_EXPORT = /^exports\.(\w+) = (require\("\.\/[^"]+"\)|__importStar\(require\("\.\/[^"]+"\)\));$/gm;
const LAZY_EXPORT = 'lazily("$1", () => $2);';
const LAZILY = `
function lazily(name, load) {
  let loaded;
  Object.defineProperty(exports, name, { enumerable: true, configurable: true, get: () => (loaded ??= load()) });
}
`;
const SOURCE_MAP = /^\/\/# sourceMappingURL=.*$/m;

const lazyIndex = (text) => text.replace(EAGER_EXPORT, LAZY_EXPORT).replace(SOURCE_MAP, "") + LAZILY;

// Likewise cdktf requires archiver (170 modules), which it uses in another process only.
const CDKTF_FS = /[\\/]cdktf[\\/]lib[\\/]private[\\/]fs\.js$/;
const EAGER_ARCHIVER = 'const archiver = require("archiver");';
const LAZY_ARCHIVER = 'const archiver = (...options) => require("archiver")(...options);';

function rewrite(text, filename) {
  if (PROVIDER_INDEX.test(filename)) return lazyIndex(text);
  return CDKTF_FS.test(filename) ? text.replace(EAGER_ARCHIVER, LAZY_ARCHIVER) : text;
}

const compile = Module.prototype._compile;
Module.prototype._compile = function (text, filename, ...rest) {
  return compile.call(this, rewrite(text, filename), filename, ...rest);
};

// 2. jsii replaces parsing the provider's 130 MB assembly by a small index, which a worker thread builds after the
// first load. A synth is over before that worker is, so it would begin anew each time and never finish: let it.
const working = new Set();
threads.Worker = class extends threads.Worker {
  constructor(...args) {
    super(...args);
    working.add(this);
    this.once("exit", () => working.delete(this));
  }
};
const exit = process.exit.bind(process);
process.exit = (code) => {
  if (working.size === 0) exit(code);
  for (const worker of working) worker.once("exit", () => working.size === 0 && exit(code));
};

// 3. A terminal's Ctrl-C goes to every process there. jsii ends Node then, and Python finds a broken pipe when it tells
// Node to end, at its own exit. So Node takes no notice, jsii's own listener included: it ends when Python closes its input.
const on = process.on.bind(process);
on("SIGINT", () => {});
process.on = (event, listener) => (event === "SIGINT" ? process : on(event, listener));
