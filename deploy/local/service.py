"""What the servers of the local stack share: starting whole or not at all, and stopping."""

from abc import ABC, abstractmethod
from typing import Self

from deploy.local.process import Identity


class Service(ABC):
    """A server that this process starts: `with` starts it and stops it at the end."""

    @abstractmethod
    def launch(self) -> None:
        """Start it without waiting for an answer."""

    @abstractmethod
    def wait_ready(self) -> None:
        """Return when it answers; StartError with the end of its log otherwise."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it in an orderly way; nothing happens when it does not run."""

    @abstractmethod
    def identities(self) -> list[Identity]:
        """Its processes, for whoever stops them later."""

    def start(self) -> Self:
        """Start it and wait until it answers; on failure nothing is left running."""
        try:
            self.launch()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()
