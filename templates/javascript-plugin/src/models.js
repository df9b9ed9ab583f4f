// Model list: configured models first, then those of the service, or the bundled ones. Knows no chats.

import {
  findAliasesOf,
  findConfigured,
  findListed,
  get,
  listConfigured,
  listedIds,
} from 'openclaw:model-provider/settings@0.2.0';

import { Call, NS_PER_MS } from './client.js';
import { Failed, asText, before, ofStatus, sent, timeout } from './errors.js';
import { BASE_URL, BUNDLED, ID, LIST_PATH } from './facts.js';

const MAX_LIST_BYTES = 16 * 1024 * 1024;
const WINDOWS = ['context_length', 'context_window', 'max_model_len'];

// The alias of this model in the settings.
export function aliasOf(name) {
  const whole = findAliasesOf(`${ID}/${name}`);
  return (whole.length ? whole : findAliasesOf(name))[0]?.alias;
}

// A model with nothing but its id.
function blank(id, source) {
  return {
    id,
    displayName: BUNDLED.get(id) ?? id,
    alias: aliasOf(id),
    source,
    input: [],
    output: [],
    reasoning: undefined,
    contextWindow: undefined,
    maxOutputTokens: undefined,
    price: undefined,
    supportsTools: undefined,
    supportsStructuredOutput: undefined,
    routes: [],
    picks: [],
    extras: [],
  };
}

// A configured model, completed from what is known.
function ofConfigured({ id, displayName, input, reasoning, contextWindow, maxOutputTokens, price }) {
  const model = blank(id, 'configured');
  if (displayName?.trim()) model.displayName = displayName;
  return { ...model, input, reasoning, contextWindow, maxOutputTokens, price };
}

// What the settings, the cached list or the bundled list know of a model.
export function known(name) {
  const configured = findConfigured(name);
  if (configured) return ofConfigured(configured);
  return findListed(name) ?? (BUNDLED.has(name) ? blank(name, 'bundled') : undefined);
}

// References of known models, those with the longest common beginning first.
export function suggestions(text) {
  const ids = new Set([...listConfigured().map(({ id }) => id), ...listedIds(), ...BUNDLED.keys()]);
  const wanted = text.toLowerCase();
  const common = (id) => {
    const other = id.toLowerCase();
    let length = 0;
    while (length < wanted.length && wanted[length] === other[length]) length += 1;
    return length;
  };
  const best = [...ids].sort((a, b) => common(b) - common(a));
  return best.slice(0, 3).map((id) => `${ID}/${id}`);
}

// Lists the models. An upstream that fails is no error.
export function listModels(mode) {
  const configured = listConfigured().map(ofConfigured);
  if (mode === 'configured-only') return { models: unique(configured), source: 'configured', warnings: [] };
  const maySend = mode === 'always' || (mode === 'authenticated' && get().credential !== 'missing');
  try {
    if (!maySend) throw new Failed(before('other', 'no list was requested'));
    const { models, warnings } = live();
    return { models: unique([...configured, ...models]), source: 'live', warnings };
  } catch (failed) {
    if (!(failed instanceof Failed)) throw failed;
    const bundled = [...BUNDLED.keys()].map((id) => blank(id, 'bundled'));
    const warnings = [{ code: 'catalog-not-live', message: failed.error.message }];
    return { models: unique([...configured, ...bundled]), source: 'bundled', warnings };
  }
}

// The service's own list.
function live() {
  const rows = fetchRows();
  const models = rows.map(ofRow).filter(Boolean);
  if (models.length === 0) throw new Failed(sent('protocol', 'the service lists no models'));
  const skipped = rows.length - models.length;
  const message = `${skipped} rows of the list have no usable id`;
  return { models, warnings: skipped ? [{ code: 'rows-skipped', message }] : [] };
}

function fetchRows() {
  const settings = get();
  let left = BigInt(settings.listTimeoutMs) * NS_PER_MS;
  const call = new Call(settings.baseUrl ?? BASE_URL, LIST_PATH, [], undefined, settings.connectTimeoutMs);
  let body;
  try {
    while (!call.head()) {
      const { isReady, took } = call.wait(left);
      left = left > took ? left - took : 0n;
      if (!isReady) throw new Failed(timeout('list'));
    }
    body = call.collect(MAX_LIST_BYTES, left);
    if (call.status !== 200) throw new Failed(ofStatus(call.status, (name) => call.header(name), body));
  } finally {
    call.close();
  }
  try {
    const rows = JSON.parse(body)?.data;
    if (Array.isArray(rows)) return rows;
  } catch {
    // As any other text that is no list.
  }
  throw new Failed(sent('protocol', 'the list is not JSON with an array `data`'));
}

function ofRow(row) {
  const id = asText(row?.id).trim();
  if (!id) return undefined;
  const isCount = (value) => Number.isInteger(value) && value > 0 && value < 2 ** 32;
  return { ...blank(id, 'live'), contextWindow: WINDOWS.map((name) => row[name]).find(isCount) };
}

// The first of each id.
function unique(models) {
  const kept = new Map();
  for (const model of models) if (!kept.has(model.id)) kept.set(model.id, model);
  return [...kept.values()];
}
