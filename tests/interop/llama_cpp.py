"""The host against llama.cpp's own server: `llama_cpp.py`, with HOST_HARNESS and COMPONENT in the environment.

A real engine with a random model. Its ways: numbers as error codes, usage in a chunk without choices, `timings`, bare
comments during reasoning, broken UTF-8 and control characters in the text, keep-alive announced and not kept.
`llama_cpp.py serve MODEL PORT [KEY]` is the server alone; the checks start it as a child process.
"""

import json
import os
import sys
import tempfile
import time

import tiny_gguf
from harness import TOKEN, Checks, Host, address, child, equal, fetch, free_port, has

MODEL = "interop/tiny"
# A process for each, since the command line has none that asks twice. hosts.py sends as many from one instance, and the
# mock's scenario `close-after-answer` has the same manners for tests within one process.
CHATS = 300


def serve(model, port, key=None):
    """Runs llama.cpp's server within this process until that is ended."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = model, {MODEL}
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.n_ctx, params.n_parallel, params.n_gpu_layers = 4096, 1, 0
    params.cpuparams.n_threads, params.cpuparams_batch.n_threads = 1, 1
    params.sse_ping_interval, params.verbosity, params.n_predict = 1, 0, 64
    params.api_keys = [key] if key else []
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


def serving(model, *arguments):
    """Gives the command that is a server alone."""
    return [sys.executable, os.path.abspath(__file__), "serve", model, *map(str, arguments)]


def server(model, *arguments):
    """Starts one as a child, and waits until it has its model; gives its address."""
    return child(serving(model, *arguments), address)


def ask(text="hi", tokens=16, **more):
    """Gives a request body."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": tokens, **more}


def saying(text):
    """Gives the parameter that makes the model say just this."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return {"grammar": f'root ::= "{quoted}"'}


def lists(host):
    found = host.good("models")
    has(found, {"source": "live", "warnings": []})
    equal([model["ref"] for model in found["models"]], [f"huggingface/{MODEL}"], "the list")


def resolves(host):
    has(host.good("resolve", MODEL), {"canonical": f"huggingface/{MODEL}", "wireId": MODEL, "routing": "default"})


def chats(host, *arguments):
    """A definite text, with what is hard in it."""
    text = 'café "日本" \\ tab\t\n\nend'
    status, answer = host.request(ask(tokens=200, **saying(text)), *arguments)
    equal(status, 0, f"the status ({answer})")
    has(answer, {"text": text, "finishReason": "stop", "attempts": 1, "model": f"huggingface/{MODEL}"})
    usage = answer["usage"]
    assert usage["inputTokens"] > 5 and usage["outputTokens"] > 15, usage


def thinks(host):
    status, answer = host.request(ask(tokens=200, **saying("<think>deep</think>done")))
    equal(status, 0, f"the status ({answer})")
    has(answer, {"text": "done", "reasoning": "deep"})


def cut_by_length(host, *arguments):
    """Random bytes: mostly no UTF-8, and control characters among them."""
    for seed in range(1, 6):
        status, answer = host.request(ask(tokens=60, seed=seed, ignore_eos=True), *arguments)
        equal(status, 0, f"the status ({answer})")
        has(answer, {"finishReason": "length", "toolCalls": []})
        equal(answer["usage"]["outputTokens"], 60, "outputTokens")
        assert answer["text"], "no text"


def same_both_ways(host):
    """What the stream gives, put together, is what the engine gives as a whole to a client that is not ours."""
    body = ask(tokens=60, seed=7, temperature=0, cache_prompt=False)
    _, whole = fetch(f"{host.base_url}/chat/completions", body)
    status, answer = host.request(body)
    equal(status, 0, f"the status ({answer})")
    equal(answer["text"], json.loads(whole)["choices"][0]["message"]["content"], "the text")


def events(host):
    status, lines = host.request(ask(tokens=200, **saying("one two three")), form="ndjson")
    equal(status, 0, f"the status ({lines})")
    equal([line["type"] for line in lines], ["text"] * (len(lines) - 1) + ["finished"], "the types")
    assert len(lines) > 4, f"no stream: {lines}"
    equal("".join(line.get("text", "") for line in lines), "one two three", "the text")
    has(lines[-1]["summary"], {"finishReason": "stop"})
    assert lines[-1]["summary"]["usage"]["outputTokens"] > 5, lines[-1]


def calls_a_tool(host, *arguments):
    """The engine holds the model to the schema; biases make it begin the call at once and end as soon as it may."""
    parameters = {
        "type": "object",
        "properties": {"city": {"enum": ["Zürich"]}, "days": {"enum": [3]}},
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    body = ask(
        tokens=200,
        tools=[{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}],
        tool_choice="required",
        parallel_tool_calls=False,
        logit_bias=[[tiny_gguf.CALL_ID, 100], [tiny_gguf.END_ID, 200]],
    )
    status, answer = host.request(body, *arguments)
    equal(status, 0, f"the status ({answer})")
    has(answer, {"finishReason": "tool-calls"})
    equal([call["name"] for call in answer["toolCalls"]], ["get_weather"], "the names")
    equal(answer["toolCalls"][0]["arguments"], {"city": "Zürich", "days": 3}, "the arguments")


def holds_to_a_schema(host):
    schema = {"type": "object", "properties": {"n": {"const": 1}}, "required": ["n"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "one", "schema": schema}}
    status, answer = host.request(ask(tokens=200, response_format=form))
    equal(status, 0, f"the status ({answer})")
    equal("".join(answer["text"].split()), '{"n":1}', "the text")


def unknown_route(host):
    elsewhere = Host(host.base_url.replace("/v1", "/nowhere/v1"))
    has(elsewhere.bad("chat", "-m", MODEL, "hi"), {"kind": "model-unavailable", "status": 404, "message": "File Not Found"})
    found = elsewhere.good("models")
    has(found, {"source": "bundled"})
    equal([warning["code"] for warning in found["warnings"]], ["catalog-not-live"], "the warnings")


def bad_request(host):
    status, answer = host.request(ask(grammar="root ::= ("))
    equal(status, 1, f"the status ({answer})")
    error = answer["error"]
    has(error, {"kind": "invalid-request", "status": 400, "code": "400", "retryable": False, "attempts": 1})
    assert "grammar" in error["message"], error


def too_long(host):
    status, answer = host.request(ask("x" * 9000))
    equal(status, 1, f"the status ({answer})")
    has(answer["error"], {"kind": "context-overflow", "status": 400, "attempts": 1})


def no_server(host):
    away = Host(f"http://127.0.0.1:{free_port()}/v1")
    error = away.bad("chat", "-m", MODEL, "hi", settings=["max-retries=0"])
    has(error, {"kind": "transport", "attempts": 1, "retryable": True})


def many(host):
    """The server closes each response's connection although it announced keep-alive."""
    left, running = CHATS, []
    while left or running:
        while left and len(running) < 2:
            running.append(host.start("chat", "-m", MODEL, f"number {left}", *(["--no-stream"] if left % 3 == 0 else [])))
            left -= 1
        process = running.pop(0)
        status, answer = host.finish(process)
        assert status == 0 and answer["attempts"] == 1, f"{len(running) + left} before the end: {answer}"


