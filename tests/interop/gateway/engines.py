"""The engines that run the composed gateway, and the proxy that adds the credential: each as a child process. Reads
GATEWAY, WASMTIME, WASH and ENVOY, files all of them."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

from harness import TOKEN, address, child, fetch, free_port, path_of

HERE = pathlib.Path(__file__).resolve().parent
PROXY = HERE.parent.parent.parent / "docs" / "deploying" / "credential-proxy.yaml"
KEY = "gateway-access-key-0123456789"


def clean():
    """An environment without anything of the user's."""
    return {"PATH": os.environ.get("PATH", "")}


@contextlib.contextmanager
def running(command, ready, seconds=400, **options):
    """Runs a program until `ready` holds; gives its process. What it wrote is told if it does not get ready."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        try:
            end = time.monotonic() + seconds
            while not ready():
                if process.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise SystemExit(f"{command[0]} did not start: {log.read().decode(errors='replace')[-3000:]}")
                time.sleep(0.25)
            process.log = log
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def slow_router(pace):
    """The mock router with so many milliseconds between the events of a response; gives its base URL."""
    return child([path_of("HOST_HARNESS"), "mock-router", "--pace", str(pace)], address)


@contextlib.contextmanager
def credential_proxy(upstream, token=TOKEN):
    """Envoy with the configuration of the documentation, before another upstream; gives the base URL and its process."""
    target, port = urllib.parse.urlsplit(upstream), free_port()
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        secret = pathlib.Path(folder, "token")
        secret.touch(0o600)
        secret.write_text(f"Bearer {token}")
        text = PROXY.read_text()
        # All but the addresses stays as it is documented; a mock upstream has no TLS.
        for known, ours in (
            ("/run/secrets/huggingface", str(secret)),
            ("port_value: 8091", f"port_value: {port}"),
            ("address: router.huggingface.co, port_value: 443", f"address: {target.hostname}, port_value: {target.port}"),
        ):
            assert text.count(known) == 1, known
            text = text.replace(known, ours)
        plain, tls = text.split("      transport_socket:\n")
        assert "sni: router.huggingface.co" in tls
        config = pathlib.Path(folder, "envoy.yaml")
        config.write_text(plain)
        command = [path_of("ENVOY"), "-c", str(config), "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"]
        # Its own 404, which it gives to every address that is none of the provider's.
        answers = lambda: fetch(f"http://127.0.0.1:{port}/")[0] == 404
        with running(command, answers, env=clean()) as process:
            yield f"http://127.0.0.1:{port}/v1", process


@contextlib.contextmanager
def wasmtime(settings, key=None, component=None, more=()):
    """`wasmtime serve`; gives its URL and process."""
    port = free_port()
    command = [path_of("WASMTIME"), "serve", "-S", "cli", "--addr", f"127.0.0.1:{port}", *more]
    if settings is not None:
        command += ["-S", "config"]
        for name, value in settings.items():
            command += ["-S", f"config-var={name}={value}"]
    if key:
        command += ["--env", f"GATEWAY_ACCESS_KEY={key}"]
    command.append(component or path_of("GATEWAY"))
    url = f"http://127.0.0.1:{port}"
    with running(command, lambda: fetch(f"{url}/healthz")[0] in (200, 503), env=clean()) as process:
        yield url, process


@contextlib.contextmanager
def wash(settings, key=None):
    """`wash dev` with what `docs/deploying.md` says; gives its URL and process."""
    port = free_port()
    upstream = urllib.parse.urlsplit(settings["base-url"])
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        config = pathlib.Path(folder, ".wash", "config.yaml")
        config.parent.mkdir()
        allowed = f"{upstream.hostname}:{upstream.port}"
        # JSON is YAML.
        config.write_text(
            json.dumps(
                {
                    "build": {"command": "true", "component_path": path_of("GATEWAY")},
                    "dev": {"address": f"127.0.0.1:{port}"},
                    "workload": {
                        "allowedHosts": [allowed],
                        "config": dict(settings),
                        "environment": {"config": {"GATEWAY_ACCESS_KEY": key}} if key else {},
                    },
                }
            )
        )
        command = [path_of("WASH"), "--non-interactive", "-C", folder, "dev"]
        environment = {**clean(), "HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder, "XDG_CACHE_HOME": folder}
        url = f"http://127.0.0.1:{port}"
        with running(command, lambda: fetch(f"{url}/healthz")[0] in (200, 503), env=environment) as process:
            yield url, process


ENGINES = {"wasmtime serve": wasmtime, "wash dev": wash}
