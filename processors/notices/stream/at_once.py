"""Coroutines that mostly end without waiting for anything, and so need no task.

Faust's consumer makes four tasks for each record that it hands on, to wait for the first of them to
end; nearly always the first ends at once. That was a third of the CPU of an event.
"""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Final

AT_ONCE: Final = None
"""There is nothing left to wait for."""


def begun(of: Coroutine[Any, Any, object]) -> Coroutine[Any, Any, object] | None:
    """Runs a coroutine until it waits for something: what is left of it, or AT_ONCE.

    Raises what it raises.
    """
    try:
        waits_for = of.send(None)
    except StopIteration:
        return AT_ONCE
    return _rest(of, waits_for)


async def _rest(of: Coroutine[Any, Any, object], waits_for: object) -> object:
    return await _going_on(of, waits_for)


@coroutine
def _going_on(of: Coroutine[Any, Any, object], waits_for: Any) -> Generator[Any, Any, object]:
    """Goes on with a coroutine that waits for something already, as `await` would."""
    while True:
        failed, answer = None, None
        try:
            answer = yield waits_for
        except GeneratorExit:
            of.close()
            raise
        except BaseException as error:  # noqa: BLE001 - handed on, as `await` does
            failed = error
        try:
            waits_for = of.send(answer) if failed is None else of.throw(failed)
        except StopIteration as end:
            return end.value
