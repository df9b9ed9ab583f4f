"""LiteLLM's SDK, with reasoning: it gives back what it was given, members that it does not know included."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import json  # noqa: E402

import litellm  # noqa: E402

LABEL = "LiteLLM"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(url, key, model, messages, **more):
    return litellm.completion(
        model=f"openai/{model}", api_base=url, api_key=key, messages=messages, num_retries=0, **more
    )


def user(text):
    return {"role": "user", "content": text}


def message(url, key, model, messages, **more):
    said = ask(url, key, model, messages, **more).choices[0].message
    assert said.reasoning_content, f"no reasoning: {said}"
    return said


def plain(url, key, model, question):
    return message(url, key, model, [user(question)]).content


def stream(url, key, model, question):
    deltas = [chunk.choices[0].delta for chunk in ask(url, key, model, [user(question)], stream=True) if chunk.choices]
    assert any(getattr(delta, "reasoning_content", None) for delta in deltas), "no reasoning"
    return [delta.content for delta in deltas if delta.content]


def tools(url, key, model, question, result):
    messages = [user(question)]
    first = message(url, key, model, messages, tools=[TOOL])
    # As its documents show it: the message itself goes back.
    messages.append(first)
    for call in first.tool_calls:
        assert json.loads(call.function.arguments)["city"], call
        messages.append({"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": result})
    return message(url, key, model, messages, tools=[TOOL]).content


def turns(url, key, model, first, second):
    messages = [user(first)]
    # Once as an object and once as what is stored of it.
    said = message(url, key, model, messages)
    for back in (said, said.model_dump()):
        answer = message(url, key, model, [*messages, back, user(second)])
    return answer.content
