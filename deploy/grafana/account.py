"""The board of the points account: commands, holds, what lapses, bulk jobs, the read model."""

from typing import Final

from deploy.grafana.panels import Panel, Row, age, increase, quantiles, rate, total, worst

_SPENDING: Final = Row(
    "Spending",
    [
        Panel(
            "Commands answered",
            "Commands a second by type, repeats among them.",
            "ops",
            {"{{type}}": rate("points_commands_total", "type")},
            width=8,
        ),
        Panel(
            "Answers",
            "Commands a second by the code of the answer; `ok` is done, all else is a refusal.",
            "ops",
            {"{{code}}": rate("points_commands_total", "code")},
            width=8,
        ),
        Panel(
            "Entries of spending",
            "Ledger entries a second that hold, release, redeem, return, assign or deduct.",
            "ops",
            {
                "{{type}}": rate(
                    "points_ledger_entries_total",
                    "type",
                    'type=~"held|released|redeemed|returned|assigned|deducted"',
                )
            },
            width=8,
        ),
        Panel(
            "Live holds",
            "Holds whose points are set aside at present.",
            "short",
            {"holds": worst("points_live_holds")},
            width=8,
        ),
        Panel(
            "Oldest overdue hold",
            "Holds end within a second of their time; 0 when none is overdue.",
            "s",
            {"overdue": age("points_oldest_overdue_hold_timestamp_seconds")},
            width=8,
        ),
        Panel(
            "Accounts on which something lapsed",
            "Accounts a second on which points lapsed or holds ended by time.",
            "ops",
            {"accounts": rate("points_expired_accounts_total")},
            width=8,
        ),
    ],
)
_CHECKOUT: Final = Row(
    "Answers on their way",
    [
        Panel(
            "Command to commit",
            "Time from a record's timestamp to its commit, intake's records among them.",
            "s",
            quantiles("points_event_to_commit_seconds"),
            width=8,
        ),
        Panel(
            "Commands that wait",
            "Age of the oldest command that no worker has processed.",
            "s",
            {
                "{{topic}}": worst("points_pipeline_lag_seconds", "topic", 'pipeline="commands"'),
            },
            width=8,
        ),
        Panel(
            "Answers delivered",
            "Answers to commands that reached Kafka a second.",
            "ops",
            {"{{kind}}": rate("points_relayed_records_total", "kind", 'kind="command_result"')},
            width=8,
        ),
    ],
)
_JOBS: Final = Row(
    "Bulk jobs and read model",
    [
        Panel(
            "Open jobs",
            "Bulk jobs with rows left to apply.",
            "short",
            {"jobs": total("points_open_jobs")},
        ),
        Panel(
            "Read model's lag",
            "Changes of balances that Redis does not have yet.",
            "short",
            {"changes": worst("points_readmodel_lag_messages")},
        ),
        Panel(
            "Oldest change the read model lacks",
            "Its age; 0 when Redis has all.",
            "s",
            {"oldest": age("points_readmodel_oldest_timestamp_seconds")},
        ),
        Panel(
            "Balances written",
            "Members a second whose balance was offered to Redis, keys compared with the database, "
            "and turns that failed because of Redis.",
            "ops",
            {
                "members": rate("points_readmodel_members_total"),
                "compared": rate("points_readmodel_compared_keys_total"),
                "failed turns": increase("points_readmodel_troubles_total"),
            },
        ),
    ],
)
ROWS: Final = (_SPENDING, _CHECKOUT, _JOBS)
