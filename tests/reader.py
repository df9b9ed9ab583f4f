#!/usr/bin/env python3
"""An independent reader of recorded answers: what a careful person says that each of them means.

It shares no line and no table with the plugin: it was written from the description of the wire format alone,
so that a mistake would have to be made twice to go unseen. Where it and the plugin differ because the design
decides something that no description of the wire format says, `cases/reader-differences.json` names the rule.

    reader.py CORPUS [OUT.jsonl]

prints, or writes to OUT.jsonl, one JSON object a line for every file of CORPUS/sse, CORPUS/chat and CORPUS/errors:
{file, text, reasoning, toolCalls: [{name, arguments}], usage: {input, cached, output, reasoning}, finish, rawFinish,
error: {kind, status, code, message} or null}. An answer that ends in an error has no usage and no finish; a message
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
    408: "timeout", 413: "context-overflow", 422: "invalid-request", 424: "upstream", 429: "rate-limited",
}
BAD_REQUESTS = [(kind, re.compile(words, re.I | re.S)) for kind, words in (
    ("context-overflow",
     r"maximum context length is|reduce the length of the messages|exceeds maximum input length"
     r"|exceeds the available context size|context window exceeds|exceeded model token limit|context_length_exceeded"
     r"|prompt is too long|too many tokens|`inputs` tokens \+ `max_new_tokens` must be <="),
    ("model-unavailable", r"^(model_not_found|model_not_supported) "),
    ("upstream", r"tool_use_failed|output_parse_failed|post.?processor"),
    ("unsupported",
     r"(?=.*(not support|unsupported))(?=.*(vision|image|multimodal|tool|function.call|structured|schema|logprob))"),
)]


class Failed(Exception):
    """The answer ends in an error."""

    def __init__(self, kind, status=None, code=None, message=None):
        self.record = {"kind": kind, "status": status, "code": code, "message": message}


def server_sent_events(body):
    """The data of each event. Every recorded event of the type `error` says so in its data, too."""
    text, data = body.decode("utf-8", "replace").removeprefix("\ufeff"), []
    for line in re.split("\r\n|\r|\n", text) + [""]:
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


def error_of(answer, status, headers=None, text=""):
    """What an error answer, or an error object inside a stream, means."""
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
    if status is None or status >= 500 or status == 403 and html:
        kind = "upstream"
    elif status == 400:
        kind = next((kind for kind, words in BAD_REQUESTS if words.search(everything)), "invalid-request")
    else:
        kind = "protocol" if status < 400 else STATUS_KINDS.get(status, "invalid-request")
    return Failed(kind, status, code, message)


class Answer:
    """One answer, put together from its chunks; a whole answer is one chunk."""

    def __init__(self):
        self.content, self.thought, self.calls = "", "", []
        self.usage, self.raw_finish, self.any_choice = None, None, False

    def take(self, chunk, key):
        if not isinstance(chunk, dict):
            raise Failed("protocol")
        if chunk.get("error"):
            raise error_of(chunk, None)
        self.usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or self.usage
        for choice in (chunk.get("choices") or [])[:1]:
            self.any_choice = True
            said = choice.get(key) or {}
            content = said.get("content") or ""
            if isinstance(content, list):
                content = "".join(part.get("text") or "" for part in content)
            self.content += content
            details = "".join(d.get("text") or "" for d in said.get("reasoning_details") or [])
            self.thought += next((said[f] for f in REASONING_FIELDS if said.get(f)), details)
            for piece in said.get("tool_calls") or []:
                self.take_call(piece)
            self.raw_finish = choice.get("finish_reason") or self.raw_finish

    def take_call(self, piece):
        ident, function = piece.get("id"), piece.get("function") or {}
        index = max(piece.get("index", -1), -1)
        same = [call for call in self.calls if call["index"] == index or index == -1 and not ident][-1:]
        if not same or ident and same[0]["id"] and ident != same[0]["id"]:
            same = [{"index": index, "id": None, "name": "", "arguments": ""}]
            self.calls += same
        call, arguments = same[0], function.get("arguments")
        call["id"] = call["id"] or ident
        call["name"] = call["name"] or function.get("name") or ""
        call["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""

    def text_and_reasoning(self):
        """A block of thoughts that opens the text belongs to the thoughts."""
        opened = re.match(r"\s*<think>(.*?)(</think>|\Z)", self.content, re.S)
        return (self.content[opened.end():], self.thought + opened[1]) if opened else (self.content, self.thought)

    def tool_calls(self):
        for call in self.calls:
            arguments = call["arguments"].strip()
            arguments = "{}" if arguments in ("", "null") else arguments
            try:
                json.loads(arguments)
            except ValueError:
                raise Failed("protocol") from None
            yield {"name": call["name"], "arguments": arguments}

    def end(self, done):
        """What is told at the end: the calls, the counts and why it ended."""
        if not self.any_choice:
            raise Failed("protocol")
        calls = list(self.tool_calls())
        if not self.raw_finish and not done and not calls:
            raise Failed("transport")
        finish = FINISH.get(self.raw_finish, "other")
        if calls and (finish == "stop" or not self.raw_finish):
            finish = "tool-calls"
        usage = self.usage or {}
        sent, received = (usage.get(f"{k}_tokens_details") or {} for k in ("prompt", "completion"))
        counts = (usage.get("prompt_tokens"), sent.get("cached_tokens", usage.get("cached_tokens")),
                  usage.get("completion_tokens"), received.get("reasoning_tokens", usage.get("reasoning_tokens")))
        return {"toolCalls": calls, "usage": dict(zip(("input", "cached", "output", "reasoning"), counts)),
                "finish": finish, "rawFinish": self.raw_finish}


def read(path, record):
    """What the recording at this path means."""
    answer, error, end = Answer(), None, {"toolCalls": [], "usage": None, "finish": None, "rawFinish": None}
    try:
        if path.suffix == ".sse":
            done = False
            for data in server_sent_events(path.read_bytes()):
                done = data.strip() == "[DONE]"
                if done:
                    break
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
