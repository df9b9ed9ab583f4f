// One request by an unmodified client of npm: `ask.mjs CLIENT BASE_URL KEY BODY`, with NODE_MODULES in the environment.
// Prints the response in the format that clients.py compares.

import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const [, , client, baseUrl, key, text] = process.argv;
const body = JSON.parse(text);
const load = createRequire(join(process.env.NODE_MODULES, "none.js"));

/** Each client's calls: whole, and streaming. */
const clients = {
  openai() {
    const { OpenAI } = load("openai");
    const { completions } = new OpenAI({ baseURL: baseUrl, apiKey: key, maxRetries: 0 }).chat;
    return { whole: (asked) => completions.create(asked), streamed: (asked) => completions.create(asked) };
  },
  huggingface() {
    const { InferenceClient } = load("@huggingface/inference");
    const endpointUrl = baseUrl.replace(/\/v1$/, "");
    const inference = new InferenceClient(key, { endpointUrl });
    const options = { retry_on_error: false };
    return {
      whole: (asked) => inference.chatCompletion(asked, options),
      streamed: (asked) => inference.chatCompletionStream(asked, options),
    };
  },
};

function call({ function: { name, arguments: written } }) {
  return { name, arguments: written };
}

async function whole(ask) {
  const answer = await ask.whole(body);
  const [{ message, finish_reason: finish }] = answer.choices;
  return {
    text: message.content ?? "",
    thoughts: message.reasoning_content ?? "",
    calls: (message.tool_calls ?? []).map(call),
    finish,
    usage: answer.usage,
    model: answer.model,
  };
}

async function streamed(ask) {
  const found = { text: "", thoughts: "", calls: [], pieces: 0 };
  for await (const chunk of await ask.streamed(body)) {
    found.model = chunk.model;
    found.usage = chunk.usage ?? found.usage;
    const [choice] = chunk.choices;
    if (!choice) continue;
    found.pieces += 1;
    found.text += choice.delta.content ?? "";
    found.thoughts += choice.delta.reasoning_content ?? "";
    for (const piece of choice.delta.tool_calls ?? []) {
      const into = (found.calls[piece.index] ??= { name: "", arguments: "" });
      into.name += piece.function.name ?? "";
      into.arguments += piece.function.arguments ?? "";
    }
    found.finish = choice.finish_reason ?? found.finish;
  }
  return found;
}

/** The status, if a client reports it. */
function status(error) {
  return error.status ?? error.httpResponse?.status ?? null;
}

try {
  const ask = clients[client]();
  console.log(JSON.stringify(body.stream ? await streamed(ask) : await whole(ask)));
} catch (error) {
  const told = error.httpResponse?.body ?? error.error ?? null;
  console.log(JSON.stringify({ failed: { status: status(error), message: String(error.message), body: told } }));
}
