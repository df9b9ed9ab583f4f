// A credential that a server repeats does not reach the guest, and what is held back says nothing of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyRedactor } from "../src/redact/body.js";
import { EventRedactor } from "../src/redact/events.js";
import { Finder } from "../src/redact/finder.js";
import { TextRedactor } from "../src/redact/text.js";

const TOKEN = "hf_SecretToken+/123";

function through(pieces, credentials = [TOKEN]) {
  const redactor = new BodyRedactor(new Finder(credentials));
  const out = pieces.map((piece) => Buffer.from(redactor.push(Buffer.from(piece))));
  return Buffer.concat([...out, Buffer.from(redactor.end())]).toString();
}

test("the credential is masked whole, cut in two at every byte, and byte by byte", () => {
  const text = `data: {"echo":"${TOKEN}"}\n\ndata: more\n`;
  const clean = text.replace(TOKEN, "*".repeat(TOKEN.length));
  for (let at = 0; at <= text.length; at += 1) assert.equal(through([text.slice(0, at), text.slice(at)]), clean, `cut at ${at}`);
  assert.equal(through([...text]), clean);
});

test("its base64 is masked at every offset, in both alphabets", () => {
  for (const lead of ["", "a", "ab", "abc"]) {
    for (const alphabet of ["base64", "base64url"]) {
      const encoded = Buffer.from(`${lead}${TOKEN}zz`).toString(alphabet);
      const out = through([`${encoded}\n`]);
      assert.ok(out.includes("*".repeat(16)), `${alphabet} behind ${lead.length} bytes: ${out}`);
    }
  }
});

test("percent-encoded and as JSON it is masked too, and in header values", () => {
  assert.ok(!through([encodeURIComponent(TOKEN)]).includes("SecretToken"));
  assert.ok(!through([JSON.stringify({ t: 'a"b_secret' })], ['a"b_secret']).includes("secret"));
  assert.equal(new Finder([TOKEN]).clean(`Bearer ${TOKEN}`), `Bearer ${"*".repeat(TOKEN.length)}`);
});

test("how much is held back depends on the bytes alone, not on the credential", () => {
  const sizes = (text, credential) => {
    const redactor = new BodyRedactor(new Finder([credential]));
    return [...text].map((byte) => redactor.push(Buffer.from(byte)).length);
  };
  const text = `x hf_Secret ${TOKEN.slice(0, -1)}\n hf_ \n`;
  assert.deepEqual(sizes(text, TOKEN), sizes(text, "quite-another-credential"));
});

test("whole lines pass at once; a long line without an end passes but for a constant", () => {
  const redactor = new BodyRedactor(new Finder([TOKEN]));
  assert.equal(redactor.push(Buffer.from("data: a\n\n")).length, 9);
  assert.equal(redactor.push(Buffer.alloc(10_000, "a")).length, 10_000 - 8192);
});

test("what is between pieces of text and is no part of the response releases nothing", () => {
  const between = [{ tag: "other", val: { key: "logprobs", valueJson: "1" } }, { tag: "reasoning", val: { text: "", extras: [] } }];
  const redactor = new EventRedactor(new Finder([TOKEN]));
  const events = [...TOKEN].flatMap((val) => [{ tag: "text", val }, ...between]);
  const out = [...redactor.take(events), ...redactor.finish()];
  const text = out.filter(({ tag }) => tag === "text").map(({ val }) => val);
  assert.equal(text.join(""), TOKEN.slice(0, 7) + "*".repeat(TOKEN.length - 7));
});

const cut = (text, size) => Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size));
const unicode = (character, digits = 4) => `\\u${character.charCodeAt(0).toString(16).padStart(digits, "0")}`;

test("an escape of any character, at any depth of JSON, hides nothing", () => {
  for (let at = 0; at < TOKEN.length; at += 1) {
    for (const slashes of ["", "\\", "\\\\\\"]) {
      for (const escape of [unicode(TOKEN[at]), unicode(TOKEN[at]).toUpperCase().replace("U", "u")]) {
        const text = `{"a":"${TOKEN.slice(0, at)}${slashes}${escape}${TOKEN.slice(at + 1)}"}\n`;
        const out = through([text]);
        assert.ok(!/hf_Sec|Token|123/.test(out), out);
        assert.equal(out.length, text.length);
      }
    }
  }
  assert.match(through([`${[...TOKEN].map((character) => unicode(character)).join("")}\n`]), /^\*+\n$/);
});

test("as encoders of HTML and of nested JSON write it, it is masked", () => {
  const secret = `tok_AbC/123+xyz"9&<'`;
  const html = secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const forms = [JSON.stringify(JSON.stringify(secret)), JSON.stringify(secret).replaceAll("/", "\\/"), html.replaceAll('"', "&quot;").replaceAll("'", "&#39;"), html.replaceAll('"', "&#34;").replaceAll("'", "&#39;").replaceAll("+", "&#43;")];
  for (const form of forms) assert.ok(!through([`${form}\n`], [secret]).includes("AbC"), form);
});

