"""What commands ask of Kafka on a cluster on which no group has ever been."""

import subprocess
import sys
from pathlib import Path

from deploy.local.stack import start_stack
from tests.support.machine.inherited import inherited

ASK = """
from cli.support.broker import Broker
from processors.runtime.configuration import load

broker = Broker(load())
broker.create("changes", 4, 1, {})
broker.refresh({"changes": 4})
print(broker.committed("points.readmodel", "changes"), broker.readers("points.intake"))
"""


def test_the_first_question_about_a_group_is_answered(tmp_path: Path) -> None:
    """A process of its own asks: librdkafka's admin client would end it without a word."""
    with start_stack(tmp_path / "stack", parts=["kafka"], throwaway=True) as stack:
        named = {
            "POINTS_ENVIRONMENT": "development",
            "POINTS_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "POINTS_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        }
        ran = subprocess.run(
            [sys.executable, "-c", ASK],
            env=inherited() | named,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stdout) == (0, "{} {}\n"), ran.stderr
