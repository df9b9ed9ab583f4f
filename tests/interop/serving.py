"""`serve` as a child process, for scripts that test it with third-party clients."""

import contextlib
import http.client
import http.server
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

from harness import TOKEN, address, equal, first, path_of

KEY = "interop-access-key-0123456789"


class Served:
    """A running server: its base URL, its process and what it logs."""

    def __init__(self, url, process, log):
        self.url, self.process, self.log = url, process, log

    def logged(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def ends(self):
        """It stops on SIGTERM, and has written no secret."""
        self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(timeout=30), 0, "the status at its end")
        said = self.logged()
        assert TOKEN not in said and KEY not in said, "it wrote a secret"


@contextlib.contextmanager
def served(upstream, settings=(), configuration=None, key=KEY, seconds=300):
    """Runs `serve` against an upstream, with a configuration in OpenClaw's form; gives it as `Served`."""
    with tempfile.TemporaryDirectory(prefix="interop-") as state:
        if configuration is not None:
            with open(os.path.join(state, "openclaw.json"), "w", encoding="utf-8") as file:
                json.dump(configuration, file)
        command = [path_of("HOST_HARNESS"), "--plugin", path_of("COMPONENT"), "--base-url", upstream]
        for setting in settings:
            command += ["--set", setting]
        command += ["--format", "json", "serve", *(["--access-key-env", "SERVE_KEY"] if key else [])]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": state, "OPENCLAW_STATE_DIR": state}
        environment |= {"HF_TOKEN": TOKEN, "SERVE_KEY": key or "", "RUST_LOG": "host_harness=debug"}
        log = tempfile.TemporaryFile()
        pipe, none = subprocess.PIPE, subprocess.DEVNULL
        process = subprocess.Popen(command, env=environment, stdin=none, stdout=pipe, stderr=log)
        alarm = threading.Timer(seconds, process.kill)
        alarm.start()
        try:
            yield Served(first(process, address, log, 120), process, log)
        finally:
            alarm.cancel()
            if process.poll() is None:
                process.kill()
            process.wait()


def until(check, seconds=10):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.01)


class Recorder:
    """A server between `serve` and its upstream: it records the bodies of chat requests, and passes everything on.

    With a `status` it responds to chat requests itself, each time the same.
    """

    def __init__(self, upstream, status=None):
        self.upstream, self.status, self.bodies = urllib.parse.urlsplit(upstream), status, []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                recorder.forward(self, None)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                recorder.bodies.append(json.loads(body))
                if recorder.status is None:
                    return recorder.forward(self, body)
                said = json.dumps({"error": f"status {recorder.status}"}).encode()
                self.send_response(recorder.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                """Says nothing: the checks are what is printed."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}{self.upstream.path}"

    def forward(self, handler, body):
        """Passes a request on, and the response as it comes."""
        connection = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=60)
        hop = {"host", "connection", "transfer-encoding", "content-length", "keep-alive"}
        kept = {name: value for name, value in handler.headers.items() if name.lower() not in hop}
        connection.request(handler.command, handler.path, body, kept)
        response = connection.getresponse()
        handler.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in hop:
                handler.send_header(name, value)
        # The end of the body is the end of the connection: nothing has to be counted.
        handler.send_header("connection", "close")
        handler.end_headers()
        while piece := response.read1():
            handler.wfile.write(piece)
            handler.wfile.flush()
        handler.close_connection = True
        connection.close()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