test("a proper part of it is never masked", () => {
  for (let at = 1; at < TOKEN.length; at += 1) {
    for (const part of [TOKEN.slice(0, at), TOKEN.slice(at)]) assert.equal(through([part]), part);
  }
});

function spoken(pieces, secrets = [TOKEN]) {
  const stream = new TextRedactor(new Finder(secrets));
  return [...pieces.map((piece) => stream.push(piece)), stream.flush()];
}

test("prose passes as it comes; a long word waits from its eighth character on", () => {
  const words = ["The", " quick", " brown", "\n\n", "fox,", " „jumps“", " über", " it.", "犬", "です。"];
  assert.deepEqual(spoken(words).slice(0, words.length), words);
  assert.deepEqual(spoken(["An inter", "nation", "al", " affair"]), ["An inter", "na", "", "tional affair", ""]);
});

test("a token cut anywhere over deltas shows seven characters at most", () => {
  for (const before of ["", "key: ", "key=", '"', "ключ:"]) {
    for (let size = 1; size < TOKEN.length + 9; size += 1) {
      for (const end of ["", " and so on", '"}']) {
        const text = `${before}${TOKEN}${end}`;
        const out = spoken(cut(text, size)).join("");
        assert.equal(out.length, text.length);
        assert.ok(!out.includes(TOKEN.slice(0, 8)) && out.includes("*".repeat(TOKEN.length - 7)), `${size}: ${out}`);
      }
    }
  }
});

test("deep in a word without end it is masked whole, and no more than 512 characters wait", () => {
  for (const before of [7, 472, 512, 519, 1536]) {
    const text = `${"x".repeat(before)}${TOKEN}${"y".repeat(1024)}`;
    for (const size of [1, 5, 100, 600]) assert.equal(spoken(cut(text, size)).join(""), text.replace(TOKEN, "*".repeat(TOKEN.length)), `${before} ${size}`);
  }
});

test("how text is cut does not depend on the token", () => {
  const text = `say ${TOKEN.slice(0, -1)} and ${TOKEN.slice(1)} or\n${TOKEN.slice(0, 9)}x`;
  for (let size = 1; size < text.length; size += 1) {
    assert.deepEqual(spoken(cut(text, size)), spoken(cut(text, size), ["another-credential/of+another_length"]));
  }
});

test("every stream of a response is searched, each by itself, and nothing of it is lost", () => {
  const redactor = new EventRedactor(new Finder([TOKEN]));
  const escaped = TOKEN.replace("S", unicode("S"));
  const pieces = cut(TOKEN, 5);
  const events = [
    ...pieces.map((val) => ({ tag: "text", val })),
    ...pieces.map((text) => ({ tag: "reasoning", val: { text, extras: [] } })),
    { tag: "reasoning", val: { text: "", signature: `s${TOKEN}`, extras: [{ key: "k", valueJson: `["${escaped}"]` }] } },
    { tag: "tool-call-start", val: { index: 0, id: TOKEN, name: "f" } },
    { tag: "tool-call-start", val: { index: 1, id: "b", name: "g" } },
    { tag: "tool-call-delta", val: { index: 0, argumentsFragment: '{"k": "' } },
    ...cut(escaped, 3).flatMap((argumentsFragment) => [0, 1].map((index) => ({ tag: "tool-call-delta", val: { index, argumentsFragment: index === 0 ? argumentsFragment : "1," } }))),
    { tag: "tool-call-delta", val: { index: 0, argumentsFragment: '"}' } },
    { tag: "tool-call-end", val: { index: 0, extras: [] } },
    { tag: "text", val: "unfortunately" },
  ];
  const out = [...redactor.take(events), ...redactor.finish()];
  const said = JSON.stringify(out).replaceAll("\\\\", "\\");
  for (const shown of [TOKEN.slice(0, 8), TOKEN.slice(3, 12), TOKEN.slice(7), escaped.slice(0, 12)]) assert.ok(!said.includes(shown), `${shown} in ${said}`);
  const joined = (tag, field) => out.filter((event) => event.tag === tag).map(({ val }) => (field ? val[field] : val)).join("");
  assert.equal(joined("text"), `${TOKEN.slice(0, 7)}${"*".repeat(TOKEN.length - 7)}unfortunately`);
  assert.equal(joined("reasoning", "text").length, TOKEN.length);
  const ends = out.findIndex(({ tag }) => tag === "tool-call-end");
  assert.ok(out.findLastIndex(({ tag, val }) => tag === "tool-call-delta" && val.index === 0) < ends);
});
