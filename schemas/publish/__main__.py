"""`python -m schemas.publish`."""

import sys

from schemas.publish import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
