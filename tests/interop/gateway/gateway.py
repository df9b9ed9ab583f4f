"""The composed gateway under engines that others wrote, with the credential added outside: `gateway.py`, with
HOST_HARNESS, COMPONENT, GATEWAY, WASMTIME, WASH and ENVOY in the environment.

What a client gets has to be what `host-harness serve` gives for the same requests to the same mock router.
"""

import contextlib
import functools
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

import memory
from engines import ENGINES, HERE, KEY, clean, credential_proxy, slow_router, wasmtime
from harness import TOKEN, Checks, equal, fetch, has, mock_router, path_of
from serving import served

CASES = HERE.parent.parent / "cases" / "server-errors.json"
MODEL = "Qwen/Qwen3-8B"
ASK = [{"role": "user", "content": "What is number 0?"}]
CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
# What only `serve` can say, which knows the token and where it comes from; and a lost connection, which the proxy turns into
# a 503 of its own.
OTHERWISE = ("the token in the question", "a bad token upstream", "no permission", "hung up")
GOLDEN = HERE.parent.parent / "golden" / "gateway.txt"
ANTHROPIC = {"anthropic-version": "2023-06-01"}


def settings(base_url, **more):
    return {"base-url": base_url, **{name.replace("_", "-"): value for name, value in more.items()}}


def ask(url, path, body=None, headers=None, method=None):
    """Gives status, headers and text of a response; a body that is text is sent as it is."""
    target = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
    data = body if body is None or isinstance(body, str) else json.dumps(body)
    sent = {"content-type": "application/json", "x-request-id": "the-same", **(headers or {})}
    connection.request(method or ("GET" if data is None else "POST"), path, data, sent)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, text


def streams(url, key=None, body=None, path=CHAT, headers=()):
    """Asks with curl; gives its lines, each with the time at which it came."""
    command = ["curl", "--silent", "--show-error", "--no-buffer", "--max-time", "60", f"{url}{path}"]
    command += ["-H", "content-type: application/json"]
    for header in [*headers, *([f"authorization: Bearer {key}"] if key else [])]:
        command += ["-H", header]
    command += ["-d", json.dumps(body or {"model": MODEL, "stream": True, "messages": ASK})]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [(time.monotonic(), line.strip()) for line in process.stdout if line.strip()]
    equal(process.wait(), 0, f"curl's status ({process.stderr.read()})")
    return lines


def a_curl_streams(url, key):
    """Each event as it comes, which takes the router some time, to a whole end."""
    lines = streams(url, key)
    chunks = [json.loads(line.removeprefix("data: ")) for _, line in lines if line.startswith("data: {")]
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert "mock router" in text and lines[-1][1] == "data: [DONE]", lines[-3:]
    times = [at for at, _ in lines]
    assert times[-1] - times[0] > 0.5, f"all came at once, within {times[-1] - times[0]:.3f} s"
    assert len({round(at, 2) for at in times}) > 5, "it came in a few pieces"


def without_the_proxy(engine, router):
    """The control: nobody else adds the credential."""
    with ENGINES[engine](settings(router)) as (url, _):
        status, _, text = ask(url, CHAT, {"model": MODEL, "messages": ASK})
    equal(status, 401, f"the status ({text})")
    has(json.loads(text)["error"], {"code": "unauthenticated", "type": "authentication_error"})


def no_token_inside(url, process, proxy):
    """Neither in the memory of the engine, where those of its guests are, nor in its environment."""
    marker = "a-marker-in-the-question-0123456789"
    long = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": f"Repeat {marker}"}]}
    curl = subprocess.Popen(
        ["curl", "-sN", f"{url}{CHAT}", "-H", "content-type: application/json", "-d", json.dumps(long)],
        stdout=subprocess.PIPE,
    )
    curl.stdout.readline()
    try:
        assert memory.holds(process.pid, marker.encode()), "the search finds nothing, not even what a guest has"
        assert memory.holds(proxy.pid, TOKEN.encode()), "the search does not find the token where it is"
        assert not memory.holds(process.pid, TOKEN.encode()), "the engine has the token"
        assert not memory.holds(process.pid, TOKEN[4:].encode()), "the engine has most of the token"
    finally:
        curl.kill()
        curl.wait()


