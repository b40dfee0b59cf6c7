"""`points campaign apply | remove`: saving a campaign, each save a version."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import By, Campaign, Merchant, this_user
from cli.support.console import JsonOption, emit, out, safe
from cli.support.documents import read_document, read_file, shown_name
from cli.support.turns import in_turn
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.campaigns import CampaignResult
    from store.campaigns.reading import Shop
    from store.campaigns.saving import NewBanner, Saved


def apply_command(
    merchant: Merchant,
    file: Annotated[Path, typer.Argument(help="The campaign, JSON or YAML; - for standard input.")],
    banner: Annotated[
        Path | None,
        typer.Option(
            "--banner", help="PNG or JPEG, at most 1920 × 400 and 2 MiB; by default it is kept."
        ),
    ] = None,
    by: By = None,
    json_: JsonOption = False,
) -> None:
    """Save a campaign; the same id again edits it, the same content again makes no version."""
    from schemas.campaigns import load_campaign
    from store.campaigns import reading, saving
    from store.postgres.session import raw

    data, name = read_document(file), shown_name(file)
    image = _banner(banner) if banner is not None else None
    with connect(database_configuration()) as connection:
        shop = reading.shop_of(raw(connection), merchant)
        document = load_campaign(data, name=name, languages=shop.languages)
        who = by or this_user()
        saved = in_turn(
            connection,
            merchant,
            lambda: saving.apply(connection, shop, document, who, banner=image, name=name),
        )
    _report(_result(shop, document.campaign_id, saved), json_=json_)


def _banner(file: Path) -> "NewBanner":
    from schemas.campaigns import read_banner
    from schemas.campaigns.banners import MAX_BYTES
    from store.campaigns.saving import NewBanner

    content = read_file(file, MAX_BYTES + 1)
    return NewBanner(read_banner(content, name=str(file)), content)


def remove_command(
    merchant: Merchant, campaign: Campaign, by: By = None, json_: JsonOption = False
) -> None:
    """Remove a campaign; its log stays, and so does what members hold for its gifts."""
    from store.campaigns import reading, saving
    from store.postgres.session import raw

    with connect(database_configuration()) as connection:
        shop = reading.shop_of(raw(connection), merchant)
        who = by or this_user()
        saved = in_turn(
            connection, merchant, lambda: saving.remove(connection, shop, campaign, who)
        )
    _report(_result(shop, campaign, saved), json_=json_)


def _result(shop: "Shop", campaign_id: str, saved: "Saved") -> "CampaignResult":
    from schemas.answers.campaigns import CampaignResult

    return CampaignResult(
        merchant_id=shop.merchant_id,
        campaign_id=campaign_id,
        version=saved.version,
        state=saved.state,
        changed=saved.changed,
    )


def _report(result: "CampaignResult", *, json_: bool) -> None:
    if json_:
        emit(result)
        return
    what = f"{safe(result.campaign_id)} of {safe(result.merchant_id)} is {result.state}"
    if result.changed:
        out().print(f"[bold]version {result.version}[/] of campaign {what}")
    else:
        out().print(f"nothing changed: campaign {what} since version {result.version}")
