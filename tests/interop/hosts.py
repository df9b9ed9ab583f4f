"""The component, unchanged, in hosts that are not ours: `hosts.py`, with HOST_HARNESS, COMPONENT and NODE_MODULES in
the environment.

Their lists, resolutions and responses have to equal those of our own host for the same requests to the same mock
router, which requires a token. Then each sends many requests to llama.cpp's server from one instance: the server
announces keep-alive and closes after each response, and jco's HTTP client pools such connections.
"""

import json
import os
import subprocess
import sys
import tempfile

import llama_cpp
import tiny_gguf
from harness import HERE, TOKEN, Checks, Host, equal, has, mock_router, path_of

REFERENCE = "Qwen/Qwen3-8B:cheapest"
QUESTION = "What is number 0?"
CHATS = 300
COMPONENT = path_of("COMPONENT")


def transpiled(folder):
    """Makes JavaScript of the component, as it is."""
    jco = os.path.join(os.environ["NODE_MODULES"], "@bytecodealliance", "jco", "dist", "jco.js")
    command = ["node", jco, "transpile", COMPONENT, "-o", folder, "--name", "component", "--instantiation", "async"]
    made = subprocess.run([*command, "--no-typescript", "-q"], capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    return folder


def host_script(name):
    return os.path.join(HERE, "hosts", name)


def run(command, base_url, token=TOKEN, reference=REFERENCE, chats=1):
    """Runs one of the hosts; gives its exit status, what it wrote, and what it complained about."""
    environment = {name: os.environ[name] for name in ("PATH", "NODE_MODULES") if name in os.environ}
    if token:
        environment["HF_TOKEN"] = token
    arguments = [*command, base_url, reference, str(chats)]
    ran = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=150)
    assert TOKEN not in ran.stdout + ran.stderr, "it wrote the token"
    return ran.returncode, ran.stdout, ran.stderr


def kebab(value):
    """Gives a value with the contract's own names, without what is absent; jco's are in camel case."""
    if isinstance(value, list):
        return [kebab(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "tag" in value:
        return {name: kebab(item) for name, item in value.items() if item is not None}
    spell = lambda name: "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return {spell(name): kebab(item) for name, item in value.items() if item is not None}


def good(*arguments, **named):
    status, out, err = run(*arguments, **named)
    assert status == 0, f"status {status}: {err[-2000:]}"
    return kebab(json.loads(out))


def lists_resolves_streams(command, base_url):
    """All of it with the credential, and the same as in our own host."""
    ours = Host(base_url)
    found = good(command, base_url)
    has(found["catalog"], {"source": "live", "warnings": []})
    wanted = ours.good("models")["models"]
    equal([model["id"] for model in found["catalog"]["models"]], [model["id"] for model in wanted], "the list")
    for theirs, mine in zip(found["catalog"]["models"], wanted):
        equal(theirs["display-name"], mine["name"], "a name")
        equal(theirs.get("context-window"), mine.get("contextWindow"), "a window")
        equal([route["backend"] for route in theirs["routes"]], [route["backend"] for route in mine["routes"]], "routes")
    wanted = ours.good("resolve", REFERENCE)
    has(found["resolved"], {"canonical": wanted["canonical"], "wire-id": wanted["wireId"], "provider-locked": True})
    equal(found["resolved"]["routing"], {"tag": "policy", "val": "cheapest"}, "routing")
    body = {"model": REFERENCE, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 16}
    status, wanted = ours.request(body)
    equal(status, 0, f"our own status ({wanted})")
    events, summary = found["answers"][0]["events"], found["answers"][0]["summary"]
    assert len(events) > 3, f"no stream: {events}"
    equal("".join(event["val"] for event in events if event["tag"] == "text"), wanted["text"], "the text")
    thoughts = "".join(event["val"]["text"] for event in events if event["tag"] == "reasoning")
    equal(thoughts, wanted.get("reasoning", ""), "the thoughts")
    has(summary, {"finish-reason": wanted["finishReason"], "model": wanted["model"], "attempts": 1})
    equal(summary["usage"]["output-tokens"], wanted["usage"]["outputTokens"], "output-tokens")


def needs_the_credential(command, base_url):
    """Nothing but the host's edge can have brought it in."""
    status, _, err = run(command, base_url, token=None)
    equal(status, 1, "the status")
    assert "unauthenticated" in err, err


def says_what_failed(command, scenario, kind):
    with mock_router("--scenario", scenario) as base_url:
        status, _, err = run(command, base_url)
    equal(status, 1, "the status")
    assert f'"{kind}"' in err, err


def chats_on(command, base_url):
    """From one instance, one after the other."""
    found = good(command, base_url, token=None, reference=llama_cpp.MODEL, chats=CHATS)
    equal([model["id"] for model in found["catalog"]["models"]], [llama_cpp.MODEL], "the list")
    equal(len(found["answers"]), CHATS, "the number of answers")
    for answer in found["answers"]:
        assert answer["summary"]["finish-reason"] in ("stop", "length"), answer
        assert answer["summary"]["usage"]["output-tokens"] > 0, answer
    again = sum(answer["summary"]["attempts"] > 1 for answer in found["answers"])
    print(f"        {again} of {CHATS} took a second request", flush=True)


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        model = os.path.join(folder, "tiny.gguf")
        tiny_gguf.write(model)
        node = ["node", host_script("jco.mjs"), transpiled(os.path.join(folder, "transpiled"))]
        python = [sys.executable, host_script("wasmtime_py.py"), COMPONENT]
        with mock_router() as mock, llama_cpp.server(model, 0) as llama:
            for name, command in (("wasmtime-py", python), ("jco", node)):
                checks.check(f"{name}: lists, resolves and streams", lists_resolves_streams, command, mock)
                checks.check(f"{name}: not without the credential", needs_the_credential, command, mock)
                checks.check(f"{name}: a cut is an error", says_what_failed, command, "cut", "transport")
                checks.check(f"{name}: a refusal is an error", says_what_failed, command, "402-depleted", "payment-required")
                checks.check(f"{name}: {CHATS} chats with llama.cpp", chats_on, command, f"{llama}/v1")
    checks.done()


if __name__ == "__main__":
    main()
