"""AutoGen: its OpenAI client and its assistant agent. It puts a `name` on each message."""

import loop
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_ext.models.openai import OpenAIChatCompletionClient

LABEL = "AutoGen"
INFO = {"vision": False, "function_calling": True, "json_output": True, "family": "unknown", "structured_output": True}


def client(url, key, model):
    return OpenAIChatCompletionClient(model=model, base_url=url, api_key=key, model_info=INFO, max_retries=0)


def last(result):
    return result.messages[-1].content


def plain(url, key, model, question):
    async def answer():
        return last(await AssistantAgent("assistant", client(url, key, model)).run(task=question))

    return loop.run(answer())


def stream(url, key, model, question):
    async def answer():
        agent = AssistantAgent("assistant", client(url, key, model), model_client_stream=True)
        events = [event async for event in agent.run_stream(task=question)]
        return [event.content for event in events if isinstance(event, ModelClientStreamingChunkEvent)]

    return loop.run(answer())


def tools(url, key, model, question, result):
    async def get_weather(city: str) -> str:
        """The weather of a city."""
        return result

    async def answer():
        agent = AssistantAgent(
            "assistant", client(url, key, model), tools=[get_weather], reflect_on_tool_use=True
        )
        return last(await agent.run(task=question))

    return loop.run(answer())


def turns(url, key, model, first, second):
    async def answer():
        agent = AssistantAgent("assistant", client(url, key, model))
        await agent.run(task=first)
        return last(await agent.run(task=second))

    return loop.run(answer())
