"""The program as it is installed, on a machine without anything else: PROGRAM, which `cargo dist --program` made, pulls from
Debian's docker-registry what it has published there. As root the machine is a folder that holds the program and the libraries
that it is linked to; otherwise an empty PATH and home. Reads DOCKER_REGISTRY, PROGRAM, COMPONENT and WIT_PACKAGE."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from debian_registry import blob, digest, registry
from linked import copy_libraries

PROGRAM, COMPONENT, WIT_PACKAGE = (pathlib.Path(os.environ[name]) for name in ("PROGRAM", "COMPONENT", "WIT_PACKAGE"))
MODEL = "huggingface/Qwen/Qwen3-8B"
TOKEN = "hf_installed_0123456789abcdef"
REPOSITORY = "openclaw/huggingface-provider"


class Machine:
    """A folder as a machine; `user` is a home of its own, so that each begins with nothing."""

    def __init__(self, root):
        self.is_root = os.geteuid() == 0
        self.root = root
        (root / "tmp").mkdir(parents=True)
        (root / "nothing").mkdir()
        shutil.copy(PROGRAM, root / "host-harness")
        if self.is_root:
            copy_libraries(PROGRAM, root)

    def put(self, file):
        shutil.copy(file, self.root / file.name)
        return self.path(file.name)

    def path(self, name):
        """What a program on the machine calls a file of it."""
        return f"/{name}" if self.is_root else str(self.root / name)

    def start(self, user, *arguments, **how):
        (self.root / user).mkdir(mode=0o700, exist_ok=True)
        environment = {
            "HOME": self.path(user),
            "OPENCLAW_STATE_DIR": self.path(f"{user}/state"),
            "PATH": self.path("nothing"),
            "TMPDIR": self.path("tmp"),
            "HF_TOKEN": TOKEN,
        }
        enter = {"preexec_fn": lambda: (os.chroot(self.root), os.chdir("/"))} if self.is_root else {"cwd": self.root}
        return subprocess.Popen(
            [self.path("host-harness"), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **enter,
            **how,
        )

    def run(self, user, *arguments, status=0):
        running = self.start(user, "--format", "json", *arguments)
        out, err = running.communicate(timeout=120)
        assert running.returncode == status, (arguments, running.returncode, out, err)
        assert TOKEN not in out + err, arguments
        return json.loads(out)


@contextlib.contextmanager
def mock_router(machine):
    running = machine.start("upstream", "mock-router", "--port", "0")
    try:
        for line in running.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+/v1", line):
                yield found[0]
                return
        raise AssertionError(f"the mock router ended: {running.stderr.read()}")
    finally:
        running.terminate()
        running.wait()


def tampered(root, of):
    """One bit of a layer is another one; its length is the same."""
    file = blob(root, of)
    layer = bytearray(file.read_bytes())
    layer[len(layer) // 2] ^= 1
    file.write_bytes(layer)


def main():
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        machine = Machine(root / "machine")
        component = machine.put(COMPONENT)
        wanted = digest(COMPONENT)
        assert machine.run("somebody", "inspect")["digest"] == wanted
        print("without a plugin named, the program runs the release component that it carries")

        with mock_router(machine) as upstream:
            chat = ("--base-url", upstream, "chat", "-m", MODEL, "Hello!")

            with registry(root) as address:
                reference = f"oci://{address}/{REPOSITORY}:0.2.0"
                published = machine.run("publisher", "publish", reference, component)
                assert published["digest"] == wanted
                machine.run("publisher", "publish", f"oci://{address}/openclaw/wit:0.2.0", machine.put(WIT_PACKAGE), "--wit")
                print(f"publish {reference.replace(address, '127.0.0.1:PORT')}")

                first = machine.run("user", "--plugin", reference, *chat)
                print("chat --plugin REFERENCE:", json.dumps(first)[:120])
                pinned = machine.run("user", "list")
                assert wanted in json.dumps(pinned), pinned

                tampered(root, wanted)
                refused = machine.run("victim", "--plugin", reference, *chat, status=1)
                print("a tampered layer:", refused["error"]["message"])
                compiled = [file for file in (machine.root / "victim").rglob("*") if file.is_file() and "cache" in file.parts]
                assert not compiled, compiled

            again = machine.run("user", "--plugin", reference, *chat)
            assert again.keys() == first.keys()
            print("a second start is offline: the registry is gone")
            machine.run("user", *chat)
            print("so is one by the lock alone")
            machine.run("victim", "--plugin", reference, *chat, status=1)
            print("without a cache there is an error")
        for file in (machine.root / "user").rglob("*"):
            assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


main()
