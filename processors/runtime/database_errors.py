"""PostgreSQL's refusals to let us in, told apart by their texts: they have no code of their own."""

from schemas.errors import AccessRefused

_LOGIN_REFUSED = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "not permitted to log in",
    "permission denied for database",
)
_CHECK_LOGIN = (
    "check user, password and rights in POINTS_DATABASE__URL "
    "(or POINTS_DATABASE__OWNER_URL, when migrating)"
)
_CHECK_NAMES = "check the database and the user in POINTS_DATABASE__URL; create what is missing"


def login_refusal(text: str) -> AccessRefused | None:
    """The refusal that an error of connecting means, by its text; None when it is no refusal."""
    wrong = f"PostgreSQL refuses us: {text}"
    if any(part in text for part in _LOGIN_REFUSED):
        return AccessRefused(wrong, _CHECK_LOGIN)
    if "does not exist" in text:
        return AccessRefused(wrong, _CHECK_NAMES)
    return None


def rights_refusal(text: str) -> AccessRefused:
    """A worker that is let in, and may not do what it must."""
    return AccessRefused(f"PostgreSQL refuses us: {text}", _CHECK_LOGIN)
