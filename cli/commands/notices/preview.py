"""`points notices preview`: what a notice would look like, and what it would cost."""

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from cli.commands.notices import extra, whom
from cli.support.arguments import Merchant, one_of, typed_text
from cli.support.console import JsonOption, emit, out, safe, safe_lines
from cli.support.documents import read_document, shown_name
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect_notices, notices_configuration
from schemas.notices.words import Kind

if TYPE_CHECKING:
    from rules.notices.texts.preview import Preview
    from schemas.answers.notices_acting import NoticePreview
    from schemas.notices.document import NoticeSettings

_PRICE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def preview_command(
    merchant: Merchant,
    kind: Annotated[
        Kind, typer.Option("--kind", metavar="KIND", help=f"What it is about: {one_of(Kind)}.")
    ],
    language: Annotated[
        str | None, typer.Option("--language", help="Instead of the member's, or the shop's first.")
    ] = None,
    member: Annotated[
        str | None,
        typer.Option(
            "--member",
            help="This one's: the directory's name and language, the newest notice's figures.",
            callback=typed_text,
        ),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings", help="By notice settings that are not applied yet.", metavar="FILE"
        ),
    ] = None,
    price: Annotated[
        str | None, typer.Option("--price", help="What one part of an SMS costs, such as 0.85.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the mail's HTML there.", metavar="FILE")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show a notice as a member would read it; nothing is sent."""
    cost = _price(price)
    shown = _Shown(merchant, kind, language, member)
    answer = _answer(shown, _previewed(shown, _document(settings, merchant), cost))
    if html is not None:
        _write(html, answer.html)
    if json_:
        emit(answer)
    else:
        _print(answer, html)


class _Shown(NamedTuple):
    """Which notice is to be shown, in the words of the command."""

    merchant: str
    kind: Kind
    language: str | None
    member: str | None


def _document(settings: Path | None, merchant: str) -> "NoticeSettings | None":
    """Notice settings that are not applied yet, checked."""
    if settings is None:
        return None
    with extra.needed("a preview"):
        from rules.notices.texts.checking import load_checked
    return load_checked(read_document(settings), shown_name(settings), merchant)


def _previewed(shown: _Shown, document: "NoticeSettings | None", cost: Decimal | None) -> "Preview":
    """The notice by what is in force, or by `document`; with a member's own words and figures."""
    with extra.needed("a preview"):
        from rules.notices.shop import called, speaking
        from rules.notices.texts.languages import language_of
        from rules.notices.texts.preview import preview, values_of
    from store.notices import reads
    from store.notices.sending import breakers
    from store.postgres.session import raw

    merchant, kind, language, member = shown
    configured = notices_configuration()
    with connect_notices(configured) as connection:
        shop = whom.shop(connection, merchant)
        now = breakers.clock(raw(connection))
        contact, newest, reason = None, None, None
        if member is not None:
            contact = whom.contact(configured, connection, shop, member)
            newest = reads.newest_of_kind(connection, merchant, member, kind)
        if newest is not None:
            reason = whom.reason(configured, connection, shop, newest)
    notices = speaking(document, shop.languages) if document else shop.notices
    member_speaks, name = (contact.language, contact.name) if contact else (None, None)
    wanted = language_of(language or member_speaks, notices.languages)
    values = values_of(called(notices, merchant), now, newest, reason=reason, name=name)
    return preview(notices, kind, wanted, values, shop.zone, price_per_part=cost)


def _answer(shown: _Shown, seen: "Preview") -> "NoticePreview":
    from schemas.answers.notices_acting import NoticePreview

    return NoticePreview(
        merchant_id=shown.merchant,
        member_id=shown.member,
        kind=shown.kind.value,
        mail_language=seen.mail_language,
        subject=seen.subject,
        html=seen.html,
        plain=seen.plain,
        sms_language=seen.sms_language,
        sms=seen.sms,
        encoding=seen.encoding,
        characters=seen.characters,
        parts=seen.parts,
        too_long=seen.too_long,
        worst_parts=seen.worst_case.parts if seen.worst_case is not None else None,
        cost=str(seen.cost) if seen.cost is not None else None,
        worst_cost=str(seen.worst_cost) if seen.worst_cost is not None else None,
    )


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    if not _PRICE.fullmatch(text):
        raise typer.BadParameter("is a number such as 0.85", param_hint="--price")
    return Decimal(text)


def _write(file: Path, html: str) -> None:
    try:
        file.write_text(html, encoding="utf-8")
    except OSError as error:
        raise Failure(
            Exit.USAGE,
            f"{file} cannot be written: {error.strerror}",
            "name a file that can be written",
        ) from None


def _print(answer: "NoticePreview", html: Path | None) -> None:
    out().print(f"[bold]{safe(answer.subject)}[/] [dim]e-mail, {safe(answer.mail_language)}[/]\n")
    out().print(safe_lines(answer.plain))
    if html is not None:
        out().print(f"[dim]its HTML is in {safe(str(html))}[/]")
    if answer.sms is None:
        out().print("[dim]this kind is never told by SMS[/]")
        return
    worst = f"; {answer.worst_parts} with the longest values" if answer.worst_parts else ""
    counts = f"{answer.characters} characters, {answer.encoding}, parts: {answer.parts}{worst}"
    out().print(f"\n{safe_lines(answer.sms)}\n[dim]SMS, {counts}[/]")
    if answer.cost is not None:
        most = f", {answer.worst_cost} at most" if answer.worst_cost is not None else ""
        out().print(f"[dim]cost {answer.cost}{most}[/]")
    if answer.too_long:
        out().print("[red]it takes more parts than sms.max_parts allows: it would not be sent[/]")
