"""`points notices pause | resume`: the lane's pipeline, or one provider."""

from typing import Annotated

import typer

from cli.support.arguments import typed_name
from cli.support.console import JsonOption, emit, out
from cli.support.wiring import connect_notices, notices_configuration

By = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who does it; by default the user of this machine.", callback=typed_name
    ),
]


def pause_command(by: By = None, json_: JsonOption = False) -> None:
    """Stop deciding: nothing is read until `resume`, and nothing is lost."""
    from cli.commands.settings import this_user
    from schemas.answers.notices import NoticesPauseResult
    from store.notices.reads import PIPELINE
    from store.postgres.session import transaction
    from store.streams import quarantine

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


def resume_command(json_: JsonOption = False) -> None:
    """Go on deciding; what paused it may become dead letters this time."""
    from schemas.answers.notices import NoticesPauseResult
    from store.notices.reads import PIPELINE
    from store.postgres.session import transaction
    from store.streams import quarantine

    configured = notices_configuration()
    grace = max(configured.poison.window, configured.poison.in_a_row)
    with connect_notices(configured) as connection, transaction(connection) as cursor:
        changed = quarantine.resume(cursor, PIPELINE, grace)
    if json_:
        emit(NoticesPauseResult(provider=None, paused=False, changed=changed))
    else:
        out().print("the notices lane goes on" if changed else "the notices lane was not paused")
