// Preloaded into jsii's Node process by jsii_door.py. Two things, each of them slower but never wrong if it misses.
"use strict";
const Module = require("node:module");
const threads = require("node:worker_threads");

// 1. A provider's lib/index.js requires every module of the provider (2,200 for AWS) although a stack uses a dozen.
// Here each of its `exports.x = require("./x");` lines becomes a getter that requires on first use.
const PROVIDER_INDEX = /[\\/]@cdktf[\\/]provider-[^\\/]+[\\/]lib[\\/]index\.js$/;
const EAGER_EXPORT = /^exports\.(\w+) = require\("(\.\/[^"]+)"\);$/gm;
const LAZY_EXPORT =
  'Object.defineProperty(exports, "$1", { enumerable: true, configurable: true, get: () => require("$2") });';

const compile = Module.prototype._compile;
Module.prototype._compile = function (text, filename, ...rest) {
  const source = PROVIDER_INDEX.test(filename) ? text.replace(EAGER_EXPORT, LAZY_EXPORT) : text;
  return compile.call(this, source, filename, ...rest);
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
