#!/usr/bin/env python3
"""An independent reader of recorded responses: a second reading of what each of them means.

It shares no line and no table with the plugin: it was written from the description of the wire format alone,
so that a mistake would have to be made twice to go unseen. Where it and the plugin differ because the design
decides something that no description of the wire format says, `cases/reader-differences.json` names the rule.

    reader.py CORPUS [OUT.jsonl]

prints, or writes to OUT.jsonl, one JSON object a line for every file of CORPUS/sse, CORPUS/chat and CORPUS/errors:
{file, text, reasoning, toolCalls: [{name, arguments}], usage: {input, cached, output, reasoning}, finish, rawFinish,
error: {kind, status, code, message} or null}. A response that ends in an error has no usage and no finish; a message
of null is one that the reader would have to invent.
"""
import http.client
import json
import pathlib
import re
import sys

REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text")
FINISH = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop",
    "length": "length", "model_context_window_exceeded": "length",
    "tool_calls": "tool-calls", "function_call": "tool-calls",
    "content_filter": "content-filter", "sensitive": "content-filter",
}
STATUS_KINDS = {
    401: "unauthenticated", 402: "payment-required", 403: "permission-denied", 404: "model-unavailable",
    408: "timeout", 410: "model-unavailable", 413: "context-overflow", 424: "upstream", 429: "rate-limited",
}
BAD_REQUESTS = [(kind, re.compile(words, re.I | re.S)) for kind, words in (
    ("context-overflow",
     r"(maximum|model's|exceeds the) context (length|limit)|context_length_exceeded|context window exceeds"
     r"|maximum (model|prompt|(allowed )?input) length|available context size|exceeded model token limit"
     r"|reduce the length of the|prompt (is )?too long|prompt exceeds|input is too long|input length should be"
     r"|too many (input )?tokens|too large for model with|`inputs` must have less than|max_new_tokens`? must be <="),
    ("model-unavailable", r"^model_(not_found|not_supported|not_available|decommissioned) "
     r"|not supported (by provider|for task)|end.of.life|decommissioned|no longer available"),
    ("upstream", r"tool_use_failed|output_parse_failed|post.?processor"),
    ("unsupported",
     r"^unsupported_(parameter|value) "
     r"|(?=.*(not support|n't support|unsupported|not accept|not enabled|not a multimodal|at most 0 |requires --))"
     r"(?=.*(vision|image|multimodal|audio|video|tool|function.call|structured|schema|log ?prob|grammar|json"
     r"|response.format|reasoning|system role))"),
)]
# Models whose chat template writes the opening tag of the reasoning into the prompt: words of the last part of the id
# that have to be there, and such as must not.
OPENED_BY_TEMPLATE = (
    ({"qwq"}, {"preview"}), ({"qwen3", "thinking"}, set()), ({"nemotron"}, {"llama", "instruct", "base"}),
    ({"nemotron", "v1.5"}, {"base"}), ({"nemotron", "v1_5"}, {"base"}),
    ({"minimax", "m2"}, set()), ({"minimax", "m2.1"}, set()), ({"minimax", "m2.5"}, set()),
)


class Failed(Exception):
    """The response ends in an error."""

    def __init__(self, kind, status=None, code=None, message=None):
        self.record = {"kind": kind, "status": status, "code": code, "message": message}


def server_sent_events(body):
    """The data of each event, but for events of other names than `message` and `error`. Every recorded event of the type
    `error` says so in its data, too."""
    text, data, kind = body.decode("utf-8", "replace").removeprefix("\ufeff"), [], ""
    for line in re.split("\r\n|\r|\n", text) + [""]:
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            kind = value.removeprefix(" ")
        elif not line:
            if data and kind in ("", "message", "error"):
                yield "\n".join(data)
            data, kind = [], ""


