"""A shop's texts: plain text with placeholders, and nothing else that Jinja2 knows.

The sandbox alone protects nobody: `{{ 'a' * 10 ** 9 }}` is lawful there and takes many seconds. So
a text is compiled only if its tree has text, names of the closed list and three filters with
constants.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Final, Literal, NoReturn

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rules.notices.texts.languages import FORMS, Form
from rules.notices.texts.shown import Absent, Day, units

_Type = Literal["number", "day", "text"]
PLACEHOLDERS: Final[Mapping[str, _Type]] = {
    "points": "number",
    "balance": "number",
    "expires_on": "day",
    "order_number": "text",
    "reason": "text",
    "shop": "text",
    "member_name": "text",
}
"""The closed list, with what each is."""

LONGEST_DEFAULT: Final = 40
"""Units of UTF-16 of what stands for an absent value: never more than the value might have."""

# Each has its place once.
_MOST_FILTERS: Final = 3
# Text, and the delimiters and inside of a placeholder. All else begins a block or a comment.
_TOKENS: Final = frozenset(
    {
        "data",
        "variable_begin",
        "variable_end",
        "whitespace",
        "name",
        "operator",
        "string",
        "integer",
        "float",
    }
)


class NotOurs(Exception):
    """A text with something else than placeholders: `wrong`, `remedy`, and the `line` in it."""

    def __init__(self, wrong: str, remedy: str, line: int) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.remedy = remedy
        self.line = line


def _date(value: str, form: Form = "long") -> str:
    return value.in_form(form) if isinstance(value, Day) else value


def _number(value: str) -> str:
    return value


def _default(value: str, text: str) -> str:
    return text if isinstance(value, Absent) else value


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0
    )
    environment.globals.clear()
    environment.tests = {}
    environment.filters = {"date": _date, "number": _number, "default": _default}
    return environment


_ENVIRONMENT: Final = _environment()


@lru_cache(maxsize=1 << 12)
def compiled(text: str) -> Template:
    """The template of a text. Raises NotOurs.

    Kept by the text itself, so that shops with the same words, and all versions of a shop's
    settings that have them, share it.
    """
    found = next(problems(text), None)
    if found is not None:
        raise found
    return _ENVIRONMENT.from_string(text)


def problems(text: str) -> Iterator[NotOurs]:
    """Everything in a text that is neither text nor a placeholder."""
    try:
        for line, token, _ in _ENVIRONMENT.lex(text):
            if token not in _TOKENS:
                yield NotOurs("has a block or a comment", "write text and placeholders only", line)
                return
        tree = _ENVIRONMENT.parse(text)
    except TemplateError as error:
        yield _unreadable(getattr(error, "lineno", 1))
    except (ValueError, RecursionError):  # a number of 5,000 digits, 1,000 brackets
        yield _unreadable(1)
    else:
        for output in tree.body:
            yield from _of_output(output)


def names(text: str) -> frozenset[str]:
    """The placeholders of a text that has no problems."""
    tree = _ENVIRONMENT.parse(text)
    return frozenset(name.name for name in tree.find_all(nodes.Name))


def _unreadable(line: int) -> NotOurs:
    return NotOurs("has braces that are no placeholder", "write placeholders as {{ points }}", line)


def _of_output(output: nodes.Node) -> Iterator[NotOurs]:
    for node in output.nodes if isinstance(output, nodes.Output) else [output]:
        if not isinstance(node, nodes.TemplateData):
            try:
                _type_of(node)
            except NotOurs as found:
                yield found


def _type_of(node: nodes.Node) -> _Type:
    """What the placeholder is, after its filters. Raises NotOurs."""
    filters: list[nodes.Filter] = []
    inner: nodes.Node | None = node
    while isinstance(inner, nodes.Filter):
        filters.append(inner)
        inner = inner.node
    if not isinstance(inner, nodes.Name) or len(filters) > _MOST_FILTERS:
        raise NotOurs(
            "has something else than a placeholder in its braces",
            f"use one of {', '.join(PLACEHOLDERS)}, with the filters date, number or default",
            node.lineno,
        )
    of = _type_of_name(inner)
    for each in reversed(filters):
        _check_filter(each, of)
        of = "text"
    return of


def _type_of_name(node: nodes.Name) -> _Type:
    if (found := PLACEHOLDERS.get(node.name)) is not None:
        return found
    near = get_close_matches(node.name, PLACEHOLDERS, n=1)
    raise NotOurs(
        "has a placeholder that does not exist",
        f"did you mean {near[0]}?" if near else f"use one of {', '.join(PLACEHOLDERS)}",
        node.lineno,
    )


def _check_filter(node: nodes.Filter, of: _Type) -> None:
    if node.name not in _ENVIRONMENT.filters:
        _refuse(node, "a filter that does not exist", "use date, number or default")
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        _refuse(node, f"arguments that {node.name} does not take", "give a constant, or nothing")
    arguments = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
    match node.name:
        case "number":
            if of != "number":
                _refuse(node, "number behind no number", "put it behind points or balance")
            if arguments:
                _refuse(node, "arguments that number does not take", "remove them")
        case "date":
            if of != "day":
                _refuse(node, "date behind no day", "put it behind expires_on")
            if len(arguments) > 1 or any(argument not in FORMS for argument in arguments):
                _refuse(
                    node, "a form of date that does not exist", f"use one of {', '.join(FORMS)}"
                )
        case _:
            if len(arguments) != 1 or not _is_short_text(arguments[0]):
                _refuse(
                    node,
                    f"a default that is not one text of at most {LONGEST_DEFAULT} characters",
                    "write it as in {{ member_name | default('member') }}",
                )


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and units(value) <= LONGEST_DEFAULT


def _refuse(node: nodes.Filter, what: str, remedy: str) -> NoReturn:
    raise NotOurs(f"has {what}", remedy, node.lineno)
