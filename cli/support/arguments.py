"""Arguments that several commands take, so that they read the same in every help."""

from typing import Annotated

import typer

Merchant = Annotated[str, typer.Argument(help="The merchant's id.")]
Member = Annotated[str, typer.Argument(help="The member's id.")]
