// Asks one thing with the `anthropic` client of npm, and writes what it read as JSON: `claude_sdk.mjs BASE_URL KEY COMMAND BODY`.
import { createRequire } from 'node:module'

const require = createRequire(process.env.CLAUDE_NODE_MODULES + '/x.js')
const { default: Anthropic } = await import(require.resolve('@anthropic-ai/sdk').replace(/index\.js$/, 'index.mjs'))

const [baseURL, apiKey, command, text] = process.argv.slice(2)
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 })
const body = JSON.parse(text)

async function ask() {
  switch (command) {
    case 'create':
      return await client.messages.create(body)
    case 'stream': {
      let pieces = 0
      const stream = client.messages.stream(body).on('streamEvent', () => (pieces += 1))
      return { ...(await stream.finalMessage()), pieces }
    }
    case 'count':
      return await client.messages.countTokens(body)
    case 'models': {
      const ids = []
      for await (const model of client.models.list(body)) ids.push(model.id)
      return ids
    }
  }
}

let found
try {
  found = await ask()
} catch (error) {
  if (!(error instanceof Anthropic.APIError)) throw error
  found = { failed: { name: error.constructor.name, status: error.status ?? null, type: error.type ?? null,
    message: error.message, request: error.requestID ?? null } }
}
console.log(JSON.stringify(found))
