import pathlib, sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from port26 import Port26  # noqa: E402


@pytest.fixture
def start():
    """start(...) gives a running Port26; all are stopped, and their logs read for faults, at the end of the test."""
    running = []

    def make(*args, **kw):
        p = Port26(*args, **kw)
        running.append(p)
        return p.start()

    yield make
    for p in running:
        p.close()
