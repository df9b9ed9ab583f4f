"""LangChain's OpenAI client on the Responses API, without a framework around it."""

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

LABEL = "LangChain (Responses)"


def chat_model(url, key, model):
    return ChatOpenAI(model=model, base_url=url, api_key=key, max_retries=0, use_responses_api=True)


def plain(url, key, model, question):
    return chat_model(url, key, model).invoke(question).text


def stream(url, key, model, question):
    return [chunk.text for chunk in chat_model(url, key, model).stream(question) if chunk.text]


def tools(url, key, model, question, result):
    @tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return result

    chat = chat_model(url, key, model).bind_tools([get_weather])
    messages = [HumanMessage(question)]
    response = chat.invoke(messages)
    messages.append(response)
    for call in response.tool_calls:
        messages.append(ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]))
    return chat.invoke(messages).text


def turns(url, key, model, first, second):
    chat = chat_model(url, key, model)
    before = chat.invoke(first)
    assert isinstance(before, AIMessage)
    return chat.invoke([HumanMessage(first), before, HumanMessage(second)]).text
