"""What the sample days show of notices: mails and SMS as members read them, and who gets none."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from cli.support.console import safe

if TYPE_CHECKING:
    from cli.demo.notices import Told

MAIL_WIDTH = 72
"""Columns of a mail, where the terminal has them."""
CHANNELS = {"email": "mail", "sms": "SMS"}
WAITING = "waiting"
NO_ADDRESS, OFF = "no_address", "off"


class Teller:
    """Words for what became of notices. The first mail is shown whole, later ones by subject."""

    def __init__(
        self, named: Callable[[str], str], until: Callable[[int], str], width: int
    ) -> None:
        """`named` gives a member's name, `until` a time of day; `width`: columns of a mail."""
        self._named, self._until, self._width = named, until, min(width, MAIL_WIDTH)
        self._whole, self._unreachable = True, set[str]()

    def words(self, news: "Sequence[Told]") -> list[str]:
        """Lines with markup: what was read, then what waits, then who hears nothing and why.

        Kinds that the shop has off are left out, and the SMS of those who have no address at all.
        """
        unreachable = {told.notice.event_id for told in news if told.notice.reason == NO_ADDRESS}
        groups: dict[str, dict[str, None]] = {}
        for told in news:
            mine = told.notice
            alone = mine.channel == "sms" and mine.event_id in unreachable | self._unreachable
            if mine.state != "sent" and mine.reason != OFF and not alone:
                name = safe(self._named(mine.member_id))
                groups.setdefault(self._unsent(told), {})[name] = None
        self._unreachable |= unreachable
        sent = [self._sent(told) for told in news if told.notice.state == "sent"]
        return [*sent, *(f"{text}: {', '.join(names)}" for text, names in groups.items())]

    def letter(self, news: "Sequence[Told]") -> RenderableType | None:
        """The first mail of all, as its reader sees it; None afterwards."""
        first = next((told for told in news if told.subject), None)
        if first is None or not self._whole:
            return None
        self._whole = False
        title = Text(f"the first mail, as {self._named(first.notice.member_id)} reads it")
        body = Text.assemble((first.subject, "bold"), "\n\n", first.text)
        return Panel(body, title=title, title_align="left", width=self._width)

    def _sent(self, told: "Told") -> str:
        name, channel = safe(self._named(told.notice.member_id)), CHANNELS[told.notice.channel]
        said = told.subject or told.text
        many = told.notice.parts if told.notice.channel == "sms" else None
        parts = f" [dim]({many} part{'s' if many > 1 else ''})[/]" if many is not None else ""
        return f"[blue]✉ {channel} to {name}:[/] {safe(said)}{parts}"

    def _unsent(self, told: "Told") -> str:
        notice, channel = told.notice, CHANNELS[told.notice.channel]
        if notice.reason == NO_ADDRESS:
            return "[dim]·[/] neither mail nor SMS, [magenta]no_address[/]"
        if notice.state != WAITING:
            why = f", [magenta]{safe(notice.reason)}[/]" if notice.reason else ""
            return f"[dim]·[/] no {channel}{why}"
        if notice.reason:
            return f"[yellow]‖ the provider of {channel} takes nothing now, these wait[/]"
        return f"[yellow]‖ {channel} that waits for {self._until(notice.not_before)}[/]"
