"""Waiting that ends when the process is asked to stop."""

import asyncio
from contextlib import suppress


async def pause(seconds: float, stopping: asyncio.Event) -> None:
    """Waits for so long, or until it is to stop; other tasks have their turn in any case."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