def imports_wasi_alone():
    """As another tool reads it: what is pinned, and all of it WASI's."""
    command = [path_of("WASH"), "--non-interactive", "inspect", path_of("GATEWAY")]
    printed = subprocess.run(command, env=clean(), capture_output=True, text=True, check=True, timeout=120).stdout
    found = set(re.findall(r"^ +((?:import|export) [a-z]+:[a-z/0-9@.-]+)", printed, re.M))
    equal(found, set(GOLDEN.read_text().split("\n")) - {""}, "what it imports and exports")
    assert all(line.split(" ")[1].startswith("wasi:") for line in found), found


def only_the_providers_addresses(proxy):
    """The proxy adds the token to nothing that the provider does not ask for."""
    for method, path in (("GET", "/v1/chat/completions"), ("POST", "/v1/models"), ("GET", "/v1/whoami"), ("GET", "/")):
        status, _, text = ask(proxy.removesuffix("/v1"), path, method=method)
        equal((status, text), (404, ""), f"{method} {path}")


def wants_its_key(url):
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {KEY}x"}, {"x-api-key": "x"}):
        status, answered, text = ask(url, "/v1/models", headers=headers)
        equal((status, answered.get("www-authenticate")), (401, "Bearer"), f"with {headers}: {text}")
        has(json.loads(text)["error"], {"code": "invalid_api_key"})
    for headers in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"authorization": f"bearer {KEY}", "host": "gw.example"}):
        equal(ask(url, "/v1/models", headers=headers)[0], 200, f"with {headers}")
    equal(ask(url, "/healthz")[0], 200, "whoever watches needs no key")


def knows_no_stranger(url):
    """Without a key: no name that a page could make up, and no page."""
    equal(ask(url, "/v1/models", headers={"host": "evil.example"})[0], 403, "another name")
    equal(ask(url, "/v1/models", headers={"origin": "https://evil.example"})[0], 403, "a page")
    equal(ask(url, "/v1/models", headers={"host": "gw.internal"})[0], 200, "a name of the settings")


def says_what_is_wrong(setting, told):
    with wasmtime(settings("http://127.0.0.1:9/v1", **setting)) as (url, _):
        status, _, text = ask(url, "/v1/models")
        equal(status, 503, "the status")
        error = json.loads(text)["error"]
        equal(error["code"], "configuration", "the code")
        assert told in error["message"] and "x-secret" not in text, text
        equal(ask(url, "/healthz")[0], 503, "whether it is well")


def settings_are_used(router):
    """Aliases, a default model and a smaller body, as the settings say."""
    more = {"default_model": MODEL, "max_body_bytes": "2000"}
    # wasmtime's flag cuts a value at its commas, so one alias at a time. What clients send for want of a name is one
    # where the settings say so.
    for alias, meant, names in (
        ("Big One", MODEL, (("big one", MODEL), ("", MODEL), ("default", MODEL), ("dummy", MODEL))),
        ("Dummy", f"{MODEL}:fastest", (("dummy", f"{MODEL}:fastest"), ("default", MODEL))),
    ):
        with settings_of(router, alias, meant, more) as url:
            for name, model in names:
                status, _, text = ask(url, CHAT, {"model": name, "messages": ASK})
                equal(status, 200, f"the status for {name!r} ({text})")
                has(json.loads(text)["x_plugin"], {"model": f"huggingface/{model}"})
            status, _, text = ask(url, CHAT, {"model": MODEL, "messages": [{"role": "user", "content": "x" * 3000}]})
            equal((status, json.loads(text)["error"]["code"]), (413, "max-body-bytes"), "a long body")


@contextlib.contextmanager
def settings_of(router, alias, meant, more):
    aliases = json.dumps({alias: meant})
    with credential_proxy(router) as (proxy, _), wasmtime(settings(proxy, aliases=aliases, **more)) as (url, _):
        yield url


