// The AI SDK with `@ai-sdk/openai-compatible`: `ai_sdk.mjs TASK URL KEY MODEL TEXT…`, with NODE_MODULES in the environment.

import { load, main } from "./node.mjs";

const { generateText, stepCountIs, streamText, tool } = load("ai");
const { createOpenAICompatible } = load("@ai-sdk/openai-compatible");
const { z } = load("zod");

function of({ url, key, model }) {
  return createOpenAICompatible({ name: "served", baseURL: url, apiKey: key, includeUsage: true })(model);
}

const asked = (content) => ({ role: "user", content });

await main({
  async plain(to, question) {
    const { text, reasoningText } = await generateText({ model: of(to), prompt: question, maxRetries: 0 });
    if (!reasoningText) throw new Error("no reasoning");
    return text;
  },
  async stream(to, question) {
    const { textStream, usage } = streamText({ model: of(to), prompt: question, maxRetries: 0 });
    const pieces = [];
    for await (const piece of textStream) pieces.push(piece);
    if (!((await usage).outputTokens > 0)) throw new Error("no usage");
    return pieces;
  },
  async tools(to, question, result) {
    const weather = tool({
      description: "The weather of a city",
      inputSchema: z.object({ city: z.string() }),
      execute: async () => result,
    });
    const tools = { get_weather: weather };
    const { text } = await generateText({
      model: of(to), prompt: question, tools, stopWhen: stepCountIs(4), maxRetries: 0,
    });
    return text;
  },
  async turns(to, first, second) {
    const model = of(to);
    const { response } = await generateText({ model, messages: [asked(first)], maxRetries: 0 });
    const messages = [asked(first), ...response.messages, asked(second)];
    return (await generateText({ model, messages, maxRetries: 0 })).text;
  },
});