def error_of(answer, status, headers=None, text=""):
    """The meaning of an error response, or of an error object inside a stream."""
    outer = answer if isinstance(answer, dict) else {}
    inner = outer.get("error")
    fields = inner if isinstance(inner, dict) else outer
    html = text.lstrip()[:1] == "<"
    detail = outer.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        detail = detail[0].get("msg")
    plain = "" if html or answer is not None else text.strip()
    candidates = (inner, fields.get("message"), outer.get("message"), detail, (headers or {}).get("x-error-message"),
                  plain, http.client.responses.get(status))
    message = next((c for c in candidates if isinstance(c, str) and c), None)
    if message and message.startswith("{"):
        message = json.loads(message).get("message")
    words = (fields.get(key) for key in ("code", "type", "error_type"))
    code = next((str(w) for w in words if isinstance(w, (str, int)) and w != ""), None)
    if status is None:
        numbers = (str(fields.get(key)) for key in ("http_status_code", "status_code", "code"))
        status = next((int(n) for n in numbers if re.fullmatch("[1-5][0-9][0-9]", n)), None)
    everything = f"{code} {message}"
    if status is None and code == "validation" and BAD_REQUESTS[0][1].search(everything):
        kind = "context-overflow"
    elif status is None or status >= 500 or status == 403 and html:
        kind = "upstream"
    elif status in (400, 422):
        kind = next((kind for kind, words in BAD_REQUESTS if words.search(everything)), "invalid-request")
    else:
        kind = "protocol" if status < 400 else STATUS_KINDS.get(status, "invalid-request")
    return Failed(kind, status, code, message)


