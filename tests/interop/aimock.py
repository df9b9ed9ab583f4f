"""The host against aimock: `aimock.py`, with HOST_HARNESS, COMPONENT and NODE_MODULES in the environment.

aimock responds from our `aimock_fixtures.json` with its own format of streams and errors, requires the key, and keeps
a journal of the requests, whose content is checked.
"""

import json
import os
import sys

from harness import HERE, TOKEN, Checks, Host, child, equal, fetch, free_port, has

MODEL = "acme/model"
TEXT = 'Hello: café, 日本 and a "quote".\n'
TEXT_OF_CUT = "One two three four five six seven eight nine ten eleven twelve."
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("get_weather", "now")
]


def journal(host):
    """Returns the completion requests that aimock received, oldest first."""
    _, text = fetch(f"{host.base_url.removesuffix('/v1')}/__aimock/journal", headers={"authorization": f"Bearer {TOKEN}"})
    return [entry for entry in json.loads(text) if entry["path"] == "/v1/chat/completions"]


def lists(host):
    found = host.good("models")
    has(found, {"source": "live", "warnings": []})
    assert "huggingface/gpt-4o" in [model["ref"] for model in found["models"]], found


def says(host, *arguments):
    answer = host.good("chat", "-m", MODEL, "plain", *arguments)
    has(answer, {"text": TEXT, "toolCalls": [], "finishReason": "stop", "rawFinishReason": "stop", "attempts": 1})
    equal(answer["usage"], {"inputTokens": 11, "outputTokens": 7}, "usage")
    equal(answer["requestId"], journal(host)[-1]["headers"]["x-request-id"], "requestId")


def events(host):
    lines = host.good("chat", "-m", MODEL, "plain", form="ndjson")
    equal([line["type"] for line in lines], ["text"] * (len(lines) - 1) + ["finished"], "the types")
    equal("".join(line.get("text", "") for line in lines), TEXT, "the text")
    has(lines[-1]["summary"], {"finishReason": "stop", "usage": {"inputTokens": 11, "outputTokens": 7}})


def what_was_sent(host):
    """One request with the given parameters only."""
    before = len(journal(host))
    host.good("chat", "-m", f"huggingface/{MODEL}:cheapest", "--system", "be brief", "plain")
    entries = journal(host)
    equal(len(entries), before + 1, "the number of requests")
    headers, body = entries[-1]["headers"], entries[-1]["body"]
    # The journal hides the value. That it is the right one is known from the response: a wrong one gets a 401.
    assert "authorization" in headers, headers
    has(headers, {"content-type": "application/json"})
    assert headers["user-agent"].startswith("openclaw-huggingface-provider/"), headers
    assert "accept-encoding" not in headers and "cookie" not in headers, headers
    assert "text/event-stream" in headers["accept"], headers
    mine = {key: value for key, value in body.items() if not key.startswith("_")}
    equal(next(iter(mine)), "model", "the first member of the body")
    wanted = {
        "model": f"{MODEL}:cheapest",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "plain"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    equal(mine, wanted, "the body")


def calls(host, *arguments):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "tools please"}], "tools": TOOLS, "temperature": 0.7}
    status, answer = host.request(body, *arguments)
    equal(status, 0, f"the status ({answer})")
    has(answer, {"text": "", "finishReason": "tool-calls", "rawFinishReason": "tool_calls"})
    found = [(call["name"], call["arguments"]) for call in answer["toolCalls"]]
    equal(found, [("get_weather", {"city": "Zürich", "days": [1, 2]}), ("now", {})], "the calls")
    equal(len({call["id"] for call in answer["toolCalls"]} - {""}), 2, "the number of ids")
    sent = journal(host)[-1]["body"]
    equal([tool["function"]["name"] for tool in sent["tools"]], ["get_weather", "now"], "the tools")
    equal(sent["temperature"], 0.7, "temperature")


def call_events(host):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "tools please"}], "tools": TOOLS}
    status, lines = host.request(body, form="ndjson")
    equal(status, 0, f"the status ({lines})")
    for index, arguments in enumerate(({"city": "Zürich", "days": [1, 2]}, {})):
        mine = [line for line in lines if line.get("index") == index]
        kinds = [line["type"] for line in mine]
        equal((kinds[0], kinds[-1]), ("toolCallStart", "toolCallEnd"), "first and last")
        assert set(kinds[1:-1]) <= {"toolCallDelta"}, kinds
        equal(json.loads("".join(line.get("argumentsFragment", "") for line in mine)), arguments, "the arguments")
    has(lines[-1]["summary"], {"finishReason": "tool-calls"})


def gives_a_result_back(host):
    call = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "tools please"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]
    status, answer = host.request({"model": MODEL, "messages": messages, "tools": TOOLS})
    equal(status, 0, f"the status ({answer})")
    equal(answer["text"], "It rains.", "the text")
    equal(journal(host)[-1]["body"]["messages"], messages, "the conversation")


