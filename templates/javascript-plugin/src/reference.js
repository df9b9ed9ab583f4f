// Model references: `example/NAME`, aliases of the settings, and names alone. Uses the settings, never the network.

import { findAlias } from 'openclaw:model-provider/settings@0.2.0';

import { Failed, before } from './errors.js';
import { ID } from './facts.js';
import { aliasOf, known, suggestions } from './models.js';

const PART = /^[A-Za-z0-9_.-]+$/;

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
  return text.slice(0, slash).toLowerCase() === ID ? text.slice(slash + 1) : undefined;
}

// A reference by its name alone.
function named(name) {
  if (!name.split('/').every((part) => PART.test(part))) {
    const message = `invalid model reference \`${name}\`: expected ${ID}/NAME of letters, digits and \`-_./\``;
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