def is_json(text):
    """Whether a text is one JSON value."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class Answer:
    """One response, collected from its chunks; a whole response is one chunk."""

    def __init__(self, model=""):
        self.content, self.thought, self.calls = "", "", []
        self.usage, self.raw_finish, self.any_choice = None, None, False
        self.first_index, self.several = None, False
        words = set(re.split("[- ]", model.rsplit("/")[-1].split(":")[0].lower()))
        self.opened = any(have <= words and not lack & words for have, lack in OPENED_BY_TEMPLATE)

    def choice_of(self, chunk):
        """The choice that is the response: a single one, or of several the first that ever came."""
        choices = [c for c in chunk.get("choices") or [] if isinstance(c, dict)]
        if choices and self.first_index is None:
            self.first_index = choices[0].get("index") or 0
        self.several = self.several or len(choices) > 1
        if self.several:
            choices = [c for c in choices if (c.get("index") or 0) == self.first_index]
        return choices[0] if choices else None

    def take(self, chunk, key):
        if not isinstance(chunk, dict):
            raise Failed("protocol")
        was_finished = bool(self.raw_finish)
        self.usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or self.usage
        choice = self.choice_of(chunk)
        failed = bool(choice) and self.take_choice(choice, key)
        # What goes wrong behind the finish reason takes nothing back.
        if was_finished:
            return
        if chunk.get("error"):
            raise error_of(chunk, None)
        if failed:
            raise error_of({"error": choice.get("error")}, None)

    def take_choice(self, choice, key):
        """Takes what a choice says; true if it says that it failed."""
        self.any_choice = True
        said = choice.get(key) or {}
        content = said.get("content") or ""
        if isinstance(content, list):
            content = "".join(part.get("text") or "" for part in content)
        self.content += content
        details = "".join(d.get("text") or "" for d in said.get("reasoning_details") or [])
        thought = next((said[f] for f in REASONING_FIELDS if said.get(f)), details)
        if thought and not self.content.strip():
            self.opened = False
        self.thought += thought
        for piece in said.get("tool_calls") or choice.get("tool_calls") or []:
            self.take_call(piece)
        word = choice.get("finish_reason")
        if word == "error":
            return True
        if word not in ("null", "None"):
            self.raw_finish = word or self.raw_finish
        return bool(choice.get("error"))

    def take_call(self, piece):
        """A fragment continues the call of its id, else of its index, else the last one; a name may start a new one."""
        function = piece.get("function") or {}
        ident, name, arguments = piece.get("id"), function.get("name"), function.get("arguments")
        index = piece.get("index") if isinstance(piece.get("index"), int) and piece["index"] >= 0 else None
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments) if arguments else ""
        by_id = [c for c in self.calls if ident and c["id"] == ident and (not name or index in (None, c["index"]))]
        by_index = [c for c in self.calls if index is not None and c["index"] == index]
        call = ((by_id or by_index or self.calls)[-1:] or [None])[0]
        if call and name and call["name"]:
            new_id = ident and not by_id
            new_index = not by_id and not by_index and index is not None and call["index"] is not None
            if (new_id and (call["id"] or name != call["name"]) or new_index
                    or arguments.strip() and is_json(call["arguments"])
                    or name != call["name"] and call["arguments"].strip()):
                call = None
        if call is None:
            call = {"index": index, "id": None, "name": "", "arguments": ""}
            self.calls.append(call)
        call["id"] = call["id"] or ident
        if name and name != call["name"]:
            call["name"] = name if name.startswith(call["name"]) else call["name"] + name
        call["arguments"] += arguments

    def text_and_reasoning(self):
        """A reasoning block that opens the text belongs to the reasoning, also if the prompt has its first tag."""
        opened = re.match(r"\s*<think>(.*?)(</think>|\Z)", self.content, re.S)
        if opened:
            return self.content[opened.end():], self.thought + opened[1]
        if not self.opened or self.content.lstrip()[:1] in ("{", "["):
            return self.content, self.thought
        block, closed, text = self.content.partition("</think>")
        # A model that came to its own end without closing the block was not in one.
        if not closed and self.raw_finish in ("stop", "eos", "eos_token") and not self.calls:
            text = block
        return text, self.thought + block

    def tool_calls(self):
        for call in self.calls:
            arguments = call["arguments"].strip()
            arguments = "{}" if arguments in ("", "null") else arguments
            if not is_json(arguments) or not call["name"]:
                raise Failed("protocol")
            yield {"name": call["name"], "arguments": arguments}

    def end(self, done):
        """The summary at the end: the calls, the usage and the finish reason."""
        if not self.any_choice:
            raise Failed("protocol")
        calls = list(self.tool_calls())
        if not self.raw_finish and not done and not calls:
            raise Failed("transport")
        finish = FINISH.get(self.raw_finish, "other")
        if calls and (finish == "stop" or not self.raw_finish):
            finish = "tool-calls"
        if finish == "tool-calls" and not calls:
            finish = "stop"
        usage = self.usage or {}
        sent, received = (usage.get(f"{k}_tokens_details") or {} for k in ("prompt", "completion"))
        counts = (usage.get("prompt_tokens"), sent.get("cached_tokens", usage.get("cached_tokens")),
                  usage.get("completion_tokens"), received.get("reasoning_tokens", usage.get("reasoning_tokens")))
        return {"toolCalls": calls, "usage": dict(zip(("input", "cached", "output", "reasoning"), counts)),
                "finish": finish, "rawFinish": self.raw_finish}


def read(path, record):
    """What the recording at this path means."""
    model = (record.get("model_requested") or "").replace("%2F", "/")
    answer, error, end = Answer(model), None, {"toolCalls": [], "usage": None, "finish": None, "rawFinish": None}
    try:
        if path.suffix == ".sse":
            done = False
            for data in server_sent_events(path.read_bytes()):
                done = data.strip() == "[DONE]"
                if done:
                    break
                # A heartbeat is no chunk; nor is what is broken behind the finish reason.
                if data.strip()[:1] == "{" and (is_json(data) or not answer.raw_finish):
                    answer.take(json.loads(data), "delta")
            end = answer.end(done)
        elif "response_body" in record:
            answer.take(record["response_body"], "message")
            end = answer.end(True)
        else:
            body, text = record["body"], record.get("body_is_json") is False
            raise error_of(None if text else body, record["status"], record["response_headers"], body if text else "")
    except Failed as failure:
        error = failure.record
    text, reasoning = answer.text_and_reasoning()
    return {"text": text, "reasoning": reasoning, **end, "error": error}


def main(corpus, out=None):
    corpus = pathlib.Path(corpus)
    with open(out, "w", encoding="utf-8") if out else sys.stdout as lines:
        for path in sorted([*corpus.glob("sse/*.sse"), *corpus.glob("chat/*.json"), *corpus.glob("errors/*.json")]):
            record = json.loads(path.with_suffix(".json").read_text("utf-8"))
            name = path.relative_to(corpus).as_posix()
            print(json.dumps({"file": name, **read(path, record)}, ensure_ascii=False), file=lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
