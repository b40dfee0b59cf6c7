"""Where pip gets packages on this machine, handed to the build as secrets that no layer keeps."""

import ast
import os
import subprocess
import sys
from pathlib import Path

HANDED_ON = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Where a machine names the certificates that it trusts instead of the public ones."""
INSIDE = "/run/secrets/certificates"


def secrets(folder: Path) -> dict[str, Path]:
    """The secrets `pip.conf` and `certificates`, written to `folder`; none where pip needs none."""
    settings = _settings()
    handed = {name: settings[name] for name in HANDED_ON if name in settings}
    files = {}
    if (bundle := settings.get("cert") or _bundle()) is not None:
        files["certificates"] = Path(bundle)
        handed["cert"] = INSIDE
    if handed:
        files["pip.conf"] = folder / "pip.conf"
        lines = [f"{name} = {value}" for name, value in handed.items()]
        files["pip.conf"].write_text("\n".join(["[global]", *lines, ""]), "utf-8")
    return files


def _settings() -> dict[str, str]:
    """Pip's settings by their bare names; those of the environment, listed first, win."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        found.setdefault(name.rpartition(".")[2], str(ast.literal_eval(value)))
    return found


def _bundle() -> str | None:
    return next((os.environ[name] for name in BUNDLES if os.environ.get(name)), None)
