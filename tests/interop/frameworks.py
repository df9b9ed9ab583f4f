"""Third-party frameworks, unmodified, through `serve`: `frameworks.py [NAME…]`, with HOST_HARNESS, COMPONENT and
NODE_MODULES in the environment.

Each does the same four things, in a file of its own under `frameworks/`: a plain response, a stream, a tool call and what
the model makes of its result, and a second turn. Between `serve` and the mock router a recorder stores what arrives, so
that a turn that was forgotten on the way is seen.
"""

import importlib
import json
import os
import subprocess
import sys

from harness import HERE, Checks, mock_router
from serving import KEY, Recorder, served

MODEL = "Qwen/Qwen3-8B"
CITY = "Oslo"
WEATHER = "It rains in Oslo, 7 degrees."
QUESTION = "What is number 7?"
AGAIN = "And number 8?"

PYTHON = (
    "autogen_chat",
    "langgraph_agent",
    "litellm_sdk",
    "pydantic_ai_agent",
    "pydantic_ai_responses",
    "openai_agents",
    "langchain_responses",
    "semantic_kernel_chat",
    "smolagents_agent",
    "huggingface_hub_client",
)
NODE = ("ai_sdk", "langchain_js")


class OfNode:
    """A framework of npm: the same four, each in a process of its own."""

    def __init__(self, name):
        self.name = self.LABEL = name

    def __getattr__(self, task):
        def run(url, key, model, *texts):
            script = os.path.join(HERE, "frameworks", f"{self.name}.mjs")
            command = ["node", script, task, url, key, model, *texts]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert ran.returncode == 0, ran.stderr[-3000:]
            return json.loads(ran.stdout)

        return run


def plain(framework, server, upstream):
    text = framework.plain(server.url, KEY, MODEL, QUESTION)
    assert QUESTION in text and "mock router" in text, text


def streams(framework, server, upstream):
    pieces = framework.stream(server.url, KEY, MODEL, QUESTION)
    text = "".join(pieces)
    assert QUESTION in text and "mock router" in text, pieces
    assert len(pieces) > 5, f"no stream: {pieces}"


def uses_tools(framework, server, upstream):
    before = len(upstream.bodies)
    text = framework.tools(server.url, KEY, MODEL, f"How is the weather in {CITY}?", WEATHER)
    assert WEATHER in text, text
    asked = upstream.bodies[before:]
    assert len(asked) <= 4, f"{len(asked)} requests for one call"
    assert any(WEATHER in json.dumps(body["messages"]) for body in asked), "the result did not arrive"


def goes_on(framework, server, upstream):
    text = framework.turns(server.url, KEY, MODEL, QUESTION, AGAIN)
    assert AGAIN in text, text
    said = json.dumps(upstream.bodies[-1]["messages"], ensure_ascii=False)
    assert QUESTION in said and AGAIN in said and "mock router" in said, f"a turn is missing: {said}"


def main():
    sys.path.insert(0, os.path.join(HERE, "frameworks"))
    wanted = sys.argv[1:] or [*PYTHON, *NODE]
    checks = Checks()
    with mock_router() as mock, Recorder(mock) as upstream:
        with served(upstream.url, settings=["max-retries=0"], seconds=900) as server:
            for name in wanted:
                framework = OfNode(name) if name in NODE else importlib.import_module(name)
                label = getattr(framework, "LABEL", name)
                checks.check(f"{label}: a plain response", plain, framework, server, upstream)
                checks.check(f"{label}: a stream", streams, framework, server, upstream)
                checks.check(f"{label}: a tool and its result", uses_tools, framework, server, upstream)
                checks.check(f"{label}: a second turn", goes_on, framework, server, upstream)
    checks.done()


if __name__ == "__main__":
    main()
