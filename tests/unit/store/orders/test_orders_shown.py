"""The view for people unpacks the codec's own offsets."""

from store.postgres import generate_views


def test_the_view_is_generated_from_the_layouts() -> None:
    assert generate_views.FILE.read_text(encoding="utf-8") == generate_views.view(), (
        "run `python -m store.postgres.generate_views`"
    )
