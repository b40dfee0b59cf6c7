"""`points notices preview`: what a notice would look like, and what it would cost."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.notices import extra
from cli.support.arguments import Merchant
from cli.support.console import JsonOption, emit, out, safe, safe_lines
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect_notices, notices_configuration
from schemas.notices.words import Kind

if TYPE_CHECKING:
    from schemas.answers.notices import NoticePreview


def preview_command(
    merchant: Merchant,
    kind: Annotated[Kind, typer.Option("--kind", help="What it is about.")],
    language: Annotated[
        str | None, typer.Option("--language", help="The member's; the shop's first by default.")
    ] = None,
    price: Annotated[
        str | None, typer.Option("--price", help="What one part of an SMS costs, such as 0.85.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show a notice with sample values, as a member would read it; nothing is sent."""
    with extra.needed():
        from rules.notices.texts.preview import preview, sample_values
    from schemas.answers.notices import NoticePreview
    from store.notices import breakers, reads, settings
    from store.postgres.session import raw

    cost = _price(price)
    with connect_notices(notices_configuration()) as connection:
        cursor = raw(connection)
        number = reads.shop_number(cursor, merchant)
        shop = settings.in_force(cursor, [number]).get(number)
        now = breakers.clock(cursor)
    if shop is None:
        raise Failure(
            Exit.NOT_FOUND,
            f"the points settings of merchant {merchant} are not heard of yet",
            "apply them with `points settings apply`, and see whether a worker `notices` runs",
        )
    wanted = language or next(iter(shop.languages), "en")
    values = sample_values(shop.notices, now)
    seen = preview(shop.notices, kind, wanted, values, shop.zone, price_per_part=cost)
    answer = NoticePreview(
        merchant_id=merchant,
        kind=kind.value,
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
    if json_:
        emit(answer)
    else:
        _print(answer)


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(-1)
    if not price.is_finite() or price < 0:
        raise typer.BadParameter("the price is a number such as 0.85")
    return price


def _print(answer: "NoticePreview") -> None:
    out().print(f"[bold]{safe(answer.subject)}[/] [dim]e-mail, {safe(answer.mail_language)}[/]\n")
    out().print(safe_lines(answer.plain))
    if answer.sms is None:
        out().print("[dim]it is never told by SMS[/]")
        return
    worst = f", with the longest values {answer.worst_parts}" if answer.worst_parts else ""
    counts = f"{answer.characters} characters, {answer.encoding}, parts: {answer.parts}{worst}"
    out().print(f"\n{safe_lines(answer.sms)}\n[dim]SMS, {counts}[/]")
    if answer.cost is not None:
        out().print(f"[dim]cost {answer.cost}, at most {answer.worst_cost}[/]")
    if answer.too_long:
        out().print("[red]it takes more parts than sms.max_parts allows: it would not be sent[/]")
