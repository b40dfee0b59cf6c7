"""Writes the boards' JSON files: `python -m deploy.grafana.build`, a part of `make generate`."""

import json
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from deploy.grafana import account, engine, notices
from deploy.grafana.panels import DATASOURCE, Row, built

FOLDER: Final = Path(__file__).parent
_ALL: Final = ".+"


def boards() -> Mapping[str, Any]:
    """Every board by the name of its file."""
    return {
        "points-engine.json": _board(
            "Member Points: engine",
            "points-engine",
            "Promises kept, flow, Kafka, outbox and dead letters, database, processes.",
            engine.ROWS,
        ),
        "points-account.json": _board(
            "Member Points: points account",
            "points-account",
            "Commands and holds, what lapses, bulk jobs, the read model.",
            account.ROWS,
        ),
        "points-notices.json": _board(
            "Member Points: notices",
            "points-notices",
            "What members are told by e-mail and SMS, what waits, and how providers do.",
            notices.ROWS,
        ),
    }


def text_of(board: Any) -> str:
    """A board as it stands in its file."""
    return json.dumps(board, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _board(title: str, uid: str, description: str, rows: Sequence[Row]) -> Any:
    made = dashboard.Dashboard(title).uid(uid).description(description).tags(["member-points"])
    made.readonly().timezone("browser").time("now-1h", "now").refresh("30s")
    made.with_variable(
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    made.with_variable(_variable("job", "Job", "label_values(points_worker_up, job)"))
    made.with_variable(
        _variable("instance", "Instance", 'label_values(points_worker_up{job=~"$job"}, instance)')
    )
    numbers = count(1)
    for row in rows:
        made.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made.with_panel(built(panel).id(next(numbers)))
    return made.build()


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).datasource(DATASOURCE).query(query)
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return made.multi(multi=True).include_all(include_all=True).all_value(_ALL)


def main() -> None:
    """Writes every board beside this module."""
    for name, board in boards().items():
        (FOLDER / name).write_text(text_of(board), "utf-8")


if __name__ == "__main__":
    main()