def built_in(router):
    """Settings in the component itself: the engine is told nothing."""
    built = os.environ.get("GATEWAY_BUILT_IN_COMMAND")
    assert built, "GATEWAY_BUILT_IN_COMMAND has to name what builds a gateway with settings"
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder, credential_proxy(router) as (proxy, _):
        file = pathlib.Path(folder, "settings.json")
        file.write_text(json.dumps(settings(proxy, default_model=MODEL)))
        out = os.path.join(folder, "gateway.wasm")
        subprocess.run([*built.split(), str(file), out], check=True, timeout=600)
        with wasmtime(None, component=out) as (url, _):
            equal(ask(url, CHAT, {"model": "", "messages": ASK})[0], 200, "the status")


def plain(headers, text):
    """What two servers have to agree on: without times, and without what only `serve` knows."""
    kept = ("content-type", "retry-after", "x-should-retry", "www-authenticate", "x-request-id", "request-id", "cache-control")
    value = json.loads(text)

    def masked(value):
        if isinstance(value, list):
            return [masked(item) for item in value]
        if not isinstance(value, dict):
            if not isinstance(value, str):
                return value
            # Ids of responses are unique, even to requests of one name.
            return re.sub(r"the-same-[0-9a-f]{8}", "the-same", re.sub(r"serve-max-body", "max-body", value))
        # Times, and the name that the router counts up.
        times = ("created", "created_at", "completed_at", "requestId")
        return {name: masked(item) for name, item in value.items() if name not in times}

    return {name: headers.get(name) for name in kept}, masked(value)


def as_serve_does(ours, theirs, path, body=None, headers=None, method=None):
    mine, wanted = (ask(url, path, body, headers, method) for url in (ours, theirs))
    equal(mine[0], wanted[0], f"the status ({mine[2]} against {wanted[2]})")
    if not wanted[2]:
        return equal(mine[2], "", "the body")
    for found, expected in zip(plain(*mine[1:]), plain(*wanted[1:])):
        equal(found, expected)


def events(text):
    """The names of a stream's events, repeated ones once, and its text."""
    names, said = [], ""
    for frame in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.splitlines() if ": " in line)
        if "data" not in lines:
            continue
        data = json.loads(lines["data"]) if lines["data"].startswith("{") else lines["data"]
        name = lines.get("event") or (sorted(data) if isinstance(data, dict) else data)
        if names[-1:] != [name]:
            names.append(name)
        if isinstance(data, dict):
            delta = data.get("delta")
            said += delta if isinstance(delta, str) else ""
            said += (delta or {}).get("text", "") if isinstance(delta, dict) else ""
            said += "".join(choice["delta"].get("content") or "" for choice in data.get("choices") or [])
    return names, said


def streams_as_serve_does(ours, theirs, path, body, headers=None):
    mine, wanted = (ask(url, path, {**body, "stream": True}, headers) for url in (ours, theirs))
    equal(mine[0], wanted[0], "the status")
    equal(mine[1].get("content-type"), wanted[1].get("content-type"), "the type")
    equal(events(mine[2]), events(wanted[2]), "the events")
    assert len(events(wanted[2])[1]) > 20, wanted[2]


