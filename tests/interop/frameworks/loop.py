"""One event loop for all tasks of a script: clients keep connections that belong to the loop they were opened in."""

import asyncio

LOOP = asyncio.new_event_loop()


def run(task):
    """Waits for what a coroutine gives."""
    return LOOP.run_until_complete(task)
