// Limits in core modules: what a guest can grow to is decided before it is compiled.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ModuleError, definedMemories, limitModules } from "../src/sandbox/modules.js";

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const module = (...sections) => Uint8Array.from([...HEADER, ...sections.flat()]);
const memory = (...limits) => [5, limits.length + 1, 1, ...limits];
/** Exports memory 0 as `m`. */
const exported = [7, 5, 1, 1, 0x6d, 2, 0];
const PAGE = 65536;
const limits = { memoryBytes: 16 * PAGE, tableElements: 100 };
const limit = (...modules) => limitModules(new Map(modules.map((bytes, at) => [String(at), bytes])), limits);
const instance = (bytes) => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;

test("a memory without a maximum gets one, and cannot grow past it", () => {
  const { m } = instance(limit(module(memory(0, 1), exported)).get("0"));
  m.grow(15);
  assert.throws(() => m.grow(1), RangeError);
});

test("a lower maximum of the module stays, a higher one is cut", () => {
  const grown = (maximum) => {
    const { m } = instance(limit(module(memory(1, 1, maximum), exported)).get("0"));
    let pages = 1;
    try {
      for (;;) pages += (m.grow(1), 1);
    } catch {
      return pages;
    }
  };
  assert.equal(grown(4), 4);
  assert.equal(grown(127), 16);
});

test("the memories of all modules share one limit", () => {
  const limited = limit(module(memory(0, 2), exported), module(memory(0, 2), exported));
  const [one, other] = [...limited.values()].map((bytes) => definedMemories(bytes)[0].maximum);
  assert.equal(one + other, 16);
});

test("memories that begin above the limit are refused, with both numbers", () => {
  assert.throws(() => limit(module(memory(0, 17))), /1114112 bytes, max-memory-bytes is 1048576/);
});

test("shared, 64-bit and odd-paged memories are refused", () => {
  for (const flags of [3, 4, 8]) assert.throws(() => limit(module(memory(flags, 1, 2))), ModuleError);
});

test("a table gets a maximum, and one above the limit is refused", () => {
  const table = (...entry) => [4, entry.length + 1, 1, ...entry];
  assert.doesNotThrow(() => new WebAssembly.Module(limit(module(table(0x70, 0, 10))).get("0")));
  assert.throws(() => limit(module(table(0x70, 0, 101))), /a table begins with 101, the limit is 100/);
  assert.throws(() => limit(module([4, 3, 1, 0x40, 0])), /unusual type/);
});

test("bytes that are no module end in an error of ours at every length", () => {
  const whole = module(memory(0, 1), exported);
  for (let length = 0; length < whole.length; length += 1) {
    const cut = whole.slice(0, length);
    // A cut between sections is a smaller module.
    if (length === HEADER.length || length === HEADER.length + 5) continue;
    assert.throws(() => limit(cut), ModuleError, `cut at ${length}`);
  }
  for (const bytes of [[], [1, 2, 3], [...HEADER, 5, 0x80, 0x80, 0x80, 0x80, 0x80, 1]]) {
    assert.throws(() => limit(Uint8Array.from(bytes)), ModuleError);
  }
});
