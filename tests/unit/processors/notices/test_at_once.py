"""A coroutine that is begun without a task does what it does in one."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from processors.notices.stream.at_once import AT_ONCE, begun

Way = Callable[[Coroutine[Any, Any, object]], Awaitable[object]]


async def in_a_task(of: Coroutine[Any, Any, object]) -> object:
    return await asyncio.create_task(of)


async def by_hand(of: Coroutine[Any, Any, object]) -> object:
    rest = begun(of)
    return "at once" if rest is AT_ONCE else await asyncio.create_task(rest)


WAYS = pytest.mark.parametrize("way", [in_a_task, by_hand])


def test_what_waits_for_nothing_has_ended_before_it_is_waited_for() -> None:
    seen: list[str] = []

    async def quick() -> None:
        seen.append("done")

    assert begun(quick()) is AT_ONCE
    assert seen == ["done"]


def test_what_fails_at_once_raises_at_once() -> None:
    async def failing() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        begun(failing())


@WAYS
def test_it_goes_on_after_each_wait_with_what_it_waited_for(way: Way) -> None:
    async def main() -> tuple[object, list[object]]:
        first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
        seen: list[object] = []

        async def waiting() -> str:
            seen.append(await first)
            await asyncio.sleep(0)
            seen.append(await second)
            return "end"

        loop = asyncio.get_running_loop()
        loop.call_soon(first.set_result, 1)
        loop.call_later(0.01, second.set_result, 2)
        return await way(waiting()), seen

    assert asyncio.run(main()) == ("end", [1, 2])


@WAYS
def test_it_hears_what_a_wait_failed_with(way: Way) -> None:
    async def main() -> object:
        failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def waiting() -> str:
            try:
                await failing
            except KeyError:
                await asyncio.sleep(0)
                return "heard"
            return "not heard"

        asyncio.get_running_loop().call_soon(failing.set_exception, KeyError("x"))
        return await way(waiting())

    assert asyncio.run(main()) == "heard"


@WAYS
def test_it_fails_after_a_wait(way: Way) -> None:
    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("wrong")

    async def main() -> object:
        return await way(failing())

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(main())


@WAYS
def test_it_is_cancelled_where_it_waits(way: Way) -> None:
    async def main() -> list[str]:
        seen, waits = [], asyncio.Event()

        async def waiting() -> None:
            try:
                waits.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            finally:
                seen.append("left")

        task = asyncio.ensure_future(way(waiting()))
        await waits.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert asyncio.run(main()) == ["cancelled", "left"]


def test_what_nobody_waits_for_any_more_is_closed() -> None:
    left: list[str] = []

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("left")

    async def main() -> None:
        rest = begun(waiting())
        assert rest is not AT_ONCE
        started = rest.send(None)
        assert started is not None
        rest.close()

    asyncio.run(main())
    assert left == ["left"]
