#!/usr/bin/env python3
"""Lets the real OpenClaw judge our configurations and keys, in both of its eras.

    tests/openclaw/config_judge.py [--host PROGRAM] [--tools FOLDER] [--only WORD]

OpenClaw 2026.9.6 judges twice: with its bundled provider, and with our plugin (adapters/openclaw) in its place.

Judged are every `json5` block of the documents and of the provider's page ($PROVIDER_PAGE, read from there), the
fixtures, and what `onboard` writes. Each has to be a valid configuration for OpenClaw, and its default model, fallbacks
and aliases have to come to the same in OpenClaw and in our host. Keys that one program stores are found by the other.

FOLDER (default ~/.cache/model-provider-tools) holds node-24/, openclaw/ and openclaw-2026.2.17/ as npm installs them.
Where one is missing, its part is skipped, with a word. Exit status: 0 all good or skipped, 1 something is not.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```json5\n(.*?)^```", re.S | re.M)
# The first line of a block that is the file of our own settings.
OWN_FILE = "// host-harness.json5"
KEY = "hf_a_key_for_the_judge_1234"
DEFAULT = "huggingface/deepseek-ai/DeepSeek-R1"
PATIENCE = 300


class Era:
    """One installed OpenClaw, with the plugin of this folder if one is named."""

    def __init__(self, version, tools, plugin=None):
        self.version = version
        self.plugin = plugin
        self.name = f"{version} with our plugin" if plugin else version
        folder = tools / ("openclaw" if version != "2026.2.17" else "openclaw-2026.2.17")
        self.program = folder / "node_modules/openclaw/openclaw.mjs"
        self.node = tools / "node-24/node_modules/node/bin/node"

    def missing(self):
        """What is not installed; nothing if all is there."""
        if not (self.program.is_file() and self.node.is_file()):
            return f"OpenClaw {self.version}"
        if self.plugin and not (self.plugin / "component/huggingface_provider.wasm").is_file():
            return f"a component in {self.plugin}: `tests/openclaw/run` puts it there,"
        if self.plugin and not (self.plugin / "node_modules").is_dir():
            return f"what {self.plugin} depends on: `npm install` there,"
        return None

    def state(self, home, text):
        """Writes a configuration; with the plugin, it is included by a file that loads that."""
        folder = home / ".openclaw"
        folder.mkdir(parents=True, exist_ok=True)
        if self.plugin:
            (folder / "judged.json5").write_text(text)
            text = json.dumps({"$include": "./judged.json5", **self.loading()})
        (folder / "openclaw.json").write_text(text)

    def loading(self):
        """What a configuration says so that the plugin is loaded."""
        return {"plugins": {"load": {"paths": [str(self.plugin)]}}} if self.plugin else {}

    def run(self, home, *arguments, stdin="", more={}):
        line = [str(self.node), str(self.program), *arguments]
        return subprocess.run(
            line, input=stdin, env={**variables(home), **more}, cwd=home, capture_output=True, text=True, timeout=PATIENCE
        )

    def fault(self, home):
        """What is wrong with the configuration; nothing if it is valid."""
        if self.version == "2026.2.17":
            # This one has no command for it; every other refuses what is not valid.
            ran = self.run(home, "config", "get", "agents.defaults.model")
            said = ran.stdout + ran.stderr
            return said.strip() if "Invalid config" in said or "Config invalid" in said else None
        ran = self.run(home, "config", "validate", "--json")
        report = last_json(ran.stdout)
        return None if report.get("valid") is True else (ran.stdout + ran.stderr).strip()

    def models(self, home):
        return last_json(self.run(home, "models", "status", "--json").stdout)


def variables(home):
    path = os.environ.get("PATH", "")
    return {"HOME": str(home), "PATH": path, "TERM": "dumb", "HF_HOME": str(home / "hub")}


def last_json(text):
    """The JSON object in an output that may hold lines of a log before it."""
    for start in [match.start() for match in re.finditer(r"^\{", text, re.M)]:
        try:
            return json.loads(text[start:])
        except ValueError:
            continue
    return {}


class Host:
    """Our program."""

    def __init__(self, program):
        self.program = program

    def run(self, home, *arguments, path=None):
        env = variables(home)
        env.update({name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ})
        if path:
            env["PATH"] = f"{path}:{env['PATH']}"
        if "HOST_HARNESS_PLUGIN" in os.environ:
            arguments = ["--plugin", os.environ["HOST_HARNESS_PLUGIN"], *arguments]
        return subprocess.run(
            [self.program, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
        )

    def json(self, home, *arguments):
        ran = self.run(home, *arguments, "--format", "json")
        if ran.returncode != 0:
            raise RuntimeError(f"{arguments}: {ran.stderr}")
        return json.loads(ran.stdout)


def configurations():
    """Name and text of everything that is shown to people."""
    documents = [path for pattern in ("*.md", "docs/*.md", "adapters/*/*.md") for path in sorted(ROOT.glob(pattern))]
    for document in documents:
        for index, block in enumerate(BLOCK.findall(document.read_text())):
            if not block.startswith(OWN_FILE):
                yield f"{document.relative_to(ROOT)} block {index + 1}", block
    for fixture in sorted((ROOT / "tests/fixtures/config").glob("*.json5")):
        yield fixture.name, fixture.read_text()
    page = os.environ.get("PROVIDER_PAGE")
    if page:
        for index, block in enumerate(BLOCK.findall(pathlib.Path(page).read_text())):
            yield f"page block {index + 1}", block
    else:
        print("skipped: the provider's page (PROVIDER_PAGE is not set)")


def write(home, config):
    folder = home / ".openclaw"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openclaw.json").write_text(json.dumps(config))


def judge_loaded(era):
    """The plugin that OpenClaw has for the provider is ours."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        era.state(home, "{}")
        ran = era.run(home, "plugins", "inspect", "huggingface", "--json")
        return [] if str(era.plugin) in ran.stdout else [f"not loaded: {(ran.stdout + ran.stderr)[-1500:]}"]


