// Masks a credential in the bytes that come back, in case a server repeats it. The guest must learn nothing of it.
//
// What is held back until more bytes come depends on the bytes and one public constant, never on the credential, so
// that the sizes of reads tell nothing about it.

/** The trailing run of bytes without a line feed that is held back, at most. Events end in a line feed. */
const HELD = 512;
const MASK = "*";

/** The spellings of a credential that are looked for: as it is, and in base64 at each offset. */
function spellings(credential) {
  const bytes = Buffer.from(credential);
  const forms = new Set([credential, JSON.stringify(credential).slice(1, -1), encodeURIComponent(credential)]);
  for (const lead of [0, 1, 2]) {
    // The characters at both ends also hold bits of the neighbours; the middle is the credential's alone.
    const text = Buffer.concat([Buffer.alloc(lead), bytes]).toString("base64").replace(/=+$/, "");
    const inner = text.slice(lead === 0 ? 0 : lead + 1, (bytes.length + lead) % 3 === 0 ? undefined : -1);
    if (inner.length >= 8) {
      forms.add(inner);
      forms.add(inner.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }
  return [...forms].filter((form) => form.length > 0).map((form) => Buffer.from(form, "latin1"));
}

/** Masks one text, such as a header's value. */
export function redacted(text, credentials) {
  return credentials.flatMap(spellings).reduce((masked, form) => {
    const found = form.toString("latin1");
    return masked.replaceAll(found, MASK.repeat(found.length));
  }, text);
}

/** Masks a stream of bytes. */
export class Redactor {
  /** @param {string[]} credentials those that must not come through */
  constructor(credentials) {
    this.forms = credentials.filter((credential) => credential.length > 0).flatMap(spellings);
    this.held = Buffer.alloc(0);
  }

  /** Takes bytes; gives those that may go on. */
  push(bytes) {
    if (this.forms.length === 0) return bytes;
    const all = this.masked(this.held.length > 0 ? Buffer.concat([this.held, bytes]) : Buffer.from(bytes));
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

  masked(bytes) {
    for (const form of this.forms) {
      for (let at = bytes.indexOf(form); at >= 0; at = bytes.indexOf(form, at + form.length)) {
        bytes.fill(MASK, at, at + form.length);
      }
    }
    return bytes;
  }
}
