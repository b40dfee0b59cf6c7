"""A shop's texts are text and placeholders: everything else is refused before it can run."""

import time

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rules.notices.texts.placeholders import NotOurs, compiled, names, problems


def found(text: str) -> list[tuple[str, str, int]]:
    return [(each.wrong, each.remedy, each.line) for each in problems(text)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no placeholder, 100 % plain } and }} or { points }",
        "{{ points }}{{balance}}{{- shop -}}",
        "{{ points | number }} until {{ expires_on | date }}",
        "{{ expires_on | date('short') | default('no end') }}",
        '{{ member_name | default("member") }}',
        "{{ reason | default('生日禮物 🎁') }}",
        "{{ (order_number) }}",
    ],
)
def test_text_with_placeholders_is_taken(text: str) -> None:
    assert found(text) == []
    compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 10 ** 9 }}",
        "{{ points * 2 }}",
        "{{ points + balance }}",
        "{{ points ~ shop }}",
        "{{ -points }}",
        "{{ not points }}",
        "{{ points > 1 }}",
        "{{ points is defined }}",
        "{{ points if balance else shop }}",
        "{{ points, balance }}",
        "{{ [points] }}",
        "{{ {'a': points} }}",
        "{{ points.real }}",
        "{{ points['real'] }}",
        "{{ shop[0] }}",
        "{{ shop.__class__.__mro__ }}",
        "{{ shop.upper() }}",
        "{{ shop() }}",
        "{{ range(10) }}",
        "{{ lipsum() }}",
        "{{ self }}",
        "{{ 'text' }}",
        "{{ 1 }}",
        "{{ true }}",
        "{{ none }}",
        "{{ shop | upper }}",
        "{{ shop | attr('x') }}",
        "{{ shop | default }}",
        "{{ shop | default() }}",
        "{{ shop | default(points) }}",
        "{{ shop | default('a' ~ 'b') }}",
        "{{ shop | default('a', true) }}",
        "{{ shop | default(value='a') }}",
        "{{ shop | default(*points) }}",
        "{{ shop | default(**points) }}",
        "{{ shop | default(1) }}",
        "{{ shop | default('" + "a" * 41 + "') }}",
        "{{ shop | default('" + "🎁" * 21 + "') }}",
        r"{{ shop | default('a\nb') }}",
        r"{{ shop | default('a\u202eb') }}",
        "{{ shop | date }}",
        "{{ points | date }}",
        "{{ expires_on | number }}",
        "{{ expires_on | date('full') }}",
        "{{ expires_on | date('short', 'long') }}",
        "{{ expires_on | date('short') | date('long') }}",
        "{{ points | number(2) }}",
        "{{ points | default('a') | default('b') | default('c') | default('d') }}",
        "{{ points }",
        "{{ points",
        "{{ }}",
        "{{ points points }}",
        "{{ $ }}",
        "{% if points %}a{% endif %}",
        "{% set points = 1 %}",
        "{% include 'x' %}",
        "{% raw %}{{ x }}{% endraw %}",
        "{%",
        "{# hidden #}",
        "{#",
        "{{ '" + "9" * 5000 + "' }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ " + "(" * 4000 + "points" + ")" * 4000 + " }}",
        "{{ points" + "|default('a')" * 700 + " }}",
    ],
)
def test_anything_else_is_refused_with_a_remedy(text: str) -> None:
    assert found(text)
    assert all(wrong and remedy and line == 1 for wrong, remedy, line in found(text))
    with pytest.raises(NotOurs):
        compiled(text)


def test_sandbox_alone_would_run_it() -> None:
    """Why the tree is looked at: the sandbox has nothing against large numbers and texts."""
    rendered = ImmutableSandboxedEnvironment().from_string("{{ 'a' * 10 ** 6 }}").render()
    assert len(rendered) == 10**6


def test_looking_at_a_hostile_text_takes_no_time() -> None:
    began = time.process_time()
    assert found("{{ 'a' * 10 ** 9 * 10 ** 9 }}")
    assert found("{{" * 5000)
    assert time.process_time() - began < 1


def test_placeholder_that_does_not_exist_is_named_by_its_line() -> None:
    assert found("Hello\n{{ member_nam }},\n\n{{ pionts }} {{ password }}") == [
        ("has a placeholder that does not exist", "did you mean member_name?", 2),
        ("has a placeholder that does not exist", "did you mean points?", 4),
        (
            "has a placeholder that does not exist",
            "use one of points, balance, expires_on, order_number, reason, shop, member_name",
            4,
        ),
    ]


def test_unreadable_braces_are_named_by_their_line() -> None:
    assert found("Hello\n\n{{ points ")[0][2] == 3
    assert found("Hello\n{# hidden #}")[0][2] == 2


def test_same_words_are_compiled_once() -> None:
    assert compiled("You have {{ points }}.") is compiled("You have " + "{{ points }}.")


def test_names_of_a_text() -> None:
    assert names("{{ points }} {{ shop | default('x') }}") == {"points", "shop"}
