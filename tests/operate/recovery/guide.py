"""The commands of the guide, as they are printed, and servers that they are played on."""

import re
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.postgres_local import LocalPostgres, binaries, open_the_way_to, server_user
from deploy.local.process import as_user

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "recover.md"
SMALL = {"shared_buffers": "64MB", "max_wal_size": "128MB"}
_PLAYED = r"<!-- played: {} -->\n *```\n(.*?)^ *```$"


def block(name: str) -> str:
    """The commands of the guide under this mark."""
    found = re.search(_PLAYED.format(name), GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return textwrap.dedent(found[1])


def play(name: str, **variables: str) -> None:
    """The guide's commands, as the user of the server."""
    done = subprocess.run(
        ["/bin/bash", "-euc", block(name)],
        env={"PATH": f"{binaries()}:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd="/",
        **as_user(server_user()),  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder through which the server's user may pass as long as it is there.

    That of pytest is closed again when another run of tests begins.
    """
    with tempfile.TemporaryDirectory() as name:
        yield Path(name).resolve()


def handed_over(*folders: Path) -> None:
    """The server may write there."""
    if (user := server_user()) is not None:
        for folder in folders:
            open_the_way_to(folder)
            shutil.chown(folder, user)


def with_data_of(server: LocalPostgres, former: LocalPostgres) -> None:
    """An empty folder for the data of a server that will have another one's."""
    server.folder.mkdir()
    shutil.copy(former.folder / "password", server.folder)
    server.data.mkdir(mode=0o700)
    handed_over(server.data)
