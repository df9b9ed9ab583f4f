"""Debian's docker-registry, the program that DOCKER_REGISTRY names, over a folder. It has no referrers API."""

import contextlib
import hashlib
import os
import pathlib
import socket
import subprocess
import time
import urllib.request

CONFIG = """version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: 127.0.0.1:{port}}}
log: {{level: error}}
"""


@contextlib.contextmanager
def registry(root):
    """Runs it; the address, without a scheme."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = root / "config.yml"
    config.write_text(CONFIG.format(root=root / "data", port=port))
    command = [os.environ["DOCKER_REGISTRY"], "serve", str(config)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/").close()
                break
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


def blob(root, digest):
    """The file in which it keeps a blob."""
    algorithm, value = digest.split(":")
    return root / "data/docker/registry/v2/blobs" / algorithm / value[:2] / value / "data"


def digest(path):
    return "sha256:" + hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
