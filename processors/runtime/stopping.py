"""Requests to stop: a signal, or the end of the supervisor.

They set a flag; the loop ends after the batch in hand.
"""

import os
import select
import signal
from types import FrameType
from typing import Final

PARENT_PIPE: Final = "POINTS_PARENT_PIPE"
"""Names a file descriptor that reads as ended when the supervisor is gone, however it went."""


class Stop:
    """Whether to stop, and waits that end at once when asked to.

    Only the main thread may make one.
    """

    def __init__(self) -> None:
        self._asked = False
        self._awake, wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(wake, False)
        # Without the wakeup descriptor a signal would not end a wait that has already begun.
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        parent = os.environ.get(PARENT_PIPE)
        self._parent = int(parent) if parent else None

    def _signalled(self, _: int, __: FrameType | None) -> None:
        self._asked = True

    @property
    def asked(self) -> bool:
        """Whether the worker is to end."""
        if not self._asked and self._parent is not None:
            self.wait(0)
        return self._asked

    def wait(self, seconds: float) -> bool:
        """Waits, less when asked to stop meanwhile; the same answer as `asked`."""
        if self._asked:
            return True
        watched = [self._awake] + ([self._parent] if self._parent is not None else [])
        for ready in select.select(watched, [], [], seconds)[0]:
            if ready == self._parent:
                self._asked = True  # it is never written to: readable means closed
            else:
                _drain(ready)
        return self._asked


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 512):
            pass
    except BlockingIOError:
        return
