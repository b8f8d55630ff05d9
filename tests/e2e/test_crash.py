"""SIGKILL at any moment (P1, P3, P4, P5; fault rows 1 to 11). SEED=... repeats a run, KILLS=... makes it longer."""
import os

from crash import Crash


def test_kills_under_load():
    run = Crash(seed=int(os.environ["SEED"]) if "SEED" in os.environ else None, kills=int(os.environ.get("KILLS", 200)), seconds=45)
    try:
        run.run()
        assert run.states["accepted"] > 100, f"there was hardly any load: {run.states}"
    finally:
        run.close()
