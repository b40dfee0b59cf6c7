"""What deciding and sending need of a shop: its settings as they are in force."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.ids import Micros
from schemas.notices.document import NoticeSettings


@dataclass(frozen=True, slots=True)
class ShopInForce:
    """A shop's settings at one moment.

    `zone`, `languages`, `enabled` and `entitled` are those of the points settings that are in force
    then; `entitled` is by plan or module: whether the app is installed is not known here, and who
    is not entitled for that gets no points of which there would be anything to tell. `notices`
    have these `languages` where they name none (`speaking`); of a shop without notice settings they
    are what holds by default. `until`: when the next version of the points settings takes effect.
    """

    merchant_no: int
    merchant_id: str
    zone: str
    languages: tuple[str, ...]
    enabled: bool
    entitled: bool
    notices: NoticeSettings
    until: Micros


def speaking(settings: NoticeSettings, languages: Iterable[str]) -> NoticeSettings:
    """Notice settings that name no languages, with those of the points settings."""
    if settings.languages:
        return settings
    return settings.model_copy(update={"languages": tuple(languages)})


def called(settings: NoticeSettings, merchant_id: str) -> str:
    """How a shop is called in its notices: as its settings say, else by its id."""
    return settings.shop_name or merchant_id
