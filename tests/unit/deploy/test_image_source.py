"""The copy that an image is built of: what git tracks, and no other file of its folder."""

from pathlib import Path

import pytest

from deploy.images import mirror
from deploy.images.source import ROOT, copy_to, git
from deploy.local.process import StartError
from tests.support.database.locks import pinned

IMAGES = ROOT / "deploy" / "images"
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@localhost")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.3"\n')
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(
        folder,
        *AUTHOR,
        "commit",
        "--quiet",
        "--message",
        "One",
        "--date",
        "2026-01-02T03:04:05+0000",
    )
    return folder


def test_a_committed_tree_is_named_by_its_commit(clone: Path, tmp_path: Path) -> None:
    source = copy_to(tmp_path / "copy", clone)
    assert source.version == "1.2.3"
    assert len(source.revision) == 40
    assert source.created.endswith("Z")


def test_changes_are_in_the_copy_and_said_and_files_that_git_does_not_know_are_not(
    clone: Path, tmp_path: Path
) -> None:
    (clone / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.4"\n')
    (clone / ".env").write_text("POINTS_DATABASE__URL=postgresql://points:secret@db/points\n")
    copy = tmp_path / "copy"
    source = copy_to(copy, clone)
    assert source.version == "1.2.4"
    assert source.revision.endswith("-dirty")
    assert [each.name for each in copy.iterdir()] == ["pyproject.toml"]


def test_a_folder_without_git_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="built from a clone of the repository"):
        copy_to(tmp_path / "copy", tmp_path)


def test_pips_mirror_and_certificates_go_to_the_build_as_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("certificates")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.invalid/simple")
    monkeypatch.setenv("PIP_CERT", str(bundle))
    secrets = mirror.secrets(tmp_path)
    assert secrets["certificates"] == bundle
    written = secrets["pip.conf"].read_text("utf-8").splitlines()
    assert "index-url = https://mirror.invalid/simple" in written
    assert f"cert = {mirror.INSIDE}" in written


def test_the_image_gets_what_developers_have_pinned() -> None:
    pins = pinned(ROOT / "requirements.lock")
    for lock in ("runtime.lock", "build.lock"):
        assert pinned(IMAGES / lock).items() <= pins.items()


def test_the_image_gets_every_dependency_and_none_of_the_developers() -> None:
    runtime = pinned(IMAGES / "runtime.lock")
    assert {"confluent-kafka", "psycopg", "pydantic", "opentelemetry-sdk"} <= runtime.keys()
    assert not {"pytest", "ruff", "mypy", "testcontainers", "setuptools"} & runtime.keys()
