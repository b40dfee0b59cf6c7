"""Work beside what is measured: a thread that runs from entering to leaving a block."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Background(ABC):
    """A kind overrides `run`, which returns soon once `stopping` is set."""

    def __init__(self, name: str) -> None:
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    @abstractmethod
    def run(self) -> None:
        """The work."""

    def stop(self) -> None:
        """End the work, and wait until it has ended."""
        self.stopping.set()
        self._thread.join()

    @property
    def is_running(self) -> bool:
        """Whether the work goes on."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
