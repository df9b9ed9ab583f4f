"""pydantic-ai: the same agent over OpenAI's Responses API."""

import pydantic_ai_agent
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

LABEL = "pydantic-ai (Responses)"


def agent(url, key, model, **more):
    return Agent(OpenAIResponsesModel(model, provider=OpenAIProvider(base_url=url, api_key=key)), **more)


plain, stream, tools, turns = pydantic_ai_agent.tasks(agent)
