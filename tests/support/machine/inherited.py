"""What a process started by a test takes from the shell that runs the tests."""

import os


def inherited() -> dict[str, str]:
    """The shell's variables without ours, which would be a configuration that no test wrote."""
    return {name: value for name, value in os.environ.items() if not name.startswith("POINTS_")}
