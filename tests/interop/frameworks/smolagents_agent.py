"""smolagents: its OpenAI model, and an agent that calls tools until it calls `final_answer`."""

from smolagents import LogLevel, OpenAIModel, ToolCallingAgent, tool

LABEL = "smolagents"


def of(url, key, model):
    return OpenAIModel(model_id=model, api_base=url, api_key=key)


def user(text):
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def plain(url, key, model, question):
    return of(url, key, model).generate([user(question)]).content


def stream(url, key, model, question):
    return [delta.content for delta in of(url, key, model).generate_stream([user(question)]) if delta.content]


def tools(url, key, model, question, result):
    @tool
    def get_weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: The city.
        """
        return result

    agent = ToolCallingAgent(
        tools=[get_weather], model=of(url, key, model), max_steps=4, verbosity_level=LogLevel.OFF
    )
    agent.run(question)
    seen = [step.observations for step in agent.memory.steps if getattr(step, "observations", None)]
    assert len(agent.memory.steps) <= 4, "it ran to its limit"
    return " ".join(seen)


def turns(url, key, model, first, second):
    same = of(url, key, model)
    before = same.generate([user(first)])
    back = {"role": "assistant", "content": [{"type": "text", "text": before.content}]}
    return same.generate([user(first), back, user(second)]).content
