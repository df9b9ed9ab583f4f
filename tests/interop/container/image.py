"""The image of packaging/Containerfile, built by buildah and run with its own user, variables, command and health check.
Nothing is pulled. The last stage is taken as it is. In place of the first stage stands the program HOST_HARNESS, which `cargo dist --program`
made; in place of the base image, a folder with the libraries that the program is linked to. Has to be root: chroot isolates the
container."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import Checks, equal, fetch, mock_router, path_of
from linked import copy_libraries
from serving import until

PROGRAM = path_of("HOST_HARNESS")
CONTAINERFILE = pathlib.Path(__file__).parents[3] / "packaging/Containerfile"
BASE = "gcr.io/distroless/cc-debian12:nonroot"
# What the base image has: the packages libc6, libgcc-s1, libgomp1 and libstdc++6.
IN_BASE = re.compile(r"(ld-linux-[\w-]+|libc|libm|libdl|libpthread|librt|libgcc_s|libgomp|libstdc\+\+)\.so\.\d+$")
BUILT = """FROM scratch AS build
COPY host-harness /source/dist/host-harness
COPY --chown=65532:65532 state /state

"""
TOKEN = "hf_container_0123456789abcdef"
MODEL = "huggingface/Qwen/Qwen3-8B"
SERVER = "http://127.0.0.1:8080"


class Builder:
    """Buildah, with images and containers in a folder of its own."""

    def __init__(self, root):
        self.command = ["buildah", "--root", str(root / "storage"), "--runroot", str(root / "run"), "--storage-driver", "vfs"]

    def __call__(self, *arguments):
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=True).stdout.strip()

    def base(self, root):
        """The base image's stand-in: its user, the libraries, and nothing else."""
        for library in copy_libraries(PROGRAM, root):
            assert IN_BASE.search(library), f"{BASE} has no {library}"
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        container = self("from", "scratch")
        self("copy", container, str(root), "/")
        self("config", "--user", "65532", container)
        self("commit", container, BASE)

    def image(self, context):
        """The last stage of the file, on what the stand-ins hold."""
        shutil.copy(PROGRAM, context / "host-harness")
        (context / "state").mkdir(mode=0o700)
        first, last = CONTAINERFILE.read_text().split(f"FROM {BASE}")
        assert "cargo dist --program" in first, first
        file = context / "Containerfile"
        file.write_text(f"{BUILT}FROM {BASE}{last}")
        self("build", "--pull-never", "--format", "docker", "--isolation", "chroot", "--file", str(file), "--tag", "model-server", str(context))
        return json.loads(self("inspect", "--type", "image", "model-server"))["Docker"]["config"]


