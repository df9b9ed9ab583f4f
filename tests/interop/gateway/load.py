"""Load on the composed gateway under `wasmtime serve`, beside `host-harness serve`: `load.py [REQUESTS [STREAMS]]`, with
HOST_HARNESS, COMPONENT, GATEWAY, WASMTIME and ENVOY in the environment. Counts what was lost, which has to be nothing.

Both ask the same mock router; before the gateway stands the proxy that adds the credential.
"""

import asyncio
import json
import os
import statistics
import sys
import time
import urllib.parse

from engines import credential_proxy, wasmtime
from gateway import ASK, CHAT, MODEL, settings
from harness import mock_router
from serving import served

AT_ONCE = 64
# Each request takes some ten of the engine's core instances; with the default of a thousand, 200 at once are too many.
POOL = ["-O", "pooling-total-core-instances=8000,pooling-total-memories=2000,pooling-total-tables=4000"]


async def request(url, body):
    """One request on a connection of its own; gives the status and the body, its chunks joined."""
    target = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    data = json.dumps(body).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: {target.netloc}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}connection: close\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 300)
    writer.close()
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), text


async def whole(url):
    status, text = await request(url, {"model": MODEL, "messages": ASK})
    return status == 200 and b'"finish_reason":"stop"' in text and b"mock router" in text


async def stream(url):
    status, text = await request(url, {"model": MODEL, "stream": True, "messages": ASK})
    return status == 200 and b"data: [DONE]" in text and b'"finish_reason":"stop"' in text


async def run(url, ask, count, at_once):
    """Gives how many were lost, why, the seconds of all and of each."""
    turns, took, why = asyncio.Semaphore(at_once), [], {}

    async def one():
        async with turns:
            started = time.monotonic()
            try:
                good = await ask(url)
                reason = None if good else "not the whole response"
            except (OSError, ValueError, IndexError, asyncio.TimeoutError) as error:
                reason = type(error).__name__
            took.append(time.monotonic() - started)
            if reason:
                why[reason] = why.get(reason, 0) + 1

    started = time.monotonic()
    await asyncio.gather(*(one() for _ in range(count)))
    return why, time.monotonic() - started, sorted(took)


def cpu(pid):
    """Seconds of processor time of a process."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(name, url, pid, requests, streams):
    lost = 0
    for what, ask, count, at_once in (("requests", whole, requests, AT_ONCE), ("streams", stream, streams, streams)):
        before = cpu(pid)
        why, seconds, took = asyncio.run(run(url, ask, count, at_once))
        lost += sum(why.values())
        ms = lambda part: took[min(len(took) - 1, int(len(took) * part))] * 1000
        print(
            f"{name}: {count} {what}, {at_once} at once: {sum(why.values())} lost {why or ''} in {seconds:.1f} s, "
            f"{count / seconds:.0f} a second, median {statistics.median(took) * 1000:.0f} ms, 99 % {ms(0.99):.0f} ms, "
            f"{(cpu(pid) - before) / count * 1e6:.0f} µs of processor each, at most {resident(pid):.0f} MiB",
            flush=True,
        )
    return lost


def main():
    requests, streams = (int(text) for text in [*sys.argv[1:], "10000", "200"][:2])
    lost = 0
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} of {os.cpu_count()}", flush=True)
    with mock_router() as router:
        with credential_proxy(router) as (proxy, _), wasmtime(settings(proxy), more=POOL) as (url, engine):
            lost += measure("wasmtime serve", url, engine.pid, requests, streams)
        limits = ["serve-max-concurrent=1024", "max-concurrent=1024"]
        with served(router, key=None, settings=limits, seconds=1800) as server:
            lost += measure("host-harness serve", server.url.removesuffix("/v1"), server.process.pid, requests, streams)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