def thinks(host, *arguments):
    has(host.good("chat", "-m", MODEL, "think", *arguments), {"text": "42.", "reasoning": "Six times seven."})


def ends_early(host):
    has(host.good("chat", "-m", MODEL, "long"), {"text": "This is cut", "finishReason": "length"})


def refused(host):
    error = host.bad("chat", "-m", MODEL, "refused")
    wanted = {"kind": "unauthenticated", "message": "Wrong key", "status": 401, "code": "invalid_api_key"}
    has(error, {**wanted, "retryable": False, "requestSent": True, "attempts": 1})
    assert "HF_TOKEN" in error["hint"], error


def stranger(host):
    for token in (None, "hf_another_0123456789"):
        other = host.with_token(token)
        has(other.bad("chat", "-m", MODEL, "plain"), {"kind": "unauthenticated", "status": 401, "attempts": 1})
        has(other.good("models"), {"source": "bundled"})


def rate_limited(host):
    before = len(journal(host))
    error = host.bad("chat", "-m", MODEL, "too many", settings=["max-retries=0"])
    wanted = {"kind": "rate-limited", "message": "Slow down", "status": 429, "code": "rate_limit_exceeded"}
    has(error, {**wanted, "retryable": True, "retryAfterMs": 7000, "attempts": 1})
    equal(len(journal(host)), before + 1, "the number of requests")


def tries_again(host):
    """Not before Retry-After has passed."""
    answer = host.good("chat", "-m", MODEL, "once")
    has(answer, {"text": "second try", "attempts": 2})
    first, second = journal(host)[-2:]
    waited = second["timestamp"] - first["timestamp"]
    assert waited >= 1000, f"it waited {waited} ms"


def cut(host):
    """The deltas received, then the error; never a complete response, and never a second request."""
    before = len(journal(host))
    status, answer = host.run("chat", "-m", MODEL, "cut")
    equal(status, 1, f"the status ({answer})")
    has(answer["error"], {"kind": "transport", "retryable": True, "requestSent": True, "attempts": 1})
    assert answer["text"] and TEXT_OF_CUT.startswith(answer["text"]), answer
    assert "finishReason" not in answer, answer
    status, lines = host.run("chat", "-m", MODEL, "cut", form="ndjson")
    equal((status, lines[0]["type"], lines[-1]["type"]), (1, "text", "error"), "status, first and last line")
    has(lines[-1]["error"], {"kind": "transport", "attempts": 1})
    has(host.bad("chat", "-m", MODEL, "cut", "--no-stream"), {"kind": "transport", "attempts": 1})
    equal(len(journal(host)), before + 3, "the number of requests")


def gone(host):
    """Without a delta received it may be retried, and is."""
    before = len(journal(host))
    error = host.bad("chat", "-m", MODEL, "gone", settings=["max-retries=1"])
    has(error, {"kind": "transport", "retryable": True, "requestSent": True, "attempts": 2})
    equal(len(journal(host)), before + 2, "the number of requests")


def unknown(host):
    error = host.bad("chat", "-m", MODEL, "what nobody has an answer for", settings=["max-retries=0"])
    has(error, {"kind": "upstream", "status": 503, "code": "no_fixture_match", "attempts": 1})


def main():
    program = os.path.join(os.environ.get("NODE_MODULES", ""), "@copilotkit", "aimock", "dist", "cli.js")
    if not os.path.isfile(program):
        sys.exit(f"NODE_MODULES has to name a folder with @copilotkit/aimock: there is no {program}")
    port = free_port()
    fixtures = os.path.join(HERE, "aimock_fixtures.json")
    command = ["node", program, "-h", "127.0.0.1", "-p", str(port), "-f", fixtures, "--strict", "--validate-on-load"]
    checks = Checks()
    with child(command, lambda line: "listening" in line, {"AIMOCK_API_KEYS": TOKEN}):
        host = Host(f"http://127.0.0.1:{port}/v1")
        for name, test in (
            ("lists", lists),
            ("says a text, streamed", says),
            ("gives events as they come", events),
            ("sends what was asked for, with the credential", what_was_sent),
            ("calls two tools, streamed", calls),
            ("gives the events of calls in order", call_events),
            ("gives the result of a tool back", gives_a_result_back),
            ("tells a thought from the text", thinks),
            ("says why an answer ended", ends_early),
            ("401 is typed", refused),
            ("without the key there is no answer", stranger),
            ("429 is typed, with what Retry-After says", rate_limited),
            ("429 is tried again after what Retry-After says", tries_again),
            ("an answer that is cut is an error after its pieces", cut),
            ("an answer that is cut before its first piece is asked for again", gone),
            ("503 is typed", unknown),
        ):
            checks.check(name, test, host)
        for name, test in (("says a text", says), ("calls two tools", calls), ("thinks", thinks)):
            checks.check(f"{name}, whole", test, host, "--no-stream")
    checks.done()


if __name__ == "__main__":
    main()