def wants_a_key(host):
    """The server knows one key: what it lets in has carried it."""
    lists(host)
    chats(host)
    for token in (None, "hf_another_0123456789"):
        stranger = host.with_token(token)
        has(stranger.bad("chat", "-m", MODEL, "hi"), {"kind": "unauthenticated", "status": 401, "attempts": 1})


def loads(model):
    """Until the model is loaded every request gets a 503."""
    port = free_port()
    host = Host(f"http://127.0.0.1:{port}/v1")
    with child(serving(model, port)):
        end = time.monotonic() + 30
        while fetch(f"{host.base_url}/models")[0] != 503:
            assert time.monotonic() < end, "no 503 was ever seen"
            time.sleep(0.005)
        patient = host.start("chat", "-m", MODEL, "hi", settings=["max-retries=8"])
        error = host.bad("chat", "-m", MODEL, "hi", settings=["max-retries=0"])
        has(error, {"kind": "upstream", "status": 503, "message": "Loading model", "retryable": True, "attempts": 1})
        status, answer = host.finish(patient)
        equal(status, 0, f"the status of the patient one ({answer})")
        assert answer["attempts"] > 1, f"it did not have to wait: {answer}"


def pings(host):
    """While the engine reads a long prompt, it sends comments and nothing else. How long that takes, machines differ."""
    for words in (50, 100, 200, 400, 800, 1600):
        body = ask("x " * words, tokens=2, stream=True, cache_prompt=False)
        _, raw = fetch(f"{host.base_url}/chat/completions", body)
        if raw.startswith(":"):
            break
    assert raw.startswith(":"), f"the engine was too quick to send a comment: {raw[:200]!r}"
    status, answer = host.request(body)
    equal(status, 0, f"the status ({answer})")
    has(answer, {"finishReason": "length", "attempts": 1})


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        tiny, late, slow = (os.path.join(folder, f"{name}.gguf") for name in ("tiny", "late", "slow"))
        tiny_gguf.write(tiny)
        tiny_gguf.write(late, more=60_000)
        tiny_gguf.write(slow, width=512, layers=8, inner=2048)
        with server(tiny, 0) as url:
            with_token = Host(f"{url}/v1")
            for host, how in ((with_token, "with a token"), (with_token.with_token(None), "without a token")):
                checks.check(f"lists, {how}", lists, host)
                checks.check(f"resolves, {how}", resolves, host)
                for arguments, form in (((), "streamed"), (("--no-stream",), "whole")):
                    checks.check(f"says a definite text, {form}, {how}", chats, host, *arguments)
                    checks.check(f"says random bytes up to the limit, {form}, {how}", cut_by_length, host, *arguments)
                    checks.check(f"calls a tool, {form}, {how}", calls_a_tool, host, *arguments)
            host = with_token
            checks.check("gives events as they come", events, host)
            checks.check("gives the text that the engine gives others", same_both_ways, host)
            checks.check("tells a thought from the text", thinks, host)
            checks.check("holds to a schema", holds_to_a_schema, host)
            checks.check("an unknown route is typed", unknown_route, host)
            checks.check("a bad request is typed", bad_request, host)
            checks.check("a prompt that is too long is typed", too_long, host)
            checks.check("no server at all is typed", no_server, host)
            checks.check(f"{CHATS} chats without an error", many, host)
        with server(tiny, 0, TOKEN) as url:
            checks.check("the key arrives", wants_a_key, Host(f"{url}/v1"))
        checks.check("503 while the model is loaded", loads, late)
        with server(slow, 0) as url:
            checks.check("comments before the first event", pings, Host(f"{url}/v1"))
    checks.done()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    else:
        main()
