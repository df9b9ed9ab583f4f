"""The `anthropic` clients of PyPI and npm, and llm-comply's suite for the Messages API, unmodified, through `serve` against
the mock router: `claude_sdk.py`, with HOST_HARNESS, COMPONENT and CLAUDE_NODE_MODULES in the environment.
"""

import base64
import json
import os
import subprocess
import sys

import anthropic
import pydantic
from harness import Checks, equal, mock_router
from serving import KEY, served

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL, VISION = "Qwen/Qwen3-8B", "moonshotai/Kimi-K2.5"
# llm-comply requests thinking only of models with such a name.
COMPLY_NAME = "claude-sonnet-4-5"
CONFIGURATION = {
    "agents": {
        "defaults": {
            "model": {"primary": f"huggingface/{VISION}"},
            "models": {f"huggingface/{VISION}": {"alias": COMPLY_NAME}},
        }
    }
}
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def asked(text, model=MODEL, **more):
    return {"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": text}], **more}


class OfPypi:
    """The client of PyPI; what it reads as JSON."""

    def __init__(self, url, key=KEY, **more):
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, **more)

    def ask(self, command, body):
        try:
            return getattr(self, command)(body)
        except anthropic.APIError as error:
            return {
                "failed": {
                    "name": type(error).__name__,
                    "status": getattr(error, "status_code", None),
                    "type": getattr(error, "type", None),
                    "message": str(error),
                    "request": getattr(error, "request_id", None),
                }
            }

    def create(self, body):
        return self.client.messages.create(**body).model_dump()

    def stream(self, body):
        pieces = 0
        with self.client.messages.stream(**body) as stream:
            for _ in stream:
                pieces += 1
            return {**stream.get_final_message().model_dump(), "pieces": pieces}

    def count(self, body):
        return self.client.messages.count_tokens(**body).model_dump()

    def models(self, body):
        return [model.id for model in self.client.models.list(**body)]


class OfNpm:
    """The client of npm; what it reads as JSON."""

    def __init__(self, url, key=KEY):
        self.url, self.key = url, key

    def ask(self, command, body):
        script = os.path.join(HERE, "claude_sdk.mjs")
        ran = subprocess.run(
            ["node", script, self.url, self.key, command, json.dumps(body)], capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


def good(found):
    assert not (isinstance(found, dict) and "failed" in found), found
    return found


def said(message, kind, member):
    return "".join(block[member] for block in message["content"] if block["type"] == kind)


def answers(client):
    found = good(client.ask("create", asked("What is number 7?")))
    assert "What is number 7?" in said(found, "text", "text"), found
    assert said(found, "thinking", "thinking"), found
    equal((found["stop_reason"], found["model"], found["role"]), ("end_turn", MODEL, "assistant"), "the message")
    assert found["usage"]["input_tokens"] > 0 and found["usage"]["output_tokens"] > 0, found
    return found


def streams(client):
    wanted = answers(client)
    found = good(client.ask("stream", asked("What is number 7?")))
    assert found["pieces"] > 10, f"no stream: {found['pieces']}"
    for kind, member in (("text", "text"), ("thinking", "thinking")):
        equal(said(found, kind, member), said(wanted, kind, member), kind)
    for member in ("stop_reason", "model"):
        equal(found[member], wanted[member], member)
    for member in ("input_tokens", "output_tokens"):
        equal(found["usage"][member], wanted["usage"][member], member)


def calls_tools(client):
    for command in ("create", "stream"):
        found = good(client.ask(command, asked("How is the weather?", tools=[TOOL], tool_choice={"type": "any"})))
        equal(found["stop_reason"], "tool_use", "the stop reason")
        calls = [block for block in found["content"] if block["type"] == "tool_use"]
        equal([call["name"] for call in calls], ["get_weather"], "the calls")
        assert isinstance(calls[0]["input"]["city"], str), found


def takes_results(client):
    """What was read goes back as it is, thinking included, with the result."""
    body = asked("How is the weather?", tools=[TOOL])
    first = good(client.ask("create", body))
    calls = [block for block in first["content"] if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "It rains."} for call in calls]
    content = [{key: value for key, value in block.items() if value is not None} for block in first["content"]]
    body["messages"] += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
    assert "It rains." in said(good(client.ask("create", body)), "text", "text")


def shows_pictures(client):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    assert base64.b64decode(PIXEL)
    content = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    assert "1 image" in said(good(client.ask("create", asked(content, VISION))), "text", "text")


def thinks_on_a_budget(client):
    for thinking in ({"type": "enabled", "budget_tokens": 2048}, {"type": "adaptive"}):
        found = good(client.ask("stream", {**asked("What is number 7?"), "max_tokens": 4096, "thinking": thinking}))
        assert said(found, "thinking", "thinking"), found


