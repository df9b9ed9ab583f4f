// Redacts secrets in decoded text that arrives in chunks, such as the deltas of a streaming response.
//
// A credential is one word: printable ASCII without blanks. Only words are held back, from their eighth character on and
// at most 512 characters, until a blank, a character outside of ASCII or the end. Prose passes as it comes, and what is
// held back says nothing of a secret: it depends on the text alone.
import { masked } from "./finder.js";

/** So many characters of a word are given before it is known how it goes on. */
const SHOWN = 7;
/** The most of a word that is held back. */
const HELD = 512;

const wordAtEnd = (text) => {
  let at = text.length;
  while (at > 0 && text.charCodeAt(at - 1) > 0x20 && text.charCodeAt(at - 1) < 0x7f) at -= 1;
  return text.length - at;
};

export class TextRedactor {
  /** The word at the end, with what was given of it as far as a secret may begin there. */
  word = "";
  /** So many characters of it were given. */
  given = 0;
  /** So many behind those belong to a secret whose beginning was given. */
  begun = 0;
  /** The word is longer than what is here of it. */
  isLonger = false;

  constructor(finder) {
    this.finder = finder;
  }

  /** The next chunk, redacted, as far as it may be passed on; may be empty. */
  push(piece) {
    if (this.word === "" || piece === "") return this.take(this.word + piece, this.given);
    if (wordAtEnd(piece[0]) === 1) return this.take(this.word + piece, this.given);
    const before = this.flush();
    Object.assign(this, { word: "", given: 0, begun: 0, isLonger: false });
    return before + this.take(piece, 0);
  }

  get holds() {
    return this.given < this.word.length;
  }

  /** Gives what is held. What comes after it is still read as the same word. */
  flush() {
    const all = this.word;
    const out = this.give(all, this.given, all.length);
    this.isLonger ||= all.length > HELD;
    this.word = all.slice(-HELD);
    this.given = this.word.length;
    return out;
  }

  /** Takes all that there is of the stream's end, of which so much was given before. */
  take(all, given) {
    const word = wordAtEnd(all);
    if (word < all.length) this.isLonger = false;
    const open = this.isLonger ? HELD : Math.max(word - SHOWN, 0);
    const held = Math.min(open, HELD, word, all.length - Math.min(given, all.length));
    const split = all.length - held;
    // A secret that was begun before `split` and not ended yet begins behind this.
    const begin = Math.max(all.length - word, split - HELD);
    this.isLonger ||= begin > all.length - word;
    const out = this.give(all, given, split);
    this.word = all.slice(begin);
    this.given = split - begin;
    return out;
  }

  /** The text from `given` to `split`, redacted; records what is redacted after it. */
  give(all, given, split) {
    const ranges = [...this.finder.ranges(all), [given, given + this.begun]];
    this.begun = Math.max(0, ...ranges.filter(([begin]) => begin < split).map(([, end]) => end - split));
    return masked(all, ranges).slice(given, Math.max(split, given));
  }
}
