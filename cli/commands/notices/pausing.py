"""`points notices pause | resume`: the lane's pipeline, or one provider."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import By, this_user
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect_notices, notices_configuration
from schemas.notices.words import Provider

if TYPE_CHECKING:
    from processors.runtime.configuration import PoisonConfiguration
    from store.postgres.session import Cursor

OnlyProvider = Annotated[Provider | None, typer.Argument(help="Only this provider.")]


def pause_command(provider: OnlyProvider = None, by: By = None, json_: JsonOption = False) -> None:
    """Stop deciding, or hand a provider nothing, until `resume`.

    Without a provider nothing is read, and nothing is lost.
    What waits for a paused provider expires as ever when it comes too late.
    """
    from store.postgres.session import transaction

    who = by or this_user()
    with connect_notices(notices_configuration()) as connection, transaction(connection) as cursor:
        changed = _pause(cursor, provider, who)
    _print(provider, paused=True, changed=changed, json_=json_)


def resume_command(provider: OnlyProvider = None, json_: JsonOption = False) -> None:
    """Go on deciding (what paused it may become dead letters this time), or with a provider."""
    from store.postgres.session import transaction

    configured = notices_configuration()
    with connect_notices(configured) as connection, transaction(connection) as cursor:
        changed = _resume(cursor, provider, configured.poison)
    _print(provider, paused=False, changed=changed, json_=json_)


def _pause(cursor: "Cursor", provider: str | None, by: str) -> bool:
    """Whether it was not paused before."""
    from store.notices.reads import PIPELINE
    from store.notices.sending import breakers
    from store.streams import quarantine

    if provider is None:
        before = quarantine.paused(cursor, PIPELINE)
        quarantine.pause(cursor, PIPELINE, f"by {by}")
        return before is None
    state = breakers.states(cursor).get(provider)
    if state is not None and state.paused_us is not None:
        return False
    breakers.pause(cursor, provider, by)
    return True


def _resume(cursor: "Cursor", provider: str | None, poison: "PoisonConfiguration") -> bool:
    """Whether there was something to resume."""
    from store.notices.reads import PIPELINE
    from store.notices.sending import breakers
    from store.streams import quarantine

    if provider is not None:
        return breakers.resume(cursor, provider)
    return quarantine.resume(cursor, PIPELINE, max(poison.window, poison.in_a_row))


def _print(provider: str | None, *, paused: bool, changed: bool, json_: bool) -> None:
    from schemas.answers.notices import NoticesPauseResult

    if json_:
        emit(NoticesPauseResult(provider=provider, paused=paused, changed=changed))
        return
    what = "the notices lane" if provider is None else safe(provider)
    again = "points notices resume" if provider is None else f"points notices resume {what}"
    idle = "was not paused" if provider is None else "was neither paused nor stopped"
    said = {
        (True, True): f"is paused until `{again}`",
        (True, False): "was paused before",
        (False, True): "goes on",
        (False, False): idle,
    }
    out().print(f"{what} {said[paused, changed]}")