def judge_settings(era):
    """Our own settings may be in the configuration if the plugin is installed, as documented."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        own = {"bill-to": "my-org", "max-retries": 1, "discovery": {"enabled": True}}
        era.state(home, json.dumps({"plugins": {"entries": {"huggingface": {"config": own}}}}))
        fault = era.fault(home)
        if bool(fault) == bool(era.plugin):
            return [f"valid without the plugin, or not valid with it: {fault}"]
        return []


def judge_configuration(era, host, name, text):
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        era.state(home, text)
        fault = era.fault(home)
        if fault:
            return [f"{era.name} refuses it: {fault}"]
        theirs = era.models(home)
        ours = host.json(home, "models", "status")
        default = theirs.get("resolvedDefault", "")
        # Without a default of this provider OpenClaw takes one of its own, and we the provider's.
        if default.startswith("huggingface/") and ours["default"].get("ref") != default:
            wrong.append(f"the default: {default} there, {ours['default']} here")
        fallbacks = [fallback.get("ref") for fallback in ours["fallbacks"]]
        aliases = host.json(home, "models", "alias", "list")["aliases"]
        expected = [theirs["aliases"].get(text, text) for text in theirs.get("fallbacks", [])]
        if fallbacks != expected:
            wrong.append(f"fallbacks: {expected} there, {fallbacks} here")
        if aliases != theirs.get("aliases"):
            wrong.append(f"aliases: {theirs.get('aliases')} there, {aliases} here")
    return wrong


def judge_onboarding(era, host):
    """What our onboarding writes is valid there, its key is found, and no other model is shut out."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        bin = home / "bin"
        bin.mkdir()
        # As it is where this OpenClaw is installed.
        (bin / "openclaw").symlink_to(era.program)
        if era.plugin:
            write(home, era.loading())
        onboard = ["onboard", "--non-interactive", "--accept-risk", "--skip-health", "--mode", "local"]
        ran = host.run(home, *onboard, "--huggingface-api-key", KEY, path=bin)
        if ran.returncode != 0:
            return [f"onboard: {ran.stderr}"]
        fault = era.fault(home)
        if fault:
            return [f"{era.name} refuses what onboard wrote: {fault}"]
        if era.version != "2026.2.17":
            ran = era.run(home, "doctor", "--fix", "--non-interactive", "--yes")
        models = era.models(home)
        if models.get("resolvedDefault") != DEFAULT:
            wrong.append(f"the default is {models.get('resolvedDefault')}")
        if models.get("allowed"):
            wrong.append(f"only these models may be used: {models['allowed']}")
        providers = {entry["provider"]: entry for entry in models.get("auth", {}).get("providers", [])}
        effective = providers.get("huggingface", {}).get("effective", {})
        if effective.get("kind") != "profiles":
            wrong.append(f"the key is not found there: {json.dumps(models.get('auth'))[:800]}")
        status = host.json(home, "models", "status")
        if status["key"].get("source") != "profile: huggingface:default":
            wrong.append(f"after OpenClaw was there, our host says: {status['key']}")
    return wrong


