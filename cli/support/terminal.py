"""Rich's console, with a filter: nothing from outside acts on the terminal."""

import errno
import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from schemas.printable import printable_lines


class FilteringConsole(Console):
    """A console that shows control characters instead of sending them.

    It cannot tell a line feed of ours from one that came from outside: `safe` (cli/support/console)
    takes care of those.
    """

    def __init__(self, **how: Any) -> None:
        """As rich's; `:name:` within a text stays so, since ids may have colons."""
        super().__init__(**how, emoji=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """As rich's. Filtered before it is measured, so that columns stay straight."""
        return super().render_str(printable_lines(text), **how)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich's. Titles and ready-made texts do not pass through `render_str`."""
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(printable_lines(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Leaves it to the caller, as other outputs do: rich would end the process."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