def tells_errors(client, names):
    for model, status, kind, says in (
        ("mock/401-json", 401, "authentication_error", ""),
        ("mock/402-depleted", 402, "billing_error", "credit"),
        ("mock/404-object", 404, "not_found_error", "model"),
        ("mock/429-retry-after-long", 429, "rate_limit_error", "requests"),
        ("mock/503-html", 529, "overloaded_error", ""),
        ("mock/500-message", 500, "api_error", ""),
        ("no reference", 400, "invalid_request_error", "reference"),
    ):
        for command in ("create", "stream"):
            failed = client.ask(command, asked("Hello!", model)).get("failed")
            assert failed, f"{model} is no error"
            equal((failed["status"], failed["type"]), (status, kind), f"the error of {model}")
            assert says in failed["message"].lower() and failed["request"], failed
            assert failed["name"] == names.get(status, failed["name"]), failed


def tells_a_broken_stream(client):
    failed = client.ask("stream", asked("Hello!", "mock/cut")).get("failed")
    assert failed, "a stream that was cut passed for a message"


def counts(client):
    body = {key: value for key, value in asked("Hello! " * 100).items() if key != "max_tokens"}
    count = good(client.ask("count", body))["input_tokens"]
    assert 100 < count < 400, count


def lists(client):
    all_of_them = client.ask("models", {})
    assert MODEL in all_of_them and len(all_of_them) > 10, all_of_them
    equal(client.ask("models", {"limit": 3}), all_of_them, "the pages together")


def keeps_out(client_of, url):
    failed = client_of(url, "another-key").ask("create", asked("Hello!")).get("failed")
    assert failed, "it let in who has no key"
    equal((failed["status"], failed["type"]), (401, "authentication_error"), "the error")


class Number(pydantic.BaseModel):
    """A value that satisfies a schema."""

    n: int


def answers_in_form(url):
    client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
    parsed = client.messages.parse(**asked("Give a number"), output_format=Number)
    assert isinstance(parsed.parsed_output.n, int), parsed


def runs_a_loop(url):
    """The client's own loop of calls and results."""
    client = anthropic.Anthropic(base_url=url, auth_token=KEY, api_key=None, max_retries=0)
    cities = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        cities.append(city)
        return "It rains."

    last = client.beta.messages.tool_runner(**asked("How is the weather?"), tools=[get_weather]).until_done()
    assert len(cities) == 1 and "It rains." in last.content[-1].text, (cities, last)


def llm_comply(checks, url):
    """Runs the suite; each of its tests is a check."""
    program = os.path.join(os.path.dirname(sys.executable), "llm-comply")
    command = [program, "run", "--format", "anthropic", "-u", f"{url}/v1", "-k", "any", "-m", COMPLY_NAME, "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    results = json.loads(ran.stdout)["results"]

    def passes(result):
        assert result["status"] == "passed", result

    for result in results:
        checks.check(f"llm-comply: {result['id']}", passes, result)
    checks.check("llm-comply: the whole suite", lambda: equal(len(results), 9, "the number of tests"))


def main():
    checks = Checks()
    with mock_router() as mock, served(mock, settings=["max-retries=0"], seconds=900) as server:
        url = server.url.removesuffix("/v1")
        of_pypi = {401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError", 529: "OverloadedError"}
        for name, client_of, names in (("PyPI", OfPypi, of_pypi), ("npm", OfNpm, {})):
            client = client_of(url)
            checks.check(f"{name}: a message", answers, client)
            checks.check(f"{name}: a stream", streams, client)
            checks.check(f"{name}: tools", calls_tools, client)
            checks.check(f"{name}: results of tools, with the thinking before them", takes_results, client)
            checks.check(f"{name}: a picture", shows_pictures, client)
            checks.check(f"{name}: thinking", thinks_on_a_budget, client)
            checks.check(f"{name}: errors", tells_errors, client, names)
            checks.check(f"{name}: a stream that breaks off", tells_a_broken_stream, client)
            checks.check(f"{name}: an estimate of tokens", counts, client)
            checks.check(f"{name}: models, page by page", lists, client)
            checks.check(f"{name}: not without the key", keeps_out, client_of, url)
        checks.check("PyPI: a schema of the output", answers_in_form, url)
        checks.check("PyPI: its own loop of tools, by a bearer key", runs_a_loop, url)
        checks.check("ends when it is told to", server.ends)
    with mock_router() as mock, served(mock, configuration=CONFIGURATION, key=None) as server:
        llm_comply(checks, server.url.removesuffix("/v1"))
    checks.done()


if __name__ == "__main__":
    main()
