"""LangGraph over LangChain's OpenAI client: an agent with a memory. Named agents put a `name` on their messages."""

from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent

LABEL = "LangGraph"


def agent(url, key, model, tools=()):
    chat = ChatOpenAI(model=model, base_url=url, api_key=key, max_retries=0)
    return create_react_agent(chat, list(tools), name="assistant", checkpointer=InMemorySaver())


def said(agent, text, thread="1"):
    asked = {"messages": [HumanMessage(text, name="user")]}
    return agent.invoke(asked, {"configurable": {"thread_id": thread}})["messages"][-1].content


def plain(url, key, model, question):
    return said(agent(url, key, model), question)


def stream(url, key, model, question):
    asked, config = {"messages": [("user", question)]}, {"configurable": {"thread_id": "1"}}
    pieces = agent(url, key, model).stream(asked, config, stream_mode="messages")
    return [piece.content for piece, _ in pieces if isinstance(piece, AIMessageChunk) and piece.content]


def tools(url, key, model, question, result):
    @tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return result

    return said(agent(url, key, model, [get_weather]), question)


def turns(url, key, model, first, second):
    same = agent(url, key, model)
    said(same, first)
    return said(same, second)
