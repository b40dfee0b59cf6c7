"""`points campaign list | show | live`: campaigns as they are now."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import Campaign, Merchant, typed_text
from cli.support.console import JsonOption, emit, out, print_table, safe, safe_lines
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.answers.campaigns import CampaignAnswer
    from schemas.ids import Micros
    from store.campaigns.reading import Shop, StoredCampaign

_STYLES = {"live": "bold green", "scheduled": "cyan", "ended": "dim", "removed": "dim red"}

Language = Annotated[
    str | None,
    typer.Option(
        "--language", help="Texts in this language; the first one by default.", callback=typed_text
    ),
]


def list_command(merchant: Merchant, language: Language = None, json_: JsonOption = False) -> None:
    """List a merchant's campaigns by their beginnings, removed ones too."""
    from store.campaigns import reading
    from store.reads import snapshot

    with connect(database_configuration()) as connection, snapshot.snapshot(connection) as cursor:
        shop, now = reading.shop_of(cursor, merchant), snapshot.now(cursor)
        answers = [_answer(each, now) for each in reading.campaigns(cursor, shop)]
    if json_:
        emit(answers)
    else:
        _print_list(answers, shop, language)


def show_command(
    merchant: Merchant,
    campaign: Campaign,
    language: Language = None,
    json_: JsonOption = False,
) -> None:
    """Show a campaign with its gifts."""
    from store.campaigns import reading
    from store.reads import snapshot

    with connect(database_configuration()) as connection, snapshot.snapshot(connection) as cursor:
        shop, now = reading.shop_of(cursor, merchant), snapshot.now(cursor)
        answer = _answer(reading.campaign(cursor, shop, campaign), now)
    if json_:
        emit(answer)
    else:
        _print(answer, shop, language)


def live_command(
    merchant: Merchant,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="At this time, local in the merchant's zone or with an offset; now by default.",
            callback=typed_text,
        ),
    ] = None,
    language: Language = None,
    json_: JsonOption = False,
) -> None:
    """Show the campaign that is live; with --json null where there is none."""
    from rules.account.campaigns import state_of
    from schemas.campaigns import CampaignState
    from store.campaigns import reading
    from store.reads import snapshot

    with connect(database_configuration()) as connection, snapshot.snapshot(connection) as cursor:
        shop = reading.shop_of(cursor, merchant)
        moment = snapshot.now(cursor) if at is None else _moment(at, shop.zone)
        stored = reading.campaigns(cursor, shop)
    # Windows do not overlap, so that there is one at most.
    live = [each for each in stored if state_of(each.campaign, moment) is CampaignState.live]
    answer = _answer(live[0], moment) if live else None
    if json_:
        emit(answer)
    elif answer is None:
        out().print(f"no campaign of {safe(merchant)} is live {'now' if at is None else 'then'}")
    else:
        _print(answer, shop, language)


def _moment(text: str, zone: str) -> "Micros":
    from rules.account.campaigns import instant_of
    from schemas.campaigns.document import time_of

    try:
        time = time_of(text)
        if isinstance(time, datetime):
            return instant_of(time, zone)
    except ValueError:
        pass
    raise Failure(
        Exit.REFUSED,
        f"--at {text} is no time",
        "write it as 2026-06-01T00:00, with Z or an offset if it is not the merchant's local time",
        code="invalid_time",
    )


def _answer(stored: "StoredCampaign", now: "Micros") -> "CampaignAnswer":
    from rules.account.campaigns import state_of
    from schemas.answers.campaigns import CampaignAnswer

    state = state_of(stored.campaign, now)
    return CampaignAnswer(**dict(stored.content()), state=state, version=stored.version)


def _print_list(answers: "Sequence[CampaignAnswer]", shop: "Shop", language: str | None) -> None:
    from rich.table import Table

    if not answers:
        out().print(f"{safe(shop.merchant_id)} has no campaigns → points campaign apply")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("campaign", "name", "state", "from", "until", "gifts", "version"):
        right = name in {"gifts", "version"}
        table.add_column(name, justify="right" if right else "left", no_wrap=name == "campaign")
    for answer in answers:
        from_, until = _window(answer, shop)
        table.add_row(
            f"[bold]{safe(answer.campaign_id)}[/]",
            _text(answer.names, shop, language),
            f"[{_STYLES[answer.state]}]{answer.state}[/]",
            from_,
            until,
            f"{len(answer.gifts)}",
            f"{answer.version}",
        )
    print_table(table)
    out().print(f"[dim]times in {safe(shop.zone)}[/]")


def _print(answer: "CampaignAnswer", shop: "Shop", language: str | None) -> None:
    from rich.table import Table

    from rules.explain.formatting import moment_shown

    from_, until = _window(answer, shop)
    out().print(
        f"[bold]{_text(answer.names, shop, language)}[/]  "
        f"[{_STYLES[answer.state]}]{answer.state}[/]  "
        f"[dim]campaign {safe(answer.campaign_id)}, version {answer.version}[/]"
    )
    out().print(f"{from_} → {until}  [dim]{safe(shop.zone)}[/]")
    if answer.banner is not None:
        image = answer.banner
        size = f"{image.width} × {image.height}, {image.bytes:,} bytes"
        out().print(f"[dim]banner:[/] {image.type.upper()}, {size}")
    if terms := _text(answer.terms, shop, language, lines=True):
        out().print(f"\n{terms}")
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("gift", "points", "product", "since"):
        table.add_column(name, justify="right" if name == "points" else "left", no_wrap=True)
    for gift in answer.gifts:
        since = moment_shown(gift.created_at, shop.zone)
        product = f"[dim]{safe(gift.product_id)}[/]"
        table.add_row(f"[bold]{safe(gift.gift_id)}[/]", f"{gift.points:,}", product, since)
    out().print()
    if answer.gifts:
        print_table(table)
    else:
        out().print("[dim]no gifts yet[/]")


def _window(answer: "CampaignAnswer", shop: "Shop") -> tuple[str, str]:
    from rules.explain.formatting import moment_shown

    until = "[dim]no end[/]"
    if answer.ends_at is not None:
        until = moment_shown(answer.ends_at, shop.zone)
    return moment_shown(answer.starts_at, shop.zone), until


def _text(texts: dict[str, str], shop: "Shop", language: str | None, *, lines: bool = False) -> str:
    from rules.account.campaigns import text_in

    text = text_in(texts, language or shop.languages[0], shop.languages) or ""
    return safe_lines(text) if lines else safe(text)
