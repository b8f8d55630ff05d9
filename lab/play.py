"""Plays many cases, some at a time, each in a lab of its own."""
import concurrent.futures
import os
import subprocess
import tempfile

from lab import certs
from lab.lab import Lab, binary

AT_ONCE = 3


def unmet(case):
    """Why this case cannot be played here, or ""."""
    for what, *words in case.needs:
        if what == "option" and words[0] not in _help():
            return f"check has no {words[0]}"
        if what == "root" and os.geteuid() != 0:
            return "needs root"
    return ""


def _help():
    return subprocess.run([binary(), "check", "--help"], capture_output=True, text=True).stdout


def one(case, shared):
    why = unmet(case)
    if why:
        return {"skipped": why}
    try:
        with Lab(case, shared) as lab:
            return lab.check()
    except Exception as e:
        return {"verdict": {"id": "lab", "owner": "", "sentence": str(e)[-1500:]}, "also": [], "elapsed_ms": 0}


def all_(cases, at_once=AT_ONCE):
    """(case, answer) for each, in order, as they are ready."""
    with tempfile.TemporaryDirectory(prefix="port26-lab-") as shared, concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        os.chmod(shared, 0o755)
        certs.make(shared)
        yield from zip(cases, pool.map(lambda c: one(c, shared), cases))