def judge_their_key(era, host):
    """A key that OpenClaw stores is found here."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        write(home, era.loading())
        onboard = ["onboard", "--non-interactive", "--accept-risk", "--skip-health", "--mode", "local"]
        more = ["--auth-choice", "huggingface-api-key", "--huggingface-api-key", KEY]
        quiet = ["--skip-channels", "--skip-skills", "--no-install-daemon", "--skip-ui"]
        ran = era.run(home, *onboard, *more, *quiet)
        status = host.json(home, "models", "status")
        if status["key"].get("source") != "profile: huggingface:default":
            return [f"not found: {status['key']} ({ran.stdout[-600:]} {ran.stderr[-600:]})"]
        if status["default"].get("ref") != DEFAULT:
            return [f"the default is {status['default']}"]
        doctor = json.loads(host.run(home, "doctor", "--format", "json").stdout)
        odd = [
            finding["message"]
            for finding in doctor["findings"]
            if finding["check"] == "configuration" and finding["level"] in ("warning", "error")
        ]
        return [f"doctor does not know: {odd}"] if odd else []


def judge_their_reference(era, host):
    """A profile that holds the name of a variable is understood here: the variable is asked for by its name."""
    if era.version == "2026.2.17":
        return []  # It has no such option.
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        write(home, era.loading())
        onboard = ["onboard", "--non-interactive", "--accept-risk", "--skip-health", "--mode", "local"]
        more = ["--auth-choice", "huggingface-api-key", "--secret-input-mode", "ref"]
        quiet = ["--skip-channels", "--skip-skills", "--no-install-daemon", "--skip-ui"]
        variable = "HUGGINGFACE_HUB_TOKEN"
        ran = era.run(home, *onboard, *more, *quiet, more={variable: KEY})
        if ran.returncode != 0:
            return [f"onboard: {ran.stdout[-600:]} {ran.stderr[-600:]}"]
        doctor = json.loads(host.run(home, "doctor", "--format", "json").stdout)
        said = [finding["message"] for finding in doctor["findings"] if finding["check"] == "key"]
        if not any("huggingface:default" in message and variable in message for message in said):
            return [f"doctor does not name the variable: {said}"]
        return ["the key is in a file"] if any(KEY in path.read_text(errors="replace") for path in home.rglob("*.json")) else []


def judge_export(era, host):
    """The exported block of models is valid there."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        ran = host.run(home, "models", "export", "--openclaw", "--set", "discovery=off")
        provider = f'{{ baseUrl: "http://127.0.0.1:9/v1", api: "openai-completions", {ran.stdout} }}'
        era.state(home, f"{{ models: {{ providers: {{ huggingface: {provider} }} }} }}")
        fault = era.fault(home)
        return [fault] if fault else []


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--host", default=os.environ.get("HOST_HARNESS", str(ROOT / "target/debug/host-harness")))
    arguments.add_argument(
        "--tools", type=pathlib.Path, default=pathlib.Path.home() / ".cache/model-provider-tools"
    )
    arguments.add_argument("--only", default="", help="judge only what has this word in its name")
    given = arguments.parse_args()
    if not pathlib.Path(given.host).is_file():
        print(f"skipped: there is no {given.host}; build it with `cargo build -p host-harness`")
        return 0
    host = Host(given.host)
    judged, bad = 0, 0
    plugin = ROOT / "adapters/openclaw"
    eras = [Era("2026.9.6", given.tools), Era("2026.9.6", given.tools, plugin), Era("2026.2.17", given.tools)]
    for era in eras:
        if era.missing():
            print(f"skipped: {era.missing()} is not installed ({given.tools})")
            continue
        checks = [(name, lambda text=text, name=name: judge_configuration(era, host, name, text))
                  for name, text in configurations()]
        checks += [
            ("onboarding", lambda: judge_onboarding(era, host)),
            ("a key of OpenClaw's", lambda: judge_their_key(era, host)),
            ("a reference of OpenClaw's", lambda: judge_their_reference(era, host)),
            ("the exported models", lambda: judge_export(era, host)),
            ("our own settings", lambda: judge_settings(era)),
        ]
        if era.plugin:
            checks.insert(0, ("what is loaded", lambda: judge_loaded(era)))
        for name, check in checks:
            if given.only not in f"{era.name} {name}":
                continue
            try:
                wrong = check()
            except Exception as error:  # what breaks off is wrong as well
                wrong = [f"{type(error).__name__}: {error}"]
            judged += 1
            bad += bool(wrong)
            print(f"{'not ok' if wrong else 'ok':6}  {era.name}  {name}", flush=True)
            for line in wrong:
                print(f"        {line}")
    print(f"{judged} judged, {bad} not ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
