// Model references: `example/NAME`, aliases of the settings, and names alone. Uses the settings, never the network.

import { findAlias } from 'openclaw:model-provider/settings@0.2.0';

import { Failed, before } from './errors.js';
import { ANY_MODEL_ID, ID } from './facts.js';
import { aliasOf, known, suggestions } from './models.js';

const PART = /^[A-Za-z0-9_.-]+$/;
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

// Resolves a reference or an alias.
export function resolve(text) {
  text = text.trim();
  const name = withoutPrefix(text);
  if (name !== undefined) return named(name);
  if (known(text)) return named(text);
  const found = findAlias(text).map(({ reference }) => named(withoutPrefix(reference.trim()) ?? reference.trim()));
  const references = [...new Set(found.map(({ canonical }) => canonical))];
  if (references.length > 1) {
    const message = `\`${text}\` is an alias of ${references.length} models`;
    throw new Failed(before('invalid-reference', message, { suggestions: references }));
  }
  return found[0] ?? named(text);
}

// The text after `example/`, which may have any case.
function withoutPrefix(text) {
  const slash = text.indexOf('/');
  return slash >= 0 && text.slice(0, slash).toLowerCase() === ID ? text.slice(slash + 1) : undefined;
}

// A reference by its name alone.
function named(name) {
  const isValid = ANY_MODEL_ID
    ? name !== '' && name.trim() === name && !CONTROL.test(name)
    : name.split('/').every((part) => PART.test(part));
  if (!isValid) {
    const expected = ANY_MODEL_ID ? 'without control characters and surrounding white space' : 'of letters, digits and `-_./`';
    const message = `invalid model reference \`${name}\`: expected ${ID}/NAME ${expected}`;
    throw new Failed(before('invalid-reference', message, { suggestions: suggestions(name) }));
  }
  const metadata = known(name);
  return {
    model: name,
    routing: { tag: 'default' },
    canonical: `${ID}/${name}`,
    wireId: name,
    displayName: metadata?.displayName ?? name,
    alias: aliasOf(name),
    providerLocked: false,
    metadata,
    warnings: [],
  };
}
