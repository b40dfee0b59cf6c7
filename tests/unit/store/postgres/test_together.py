"""Several statements as one: nothing of them is lost, and parameters go where they belong."""

from store.postgres.together import Together, joined

ONE = b"-- name of no one\nINSERT INTO a SELECT * FROM unnest($1::int[], $2::int[])"
PARTS = b"""WITH k AS (
SELECT * FROM unnest($1::int[]) k (n)
), made AS (
INSERT INTO b SELECT n FROM k
)
INSERT INTO c SELECT n FROM k"""


def test_a_statement_alone_stays_as_it_is() -> None:
    assert joined((ONE,)) == ONE


def test_parts_stand_before_their_statement_and_parameters_are_counted_on() -> None:
    assert joined((ONE, PARTS, ONE)).decode() == (
        "WITH part_0 AS (\nINSERT INTO a SELECT * FROM unnest($1::int[], $2::int[])\n), "
        "k AS (\nSELECT * FROM unnest($3::int[]) k (n)\n), "
        "made AS (\nINSERT INTO b SELECT n FROM k\n), "
        "part_1 AS (\nINSERT INTO c SELECT n FROM k\n), "
        "part_2 AS (\nINSERT INTO a SELECT * FROM unnest($4::int[], $5::int[])\n)\nSELECT"
    )


def test_what_is_noted_keeps_its_order() -> None:
    noted = Together()
    noted.execute(ONE, [[1], [2]])
    noted.execute(PARTS, [[3]])
    assert (noted.queries, noted.parameters) == ([ONE, PARTS], [[1], [2], [3]])
