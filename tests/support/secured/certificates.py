"""Certificates and keys for tests, made by openssl: PEM files that open nothing."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OPENSSL = shutil.which("openssl")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


def openssl(*arguments: str | Path) -> None:
    """Runs openssl; its words are shown when it fails."""
    assert OPENSSL is not None
    command = [OPENSSL, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def authority(folder: Path, name: str = "authority") -> Pair:
    """A certificate that signs itself, and others."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", f"/CN={name}"),
        *("-keyout", pair.key, "-out", pair.certificate),
    )
    return pair


def signed(by: Pair, name: str, *, password: str = "", hosts: str = "") -> Pair:
    """A certificate of the authority `by`; `password` encrypts the key, `hosts` as in openssl."""
    folder = by.certificate.parent
    pair, request = Pair(folder / f"{name}.pem", folder / f"{name}.key"), folder / f"{name}.csr"
    encrypted = ("-passout", f"pass:{password}") if password else ("-noenc",)
    openssl(
        *("req", "-new", "-newkey", "rsa:2048", *encrypted, "-subj", f"/CN={name}"),
        *("-keyout", pair.key, "-out", request),
        *(("-addext", f"subjectAltName={hosts}") if hosts else ()),
    )
    openssl(
        *("x509", "-req", "-in", request, "-days", "2", "-copy_extensions", "copy"),
        *("-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial", "-out", pair.certificate),
    )
    pair.key.chmod(0o600)
    return pair