class Container:
    """A container of the image; `config` is the folder that its user has filled."""

    def __init__(self, builder, image, config):
        self.builder, self.image, self.config = builder, image, config
        self.name = builder("from", "--pull-never", "model-server")

    def command(self, *arguments):
        user = ["--user", self.image["User"], "--volume", f"{self.config}:/config:ro", "--isolation", "chroot"]
        return [*self.builder.command, "run", *user, self.name, "--", *arguments]

    @contextlib.contextmanager
    def serving(self):
        """Its entry point with its command, until SIGTERM."""
        command = self.command(*self.image["Entrypoint"], *self.image["Cmd"])
        pipe, none = subprocess.PIPE, subprocess.DEVNULL
        self.running = running = subprocess.Popen(command, stdin=none, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        try:
            yield running
        finally:
            # The builder's end does not end it.
            with contextlib.suppress(AssertionError):
                os.kill(int(self.process().name), 9)
            running.kill()
            running.wait()

    def is_healthy(self):
        kind, *check = self.image["Healthcheck"]["Test"]
        equal(kind, "CMD", "the health check, since there is no shell")
        return subprocess.run(self.command(*check), capture_output=True).returncode == 0

    def process(self):
        """The server's process, as this machine numbers it."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().split(b"\0")
                is_server = line[:2] == [b"/usr/local/bin/host-harness", b"serve"]
                if is_server and self.running.pid in ancestors(entry.name):
                    return entry
        raise AssertionError("there is no server")


def ancestors(process):
    """The processes that have started this one."""
    while int(process) > 1:
        status = pathlib.Path("/proc", process, "stat").read_text()
        # Behind the name, which may hold anything: the state, the parent.
        process = status.rpartition(")")[2].split()[1]
        yield int(process)


def chat(key):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}]}
    return fetch(f"{SERVER}/v1/chat/completions", body, {"authorization": f"Bearer {key}"} if key else None)


def filled(config, upstream):
    """The folder of the operator, owned by the container's user; gives an access key."""
    config.mkdir(mode=0o700)
    (config / "openclaw.json").write_text(json.dumps({"models": {"providers": {"huggingface": {"baseUrl": upstream}}}}))
    (config / "hf_token").write_text(f"{TOKEN}\n")
    added = [PROGRAM, "--format", "json", "access-key", "add", "ci", "--file", config / "access-keys.json"]
    key = json.loads(subprocess.run(added, capture_output=True, text=True, check=True).stdout)["key"]
    for file in [config, *config.iterdir()]:
        os.chown(file, 65532, 65532)
        file.chmod(0o700 if file.is_dir() else 0o600)
    return key


def says(image):
    """What a runtime reads of the image."""
    equal(image["User"], "65532:65532")
    equal(image["StopSignal"], "SIGTERM")
    equal(list(image["ExposedPorts"]), ["8080/tcp"])
    equal(list(image["Volumes"]), ["/state"])
    equal(image["Entrypoint"][0], "/usr/local/bin/host-harness")
    assert not any(TOKEN in part for part in map(json.dumps, image.values()))


def becomes_healthy(container, running):
    until(lambda: running.poll() is not None or container.is_healthy(), 60)
    assert running.poll() is None, running.stdout.read()


def responds(key):
    status, text = chat(key)
    equal(status, 200, f"the status ({text})")
    assert json.loads(text)["choices"][0]["message"]["content"], text
    equal(chat(None)[0], 401, "the status without a key")


def is_confined(container):
    entry = container.process()
    status = dict(line.split(":\t", 1) for line in (entry / "status").read_text().splitlines() if ":\t" in line)
    equal(status["Uid"].split("\t"), ["65532"] * 4, "the user")
    equal(int(status["CapEff"], 16), 0, "the capabilities")
    environment, line = ((entry / name).read_bytes() for name in ("environ", "cmdline"))
    assert TOKEN.encode() not in environment + line, "it shows the token"
    audit = entry / "root/state/audit.jsonl"
    equal(audit.stat().st_mode & 0o777, 0o600, "the audit log's mode")
    records = [json.loads(record) for record in audit.read_text().splitlines()]
    assert any(record.get("key") == "ci" for record in records), records


def ends(container, running):
    os.kill(int(container.process().name), 15)
    said, _ = running.communicate(timeout=60)
    equal(running.returncode, 0, f"the status at its end, after {said[-500:]}")
    assert TOKEN not in said, "it wrote the token"
    assert not container.is_healthy(), "it is healthy when it has ended"


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="image-") as directory, mock_router() as upstream:
        # The container's user passes through it.
        root = pathlib.Path(directory)
        root.chmod(0o711)
        for name in ("base", "context"):
            (root / name).mkdir()
        builder = Builder(root)
        builder.base(root / "base")
        image = builder.image(root / "context")
        checks.check("the image has a user, a port, a volume and no secret", says, image)
        key = filled(root / "config", upstream)
        container = Container(builder, image, root / "config")
        with container.serving() as running:
            checks.check("its own health check finds it ready", becomes_healthy, container, running)
            checks.check("it responds through the plugin that it carries, and only with a key", responds, key)
            checks.check("it runs without rights, and writes the audit log to its volume", is_confined, container)
            checks.check("it ends on SIGTERM with status 0", ends, container, running)
    checks.done()


main()
