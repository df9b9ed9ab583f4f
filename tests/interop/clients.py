"""Third-party clients, unmodified, through `serve`: `clients.py`, with HOST_HARNESS, COMPONENT and NODE_MODULES in
the environment.

Four clients send the same requests: `openai` and `huggingface_hub` of PyPI here, `openai` and `@huggingface/inference` of npm by
`clients/ask.mjs`. Each has to read out of our server what the mock router behind it said.
"""

import json
import os
import subprocess

import huggingface_hub
import openai
from harness import HERE, Checks, equal, has, mock_router
from serving import KEY, served

MODEL = "Qwen/Qwen3-8B"
# Some of these clients read reasoning from `reasoning_content`, some from `reasoning`.
CLIENTS_READ_EITHER = ["max-retries=0", "serve-reasoning-field=both"]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def asked(text, model=MODEL, **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def gathered(chunks):
    """Collects a streaming response as its client would."""
    found = {"text": "", "thoughts": "", "calls": [], "pieces": 0, "finish": None, "usage": None}
    for chunk in chunks:
        chunk = plain(chunk)
        found["model"] = chunk["model"]
        found["usage"] = chunk.get("usage") or found["usage"]
        for choice in chunk["choices"]:
            delta = choice["delta"]
            found["pieces"] += 1
            found["text"] += delta.get("content") or ""
            found["thoughts"] += delta.get("reasoning_content") or delta.get("reasoning") or ""
            for piece in delta.get("tool_calls") or []:
                if piece["index"] == len(found["calls"]):
                    found["calls"].append({"name": "", "arguments": ""})
                into = found["calls"][piece["index"]]
                into["name"] += piece["function"].get("name") or ""
                into["arguments"] += piece["function"].get("arguments") or ""
            found["finish"] = choice.get("finish_reason") or found["finish"]
    return found


def whole(answer):
    answer = plain(answer)
    message = answer["choices"][0]["message"]
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return {
        "text": message.get("content") or "",
        "thoughts": message.get("reasoning_content") or message.get("reasoning") or "",
        "calls": [{"name": call["name"], "arguments": call["arguments"]} for call in calls],
        "finish": answer["choices"][0]["finish_reason"],
        "usage": answer.get("usage"),
        "model": answer["model"],
    }


def plain(value):
    """Gives a client's own types as JSON."""
    return value.model_dump() if hasattr(value, "model_dump") else json.loads(json.dumps(value))


def python_openai(base_url, body, key=KEY):
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    try:
        answer = client.chat.completions.create(**body)
        return gathered(answer) if body.get("stream") else whole(answer)
    except openai.APIError as error:
        return {"failed": {"status": getattr(error, "status_code", None), "message": str(error), "body": error.body}}


def python_huggingface(base_url, body, key=KEY):
    client = huggingface_hub.InferenceClient(base_url=base_url, api_key=key)
    try:
        answer = client.chat.completions.create(**body)
        return gathered(answer) if body.get("stream") else whole(answer)
    except huggingface_hub.errors.HfHubHTTPError as error:
        return {"failed": {"status": error.response.status_code, "message": str(error), "body": error.response.text}}
    except huggingface_hub.errors.TextGenerationError as error:
        return {"failed": {"status": None, "message": str(error), "body": None}}


def of_npm(client):
    def ask(base_url, body, key=KEY):
        command = ["node", os.path.join(HERE, "clients", "ask.mjs"), client, base_url, key, json.dumps(body)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return ask


CLIENTS = {
    "openai (PyPI)": python_openai,
    "huggingface_hub (PyPI)": python_huggingface,
    "openai (npm)": of_npm("openai"),
    "@huggingface/inference (npm)": of_npm("huggingface"),
}


def good(found):
    assert "failed" not in found, found
    return found


def answers(ask, url):
    found = good(ask(url, asked("What is number 7?")))
    assert "What is number 7?" in found["text"] and "mock router" in found["text"], found
    assert found["thoughts"], f"no thoughts: {found}"
    has(found, {"finish": "stop", "model": MODEL, "calls": []})
    assert found["usage"]["completion_tokens"] > 0, found
    return found


def streams(ask, url):
    wanted = answers(ask, url)
    found = good(ask(url, asked("What is number 7?", stream=True, stream_options={"include_usage": True})))
    assert found["pieces"] > 5, f"no stream: {found}"
    for name in ("text", "thoughts", "finish", "model"):
        equal(found[name], wanted[name], name)
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        equal(found["usage"][name], wanted["usage"][name], name)


def calls_tools(ask, url):
    for stream in (False, True):
        found = good(ask(url, asked("How is the weather?", tools=[TOOL], tool_choice="auto", stream=stream)))
        equal(found["finish"], "tool_calls", "finish")
        equal([call["name"] for call in found["calls"]], ["get_weather"], "the calls")
        assert isinstance(json.loads(found["calls"][0]["arguments"])["city"], str), found


def takes_results(ask, url):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
    body = asked("How is the weather?", tools=[TOOL])
    body["messages"] += [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "It rains."},
    ]
    assert "It rains." in good(ask(url, body))["text"]


def shows_pictures(ask, url):
    body = asked([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}])
    body["model"] = "moonshotai/Kimi-K2.5"
    assert "1 image" in good(ask(url, body))["text"]


