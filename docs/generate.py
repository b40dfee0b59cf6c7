"""Writes the tables of the documentation that come from the code.

They are the variables, delivery options, carrier codes, workers, topics, metrics, alerts, exit
codes and the longest wait of a grant. `python -m docs.generate` writes each between the marks
`<!-- generated: name -->` and `<!-- end -->`; with `--check` it only names the stale pages, and
exits with 1.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from processors import metrics
from processors.registry import METRICS_OF_ALL, METRICS_OF_ENGINE, WORKERS
from processors.runtime.configuration import LaneConfiguration
from schemas.carriers import CarrierCode, Meaning, carrier_lines, shipped_codes
from schemas.errors import Exit
from schemas.options import delivery_options
from schemas.publish.messages import TAKEN
from schemas.settings.document import MAX_PENDING_DAYS
from schemas.topics import TOPICS, Topic

DOCS: Final = Path(__file__).parent
RUNBOOKS: Final = "deploy/runbooks"
ALERTS: Final = "deploy/prometheus/points.rules.yml"
_MEANING: Final = re.compile(r"## What it means\n\n(.*?\.)(?=\s)", re.DOTALL)
_MARKED: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->)(\n?).*?(<!-- end -->)", re.DOTALL)


def variables() -> str:
    """Every variable of the environment: name, permitted values, default."""
    rows = ["| variable | value | default |", "|---|---|---|"]
    rows += [
        f"| `{name}` | {_permitted(field)} | {_default(field)} |"
        for name, field in configuration_fields()
    ]
    return "\n".join(rows)


def configuration_fields() -> Iterator[tuple[str, FieldInfo]]:
    """The variables with their fields, in the order of the models."""
    for name, field in LaneConfiguration.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for inner, inner_field in section.model_fields.items():
                yield f"POINTS_{name}__{inner}".upper(), inner_field
        else:
            yield f"POINTS_{name}".upper(), field


def _permitted(field: FieldInfo) -> str:
    text = _type_shown(field.annotation)
    bounds = {"ge": "from {}", "gt": "more than {}", "le": "to {}"}
    limit_of = {
        key: getattr(rule, key) for rule in field.metadata for key in bounds if hasattr(rule, key)
    }
    limits = " ".join(bounds[key].format(f"{limit_of[key]:,}") for key in bounds if key in limit_of)
    return f"{text}, {limits}" if limits else text


def _type_shown(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(
            _type_shown(part) for part in get_args(annotation) if part is not type(None)
        )
    names: Mapping[Any, str] = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "`true` or `false`",
        SecretStr: "text, never shown",
    }
    return names[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**must be set**"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "not set" if field.default is None else f"`{field.default}`"


def options() -> str:
    """Every delivery option with its final status, by line of the table."""
    lines: dict[tuple[str, str, bool], list[str]] = {}
    for option in delivery_options().values():
        lines.setdefault((option.line, option.final, option.ours), []).append(f"`{option.code}`")
    rows = ["| delivery option | final at | codes |", "|---|---|---|"]
    words = {
        "arrived": "arrived or collected",
        "collected": "collected",
        "by_delivery_type": "by its delivery type",
    }
    rows += [
        f"| {line} | {words[final]} | {', '.join(codes)}{' (name of ours)' if ours else ''} |"
        for (line, final, ours), codes in lines.items()
    ]
    return "\n".join(rows)


def metric_families() -> list[tuple[str, str, str]]:
    """Name, kind and documentation of every metric of ours, sorted by name.

    The metrics that the client library adds about the process are left out.
    """
    families = [f for f in metrics.REGISTRY.collect() if f.name.startswith("points_")]
    return sorted((f.name, f.type, f.documentation) for f in families)


def metric_table() -> str:
    """Every metric as Prometheus shows it."""
    rows = ["| metric | kind | meaning | exported by |", "|---|---|---|---|"]
    for name, kind, documentation in metric_families():
        shown = f"`{name}_total`" if kind == "counter" else f"`{name}`"
        rows.append(f"| {shown} | {kind} | {documentation} | {_exporters(name)} |")
    return "\n".join(rows)


def _exporters(metric: str) -> str:
    if metric in METRICS_OF_ALL:
        return "all workers"
    if metric in METRICS_OF_ENGINE:
        return "all workers of the engine"
    return ", ".join(f"`{kind.name}`" for kind in WORKERS.values() if metric in kind.metrics)


def worker_table() -> str:
    """Every kind of worker: what it does, how many may run, and whether it needs Kafka."""
    rows = ["| worker | task | how many | needs Kafka |", "|---|---|---|---|"]
    rows += [
        f"| `{kind.name}` | {kind.does} | {kind.how_many} | {'yes' if kind.needs_kafka else 'no'} |"
        for kind in WORKERS.values()
    ]
    return "\n".join(rows)


def worker_names() -> str:
    """The names of all kinds, for a sentence."""
    return ", ".join(f"`{name}`" for name in WORKERS)


def pending_days() -> str:
    """How many days a grant may wait, for a sentence."""
    return f"0 to {MAX_PENDING_DAYS}"


def exit_codes() -> str:
    """Every exit code of the command."""
    rows = ["| code | meaning |", "|---|---|"]
    rows += [f"| {code} | {code.meaning} |" for code in Exit]
    return "\n".join(rows)


def topic_table() -> str:
    """Every topic: how it is kept and why, and which kinds of workers read and write it."""
    rows = ["| topic | kept | why | read by | written by |", "|---|---|---|---|---|"]
    for topic in TOPICS.values():
        kept = "compacted" if topic.cleanup_policy == "compact" else _days(topic.retention)
        advice = "" if topic.ours else "; the owner decides, this is advice"
        rows.append(
            f"| `{topic.name}` | {kept} | {topic.why}{advice} | {_readers(topic)} "
            f"| {_writers(topic)} |"
        )
    return "\n".join(rows)


def _days(retention: timedelta | None) -> str:
    if retention is None:
        return "for ever"
    return f"{retention.days} days" if retention.days else f"{retention.seconds // 3600} h"


def _readers(topic: Topic) -> str:
    others = () if _is_taken(topic) else ("others",)
    return ", ".join([*(f"`{kind}`" for kind in topic.read_by), *others])


def _writers(topic: Topic) -> str:
    kinds = ", ".join(f"`{kind}`" for kind in topic.written_by)
    if not _is_taken(topic):
        return kinds
    # What the notices lane could not read it reads again where it lies: nobody redrives it.
    return f"others; {kinds} what is redriven" if kinds else "others"


def _is_taken(topic: Topic) -> bool:
    return not set(topic.messages).isdisjoint(TAKEN)


_UPSTREAM_ONLY: Final = "the platform's own status only"


def carriers() -> str:
    """Every delivery line with the services whose raw reports the engine understands."""
    rows = ["| carrier | delivery option | raw reports understood |", "|---|---|---|"]
    for line in carrier_lines():
        named = ", ".join(_service_link(*service) for service in line.services)
        reports = "; ".join(part for part in (named, line.note) if part)
        option = line.line or "no option of its own"
        rows.append(f"| {line.carrier} | {option} | {reports or _UPSTREAM_ONLY} |")
    return "\n".join(rows)


def _service_link(carrier: str, service: str) -> str:
    return f"[{carrier} {service}](#{carrier}-{service})"


def services() -> str:
    """Every service that has a table: the lines it reports on, and its number of codes."""
    rows = ["| service | reports on | codes |", "|---|---|---|"]
    for (carrier, service), codes in _codes_by_service().items():
        lines = [
            line.line or line.carrier
            for line in carrier_lines()
            if (carrier, service) in line.services
        ]
        rows.append(f"| {_service_link(carrier, service)} | {'; '.join(lines)} | {len(codes)} |")
    return "\n".join(rows)


def codes() -> str:
    """Every code of every service, with its word."""
    parts = []
    for (carrier, service), rows in _codes_by_service().items():
        parts += [
            f"### {carrier} {service}",
            "",
            "| code | text | word | note |",
            "|---|---|---|---|",
        ]
        parts += [
            f"| {row.code} | {_text_shown(row)} | {_word_shown(row.meaning)} | {row.note} |"
            for row in rows
        ]
        parts.append("")
    return "\n".join(parts)


def alert_table() -> str:
    """Every alert with its severities, how long it must last, and its runbook's first sentence."""
    rows = ["| alert | severity, and after how long | meaning |", "|---|---|---|"]
    severities: dict[str, list[str]] = {}
    rules = yaml.safe_load((DOCS.parent / ALERTS).read_text("utf-8"))
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        after = f"{rule['labels']['severity']} {rule.get('for', 'at once')}"
        severities.setdefault(rule["alert"], []).append(after)
    for name, shown in severities.items():
        runbook = (DOCS.parent / RUNBOOKS / f"{name}.md").read_text("utf-8")
        meaning = " ".join(_MEANING.findall(runbook)[0].split())
        link = f"[`{name}`](../../{RUNBOOKS}/{name}.md)"
        rows.append(f"| {link} | {', '.join(dict.fromkeys(shown))} | {meaning} |")
    return "\n".join(rows)


