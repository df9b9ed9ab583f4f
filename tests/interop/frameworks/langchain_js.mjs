// LangChain JS: `langchain_js.mjs TASK URL KEY MODEL TEXT…`, with NODE_MODULES in the environment.

import { load, main } from "./node.mjs";

const { AIMessage, HumanMessage, ToolMessage } = load("@langchain/core/messages");
const { tool } = load("@langchain/core/tools");
const { ChatOpenAI } = load("@langchain/openai");
const { z } = load("zod");

function of({ url, key, model }) {
  return new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: url }, maxRetries: 0 });
}

const asked = (content) => new HumanMessage({ content, name: "user" });

await main({
  async plain(to, question) {
    return (await of(to).invoke([asked(question)])).content;
  },
  async stream(to, question) {
    const pieces = [];
    for await (const { content } of await of(to).stream([asked(question)])) if (content) pieces.push(content);
    return pieces;
  },
  async tools(to, question, result) {
    const schema = z.object({ city: z.string() });
    const weather = tool(async () => result, { name: "get_weather", description: "The weather of a city", schema });
    const model = of(to).bindTools([weather]);
    const first = await model.invoke([asked(question)]);
    const results = await Promise.all(first.tool_calls.map((call) => weather.invoke(call)));
    if (!results.every((said) => said instanceof ToolMessage)) throw new Error("no results");
    return (await model.invoke([asked(question), first, ...results])).content;
  },
  async turns(to, first, second) {
    const said = await of(to).invoke([asked(first)]);
    const named = new AIMessage({ content: said.content, additional_kwargs: said.additional_kwargs, name: "assistant" });
    return (await of(to).invoke([asked(first), named, asked(second)])).content;
  },
});
