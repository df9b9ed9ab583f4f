// A credential that a server repeats does not reach the guest, and what is held back says nothing of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Redactor, redacted } from "../src/sandbox/redact.js";

const TOKEN = "hf_SecretToken+/123";

function through(pieces, credentials = [TOKEN]) {
  const redactor = new Redactor(credentials);
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
  assert.equal(redacted(`Bearer ${TOKEN}`, [TOKEN]), `Bearer ${"*".repeat(TOKEN.length)}`);
});

test("how much is held back depends on the bytes alone, not on the credential", () => {
  const sizes = (text, credential) => {
    const redactor = new Redactor([credential]);
    return [...text].map((byte) => redactor.push(Buffer.from(byte)).length);
  };
  const text = `x hf_Secret ${TOKEN.slice(0, -1)}\n hf_ \n`;
  assert.deepEqual(sizes(text, TOKEN), sizes(text, "quite-another-credential"));
});

test("whole lines pass at once; a long line without an end passes but for a constant", () => {
  const redactor = new Redactor([TOKEN]);
  assert.equal(redactor.push(Buffer.from("data: a\n\n")).length, 9);
  assert.equal(redactor.push(Buffer.alloc(10_000, "a")).length, 10_000 - 512);
});
