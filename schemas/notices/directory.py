"""How a shop's own directory is asked, and what it answers.

The request is a POST of `DirectoryQuestion`; the answer, with status 200, a `DirectoryAnswer` of
those members that the directory knows. Whoever is not in it has no address.
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.upstream.base import Id

LONGEST_ADDRESS: Final = 1000
LONGEST_NAME: Final = 200
_Text = Annotated[str, Field(max_length=LONGEST_ADDRESS)]


class DirectoryMember(BaseModel):
    """A member of a shop."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    merchant_id: Id
    member_id: Id


class DirectoryQuestion(BaseModel):
    """Which members are to be reached."""

    model_config = ConfigDict(frozen=True)

    members: tuple[DirectoryMember, ...]


class DirectoryContact(DirectoryMember):
    """How a member is reached. `language` as the platform's locale, such as `zh-hant`.

    `phone` is best written with its country, `+886 912 345 678`; else it is read as one of the
    country that the shop's settings name.
    """

    name: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    email: _Text | None = None
    phone: _Text | None = None

    def __repr__(self) -> str:
        """Says nothing of anybody."""
        return "DirectoryContact(…)"


class DirectoryAnswer(BaseModel):
    """Those of the members that the directory knows."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    members: Annotated[tuple[DirectoryContact, ...], Field(fail_fast=True)]
