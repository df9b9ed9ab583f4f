"""Claude Code, unmodified and headless, through `serve` against the mock router: `claude_code.py`, with HOST_HARNESS,
COMPONENT and CLAUDE_NODE_MODULES in the environment.

Its telemetry, error reports and updates are off by its own switches, and a proxy that lets nothing through notes whatever
is tried all the same: nothing may be. It has a home and a folder of its own, and keys of nobody.
"""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import tempfile
import threading

from harness import Checks, equal, mock_router, path_of
from serving import KEY, Recorder, served, until

MODEL = "Qwen/Qwen3-8B"
# A model name built into it, and the model that this name is an alias of here.
KNOWN = "claude-sonnet-4-5"
CONFIGURATION = {
    "agents": {
        "defaults": {
            "model": {"primary": f"huggingface/{MODEL}"},
            "models": {f"huggingface/{MODEL}:cheapest": {"alias": KNOWN}},
        }
    }
}
# A stream that does not end is for the tests that abort.
ENDLESS = "mock/endless"


class Sink:
    """A proxy that blocks everything, and records the requested hosts."""

    def __enter__(self):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_CONNECT(self):
                asked.append(f"{self.command} {self.path}")
                self.send_error(403)

            do_GET = do_POST = do_HEAD = do_PUT = do_CONNECT

            def log_message(self, *_):
                """Says nothing: the checks are what is printed."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"


class Claude:
    """The program, against one server."""

    def __init__(self, base_url, sink, model=MODEL):
        self.base_url, self.sink, self.model = base_url, sink, model

    @contextlib.contextmanager
    def start(self, prompt, *arguments):
        """Starts it with one prompt, in an empty folder."""
        program = path_of("CLAUDE_PROGRAM")
        with tempfile.TemporaryDirectory(prefix="agents-") as home:
            folder = os.path.join(home, "work")
            os.mkdir(folder)
            environment = {
                "PATH": os.environ.get("PATH", ""),
                "HOME": home,
                "CLAUDE_CONFIG_DIR": os.path.join(home, "claude"),
                "ANTHROPIC_BASE_URL": self.base_url,
                "ANTHROPIC_AUTH_TOKEN": KEY,
                "ANTHROPIC_MODEL": self.model,
                "ANTHROPIC_DEFAULT_HAIKU_MODEL": self.model,
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "DISABLE_AUTOUPDATER": "1",
                "DISABLE_ERROR_REPORTING": "1",
                "DISABLE_TELEMETRY": "1",
                "HTTP_PROXY": self.sink.url,
                "HTTPS_PROXY": self.sink.url,
                "NO_PROXY": "127.0.0.1",
            }
            command = [program, "-p", prompt, "--output-format", "json", *arguments]
            pipe, none = subprocess.PIPE, subprocess.DEVNULL
            process = subprocess.Popen(command, cwd=folder, env=environment, stdin=none, stdout=pipe, stderr=pipe)
            try:
                yield process, folder
            finally:
                if process.poll() is None:
                    process.kill()
                process.communicate()

    def run(self, prompt, *arguments, check=None):
        """Runs it to its end; gives its exit status and its result. `check` sees the folder."""
        with self.start(prompt, *arguments) as (process, folder):
            out, err = process.communicate(timeout=120)
            try:
                result = json.loads(out)
            except ValueError:
                raise AssertionError(f"status {process.returncode}, no JSON: {out!r} {err!r}") from None
            if check:
                check(folder)
            return process.returncode, result


def a_turn(url, sink, recorder):
    status, result = Claude(url, sink).run("What is number 7?", "--tools", "")
    equal((status, result["is_error"]), (0, False), "the outcome")
    assert "What is number 7?" in result["result"] and "mock router" in result["result"], result
    assert result["usage"]["output_tokens"] > 0, result
    equal(recorder.bodies[-1]["model"], MODEL, "the model that was asked")


def by_a_known_name(url, sink, recorder):
    status, result = Claude(url, sink, KNOWN).run("What is number 8?", "--tools", "")
    equal((status, result["is_error"]), (0, False), "the outcome")
    equal(recorder.bodies[-1]["model"], f"{MODEL}:cheapest", "the model that was asked")


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return "data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}) + "\n\n"


def calling(tool, arguments):
    """A stream that calls one tool, its arguments in fragments, after some reasoning."""
    text = json.dumps(arguments)
    function = {"name": tool, "arguments": text[:10]}
    call = {"index": 0, "id": f"call_{tool.lower()}", "type": "function", "function": function}
    pieces = [{"role": "assistant", "reasoning_content": f"I need {tool}."}, {"tool_calls": [call]}]
    pieces += [{"tool_calls": [{"index": 0, "function": {"arguments": text[at : at + 10]}}]} for at in range(10, len(text), 10)]
    usage = {"id": "c", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}}
    return "".join(map(chunk, pieces)) + chunk({}, "tool_calls") + f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n"


def a_loop(sink):
    """A file is written, edited and spoken of: three requests, each with what the tool before it did."""
    file = "poem.txt"
    streams = [
        calling("Write", {"file_path": file, "content": "roses are red\n"}),
        calling("Edit", {"file_path": file, "old_string": "red", "new_string": "blue"}),
        chunk({"role": "assistant", "content": "The poem is done."}, "stop") + "data: [DONE]\n\n",
    ]
    with tempfile.TemporaryDirectory(prefix="agents-") as folder:
        replay = []
        for at, stream in enumerate(streams):
            path = os.path.join(folder, f"{at}.sse")
            with open(path, "w", encoding="utf-8") as out:
                out.write(stream)
            replay += ["--replay", path]
        with mock_router(*replay) as mock, Recorder(mock) as recorder, served(recorder.url) as server:

            def edited(where):
                with open(os.path.join(where, file), encoding="utf-8") as found:
                    equal(found.read(), "roses are blue\n", "the file")

            claude = Claude(server.url.removesuffix("/v1"), sink)
            tools = ["--permission-mode", "acceptEdits", "--allowedTools", "Write,Edit,Read"]
            status, result = claude.run("Write a poem.", *tools, check=edited)
            equal((status, result["result"], result["num_turns"]), (0, "The poem is done.", 3), "the outcome")
            equal(len(recorder.bodies), 3, "the requests")
            last = recorder.bodies[-1]["messages"]
            calls = [call["function"]["name"] for message in last for call in message.get("tool_calls", [])]
            equal(calls, ["Write", "Edit"], "the calls that went back")
            thoughts = [message.get("reasoning_content") for message in last if message.get("tool_calls")]
            equal(thoughts, ["I need Write.", "I need Edit."], "the reasoning that went back with them")
            results = [message for message in last if message["role"] == "tool"]
            equal([result["tool_call_id"] for result in results], ["call_write", "call_edit"], "the results")
            names = {tool["function"]["name"] for tool in recorder.bodies[0]["tools"]}
            assert {"Write", "Edit", "Read"} <= names, names


def an_error(url, sink):
    status, result = Claude(url, sink, "mock/402-depleted").run("Hello!", "--tools", "")
    assert status != 0 and result["is_error"], (status, result)
    equal(result["api_error_status"], 402, "the status of the error")
    assert "credit" in result["result"], result["result"]


def a_prompt_too_long(url, sink):
    """The error for which a conversation is made shorter: Claude Code knows it by its words."""
    status, result = Claude(url, sink, "mock/400-context-nested").run("Hello!", "--tools", "")
    assert status != 0 and "too long" in result["result"].lower(), (status, result)


def an_abort(url, sink, recorder):
    """An interrupt in the middle of a stream ends it, upstream as well."""
    asked = len(recorder.bodies)
    left = recorder.left
    with Claude(url, sink, ENDLESS).start("Go on for ever.", "--tools", "") as (process, _):
        until(lambda: len(recorder.bodies) > asked, 60)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    until(lambda: recorder.left > left, 30)


class Leaving(Recorder):
    """A recorder that counts the streams that were left before their end."""

    left = 0

    def forward(self, handler, body):
        try:
            super().forward(handler, body)
        except OSError:
            self.left += 1


def nothing_left(sink):
    equal(sink.asked, [], "what was tried elsewhere")


def main():
    checks = Checks()
    with Sink() as sink:
        settings = ["max-retries=0"]
        with mock_router() as mock, Leaving(mock) as recorder:
            with served(recorder.url, settings=settings, configuration=CONFIGURATION, seconds=900) as server:
                url = server.url.removesuffix("/v1")
                checks.check("a turn", a_turn, url, sink, recorder)
                checks.check("by a name that it knows, which is an alias", by_a_known_name, url, sink, recorder)
                checks.check("an error", an_error, url, sink)
                checks.check("a prompt that is too long", a_prompt_too_long, url, sink)
                checks.check("an abort", an_abort, url, sink, recorder)
                checks.check("the server has written no secret", server.ends)
        checks.check("a loop that writes a file and edits it", a_loop, sink)
        checks.check("nothing but the server was asked for anything", nothing_left, sink)
    checks.done()


if __name__ == "__main__":
    main()
