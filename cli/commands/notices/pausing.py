"""`points notices pause | resume`: the lane's pipeline, or one provider."""

from typing import Annotated

import typer

from cli.support.arguments import typed_name
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect_notices, notices_configuration

By = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who does it; by default the user of this machine.", callback=typed_name
    ),
]

Provider = Annotated[
    str | None,
    typer.Argument(help="Only this provider, such as mitake.", callback=typed_name),
]


def pause_command(provider: Provider = None, by: By = None, json_: JsonOption = False) -> None:
    """Stop deciding, or hand a provider nothing, until `resume`.

    Without a provider nothing is read, and nothing is lost. What waits for a paused provider
    expires as ever when it comes too late.
    """
    from cli.commands.settings import this_user
    from schemas.answers.notices import NoticesPauseResult
    from store.notices.reads import PIPELINE
    from store.postgres.session import transaction
    from store.streams import quarantine

    if provider is not None:
        _pause_provider(provider, by or this_user(), json_=json_)
        return
    with connect_notices(notices_configuration()) as connection, transaction(connection) as cursor:
        before = quarantine.paused(cursor, PIPELINE)
        quarantine.pause(cursor, PIPELINE, f"by {by or this_user()}")
    if json_:
        emit(NoticesPauseResult(provider=None, paused=True, changed=before is None))
    else:
        was = (
            "was paused before" if before is not None else "is paused until `points notices resume`"
        )
        out().print(f"the notices lane {was}")


def resume_command(provider: Provider = None, json_: JsonOption = False) -> None:
    """Go on deciding (what paused it may become dead letters this time), or with a provider."""
    from schemas.answers.notices import NoticesPauseResult
    from store.notices.reads import PIPELINE
    from store.postgres.session import transaction
    from store.streams import quarantine

    configured = notices_configuration()
    if provider is not None:
        _resume_provider(provider, json_=json_)
        return
    grace = max(configured.poison.window, configured.poison.in_a_row)
    with connect_notices(configured) as connection, transaction(connection) as cursor:
        changed = quarantine.resume(cursor, PIPELINE, grace)
    if json_:
        emit(NoticesPauseResult(provider=None, paused=False, changed=changed))
    else:
        out().print("the notices lane goes on" if changed else "the notices lane was not paused")


def _pause_provider(provider: str, by: str, *, json_: bool) -> None:
    from schemas.answers.notices import NoticesPauseResult
    from store.notices import breakers
    from store.postgres.session import transaction

    with connect_notices(notices_configuration()) as connection, transaction(connection) as cursor:
        before = breakers.states(cursor).get(provider)
        changed = before is None or before.paused_us is None
        if changed:
            breakers.pause(cursor, provider, by)
    if json_:
        emit(NoticesPauseResult(provider=provider, paused=True, changed=changed))
    else:
        again = f"`points notices resume {safe(provider)}`"
        was = f"is paused until {again}" if changed else "was paused before"
        out().print(f"{safe(provider)} {was}")


def _resume_provider(provider: str, *, json_: bool) -> None:
    from schemas.answers.notices import NoticesPauseResult
    from store.notices import breakers
    from store.postgres.session import transaction

    with connect_notices(notices_configuration()) as connection, transaction(connection) as cursor:
        changed = breakers.resume(cursor, provider)
    if json_:
        emit(NoticesPauseResult(provider=provider, paused=False, changed=changed))
    else:
        was = "goes on" if changed else "was neither paused nor stopped"
        out().print(f"{safe(provider)} {was}")
