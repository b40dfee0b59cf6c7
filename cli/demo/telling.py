"""What the sample days show of notices: mails and SMS as members read them, and who hears nothing."""

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


class Teller:
    """Words for what became of notices. The first mail is shown whole, later ones by subject."""

    def __init__(self, named: Callable[[str], str], until: Callable[[int], str]) -> None:
        """`named` gives a member's name, `until` a time of day."""
        self._named, self._until, self._whole = named, until, True

    def words(self, news: "Sequence[Told]") -> list[str]:
        """Lines with markup: what was read, then what waits, then who hears nothing and why."""
        sent = [self._sent(told) for told in news if told.notice.state == "sent"]
        groups: dict[str, dict[str, None]] = {}
        for told in news:
            if told.notice.state != "sent":
                name = safe(self._named(told.notice.member_id))
                groups.setdefault(self._unsent(told), {})[name] = None
        return [*sent, *(f"{text}: {', '.join(names)}" for text, names in groups.items())]

    def letter(self, news: "Sequence[Told]") -> RenderableType | None:
        """The first mail of all, as its reader sees it; None afterwards."""
        for told in news if self._whole else ():
            if told.subject:
                self._whole = False
                title = Text(f"the mail to {self._named(told.notice.member_id)}", "bold")
                subject = Text(told.subject, "bold")
                body = Text.assemble(subject, "\n\n", told.text)
                return Panel(body, title=title, title_align="left", width=MAIL_WIDTH)
        return None

    def _sent(self, told: "Told") -> str:
        name, channel = safe(self._named(told.notice.member_id)), CHANNELS[told.notice.channel]
        said = told.subject or told.text
        many = told.notice.parts if told.notice.channel == "sms" else None
        parts = f" [dim]({many} part{'s' if many > 1 else ''})[/]" if many is not None else ""
        return f"[blue]✉ {channel} to {name}[/] {safe(said)}{parts}"

    def _unsent(self, told: "Told") -> str:
        notice, channel = told.notice, CHANNELS[told.notice.channel]
        if notice.state != WAITING:
            why = f": [magenta]{safe(notice.reason)}[/]" if notice.reason else ""
            return f"[dim]·[/] {channel} {notice.state}{why}"
        if notice.reason:
            return f"[yellow]‖ the provider of {channel} takes nothing now[/], these wait"
        return f"[yellow]‖ {channel} at night waits until {self._until(notice.not_before)}[/]"
