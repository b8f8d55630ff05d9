"""`port26 check` in the networks of lab/: what it says, who it names, and how long it takes by its own clock."""
import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import sys

import pytest

sys.dont_write_bytecode = True  # lab/table has no .py
LAB = pathlib.Path(__file__).parents[2] / "lab"
CASES = sorted(p.name for p in (LAB / "cases").iterdir())

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("ip"),
                                reason="the lab needs root, ip and nft")


@pytest.fixture(scope="module")
def answers():
    os.environ.setdefault("PORT26", str(LAB.parent / "build-test" / "port26"))
    loader = importlib.machinery.SourceFileLoader("lab_table", str(LAB / "table"))
    table = importlib.util.module_from_spec(importlib.util.spec_from_loader("lab_table", loader))
    loader.exec_module(table)
    return table, table.run(CASES)


@pytest.mark.parametrize("case", CASES)
def test_check_says(answers, case):
    table, said = answers
    want, owner, most_ms = table.expected(case)
    verdict = said[case]["verdict"]
    assert (verdict["id"], verdict["owner"]) == (want, owner), said[case]
    assert said[case]["elapsed_ms"] < int(most_ms)
    assert verdict["sentence"]
