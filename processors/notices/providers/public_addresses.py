"""Names of hosts, resolved to addresses of the public internet only.

A connection goes to an address that was looked at, not to a name that is resolved once more, so a
name that changes its address in between wins nothing.
"""

import socket
from typing import Final

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from rules.notices.webhooks import is_public

PRIVATE: Final = "private-address"


class PrivateAddress(OSError):
    """A name that stands for an address in somebody's own network."""


class PublicResolver(AbstractResolver):
    """Resolves names as the system does, and refuses what is not public."""

    def __init__(self) -> None:
        self._system: ThreadedResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The public addresses of a name. Raises PrivateAddress when there is none."""
        if self._system is None:
            self._system = ThreadedResolver()  # which belongs to the loop that runs
        found = await self._system.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise PrivateAddress(PRIVATE)
        return public

    async def close(self) -> None:
        """Closes the system's resolver."""
        if self._system is not None:
            await self._system.close()
