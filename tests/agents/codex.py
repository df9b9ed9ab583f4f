"""Codex, unmodified and headless, through `serve` against the mock router: `codex.py`, with HOST_HARNESS, COMPONENT and
CODEX in the environment.

A turn, a turn with a tool that edits a file in an empty folder (by its shell, and by its patch tool, which takes a text),
an error, and a cancelled turn. Nothing leaves this machine: Codex's requests to other hosts go to a proxy that
counts and refuses it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))

from harness import Checks, equal, mock_router, path_of  # noqa: E402
from serving import KEY, Recorder, served, until  # noqa: E402

MODEL = "huggingface/Qwen/Qwen3-8B"
# Codex gives models of this name a patch tool that takes a text.
OPENAI_NAME = "gpt-5.5"
CONFIGURATION = {"agents": {"defaults": {"model": {"primary": MODEL}, "models": {MODEL: {"alias": OPENAI_NAME}}}}}
EDITED = "edited by the agent\n"
# The switches that Codex documents, and our server as its provider.
SETTINGS = """
model = "{model}"
model_provider = "huggingface"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

[feedback]
enabled = false

[otel]
exporter = "none"

# What would fetch lists of plugins and apps.
[features]
plugins = false
remote_plugin = false
apps = false

[model_providers.huggingface]
name = "Hugging Face"
base_url = "{url}"
env_key = "SERVE_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


class Refusing:
    """A proxy that blocks everything, and counts its requests."""

    def __init__(self):
        import http.server

        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def refuse(self):
                asked.append(self.path)
                self.send_error(403)

            do_CONNECT = do_GET = do_POST = do_HEAD = refuse

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Codex:
    """Codex in an empty folder, with a home of its own."""

    def __init__(self, folder, url, proxy, model=MODEL):
        self.work, home = os.path.join(folder, "work"), os.path.join(folder, "home")
        os.mkdir(self.work)
        os.mkdir(home)
        with open(os.path.join(home, "config.toml"), "w", encoding="utf-8") as file:
            file.write(SETTINGS.format(url=url, model=model))
        self.environment = {"PATH": os.environ.get("PATH", ""), "HOME": home, "CODEX_HOME": home, "SERVE_KEY": KEY}
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            self.environment[name] = self.environment[name.lower()] = proxy.url
        self.environment["NO_PROXY"] = self.environment["no_proxy"] = "127.0.0.1,localhost"

    def start(self, prompt):
        command = [path_of("CODEX"), "exec", "--json", "--skip-git-repo-check", prompt]
        pipe, none = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self.work, env=self.environment, stdin=none, stdout=pipe, stderr=pipe, text=True)

    def run(self, prompt):
        """Gives the exit status, the events and what went wrong."""
        process = self.start(prompt)
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"no end after 120 s: {process.communicate()}") from None
        return process.returncode, [json.loads(line) for line in out.splitlines() if line.startswith("{")], err


@contextlib.contextmanager
def setup(*mock_arguments, model=MODEL):
    """Codex before our server before a mock router; what reaches that is recorded."""
    with contextlib.ExitStack() as stack:
        mock = stack.enter_context(mock_router(*mock_arguments))
        upstream = stack.enter_context(Recorder(mock))
        server = stack.enter_context(served(upstream.url, ["max-retries=0"], configuration=CONFIGURATION))
        proxy = stack.enter_context(Refusing())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="agents-"))
        yield Codex(folder, server.url, proxy, model), server, upstream
        equal(proxy.asked, [], "what was asked elsewhere")


def replay(*names):
    return [argument for name in names for argument in ("--replay", os.path.join(HERE, "codex", f"{name}.sse"))]


def said(events):
    items = [event["item"] for event in events if event.get("type") == "item.completed"]
    return "".join(item.get("text", "") for item in items if item["type"] == "agent_message")


def a_turn():
    with setup(*replay("done")) as (codex, _, upstream):
        status, events, err = codex.run("Say hello.")
        equal(status, 0, f"the status ({err})")
        equal(said(events).strip(), "The file is written.", "what it said")
        [body] = upstream.bodies
        equal(body["model"], "Qwen/Qwen3-8B", "the model")
        assert {tool["type"] for tool in body["tools"]} == {"function"}, body["tools"]
        assert "prompt_cache_key" not in body and "client_metadata" not in body, list(body)
        [usage] = [event["usage"] for event in events if event.get("type") == "turn.completed"]
        equal((usage["input_tokens"], usage["output_tokens"]), (100, 20), "the usage")


def a_tool_edits_a_file(tool, model):
    with setup(*replay(tool, "done"), model=model) as (codex, _, upstream):
        status, events, err = codex.run("Write note.txt.")
        equal(status, 0, f"the status ({err})")
        with open(os.path.join(codex.work, "note.txt"), encoding="utf-8") as file:
            equal(file.read(), EDITED, "the file")
        equal(said(events).strip(), "The file is written.", "what it said")
        first, second = upstream.bodies
        assert len(second["messages"]) > len(first["messages"]), "the conversation goes on"
        *_, call, result = second["messages"]
        equal(call["role"], "assistant", "the role of the call")
        equal(call["tool_calls"][0]["id"], result["tool_call_id"], "the id of the result")
        equal(call.get("reasoning_content"), "I use a tool.", "the reasoning that comes back")
        assert result["content"], "the result says something"


def an_error():
    with setup("--scenario", "402-depleted") as (codex, _, upstream):
        status, events, err = codex.run("Say hello.")
        assert status != 0, "it failed"
        assert "credits" in json.dumps(events) + err, (events, err)
        equal(len(upstream.bodies), 1, "the requests upstream")


def given_up():
    with setup("--scenario", "stall") as (codex, server, upstream):
        process = codex.start("Say hello.")
        try:
            until(lambda: upstream.bodies, 60)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
            until(lambda: "the client disconnected" in server.logged(), 30)
        finally:
            process.kill()
            process.communicate()


def main():
    checks = Checks()
    checks.check("codex: a turn", a_turn)
    checks.check("codex: its shell edits a file", a_tool_edits_a_file, "shell", MODEL)
    checks.check("codex: its patch tool, which takes a text, edits a file", a_tool_edits_a_file, "patch", OPENAI_NAME)
    checks.check("codex: an error", an_error)
    checks.check("codex: a turn that is given up", given_up)
    checks.done()


if __name__ == "__main__":
    main()
