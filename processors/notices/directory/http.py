"""A shop's own directory, asked over HTTP for the members of each chunk.

Answers are remembered for a minute and in memory alone, so that a mail and an SMS of one member ask
once. Nothing that was asked or answered is ever part of an error.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from pydantic import ValidationError

from processors.notices.directory.port import DirectoryUnavailable, MemberKey
from rules.notices.values import Contact
from schemas.notices.directory import (
    DirectoryAnswer,
    DirectoryContact,
    DirectoryMember,
    DirectoryQuestion,
)

REMEMBERED: Final = 60.0
"""Seconds for which an answer counts, that a member is not known too."""
MOST: Final = 10_000
"""Members that are remembered at once."""
PATIENCE: Final = 10.0
"""Seconds for an answer."""
LARGEST: Final = 4 << 20
"""Bytes of an answer."""
_OK: Final = 200


class HttpDirectory:
    """Asks one address, with a token if there is one."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` tells seconds: how old what is remembered is."""
        self._url, self._patience, self._clock = url, patience, clock
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: ClientSession | None = None
        self._remembered: dict[MemberKey, tuple[float, Contact | None]] = {}

    def __repr__(self) -> str:
        """Says nothing of anybody."""
        return "HttpDirectory(…)"

    async def contacts(self, members: Sequence[MemberKey]) -> Mapping[MemberKey, Contact]:
        """Those that the directory knows. Raises DirectoryUnavailable."""
        now = self._clock()
        self._forget(now)
        known = {m: self._remembered[m][1] for m in members if m in self._remembered}
        asked = [member for member in dict.fromkeys(members) if member not in known]
        if asked:
            answers = await self._ask(asked)
            found = {member: answers.get(member) for member in asked}
            known |= found
            self._remembered |= {member: (now, contact) for member, contact in found.items()}
        return {member: contact for member, contact in known.items() if contact is not None}

    async def close(self) -> None:
        """Closes its connections, and forgets."""
        self._remembered.clear()
        if self._session is not None:
            await self._session.close()

    def _forget(self, now: float) -> None:
        old = [m for m, (since, _) in self._remembered.items() if now - since >= REMEMBERED]
        for member in old:
            del self._remembered[member]
        if len(self._remembered) > MOST:
            self._remembered.clear()

    async def _ask(self, members: Sequence[MemberKey]) -> dict[MemberKey, Contact]:
        question = DirectoryQuestion(
            members=tuple(
                DirectoryMember.model_construct(merchant_id=m.merchant_id, member_id=m.member_id)
                for m in members
            )
        )
        answer = await self._answer(question.model_dump_json().encode())
        by_ids = {(member.merchant_id, member.member_id): member for member in members}
        return {
            member: _contact(each)
            for each in answer.members
            if (member := by_ids.get((each.merchant_id, each.member_id))) is not None
        }

    async def _answer(self, question: bytes) -> DirectoryAnswer:
        if self._session is None:
            self._session = ClientSession(connector=TCPConnector(limit=8))
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            async with self._session.post(
                self._url,
                data=question,
                headers=headers,
                # Whoever it would send us on to was not chosen by the operator.
                allow_redirects=False,
                timeout=ClientTimeout(total=self._patience),
            ) as response:
                if response.status != _OK:
                    raise DirectoryUnavailable(f"the directory answered {response.status}")
                content = await response.content.read(LARGEST + 1)
                while len(content) <= LARGEST and (more := await response.content.read(LARGEST)):
                    content += more
        except TimeoutError:
            raise DirectoryUnavailable("the directory did not answer in time") from None
        except (ClientError, OSError) as error:
            raise DirectoryUnavailable(
                f"the directory cannot be reached: {type(error).__name__}"
            ) from None
        if len(content) > LARGEST:
            raise DirectoryUnavailable("the directory answered more than anybody asked for")
        try:
            return DirectoryAnswer.model_validate_json(content)
        except ValidationError:
            raise DirectoryUnavailable(
                "the directory answered what is no list of contacts"
            ) from None


def _contact(answer: DirectoryContact) -> Contact:
    return Contact(
        name=_text(answer.name),
        language=_text(answer.language),
        email=_text(answer.email),
        phone=_text(answer.phone),
    )


def _text(text: str | None) -> str | None:
    return (text or "").strip() or None
