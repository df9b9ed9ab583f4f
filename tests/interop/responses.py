"""OpenAI's own Python library on the Responses API, unmodified, through `serve`: `responses.py`, with HOST_HARNESS and
COMPONENT in the environment.

What it reads of a stream, of a whole response and as a parsed model has to be what the mock router behind it said, and
what a chat completion says.
"""

import json

import openai
import pydantic
from harness import Checks, equal, mock_router
from serving import KEY, served

MODEL = "Qwen/Qwen3-8B"
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def client_of(server):
    return openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)


def says_what_chat_says(server):
    client = client_of(server)
    chat = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi there"}])
    response = client.responses.create(model=MODEL, input="Hi there")
    equal(response.output_text, chat.choices[0].message.content, "the text")
    equal(response.status, "completed", "the status")
    equal(response.usage.input_tokens, chat.usage.prompt_tokens, "the input tokens")
    equal(response.usage.output_tokens, chat.usage.completion_tokens, "the output tokens")
    thoughts = [item for item in response.output if item.type == "reasoning"]
    said = "".join(part.text for item in thoughts for part in item.content or [])
    equal(said, chat.choices[0].message.reasoning_content, "the reasoning")


def streams(server):
    """The library folds the events into a response of its own, and holds it against the last event."""
    client = client_of(server)
    deltas = []
    with client.responses.stream(model=MODEL, input="Hi there") as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                deltas.append(event.delta)
        final = stream.get_final_response()
    assert len(deltas) > 1, "it came as a whole"
    equal("".join(deltas), final.output_text, "the text")
    equal(final.output_text, client.responses.create(model=MODEL, input="Hi there").output_text, "the whole text")


def summary(server):
    response = client_of(server).responses.create(
        model=MODEL, input="Hi", reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"]
    )
    [thought] = [item for item in response.output if item.type == "reasoning"]
    assert thought.summary[0].text and thought.encrypted_content, thought
    # Given back as it came.
    again = client_of(server).responses.create(
        model=MODEL, input=[{"role": "user", "content": "Hi"}, *response.output, {"role": "user", "content": "And?"}]
    )
    assert again.output_text, again


def calls_a_tool(server):
    client = client_of(server)
    conversation = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    first = client.responses.create(model=MODEL, input=conversation, tools=[TOOL])
    [call] = [item for item in first.output if item.type == "function_call"]
    equal(call.name, "get_weather", "the tool")
    assert isinstance(json.loads(call.arguments), dict), call
    conversation += first.output
    conversation.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny, 21 degrees"})
    second = client.responses.create(model=MODEL, input=conversation, tools=[TOOL])
    assert "sunny, 21 degrees" in second.output_text, second.output_text
    with client.responses.stream(model=MODEL, input=conversation[:1], tools=[TOOL]) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_response()
    assert "response.function_call_arguments.done" in kinds, kinds
    equal(streamed.output[-1].arguments, call.arguments, "the arguments")


def parses(server):
    class Answer(pydantic.BaseModel):
        city: str
        degrees: int

    response = client_of(server).responses.parse(model=MODEL, input="Weather?", text_format=Answer)
    assert isinstance(response.output_parsed, Answer), response.output


def sends_an_image(server):
    pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": pixel, "detail": "low"}]
    response = client_of(server).responses.create(
        model="moonshotai/Kimi-K2.5", input=[{"role": "user", "content": parts}]
    )
    equal(response.status, "completed", "the status")


def refuses(server, kind, body, says):
    try:
        client_of(server).responses.create(**{"model": MODEL, "input": "Hi", **body})
    except kind as error:
        assert says in str(error), error
    else:
        raise AssertionError("it was no error")


def breaks_off(server):
    seen = []
    try:
        for event in client_of(server).responses.create(model="mock/cut", input="Hi", stream=True):
            seen.append(event.type)
    except openai.APIError as error:
        assert "response.output_text.delta" in seen, seen
        assert str(error), "it says why"
    else:
        raise AssertionError(f"it was no error: {seen}")


def main():
    checks = Checks()
    with mock_router() as mock, served(mock, ["max-retries=0"]) as server:
        for test in (says_what_chat_says, streams, summary, calls_a_tool, parses, sends_an_image, breaks_off):
            checks.check(f"openai (PyPI), responses: {test.__name__}", test, server)
        for name, kind, body, says in [
            ("a response before", openai.BadRequestError, {"previous_response_id": "resp_1"}, "not stored here"),
            ("no such model", openai.NotFoundError, {"model": "mock/404-model"}, "model"),
            ("no credit", openai.APIStatusError, {"model": "mock/402-depleted"}, "credits"),
            ("a wrong item", openai.BadRequestError, {"input": [{"role": "nobody", "content": "x"}]}, "input[0].role"),
        ]:
            checks.check(f"openai (PyPI), responses: {name} is refused", refuses, server, kind, body, says)
    checks.done()


if __name__ == "__main__":
    main()