def _codes_by_service() -> dict[tuple[str, str], list[CarrierCode]]:
    codes_by_service: dict[tuple[str, str], list[CarrierCode]] = {}
    for row in shipped_codes().values():
        codes_by_service.setdefault((row.carrier, row.service), []).append(row)
    return codes_by_service


def _text_shown(row: CarrierCode) -> str:
    return "the code itself" if row.text == row.code else row.text


def _word_shown(meaning: Meaning) -> str:
    """The word with the effect of a reversal; in bold if it can make an order final or not."""
    effects = {
        Meaning.REVERSED_RETURNING: ", and returning",
        Meaning.RETURN_REVERSED: " (a return)",
    }
    shown = f"{meaning.word}{effects.get(meaning, '')}"
    return f"**{shown}**" if meaning.decisive else shown


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "variables": variables,
    "delivery-options": options,
    "carrier-lines": carriers,
    "carrier-services": services,
    "carrier-codes": codes,
    "metrics": metric_table,
    "exit-codes": exit_codes,
    "workers": worker_table,
    "alerts": alert_table,
    "worker-names": worker_names,
    "topics": topic_table,
    "pending-days": pending_days,
}


def filled(text: str) -> str:
    """The text with all its tables up to date."""
    # A mark with a line of its own holds a table; one within a line holds words.
    return _MARKED.sub(
        lambda mark: f"{mark[1]}{mark[3]}{TABLES[mark[2]]()}{mark[3]}{mark[4]}", text
    )


def pages() -> list[Path]:
    """All pages: of the documentation, at the top level, the benchmark's, and the runbooks."""
    root = DOCS.parent
    return [
        *sorted(root.glob("*.md")),
        root / "bench" / "README.md",
        *sorted(DOCS.rglob("*.md")),
        *sorted((root / RUNBOOKS).glob("*.md")),
    ]


def stale() -> list[Path]:
    """The pages with a table that differs from the code."""
    return [page for page in pages() if (text := page.read_text("utf-8")) != filled(text)]


def main(arguments: list[str]) -> int:
    """Write the tables, or with --check name the stale pages.

    Returns the exit code: 1 if --check finds a stale page, otherwise 0.
    """
    stale_pages = stale()
    if arguments == ["--check"]:
        for page in stale_pages:
            name = page.relative_to(DOCS.parent)
            sys.stderr.write(f"{name} is stale; run python -m docs.generate\n")
        return 1 if stale_pages else 0
    for page in stale_pages:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
