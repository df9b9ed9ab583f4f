"""Semantic Kernel: its OpenAI connector and a chat completion agent. It puts a `name` on messages of agents."""

from typing import Annotated

import loop
from openai import AsyncOpenAI
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function

LABEL = "Semantic Kernel"


def agent(url, key, model, plugins=()):
    client = AsyncOpenAI(base_url=url, api_key=key, max_retries=0)
    service = OpenAIChatCompletion(ai_model_id=model, async_client=client)
    return ChatCompletionAgent(service=service, name="Assistant", plugins=list(plugins))


def plain(url, key, model, question):
    async def answer():
        return str((await agent(url, key, model).get_response(messages=question)).message)

    return loop.run(answer())


def stream(url, key, model, question):
    async def answer():
        pieces = agent(url, key, model).invoke_stream(messages=question)
        return [text async for piece in pieces if (text := str(piece.message))]

    return loop.run(answer())


def tools(url, key, model, question, result):
    class Weather:
        @kernel_function(description="The weather of a city")
        def get_weather(self, city: Annotated[str, "The city"]) -> str:
            return result

    async def answer():
        return str((await agent(url, key, model, [Weather()]).get_response(messages=question)).message)

    return loop.run(answer())


def turns(url, key, model, first, second):
    async def answer():
        same = agent(url, key, model)
        before = await same.get_response(messages=first)
        after = await same.get_response(messages=second, thread=before.thread)
        return str(after.message)

    return loop.run(answer())