def the_same_as_serve(checks, router):
    with credential_proxy(router) as (proxy, _), wasmtime(settings(proxy)) as (ours, _), served(router, key=None) as server:
        theirs = server.url.removesuffix("/v1")
        same = lambda name, *asked, **named: checks.check(
            f"as serve: {name}", functools.partial(as_serve_does, ours, theirs, *asked, **named)
        )
        for case in json.loads(CASES.read_text()):
            if case["name"] in OTHERWISE:
                continue
            body = case.get("text", case.get("body"))
            if body is None:
                body = {"model": case.get("model", MODEL), "messages": ASK}
            kind = {"content-type": case["content_type"]} if "content_type" in case else None
            same(case["name"], CHAT, body, kind)
        whole = {"model": MODEL, "messages": ASK}
        same("a chat completion", CHAT, whole)
        same("a response", RESPONSES, {"model": MODEL, "input": "What is number 0?"})
        same("a message", MESSAGES, {**whole, "max_tokens": 64}, ANTHROPIC)
        same("an error of Messages", MESSAGES, {"model": "mock/402-depleted", "max_tokens": 9, "messages": ASK}, ANTHROPIC)
        same("counted tokens", f"{MESSAGES}/count_tokens", whole, ANTHROPIC)
        same("the models", "/v1/models")
        same("the models of Messages", "/v1/models?limit=2", headers=ANTHROPIC)
        for id in ("Qwen/Qwen3-8B", "Qwen%2FQwen3-8B", "nobody/nothing", "%FF"):
            same(f"the model {id}", f"/v1/models/{id}")
        same("no model", CHAT, {"messages": ASK})
        same("a slash too many", "//v1/models/")
        same("a compressed body", CHAT, whole, {"content-encoding": "gzip"})
        same("another method", CHAT)
        same("another address", "/v1/embeddings", {"input": "x"})
        same("an address of Ollama", "/api/chat", whole)
        for name, path, body, headers in (
            ("chat completions", CHAT, whole, None),
            ("responses", RESPONSES, {"model": MODEL, "input": "What is number 0?"}, None),
            ("messages", MESSAGES, {**whole, "max_tokens": 64}, ANTHROPIC),
        ):
            check = f"as serve: a stream of {name}"
            checks.check(check, streams_as_serve_does, ours, theirs, path, body, headers)


def breaks_off(url, scenario):
    """A stream that breaks off ends in an error, and not as if it were whole."""
    status, _, text = ask(url, CHAT, {"model": f"mock/{scenario}", "stream": True, "messages": ASK})
    equal(status, 200, "the status")
    assert '"error"' in text and '"finish_reason":"stop"' not in text, text


def lets_go(url, router_log):
    """A client that leaves ends the request upstream."""
    process = subprocess.Popen(
        ["curl", "-sN", f"{url}{CHAT}", "-H", "content-type: application/json", "-d",
         json.dumps({"model": MODEL, "stream": True, "messages": ASK})],
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    process.kill()
    process.wait()
    equal(ask(url, "/healthz")[0], 200, "whether it is well afterwards")


def main():
    checks = Checks()
    checks.check("it imports WASI alone", imports_wasi_alone)
    with slow_router(60) as router, credential_proxy(router) as (proxy, envoy):
        for name, engine in ENGINES.items():
            with engine(settings(proxy, allowed_hosts="gw.internal")) as (url, process):
                checks.check(f"{name}: a curl streams", a_curl_streams, url, None)
                checks.check(f"{name}: no token inside", no_token_inside, url, process, envoy)
                checks.check(f"{name}: no name of a page", knows_no_stranger, url)
                checks.check(f"{name}: a client that leaves", lets_go, url, None)
            with engine(settings(proxy), key=KEY) as (url, _):
                checks.check(f"{name}: wants its key", wants_its_key, url)
                checks.check(f"{name}: a curl with the key streams", a_curl_streams, url, KEY)
            checks.check(f"{name}: not without the proxy", without_the_proxy, name, router)
        checks.check("the proxy: only the provider's addresses", only_the_providers_addresses, proxy)
    with mock_router() as router:
        with credential_proxy(router) as (proxy, _), wasmtime(settings(proxy)) as (url, _):
            for scenario in ("cut", "event-error", "error-in-chunk"):
                checks.check(f"a stream that breaks off: {scenario}", breaks_off, url, scenario)
        checks.check("settings are used", settings_are_used, router)
        for setting, told in (
            ({"max_retries": "x-secret"}, "`max-retries` takes a whole number from 0 to 10"),
            ({"max_retrys": "1"}, "did you mean `max-retries`"),
            ({"access_key": "x-secret"}, "`access-key` takes"),
            ({"models": "x-secret"}, "`models` takes"),
        ):
            checks.check(f"a setting that cannot be taken: {next(iter(setting))}", says_what_is_wrong, setting, told)
        the_same_as_serve(checks, router)
        if "GATEWAY_BUILT_IN_COMMAND" in os.environ:
            checks.check("settings that are built in", built_in, router)
    checks.done()


if __name__ == "__main__":
    main()
