import pathlib, shutil, signal, sys, tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from port26 import Port26  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """tmp_path lies in a folder of this run alone: whenever another run begins, pytest shuts the one that all runs share,
    and servers of other users in it lose their files."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where the tests run in the background
    config.own_folder = None
    if not config.option.basetemp:
        config.own_folder = tempfile.mkdtemp(prefix="port26-tests-")
        config.option.basetemp = config.own_folder + "/tmp"


def pytest_unconfigure(config):
    if config.own_folder:
        shutil.rmtree(config.own_folder, ignore_errors=True)


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
