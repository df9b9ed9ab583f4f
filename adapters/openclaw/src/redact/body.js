// Masks secrets in the bytes of a response on their way to the guest, in case a server repeats them.
//
// What is held back until more bytes come depends on the bytes and one public constant, never on the secret, so that the
// sizes of reads reveal nothing about it to the guest.

/** The trailing run of bytes without a line feed that is held back, at most. Events end in a line feed. */
const HELD = 8192;

export class BodyRedactor {
  /** @param {import("./finder.js").Finder} finder */
  constructor(finder) {
    this.finder = finder;
    this.held = Buffer.alloc(0);
  }

  /** Takes bytes; gives those that may go on. */
  push(bytes) {
    if (this.finder.forms.length === 0) return bytes;
    const all = this.finder.mask(this.held.length > 0 ? Buffer.concat([this.held, bytes]) : Buffer.from(bytes));
    const lineEnd = all.lastIndexOf(0x0a) + 1;
    const from = Math.max(lineEnd, all.length - HELD);
    this.held = Buffer.from(all.subarray(from));
    return all.subarray(0, from);
  }

  /** Gives what was held back. */
  end() {
    const rest = this.held;
    this.held = Buffer.alloc(0);
    return rest;
  }
}
