"""pydantic-ai: an agent over OpenAI's chat completions."""

import loop
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

LABEL = "pydantic-ai"


def agent(url, key, model, **more):
    return Agent(OpenAIChatModel(model, provider=OpenAIProvider(base_url=url, api_key=key)), **more)


def tasks(agent):
    """The four tasks, with agents that a function makes."""

    def plain(url, key, model, question):
        return agent(url, key, model).run_sync(question).output

    def stream(url, key, model, question):
        async def answer():
            async with agent(url, key, model).run_stream(question) as result:
                return [piece async for piece in result.stream_text(delta=True, debounce_by=None)]

        return loop.run(answer())

    def tools(url, key, model, question, result):
        def get_weather(city: str) -> str:
            """The weather of a city."""
            return result

        return agent(url, key, model, tools=[get_weather]).run_sync(question).output

    def turns(url, key, model, first, second):
        same = agent(url, key, model)
        before = same.run_sync(first)
        return same.run_sync(second, message_history=before.all_messages()).output

    return plain, stream, tools, turns


plain, stream, tools, turns = tasks(agent)
