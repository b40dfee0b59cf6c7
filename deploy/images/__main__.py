"""python -m deploy.images: builds the image, and says how big it is."""

import argparse
import os
import sys

from deploy.images.build import build
from deploy.images.tool import builder
from deploy.local.process import StartError
from deploy.local.progress import note

MEGABYTE = 1_000_000


def main() -> int:
    """Build it; 0 when done, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="python -m deploy.images", description=__doc__)
    parser.add_argument("--tag", default=os.environ.get("TAG"), help="localhost/member-points:…")
    parser.add_argument("--base", default=os.environ.get("BASE"), help="an image with Python 3.11+")
    options = parser.parse_args()
    try:
        tool = builder()
        note(f"Built by {tool.name} from what git tracks")
        built = build(tool, tag=options.tag or None, base=options.base or None)
    except StartError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    note(f"{built.tag}: {built.size / MEGABYTE:.0f} MB, in {built.seconds:.0f} s")
    print(built.tag)
    return 0


if __name__ == "__main__":
    sys.exit(main())
