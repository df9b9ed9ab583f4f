"""What the interop scripts share: the checks and their count, servers as child processes, the host's command line."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

TOKEN = "hf_interop_0123456789abcdef"
HERE = os.path.dirname(os.path.abspath(__file__))


class Checks:
    """Counts what holds. A check is a function that asserts; each one runs, whatever became of those before."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, test, *args):
        """Runs one check; says its name and, if it does not hold, why."""
        try:
            test(*args)
        except Exception as error:  # Any exception fails this check, and the other checks still run.
            self.failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
        else:
            self.passed += 1
            print(f"ok      {name}", flush=True)

    def done(self):
        """Says how many, and ends the script with the status that belongs to it."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def equal(found, wanted, what="it"):
    """Asserts that two values are equal, and shows both if not."""
    assert found == wanted, f"{what} is {found!r}, not {wanted!r}"


def has(found, wanted):
    """Asserts that an object has these members, with these values."""
    for key, value in wanted.items():
        assert isinstance(found, dict) and found.get(key) == value, f"{key} is not {value!r} in {found!r}"


def path_of(variable):
    """Gives the file that an environment variable names."""
    path = os.environ.get(variable, "")
    if not os.path.isfile(path):
        sys.exit(f"{variable} has to name a file; it is {path!r}")
    return os.path.abspath(path)


class Host:
    """The command line, against one server."""

    # One for all of a script's hosts, so that the component is compiled once.
    state = tempfile.TemporaryDirectory(prefix="interop-state-")

    def __init__(self, base_url, token=TOKEN):
        self.program, self.component = path_of("HOST_HARNESS"), path_of("COMPONENT")
        self.base_url, self.token = base_url, token
        # More variables.
        self.more = {}

    def with_token(self, token):
        """Gives the same with another token, or with none."""
        return Host(self.base_url, token)

    def start(self, *arguments, settings=(), form="json"):
        """Starts a command."""
        command = [self.program, "--plugin", self.component, "--format", form]
        if self.base_url:
            command += ["--base-url", self.base_url]
        for setting in settings:
            command += ["--set", setting]
        # Nothing of the user's: neither tokens nor proxies nor configuration.
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": self.state.name, "OPENCLAW_STATE_DIR": self.state.name}
        if self.token:
            environment["HF_TOKEN"] = self.token
        environment |= self.more
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command + list(arguments), env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )

    @staticmethod
    def finish(process, form="json"):
        """Waits for a command; gives its exit status and what it wrote."""
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"no end after 60 s; so far {out!r} {err!r}") from None
        try:
            text = out.decode()
            value = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
        except ValueError:
            raise AssertionError(f"status {process.returncode}, no JSON: {out!r} {err!r}") from None
        return process.returncode, value

    def run(self, *arguments, settings=(), form="json"):
        """Runs a command; gives its exit status and what it wrote."""
        return self.finish(self.start(*arguments, settings=settings, form=form), form)

    def good(self, *arguments, settings=(), form="json"):
        """Runs a command that has to succeed."""
        status, value = self.run(*arguments, settings=settings, form=form)
        assert status == 0, f"status {status}: {value}"
        return value

    def bad(self, *arguments, settings=()):
        """Runs a command that has to fail; gives its error."""
        status, value = self.run(*arguments, settings=settings)
        assert status == 1 and "error" in value, f"status {status}, and not a typed error: {value}"
        return value["error"]

    def request(self, body, *arguments, settings=(), form="json"):
        """Runs `chat` with a request body; gives its exit status and what it wrote."""
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self.state.name) as file:
            json.dump(body, file)
            file.flush()
            return self.run("chat", "--request", file.name, *arguments, settings=settings, form=form)


@contextlib.contextmanager
def child(command, ready=None, environment=None, seconds=60):
    """Runs a server as a child process; gives what `ready` makes of the first line for which that is not empty.

    Without `ready` it does not wait for the server.
    """
    log = tempfile.TemporaryFile()
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
    )
    try:
        yield first(process, ready, log, seconds) if ready else None
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first(process, ready, log, seconds):
    """Reads lines until one is what is waited for."""
    # A child that says nothing is ended, which ends the reading.
    alarm = threading.Timer(seconds, process.kill)
    alarm.start()
    try:
        for line in process.stdout:
            if found := ready(line.decode(errors="replace").strip()):
                return found
    finally:
        alarm.cancel()
    log.seek(0)
    raise SystemExit(f"{process.args[0]} did not start: {log.read().decode(errors='replace')[-2000:]}")


def mock_router(*arguments):
    """Runs the project's own mock router; gives its base URL."""
    command = [path_of("HOST_HARNESS"), "mock-router", "--pace", "1", *arguments]
    return child(command, address)


def address(line):
    """Gives the line if it is an address: how most servers say that they are ready."""
    return line if line.startswith("http://") else None


def free_port():
    """Gives a port that was free a moment ago, for servers that cannot choose one and say so in time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, body=None, headers=None):
    """Asks without any of the project's code; gives status and text, and (0, why) where there is no server."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)