def answers_in_form(ask, url):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema, "strict": True}}
    found = good(ask(url, asked("Give a number", response_format=form)))
    assert isinstance(json.loads(found["text"])["n"], int), found


def tells_errors(ask, url):
    for model, status, says in (
        ("mock/402-depleted", 402, "credit"),
        ("mock/404-object", 404, "model"),
        ("mock/429-retry-after-long", 429, "requests"),
        ("mock/503-html", 503, ""),
        ("no reference", 400, "reference"),
    ):
        for stream in (False, True):
            failed = ask(url, asked("Hello!", model, stream=stream)).get("failed")
            assert failed, f"{model} is no error"
            equal(failed["status"], status, f"the status of {model}")
            assert says in f"{failed['message']} {failed['body']}".lower(), failed


def tells_a_broken_stream(ask, url):
    failed = ask(url, asked("Hello!", "mock/cut", stream=True)).get("failed")
    assert failed, "a stream that was cut passed for an answer"


def keeps_out(ask, url):
    failed = ask(url, asked("Hello!"), key="another-key").get("failed")
    assert failed, "it let in who has no key"
    equal(failed["status"], 401, "the status")


def lists(url):
    client = openai.OpenAI(base_url=url, api_key=KEY)
    ids = [model.id for model in client.models.list()]
    assert MODEL in ids and len(ids) > 10, ids
    equal(client.models.retrieve(MODEL).owned_by, "Qwen", "the owner")
    answer = client.chat.completions.with_raw_response.create(**asked("Hello!"))
    equal(answer.headers["x-plugin-generation"], "1", "the generation")
    return answer.headers["x-request-id"]


def names_its_requests(server):
    """One name from the request over the plugin's call to what was sent."""
    name = lists(server.url)
    lines = [json.loads(line) for line in server.logged().splitlines() if line.startswith("{")]
    said = {
        line["message"]
        for line in lines
        if any(span.get("id") == name for span in line.get("spans", []))
    }
    assert {"request finished", "call ended", "response"} <= said, said


def main():
    checks = Checks()
    with mock_router() as mock, served(mock, settings=CLIENTS_READ_EITHER) as server:
        url = server.url
        checks.check("lists models", lists, url)
        checks.check("names its requests in the log", names_its_requests, server)
        for name, ask in CLIENTS.items():
            checks.check(f"{name}: a whole answer", answers, ask, url)
            checks.check(f"{name}: a stream", streams, ask, url)
            checks.check(f"{name}: tools", calls_tools, ask, url)
            checks.check(f"{name}: results of tools", takes_results, ask, url)
            checks.check(f"{name}: a picture", shows_pictures, ask, url)
            checks.check(f"{name}: a response format", answers_in_form, ask, url)
            checks.check(f"{name}: errors", tells_errors, ask, url)
            checks.check(f"{name}: a stream that breaks off", tells_a_broken_stream, ask, url)
            checks.check(f"{name}: not without the key", keeps_out, ask, url)
        checks.check("ends when it is told to", server.ends)
    checks.done()


if __name__ == "__main__":
    main()
