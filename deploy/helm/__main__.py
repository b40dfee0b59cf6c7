"""`python -m deploy.helm`."""

from deploy.helm import copy

if __name__ == "__main__":
    copy()
