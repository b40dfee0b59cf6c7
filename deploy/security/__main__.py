"""python -m deploy.security: writes acls.yaml, as `points topics acls` prints it by default."""

from pathlib import Path

from cli.commands.topics.acls import acls_file, wanted_acls
from processors.runtime.configuration import Configuration

ACLS = Path(__file__).with_name("acls.yaml")


def acls() -> str:
    """What the file holds: the ACLs with the default names of topics and groups."""
    defaults = Configuration.model_validate(
        {"kafka": {"bootstrap_servers": "any"}, "database": {"url": "postgresql:///any"}}
    )
    return acls_file(wanted_acls(defaults))


if __name__ == "__main__":
    ACLS.write_text(acls(), "utf-8")
