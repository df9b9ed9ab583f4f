"""Third-party test suites for servers of OpenAI's dialect, through `serve`: `judges.py`, with HOST_HARNESS and
COMPONENT in the environment, and OPENAI_SDIST naming the unpacked source distribution of PyPI's `openai`.

`llm-comply` has to pass whole, for Chat Completions and for the Responses API. The chat and models tests of `openai` have to pass but for those named here, each with
the feature that this upstream does not have; one that is named and passes is a mistake in the list.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import openai
from harness import Checks, equal, fetch, mock_router
from serving import KEY, Recorder, served

# A model that sees pictures, under the names that the suites request: `openai` for one of OpenAI's own, and llm-comply
# requests reasoning only of models with such a name.
VISION = "huggingface/moonshotai/Kimi-K2.5"
OPENAI_NAME, COMPLY_NAME = "gpt-6-astra", "gpt-5"
# One that sees pictures and does not reason: llm-comply knows no name for events of reasoning that OpenAI's own library and
# Codex know (`response.reasoning_text.delta`, `response.reasoning_summary_text.delta`).
SILENT, SILENT_NAME = "huggingface/Qwen/Qwen2.5-VL-7B-Instruct", "gpt-5-mini"
CONFIGURATION = {
    "agents": {
        "defaults": {
            "model": {"primary": VISION},
            "models": {VISION: {"alias": OPENAI_NAME}, f"{VISION}:cheapest": {"alias": COMPLY_NAME}, SILENT: {"alias": SILENT_NAME}},
        }
    }
}

STORED = "completions are not stored: the router has no such address"
TUNED = "there are no models of one's own to delete: the router has no such address"
FORMS = ("method", "raw_response", "streaming_response")
NOT_THERE = {
    **{f"test_completions.test_{form}_retrieve": STORED for form in FORMS},
    **{f"test_completions.test_{form}_update": STORED for form in FORMS},
    **{f"test_completions.test_{form}_list": STORED for form in FORMS},
    "test_completions.test_method_list_with_all_params": STORED,
    **{f"test_completions.test_{form}_delete": STORED for form in FORMS},
    **{f"test_messages.test_{form}_list": STORED for form in FORMS},
    "test_messages.test_method_list_with_all_params": STORED,
    **{f"test_models.test_{form}_delete": TUNED for form in FORMS},
}


def llm_comply(checks, url, form, model, count):
    """Runs a suite; each of its tests is a check."""
    program = os.path.join(os.path.dirname(sys.executable), "llm-comply")
    command = [program, "run", "--format", form, "-u", url, "-k", "any", "-m", model, "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    results = json.loads(ran.stdout)["results"]

    def passes(result):
        assert result["status"] == "passed", result

    for result in results:
        checks.check(f"llm-comply, {form}: {result['id']}", passes, result)
    checks.check(f"llm-comply, {form}: the whole suite", lambda: equal(len(results), count, "the number of tests"))


def openai_tests(checks, url):
    """Runs the tests; each function is a check, in all of its variants."""
    found = outcomes(url)
    assert len(found) > 30, f"only {len(found)} tests were run"
    for name, variants in sorted(found.items()):
        why_not = NOT_THERE.get(name)
        wanted = f"fails ({why_not})" if why_not else "passes"
        checks.check(f"openai's own {name} {wanted}", judged, variants, why_not)
    checks.check("each test that is to fail was run", lambda: equal(set(NOT_THERE) - set(found), set(), "not run"))


def judged(variants, why_not):
    for variant, failure in variants.items():
        if why_not is None:
            assert failure is None, f"{variant}: {failure}"
        else:
            assert failure is not None, f"{variant} passes"
            # For the reason given, and no other.
            assert re.search(r"Error code: 40[45]", failure), f"{variant}: {failure}"


def outcomes(url):
    """Gives for each test function its variants, each with its failure or none."""
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        report = os.path.join(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "--tb=line"]
        command += [f"--junit-xml={report}", "tests/api_resources/chat", "tests/api_resources/test_models.py"]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "TEST_API_BASE_URL": url}
        subprocess.run(
            command, cwd=os.environ["OPENAI_SDIST"], env=environment, capture_output=True, text=True, timeout=300
        )
        cases = xml.etree.ElementTree.parse(report).getroot().iter("testcase")
        found = {}
        for case in cases:
            function, _, variant = case.get("name").partition("[")
            module, suite = case.get("classname").split(".")[-2:]
            failed = [child.get("message", "") for child in case if child.tag in ("failure", "error")]
            name = f"{suite}, {variant.rstrip(']')}"
            found.setdefault(f"{module}.{function}", {})[name] = failed[0] if failed else None
        return found


def retries_once(client_retries):
    """A 429 that lasts costs the upstream one request more than the client makes."""
    with mock_router() as mock, Recorder(mock, status=429) as upstream, served(upstream.url) as server:
        client = openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=client_retries)
        started = time.monotonic()
        try:
            client.chat.completions.create(model="Qwen/Qwen3-8B", messages=[{"role": "user", "content": "Hi"}])
        except openai.RateLimitError:
            took = time.monotonic() - started
        else:
            raise AssertionError("it was no error")
        made, sent = client_retries + 1, len(upstream.bodies)
        print(f"        {made} requests of the client, {sent} upstream, {took:.1f} s", flush=True)
        assert sent <= made + 1, f"{made} requests became {sent}"


def asks_on(times):
    """So does one for a client that retries regardless of the response."""
    with mock_router() as mock, Recorder(mock, status=429) as upstream, served(upstream.url) as server:
        body = {"model": "Qwen/Qwen3-8B", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
        for _ in range(times):
            status, _ = fetch(f"{server.url}/chat/completions", body, {"authorization": f"Bearer {KEY}"})
            equal(status, 429, "the status")
        print(f"        {times} requests of the client, {len(upstream.bodies)} upstream", flush=True)
        assert len(upstream.bodies) <= times + 1, f"{times} requests became {len(upstream.bodies)}"


def main():
    checks = Checks()
    with mock_router() as mock, served(mock, configuration=CONFIGURATION, key=None) as server:
        llm_comply(checks, server.url, "openai-chat", COMPLY_NAME, 9)
        llm_comply(checks, server.url, "open-responses", SILENT_NAME, 13)
        openai_tests(checks, server.url)
    checks.check("openai (PyPI), two retries of its own, a 429 that lasts", retries_once, 2)
    checks.check("a client that asks six times whatever it is told", asks_on, 6)
    checks.done()


if __name__ == "__main__":
    main()
