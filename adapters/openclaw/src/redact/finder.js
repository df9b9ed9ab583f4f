// Finds secrets in texts and bytes, in every spelling in which a text commonly carries them: raw, JSON (nested, too),
// percent, HTML and base64. It finds whole secrets only: who has a part of one repeated learns nothing.
//
// It knows no stream; what is held back of one is the matter of `body.js` and `text.js`.

/** A shorter secret is not searched for: it would match ordinary text. */
const SHORTEST = 8;
const MASK = "*";

const inJson = (text) => JSON.stringify(text).slice(1, -1);
const everyByte = (text, keep) =>
  [...Buffer.from(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    return keep.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
const lowerHex = (text) => text.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());

function inHtml(text, quote, apostrophe, plus) {
  const words = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': quote, "'": apostrophe, "+": plus };
  return text.replace(/[&<>"'+]/g, (character) => words[character]);
}

/** The characters of its base64 that are the secret's alone, at each offset and in both alphabets. */
function inBase64(secret) {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((lead) => {
    const padded = Buffer.concat([Buffer.alloc(lead), bytes]);
    const middle = padded.toString("base64").slice(Math.ceil((lead * 8) / 6), Math.floor((padded.length * 8) / 6));
    return [middle, middle.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/** Every form of a secret. */
function formsOf(secret) {
  const forms = [secret, Buffer.from(secret).toString("latin1"), unescaped(secret).text];
  let nested = secret;
  for (let depth = 0; depth < 3; depth += 1) {
    nested = inJson(nested);
    forms.push(nested, nested.replaceAll("/", "\\/"));
  }
  for (const keep of [/[A-Za-z0-9]/, /[A-Za-z0-9\-_.~]/]) {
    const encoded = everyByte(secret, keep);
    forms.push(encoded, lowerHex(encoded));
  }
  forms.push(inHtml(secret, "&quot;", "&#39;", "+"), inHtml(secret, "&#34;", "&#39;", "&#43;"), inHtml(secret, "&quot;", "&#x27;", "&#x2B;"));
  return [...forms, ...inBase64(secret)];
}

/**
 * A text without the escapes of JSON, however deeply nested: `\u0068` is an `h`, and every other backslash is left out.
 * `places` says where each character begins in the text.
 */
export function unescaped(text) {
  let plain = "";
  const places = [];
  for (let at = 0; at < text.length; ) {
    const begin = at;
    while (text[at] === "\\") at += 1;
    if (at === text.length) break;
    const escape = at > begin && /^u00([0-7][0-9a-f])/i.exec(text.slice(at, at + 5));
    places.push(begin);
    plain += escape ? String.fromCharCode(Number.parseInt(escape[1], 16)) : text[at];
    at += escape ? 5 : 1;
  }
  places.push(text.length);
  return { text: plain, places };
}

export class Finder {
  /** @param {string[]} secrets */
  constructor(secrets) {
    const forms = new Set(secrets.filter((secret) => secret.length > 0).flatMap(formsOf));
    this.forms = [...forms].filter((form) => form.length >= SHORTEST);
  }

  /** Where secrets are, in no order: pairs of begin and end. */
  ranges(text) {
    const found = this.search(text);
    if (this.forms.length > 0 && (text.includes("\\u00") || text.includes("\\/"))) {
      const { text: plain, places } = unescaped(text);
      found.push(...this.search(plain).map(([begin, end]) => [places[begin], places[end]]));
    }
    return found;
  }

  search(text) {
    const found = [];
    for (const form of this.forms) {
      for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) found.push([at, at + form.length]);
    }
    return found;
  }

  /** The same text with secrets replaced, character for character. */
  clean(text) {
    return masked(text, this.ranges(text));
  }

  /** Replaces secrets in bytes, in place. */
  mask(bytes) {
    for (const [begin, end] of this.ranges(bytes.latin1Slice())) bytes.fill(MASK, begin, end);
    return bytes;
  }

  /** The same value with secrets replaced in every text of it, names included. */
  cleanAll(value) {
    if (typeof value === "string") return this.clean(value);
    if (Array.isArray(value)) return value.map((item) => this.cleanAll(item));
    if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [this.clean(name), this.cleanAll(item)]));
  }
}

/** A text with parts of it replaced. */
export function masked(text, ranges) {
  return ranges.reduce((out, [begin, end]) => {
    const to = Math.min(end, out.length);
    return begin < to ? out.slice(0, begin) + MASK.repeat(to - begin) + out.slice(to) : out;
  }, text);
}
