"""The composed gateway on two hosts of wasmCloud, joined by NATS: `distributed.py [SECONDS]`, with HOST_HARNESS, GATEWAY,
WASH, ENVOY, NATS_SERVER and DOCKER_REGISTRY in the environment.

Replicas run on both. Under load one host is killed. What was lost is counted: it may be what that host was giving, and
nothing else. Then a third host joins and a new replica serves. This script is the scheduler that Kubernetes' operator is
elsewhere, and the load balancer: a client whose request failed asks the next host once more.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from engines import clean, credential_proxy, running, slow_router
from gateway import ASK, CHAT, MODEL
from harness import fetch, free_port, path_of
from nats import Nats

NAME = "gateway.example"
WORKERS = 24


@contextlib.contextmanager
def registry(folder):
    """A registry with the component; gives its reference."""
    port = free_port()
    config = pathlib.Path(folder, "registry.yml")
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n"
    )
    answers = lambda: fetch(f"http://127.0.0.1:{port}/v2/")[0] == 200
    with running([path_of("DOCKER_REGISTRY"), "serve", str(config)], answers, env=clean()):
        reference = f"127.0.0.1:{port}/openclaw/huggingface-gateway:test"
        push = [path_of("WASH"), "--non-interactive", "oci", "push", "--insecure", reference, path_of("GATEWAY")]
        pushed = subprocess.run(push, env=home(folder), cwd=folder, capture_output=True, text=True, timeout=120)
        assert pushed.returncode == 0, pushed.stderr + pushed.stdout
        yield reference


def home(folder):
    return {**clean(), "HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder, "XDG_CACHE_HOME": folder}


@contextlib.contextmanager
def host(folder, name, nats):
    """A host that has joined; gives its port and process."""
    port, probe = free_port(), free_port()
    own = pathlib.Path(folder, name)
    own.mkdir()
    command = [path_of("WASH"), "--non-interactive", "host", "--host-name", name, "--http-addr", f"127.0.0.1:{port}"]
    command += ["--scheduler-nats-url", f"nats://127.0.0.1:{nats}", "--data-nats-url", f"nats://127.0.0.1:{nats}"]
    command += ["--allow-insecure-registries", "--probe-addr", f"127.0.0.1:{probe}"]
    command += ["--max-outbound-http-connections-per-workload", "1024"]
    ready = lambda: fetch(f"http://127.0.0.1:{probe}/readyz")[0] == 200
    with running(command, ready, env=home(str(own))) as process:
        yield port, process


def start(control, id, reference, proxy, workload):
    """Starts a replica on a host; the host says that it runs."""
    # The proxy's own address: `wasi:http` does not reach `host.wasmcloud.internal`.
    upstream = urllib.parse.urlsplit(proxy).netloc
    settings = {"base-url": proxy, "allowed-hosts": NAME}
    answer = control.request(
        f"runtime.host.{id}.workload.start",
        {
            "workloadId": workload,
            "workload": {
                "namespace": "default",
                "name": "gateway",
                "witWorld": {
                    "components": [
                        {
                            "name": "gateway",
                            "image": reference,
                            "poolSize": -1,
                            "maxInvocations": -1,
                            "localResources": {
                                "config": settings,
                                "allowedHosts": [upstream],
                            },
                        }
                    ],
                    "hostInterfaces": [
                        {"namespace": "wasi", "package": "http", "interfaces": ["incoming-handler"], "config": {"host": NAME}},
                        {"namespace": "wasi", "package": "config", "interfaces": ["store"], "config": settings},
                    ],
                },
            },
        },
    )
    state = answer["workloadStatus"]
    assert state["workloadState"] in (2, "WORKLOAD_STATE_RUNNING"), state


async def ask(port):
    """A stream, to its end; an error says how far it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        data = json.dumps({"model": MODEL, "stream": True, "messages": ASK}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: {NAME}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        writer.write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
        await writer.drain()
        while more := await asyncio.wait_for(reader.read(65536), 60):
            got += more
    finally:
        writer.close()
    if b"data: [DONE]" not in got:
        is_cut = got.startswith(b"HTTP/1.1 200 ")
        raise ConnectionError("cut off" if is_cut else got[:400].decode(errors="replace") or "nothing came")
    return got


class Load:
    """Clients that ask one host after the other, and count."""

    def __init__(self, ports):
        self.ports, self.good, self.again, self.lost = ports, {port: 0 for port in ports}, [], []
        self.on_their_way, self.ends = {port: 0 for port in ports}, False

    async def one(self, number):
        turn = number
        while not self.ends:
            port = self.ports[turn % len(self.ports)]
            turn += 1
            try:
                await self.once(port)
            except (OSError, asyncio.TimeoutError) as error:
                self.again.append((port, f"{type(error).__name__}: {error}"))
                try:
                    await self.once(self.ports[turn % len(self.ports)])
                except (OSError, asyncio.TimeoutError) as error:
                    self.lost.append(f"{type(error).__name__}: {error}")

    async def once(self, port):
        self.on_their_way[port] = self.on_their_way.get(port, 0) + 1
        try:
            await ask(port)
        finally:
            self.on_their_way[port] -= 1
        self.good[port] = self.good.get(port, 0) + 1


async def end_one(load, victim, port, seconds):
    """Load for a time, in the middle of which a host is killed; gives how many it was giving then."""
    clients = [asyncio.create_task(load.one(number)) for number in range(WORKERS)]
    await asyncio.sleep(seconds / 2)
    cut = load.on_their_way[port]
    victim.kill()
    await asyncio.sleep(0.5)
    # The balancer has noticed.
    load.ports = [other for other in load.ports if other != port]
    await asyncio.sleep(seconds / 2)
    load.ends = True
    await asyncio.gather(*clients)
    return cut


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-"))
        router = stack.enter_context(slow_router(20))
        proxy, _ = stack.enter_context(credential_proxy(router))
        reference = stack.enter_context(registry(folder))
        nats = free_port()

        def listens():
            with contextlib.suppress(OSError):
                Nats(nats).socket.close()
                return True

        stack.enter_context(running([path_of("NATS_SERVER"), "-a", "127.0.0.1", "-p", str(nats)], listens, env=clean()))
        control = Nats(nats)
        hosts = {name: stack.enter_context(host(folder, name, nats)) for name in ("first", "second")}
        beats = control.first("runtime.operator.heartbeat.>", 2, "id")
        for number, id in enumerate(beats):
            start(control, id, reference, proxy, f"00000000-0000-4000-8000-00000000000{number}")
        ports = {name: port for name, (port, _) in hosts.items()}
        for port in ports.values():
            asyncio.run(ask(port))
        print(f"a replica on each of {len(beats)} hosts streams; {WORKERS} clients for {seconds:.0f} s", flush=True)
        load = Load(list(ports.values()))
        cut = asyncio.run(end_one(load, hosts["first"][1], ports["first"], seconds))
        whole = sum(load.good.values())
        print(f"{whole} streams were whole: {load.good[ports['first']]} of the host that was killed, {load.good[ports['second']]} of the other")
        print(f"{cut} were on their way on it when it was killed; {len(load.again)} requests failed at first, all of that host: "
              f"{all(port == ports['first'] for port, _ in load.again)}; {len(load.lost)} failed again elsewhere")
        for why in sorted({why for _, why in load.again}):
            print(f"  {sum(why == other for _, other in load.again)} × {why}")
        assert all(port == ports["first"] for port, _ in load.again), "the other host failed as well"
        assert not load.lost, load.lost
        assert cut and load.again, "nothing was on its way: this shows nothing"
        port, _ = stack.enter_context(host(folder, "third", nats))
        new = (set(control.first("runtime.operator.heartbeat.>", 2, "id")) - set(beats)).pop()
        start(control, new, reference, proxy, "00000000-0000-4000-8000-000000000009")
        asyncio.run(ask(port))
        print("a third host has joined, and a new replica streams", flush=True)


if __name__ == "__main__":
    main()
