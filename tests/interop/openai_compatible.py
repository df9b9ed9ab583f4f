"""The second provider against llama.cpp's own server: with HOST_HARNESS and OPENAI_COMPATIBLE in the environment.

Sets it up with one command and chats with the next, then what differs from the other provider: the id, the list with the
engine's own members, a key or none.
"""

import os
import sys
import tempfile

import tiny_gguf
from harness import TOKEN, Checks, Host, equal, free_port, has, path_of
from llama_cpp import MODEL, ask, saying, server

PROVIDER = "openai-compatible"
REFERENCE = f"{PROVIDER}/{MODEL}"
KEY = {"OPENAI_COMPATIBLE_API_KEY": TOKEN}


class Compatible(Host):
    """The command line with this plugin, and a home of its own."""

    def __init__(self, base_url=None, key=None):
        super().__init__(base_url, None)
        self.component = path_of("OPENAI_COMPATIBLE")
        self.more = KEY if key else {}
        self.state = tempfile.TemporaryDirectory(prefix="interop-compatible-")


def sets_up_and_chats(url):
    """The two commands of the guide."""
    host = Compatible(url)
    has(host.good("onboard", "--non-interactive"), {"provider": PROVIDER, "defaultModel": REFERENCE})
    host.base_url = None
    answer = host.good("chat", "hi")
    has(answer, {"model": REFERENCE, "attempts": 1})
    assert answer["usage"]["outputTokens"] > 0, answer


def lists(host):
    found = host.good("models")
    has(found, {"source": "live", "warnings": []})
    equal([model["ref"] for model in found["models"]], [REFERENCE], "the list")
    # The engine says what it was started with: the context of each slot.
    equal(found["models"][0]["contextWindow"], 4096, "the window")


def chats(host, *arguments):
    text = 'café "日本" \\ tab\t\n\nend'
    status, answer = host.request(ask(tokens=200, **saying(text)), *arguments)
    equal(status, 0, f"the status ({answer})")
    has(answer, {"text": text, "finishReason": "stop", "attempts": 1, "model": REFERENCE})


def doctor(host):
    found = host.good("doctor")
    assert "HF_TOKEN" not in str(found) and "Hugging Face" not in str(found), found


def too_long(host):
    status, answer = host.request(ask("x" * 9000))
    equal(status, 1, f"the status ({answer})")
    has(answer["error"], {"kind": "context-overflow", "status": 400, "attempts": 1})


def wants_a_key(url):
    stranger = Compatible(url)
    error = stranger.bad("chat", "-m", MODEL, "hi")
    has(error, {"kind": "unauthenticated", "status": 401})
    assert "OPENAI_COMPATIBLE_API_KEY" in error["hint"], error
    # A key that nobody granted is not even read.
    ungranted = Compatible(url, key=True)
    has(ungranted.bad("chat", "-m", MODEL, "hi"), {"kind": "unauthenticated", "status": 401})
    ungranted.base_url = None
    ungranted.good("grant", ungranted.component, "--yes")
    ungranted.base_url = url
    lists(ungranted)
    chats(ungranted)


def no_server():
    error = Compatible(f"http://127.0.0.1:{free_port()}/v1").bad("chat", "-m", MODEL, "hi", settings=["max-retries=0"])
    has(error, {"kind": "transport", "attempts": 1, "retryable": True})


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        tiny = os.path.join(folder, "tiny.gguf")
        tiny_gguf.write(tiny)
        with server(tiny, 0) as url:
            url = f"{url}/v1"
            host = Compatible(url)
            checks.check("is set up with one command and chats with the next", sets_up_and_chats, url)
            checks.check("lists, with the window that the engine serves", lists, host)
            for arguments, form in (((), "streamed"), (("--no-stream",), "whole")):
                checks.check(f"says a definite text, {form}", chats, host, *arguments)
            checks.check("is found in order by doctor", doctor, host)
            checks.check("a prompt that is too long is typed", too_long, host)
        with server(tiny, 0, TOKEN) as url:
            checks.check("a key is used once it is granted", wants_a_key, f"{url}/v1")
        checks.check("no server at all is typed", no_server)
    checks.done()


if __name__ == "__main__":
    sys.exit(main())
