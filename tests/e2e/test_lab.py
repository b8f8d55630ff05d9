"""`port26 check` in the networks of lab/: what it says, who it names, which setting, and how long it takes by its own clock."""
import concurrent.futures
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from lab import case as cases  # noqa: E402
from lab import certs, lab, play  # noqa: E402
from port26 import BINARY, pass_through  # noqa: E402

os.environ.setdefault("PORT26", BINARY)
pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing() or "")
SLOWER = 4  # what sanitizers and a busy machine may cost, when a second look alone is late too


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    pass_through(folder)  # the servers run as ordinary users
    return certs.make(folder / "certificates")


@pytest.fixture(scope="module")
def answers(shared, request):
    """The answer of each case that is asked for in this run: all begin now, some at a time."""
    wanted = [i.callspec.params["name"] for i in request.session.items
              if i.module is request.module and i.originalname == "test_check_says"]
    with concurrent.futures.ThreadPoolExecutor(play.AT_ONCE) as pool:
        yield {name: pool.submit(play.one, cases.load(name), shared) for name in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", cases.names())
def test_check_says(answers, shared, name):
    case, answer = cases.load(name), answers[name].result()
    if "skipped" in answer:
        pytest.skip(answer["skipped"])
    most = cases.limit_ms(case)
    if answer["elapsed_ms"] >= most:
        answer, most = play.one(case, shared), most * SLOWER
    for _ in range(int(case.expect.get("again", 0))):  # what chance decides
        if cases.unlike(case, answer):
            answer, most = play.one(case, shared), cases.limit_ms(case) * SLOWER
    assert not cases.unlike(case, answer), answer
    assert answer["elapsed_ms"] < most
