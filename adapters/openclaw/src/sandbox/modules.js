// Limits of core WebAssembly modules: writes a maximum into every memory and table before a module is compiled.
//
// A worker's `resourceLimits` do not count the linear memory of WebAssembly, so the module itself has to carry the
// limit. This file knows the binary format of modules and nothing of components, providers or workers.

const PAGE_BYTES = 65536;
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION = { import: 2, table: 4, memory: 5 };
const FLAG = { maximum: 1, shared: 2, index64: 4, pageSize: 8 };

/** A module that is refused. The message says what was found and what is allowed. */
export class ModuleError extends Error {
  name = "ModuleError";
}

/** Reads the binary format from one position on. */
class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte() {
    if (this.at >= this.end) throw new ModuleError("invalid core module: it ends in the middle of a section");
    return this.bytes[this.at++];
  }

  number() {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new ModuleError("invalid core module: a number is longer than 32 bits");
  }

  skip(length) {
    if (this.at + length > this.end) throw new ModuleError("invalid core module: it ends in the middle of a section");
    this.at += length;
  }

  limits() {
    const flags = this.byte();
    if (flags & FLAG.shared) throw new ModuleError("core module refused: it has a shared memory");
    if (flags & FLAG.index64) throw new ModuleError("core module refused: it has a 64-bit memory or table");
    if (flags & FLAG.pageSize) throw new ModuleError("core module refused: it has a memory with pages of its own size");
    const minimum = this.number();
    return { minimum, maximum: flags & FLAG.maximum ? this.number() : undefined };
  }
}

function encoded(value) {
  const bytes = [];
  do {
    const byte = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? byte + 128 : byte);
  } while (value > 0);
  return bytes;
}

function* sections(bytes) {
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) throw new ModuleError("invalid core module: no WebAssembly 1.0 header");
  const reader = new Reader(bytes, MAGIC.length);
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    const size = reader.number();
    const body = reader.at;
    reader.skip(size);
    yield { id, start, body, end: reader.at };
  }
}

function memories(reader) {
  return Array.from({ length: reader.number() }, () => reader.limits());
}

function tables(reader) {
  return Array.from({ length: reader.number() }, () => {
    const type = reader.byte();
    // A table with an initial expression, or of a typed reference: no compiler of components emits either.
    if (type !== 0x70 && type !== 0x6f) throw new ModuleError("core module refused: it has a table of an unusual type");
    return { type, ...reader.limits() };
  });
}

/** The memories that a module defines itself, in pages. */
export function definedMemories(bytes) {
  for (const { id, body, end } of sections(bytes)) {
    if (id === SECTION.memory) return memories(new Reader(bytes, body, end));
  }
  return [];
}

function rewritten(id, entries) {
  const body = encoded(entries.length);
  for (const entry of entries) {
    if (entry.type !== undefined) body.push(entry.type);
    body.push(FLAG.maximum, ...encoded(entry.minimum), ...encoded(entry.maximum));
  }
  return Uint8Array.from([id, ...encoded(body.length), ...body]);
}

function capped(entry, most, what) {
  if (entry.minimum > most) {
    throw new ModuleError(`core module refused: ${what} begins with ${entry.minimum}, the limit is ${most}`);
  }
  return { ...entry, maximum: Math.min(entry.maximum ?? most, most) };
}

/**
 * Gives the modules of one component with a maximum in every memory and table. All memories together stay within
 * `memoryBytes`: each gets what it begins with, and an equal share of the rest.
 *
 * @param {Map<string, Uint8Array>} modules
 * @param {{ memoryBytes: number, tableElements: number }} limits
 * @returns {Map<string, Uint8Array>}
 */
export function limitModules(modules, { memoryBytes, tableElements }) {
  const pages = Math.floor(memoryBytes / PAGE_BYTES);
  const all = [...modules.values()].flatMap(definedMemories);
  const begun = all.reduce((sum, memory) => sum + memory.minimum, 0);
  if (begun > pages) {
    throw new ModuleError(`component refused: its memories begin with ${begun * PAGE_BYTES} bytes, max-memory-bytes is ${memoryBytes}`);
  }
  const share = all.length > 0 ? Math.floor((pages - begun) / all.length) : 0;
  const limited = new Map();
  for (const [name, bytes] of modules) {
    const parts = [bytes.subarray(0, MAGIC.length)];
    for (const { id, start, body, end } of sections(bytes)) {
      if (id === SECTION.memory) {
        const entries = memories(new Reader(bytes, body, end)).map((memory) => capped(memory, memory.minimum + share, "a memory"));
        parts.push(rewritten(id, entries));
      } else if (id === SECTION.table) {
        parts.push(rewritten(id, tables(new Reader(bytes, body, end)).map((table) => capped(table, tableElements, "a table"))));
      } else {
        parts.push(bytes.subarray(start, end));
      }
    }
    limited.set(name, Buffer.concat(parts));
  }
  return limited;
}
