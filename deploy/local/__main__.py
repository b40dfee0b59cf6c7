"""python -m deploy.local up | down | status: the local stack, left running between commands."""

import argparse
import shutil
import sys
from pathlib import Path

from sqlalchemy import make_url

from deploy.local.ladder import DATABASE_URL, REDIS_URL
from deploy.local.process import StartError, environment_lines
from deploy.local.sinks_local import can_sink
from deploy.local.stack import NAMES, Stack, recorded, running, start_stack

STATE_DIR = Path(__file__).parents[2] / ".local" / "stack"


def main() -> int:
    """Run one of the three commands; 0 when done, 1 when it failed or (status) nothing runs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status"])
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=STATE_DIR,
        help="where its data and logs live (.local/stack)",
    )
    parser.add_argument("--wipe", action="store_true", help="with down: remove the data too")
    options = parser.parse_args()
    try:
        return {"up": up, "down": down, "status": status}[options.command](
            options.state_dir, wipe=options.wipe
        )
    except StartError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def up(state_dir: Path, *, wipe: bool) -> int:
    """Start the stack unless it runs, and say how to use it."""
    del wipe
    show(start_stack(state_dir, keep=True, parts=tuple(NAMES), sinks=can_sink()))
    return 0


def down(state_dir: Path, *, wipe: bool) -> int:
    """Stop the stack, or what is left of it."""
    stack = recorded(state_dir)
    if stack is None:
        print("no stack is running" + (f"; the data in {state_dir} are removed" if wipe else ""))
        if wipe:
            shutil.rmtree(state_dir, ignore_errors=True)
        return 0
    stack.stop(wipe=wipe)
    print(
        "the stack is stopped"
        + (", its data removed" if wipe else f"; its data stay in {state_dir}")
    )
    return 0


def status(state_dir: Path, *, wipe: bool) -> int:
    """Say what runs."""
    del wipe
    stack = running(state_dir)
    if stack is None:
        print("no stack is running (make up starts one)")
        return 1
    rungs = f"Kafka: {stack.kafka_rung}, PostgreSQL: {stack.postgres_rung}"
    print(f"{rungs}, Valkey: {stack.valkey_rung}")
    show(stack)
    return 0


def show(stack: Stack) -> None:
    """The environment lines with the passwords masked, and the file that has them."""
    secret = {DATABASE_URL, REDIS_URL}
    masked = {
        name: make_url(value).render_as_string() if name in secret else value
        for name, value in stack.environment().items()
    }
    print(environment_lines(masked), end="")
    print(f"# with the passwords: source {stack.environment_file}")


if __name__ == "__main__":
    sys.exit(main())
