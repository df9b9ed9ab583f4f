"""openai-agents: OpenAI's own framework, whose default is the Responses API."""

import loop
from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

LABEL = "openai-agents (Responses)"

# Traces would go to OpenAI.
set_tracing_disabled(True)


def agent(url, key, model, tools=()):
    client = AsyncOpenAI(base_url=url, api_key=key, max_retries=0)
    responses = OpenAIResponsesModel(model=model, openai_client=client)
    return Agent(name="assistant", model=responses, tools=list(tools))


def said(agent, text):
    async def run():
        return (await Runner.run(agent, text)).final_output

    return loop.run(run())


def plain(url, key, model, question):
    return said(agent(url, key, model), question)


def stream(url, key, model, question):
    async def run():
        events = Runner.run_streamed(agent(url, key, model), question).stream_events()
        raw = [event.data async for event in events if event.type == "raw_response_event"]
        return [data.delta for data in raw if data.type == "response.output_text.delta"]

    return loop.run(run())


def tools(url, key, model, question, result):
    @function_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return result

    return said(agent(url, key, model, [get_weather]), question)


def turns(url, key, model, first, second):
    async def run():
        same = agent(url, key, model)
        before = await Runner.run(same, first)
        items = [*before.to_input_list(), {"role": "user", "content": second}]
        return (await Runner.run(same, items)).final_output

    return loop.run(run())
