"""A client of PyPI doing what the benches do: `ask.py openai|huggingface_hub KEY ROUNDS ANSWER STREAM50 STREAM500`.

The last three are base URLs of mocks, each with its one answer. Says one JSON value a line: the call, its median time,
and the CPU time of the process for each call, in microseconds.
"""

import json
import statistics
import sys
import time

MODEL = "meta-llama/Llama-3.3-70B-Instruct"
ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "say it in many words " * 12}], "max_tokens": 46}


def main(client, key, rounds, answer, stream50, stream500):
    create, models = CLIENTS[client](key)

    def short():
        assert len(create(answer)(**ASKED).choices[0].message.content) > 100

    def streamed(url, events):
        def call():
            pieces = sum(1 for chunk in create(url)(**ASKED, stream=True) if chunk.choices and chunk.choices[0].delta.content)
            assert pieces == events, pieces

        return call

    def first():
        started = time.perf_counter()
        chunks = iter(create(stream50)(**ASKED, stream=True))
        next(chunks)
        took = time.perf_counter() - started
        for _ in chunks:
            pass
        return took

    report("short", short, int(rounds))
    report("first", first, int(rounds))
    report("stream50", streamed(stream50, 47), int(rounds))
    report("stream500", streamed(stream500, 497), max(1, int(rounds) // 5))
    if models:
        report("list", lambda: models(answer), max(1, int(rounds) // 5))


def report(name, call, rounds):
    """Calls, and says what a call takes; the first ones warm up. A call may time itself."""
    for _ in range(3):
        call()
    times, used = [], time.process_time()
    for _ in range(rounds):
        started = time.perf_counter()
        own = call()
        times.append(own or time.perf_counter() - started)
    used = (time.process_time() - used) / rounds
    print(json.dumps({"call": name, "time": statistics.median(times) * 1e6, "cpu": used * 1e6}), flush=True)


def of_openai(key):
    import openai

    clients = {}

    def client(url):
        if url not in clients:
            clients[url] = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
        return clients[url]

    def models(url):
        assert len(list(client(url).models.list())) == 136

    return lambda url: client(url).chat.completions.create, models


def of_huggingface_hub(key):
    import huggingface_hub

    clients = {}

    def create(url):
        if url not in clients:
            clients[url] = huggingface_hub.InferenceClient(base_url=url, api_key=key)
        return clients[url].chat.completions.create

    # It has no call for the router's list.
    return create, None


CLIENTS = {"openai": of_openai, "huggingface_hub": of_huggingface_hub}

if __name__ == "__main__":
    main(*sys.argv[1:])
