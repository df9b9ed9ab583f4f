"""The conformance kit by command line, on what others would run it on: both providers of the workspace, and the templates,
each copied elsewhere and built as its page says. With HOST_HARNESS, COMPONENT, OPENAI_COMPATIBLE and NODE_MODULES (with the packages of
templates/javascript-plugin) in the environment; TEMPLATE_TARGET is a folder for cargo.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

from harness import HERE, Checks, equal, path_of

TEMPLATES = pathlib.Path(HERE).parent.parent / "templates"
# What a provider may leave untested, and why. Anything else that is not tested is a gap of the kit or of the provider.
OPTIONAL = {
    "describe/default-model",
    "describe/imports",
    "describe/policies",
    "list/extras",
    "list/picks",
    "list/prices",
    "parts/audio",
    "references/bundled-before-alias",
    "response/extras",
    "response/warnings",
    "errors/extras",
}
NONBLOCKING = {f"nonblocking/{name}" for name in (
    "same-as-read", "same-again", "no-clock", "waited-time", "wake", "max-events", "at-once",
)}
# The model of Hugging Face takes no images, and says so.
NO_IMAGES = {"parts/image-url", "parts/image-bytes"}
ANY_NAME = {"references/invalid", "references/suggestions"}


def kit(file, *arguments, form="json"):
    """Runs it without anything of the user's; gives its status and output."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as home:
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": home}
        command = [path_of("HOST_HARNESS"), "--format", form, "conformance", str(file), *arguments]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    return ran.returncode, ran.stdout, ran.stderr


def conforms(file, untested):
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        junit = os.path.join(folder, "report.xml")
        status, out, err = kit(file, "--junit", junit)
        assert out, err
        report = json.loads(out)
        failed = [finding for finding in report["findings"] if finding["verdict"] == "failed"]
        assert not failed, json.dumps(failed, indent=1, ensure_ascii=False)
        equal((status, report["conforms"]), (0, True), "the status")
        suite = xml.parse(junit).getroot()
        equal(len(list(suite.iter("testcase"))), len(report["findings"]), "the test cases of the JUnit report")
    gaps = {finding["id"]: finding["why"] for finding in report["findings"] if finding["verdict"] == "not-tested"}
    beyond = {name: why for name, why in gaps.items() if name not in OPTIONAL | untested}
    assert not beyond, f"not tested: {beyond}"
    print(f"        {report['passed']} passed, {report['notTested']} not tested: {' '.join(gaps)}", flush=True)


def built(command, folder, file, environment=None):
    """Runs the one command of a template's page; gives the component."""
    ran = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=1200
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    made = pathlib.Path(folder, file)
    assert made.is_file(), f"{command} makes no {file}"
    return made


def rust_copy(folder, name):
    """A copy of the Rust template. Its files are new, or cargo would take what another copy of it has left in the target."""
    ignored = shutil.ignore_patterns("target")
    return shutil.copytree(TEMPLATES / "rust-plugin", pathlib.Path(folder, name), ignore=ignored, copy_function=shutil.copy)


def rust_template(folder):
    there = rust_copy(folder, "rust")
    target = os.path.abspath(os.environ.get("TEMPLATE_TARGET", os.path.join(folder, "target")))
    file = os.path.join(target, "wasm32-wasip2", "release", "my_provider.wasm")
    conforms(built(["cargo", "build", "--quiet", "--release"], there, file, {"CARGO_TARGET_DIR": target}), NONBLOCKING)


def javascript_template(folder):
    ignored = shutil.ignore_patterns("node_modules")
    there = shutil.copytree(TEMPLATES / "javascript-plugin", pathlib.Path(folder, "javascript"), ignore=ignored)
    # What its first run would install.
    os.symlink(os.path.abspath(os.environ["NODE_MODULES"]), there / "node_modules")
    command = ["npm", "run", "--silent", "--ignore-scripts", "build"]
    conforms(built(command, there, "my_provider.wasm"), NONBLOCKING)


def another_api(folder):
    """Without a router file, a plugin for another API hears where to describe it."""
    there = rust_copy(folder, "other")
    facts = there / "src" / "facts.rs"
    facts.write_text(facts.read_text().replace("text/event-stream", "application/x-ndjson"))
    target = os.path.abspath(os.environ.get("TEMPLATE_TARGET", os.path.join(folder, "target")))
    file = os.path.join(target, "wasm32-wasip2", "release", "my_provider.wasm")
    file = built(["cargo", "build", "--quiet", "--release"], there, file, {"CARGO_TARGET_DIR": target})
    status, _, err = kit(file, "--only", "response/finish")
    equal((status, "--router-file" in err), (1, True), "the status, and the note")
    status, _, err = kit(file, "--only", "references/")
    equal((status, err), (0, ""), "what knows no API")


def is_no_plugin(folder):
    """A component of another world, and none at all."""
    for content, told in ((b"\0asm\x0d\0\x01\0", "contract-mismatch"), (b"text", "plugin-load")):
        file = pathlib.Path(folder, "other.wasm")
        file.write_bytes(content)
        status, out, _ = kit(file)
        equal((status, json.loads(out)["error"]["kind"]), (1, told), "the refusal")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        checks.check("the provider of Hugging Face", conforms, path_of("COMPONENT"), NO_IMAGES)
        checks.check("the provider of any compatible server", conforms, path_of("OPENAI_COMPATIBLE"), ANY_NAME)
        checks.check("the template in Rust", rust_template, folder)
        checks.check("the template in JavaScript", javascript_template, folder)
        checks.check("a plugin for another API", another_api, folder)
        checks.check("what is no plugin", is_no_plugin, folder)
    checks.done()


if __name__ == "__main__":
    sys.exit(main())
