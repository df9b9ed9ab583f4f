"""A host in Python: `wasmtime_py.py COMPONENT BASE_URL REFERENCE CHATS` lists, resolves, chats; writes JSON.

The credential comes from HF_TOKEN. wasmtime-py sends a guest's requests itself and has no place to add a header to
them, so this host's edge is a proxy; the component knows only that the credential is attached.
"""

import json
import os
import sys

import header_proxy
from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record, Variant

SETTINGS, PROVIDER = "openclaw:model-provider/settings@0.2.0", "openclaw:model-provider/provider@0.2.0"
LIMITS = {"connect-timeout-ms": 10_000, "first-byte-timeout-ms": 60_000, "idle-timeout-ms": 60_000}
UNASKED = "tool-choice response-format reasoning-effort temperature top-p frequency-penalty presence-penalty seed"


def record(fields):
    made = Record()
    made.__dict__.update(fields)
    return made


def plain(value):
    """Gives what JSON can take."""
    if isinstance(value, Variant):
        return {"tag": value.tag, "val": plain(value.payload)}
    if isinstance(value, Record):
        return {name: plain(field) for name, field in vars(value).items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


class Host:
    """One instance of the component, with what it imports."""

    def __init__(self, path, base_url, token):
        if token:
            base_url = header_proxy.start(base_url, token)
        more = {"credential": "attached-by-host" if token else "not-required", "list-timeout-ms": 30_000}
        snapshot = record({"base-url": base_url, **LIMITS, **more, "max-retries": 2, "extras": []})
        engine = Engine()
        linker = Linker(engine)
        linker.add_wasip2()
        linker.add_wasi_http()
        with linker.root() as root, root.add_instance(SETTINGS) as settings:
            settings.add_func("get", lambda _: snapshot)
            for name in ("list-configured", "list-aliases", "listed-ids"):
                settings.add_func(name, lambda _: [])
            for name in ("find-alias", "find-aliases-of"):
                settings.add_func(name, lambda _, text: [])
            for name in ("find-configured", "find-listed"):
                settings.add_func(name, lambda _, model: None)
        self.store = Store(engine)
        self.store.set_wasi(WasiConfig())
        self.store.set_wasi_http()
        self.instance = linker.instantiate(self.store, Component.from_file(engine, path))
        self.provider = self.instance.get_export_index(self.store, PROVIDER)

    def call(self, name, *arguments):
        """Calls a function of the component; an `error` of the contract ends the program."""
        index = self.instance.get_export_index(self.store, name, self.provider)
        function = self.instance.get_func(self.store, index)
        result = function(self.store, *arguments)
        function.post_return(self.store)
        tagged = isinstance(result, Variant)
        if tagged and result.tag == "err":
            sys.exit(json.dumps(plain(result.payload)))
        return result.payload if tagged else result

    def chat(self, model, text):
        message = record({"content": [Variant("text", text)], "extras": []})
        asked = {"messages": [Variant("user", message)], "max-output-tokens": 16}
        empty = {"tools": [], "stop": [], "extras": [], **dict.fromkeys(UNASKED.split())}
        completion = self.call("chat-stream", record({"model": model, **asked, **empty}))
        events, finished = [], None
        while not finished:
            progress = self.call("[method]completion.read", completion, 64, 1000)
            events, finished = events + progress.events, progress.finished
        completion.drop(self.store)
        return {"events": plain(events), "summary": plain(finished)}


component, base_url, reference, chats = sys.argv[1:]
host = Host(component, base_url, os.environ.get("HF_TOKEN"))
catalog, resolved = host.call("list-models", "authenticated"), host.call("resolve-ref", reference)
answers = [host.chat(reference, f"What is number {number}?") for number in range(int(chats))]
print(json.dumps({"catalog": plain(catalog), "resolved": plain(resolved), "answers": answers}))
