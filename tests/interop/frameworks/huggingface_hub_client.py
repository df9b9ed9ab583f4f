"""huggingface_hub's client with the address of a server and no model: it then sends a name that means none."""

import huggingface_hub

LABEL = "huggingface_hub without a model"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def client(url, key):
    return huggingface_hub.InferenceClient(base_url=url, api_key=key)


def ask(url, key, messages, **more):
    return client(url, key).chat.completions.create(messages=messages, **more)


def user(text):
    return {"role": "user", "content": text}


def plain(url, key, model, question):
    return ask(url, key, [user(question)]).choices[0].message.content


def stream(url, key, model, question):
    # It closes its connections when it goes.
    kept = client(url, key)
    chunks = kept.chat.completions.create(messages=[user(question)], stream=True)
    return [text for chunk in chunks if chunk.choices and (text := chunk.choices[0].delta.content)]


def tools(url, key, model, question, result):
    first = ask(url, key, [user(question)], tools=[TOOL]).choices[0].message
    calls = [{"role": "tool", "tool_call_id": call.id, "content": result} for call in first.tool_calls]
    return ask(url, key, [user(question), first, *calls], tools=[TOOL]).choices[0].message.content


def turns(url, key, model, first, second):
    said = ask(url, key, [user(first)]).choices[0].message
    return ask(url, key, [user(first), said, user(second)]).choices[0].message.content
