"""The layout of mails in HTML: ours for all shops, written in MJML and compiled beside it.

`python -m rules.notices.texts.mail.layout` compiles it again; `layout.html` is what workers read.
"""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

_FOLDER: Final = "rules.notices.texts.mail"


class Framed(NamedTuple):
    """What the layout frames: text without mark-up, which is escaped as it is put in.

    `paragraphs` are lists of lines; `direction` is ltr or rtl.
    """

    language: str
    direction: str
    subject: str
    shop: str
    paragraphs: list[list[str]]
    about: str
    unsubscribe: str | None
    unsubscribe_words: str


def html_of(framed: Framed) -> str:
    """The HTML of a mail."""
    return _template().render(framed._asdict())


def layout_source() -> str:
    """The compiled layout, as it is kept: HTML with placeholders."""
    return _read("layout.html")


def compile_layout() -> str:
    """The HTML that MJML's compiler makes of the layout, in which the placeholders stand."""
    import mrml  # noqa: PLC0415 - no worker needs the compiler

    # No fonts from elsewhere: whoever serves them would see who reads.
    options = mrml.RenderOptions(fonts={})
    return mrml.to_html(_read("layout.mjml"), render_options=options).content + "\n"


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
    return environment.from_string(layout_source())


def _read(name: str) -> str:
    return files(_FOLDER).joinpath(name).read_text("utf-8")


if __name__ == "__main__":
    Path(__file__).with_name("layout.html").write_text(compile_layout(), "utf-8")
