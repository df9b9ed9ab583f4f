// Facts of one service: change these. Knows no HTTP.

// The prefix of model references, and the key in a configuration.
export const ID = 'example';
export const BASE_URL = 'https://api.example.com/v1';
// The bundled models: ids and display names.
export const BUNDLED = new Map([['example-large', 'Example Large']]);
export const KEY_VARIABLE = 'EXAMPLE_API_KEY';

// The plugin's description. The operator is asked to confirm before the host grants any of it.
export function describe() {
  return {
    id: ID,
    name: 'Example',
    version: '0.1.0',
    docsUrl: undefined,
    defaultBaseUrl: BASE_URL,
    endpoints: [
      { method: 'GET', path: '/models' },
      { method: 'POST', path: '/chat/completions' },
    ],
    defaultModel: `${ID}/${[...BUNDLED.keys()][0]}`,
    policies: [],
    credential: {
      envVars: [KEY_VARIABLE],
      header: 'authorization',
      prefix: 'Bearer ',
      label: 'Example API key',
      note: undefined,
      helpUrl: undefined,
    },
    extras: [],
  };
}
