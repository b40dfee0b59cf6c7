"""A faust agent: pydantic, asynchronous ORM, one transaction an event, then `topic.send`."""

import os
import sys

import faust
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from bench.peers.common import FirstEvent, places
from bench.peers.model import Envelope, handle

at, first = places(), FirstEvent()
app = faust.App(
    at.group,
    broker=f"kafka://{at.bootstrap_servers}",
    store="memory://",
    datadir=os.environ["BENCH_STATE"],
    topic_disable_leader=True,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
)
orders = app.topic(at.topic_in, key_type=bytes, value_type=bytes, value_serializer="raw")
changes = app.topic(at.topic_out, key_type=bytes, value_type=bytes, value_serializer="raw")
sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(
    create_async_engine(at.sqlalchemy_url), expire_on_commit=False
)


@app.agent(orders)
async def grant(stream: faust.StreamT[bytes]) -> None:
    """One event at a time, as the framework's tutorial does it."""
    async for raw in stream:
        first.seen()
        event = Envelope.model_validate_json(raw)
        async with sessions.begin() as session:
            changed = await session.run_sync(handle, event)
        if changed:
            await changes.send(
                key=changed.member_id.encode(), value=changed.model_dump_json().encode()
            )


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "-l", "warn", "--without-web"]
    app.main()
