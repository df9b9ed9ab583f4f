// Facts of one service: change these. Knows no HTTP, nor the form of bodies.

// The prefix of model references, and the key in a configuration.
export const ID = 'example';
export const BASE_URL = 'https://api.example.com/v1';
// Paths below the base URL: the model list and chat completions.
export const LIST_PATH = '/models';
export const CHAT_PATH = '/chat/completions';
// The media type of a streaming response.
export const STREAM_TYPE = 'text/event-stream';
// The response header with the service's id of the request, in lower case; null if it sends none.
export const REQUEST_ID_HEADER = 'x-request-id';
// Whether the service also works without the key, as local servers do.
export const CREDENTIAL_OPTIONAL = false;
// Whether a model may have any name, spaces and colons included. Else its name follows the contract's grammar.
export const ANY_MODEL_ID = false;
// The bundled models: ids and display names.
export const BUNDLED = new Map([['example-large', 'Example Large']]);
export const KEY_VARIABLE = 'EXAMPLE_API_KEY';

// Facts that hosts and the conformance kit know, and whether they hold.
const FACTS = { 'credential-optional': CREDENTIAL_OPTIONAL, 'any-model-id': ANY_MODEL_ID };

// The plugin's description. The operator is asked to confirm before the host grants any of it.
export function describe() {
  return {
    id: ID,
    name: 'Example',
    version: '0.1.0',
    docsUrl: undefined,
    defaultBaseUrl: BASE_URL,
    endpoints: [
      { method: 'GET', path: LIST_PATH },
      { method: 'POST', path: CHAT_PATH },
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
    extras: Object.keys(FACTS)
      .filter((key) => FACTS[key])
      .map((key) => ({ key, valueJson: 'true' })),
  };
}
