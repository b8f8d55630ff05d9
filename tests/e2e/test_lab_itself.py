"""The lab's own promises: a traveller's processes stay, two labs do not meet, and nothing is left when one is killed."""
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from lab import case as cases  # noqa: E402
from lab import isps, lab, play, roam, variation  # noqa: E402
from lab.case import Case, Fault  # noqa: E402
from port26 import BINARY, wait_for  # noqa: E402

os.environ.setdefault("PORT26", BINARY)
pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing() or "")
# Networks that lab/vary made: one of each kind that check knows.
SEEDS = (1001, 1002, 1003, 1004, 1006, 1007, 1008, 1009)


def bare():
    """A world without mail servers, which is up at once."""
    case = Case()
    case.servers = {role: ("none", []) for role in case.servers}
    return case


def opens(laptop, host, port):
    return laptop.run("laptop", ["bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}"], 10).returncode == 0


def test_a_case_is_written_and_read():
    for name in cases.names():
        case = cases.load(name)
        assert cases.parse(case.text(), name) == case


def test_the_laptop_travels_and_its_processes_stay():
    case = bare()
    case.servers["you"] = ("scripted", ["25", "465", "587"])
    with roam.world(case, ("home", "cloud")) as world:
        runs = world.popen("laptop", ["sleep", "1000"])

        def where():
            """The router's MAC, and the resolver."""
            def router():
                world.run("laptop", ["bash", "-c", "exec 3<>/dev/udp/203.0.113.80/9; echo >&3"], 10)
                known = json.loads(world.run("laptop", ["ip", "-json", "-4", "neigh"], 10).stdout)
                return next((n["lladdr"] for n in known if "lladdr" in n), None)
            return wait_for(router), world.run("laptop", ["cat", "/etc/resolv.conf"], 10).stdout

        home = where()
        assert opens(world, "mail.you.test", 587)
        world.go("cloud")
        cloud = where()
        assert home[0] != cloud[0] and home[1] != cloud[1]
        assert subprocess.run(world.inside("laptop", ["timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/mail.you.test/587"]),
                              capture_output=True).returncode != 0
        world.change([Fault("router1", "reset", "465")])
        assert opens(world, "mail.you.test", 587) and not opens(world, "mail.you.test", 465)
        world.go("")
        assert world.run("laptop", ["ip", "-json", "route"], 10).stdout.strip() in ("", "[]", "[ ]")
        world.go("home")
        assert where() == home and opens(world, "mail.you.test", 587)
        assert runs.poll() is None


def test_two_labs_and_the_end_of_one_that_is_killed():
    with lab.Lab(bare()) as one, lab.Lab(bare()) as two:
        at = [x.run("laptop", ["readlink", "/proc/self/ns/net"]).stdout for x in (one, two)]
        assert at[0] != at[1]
        inside = one.pid
        one.process.kill()
        wait_for(lambda: not os.path.exists(f"/proc/{inside}"), 20)
        assert two.run("laptop", ["true"]).returncode == 0


def test_a_killed_command_leaves_nothing():
    before = set(os.listdir("/proc"))
    run = subprocess.Popen([ROOT / "lab" / "run", "drop25", "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def lab_process():
        for p in set(os.listdir("/proc")) - before:
            try:
                words = pathlib.Path(f"/proc/{p}/cmdline").read_bytes()
                parent = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[1]
            except (OSError, IndexError):
                continue
            if b"lab.holder" in words and words.startswith(b"unshare") and int(parent) == run.pid:
                return int(p)

    holder = wait_for(lab_process, 20)
    time.sleep(0.3)
    run.kill()
    run.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{holder}"), 20)


@pytest.mark.parametrize("name", isps.distinct())
def test_real_access_networks(name):
    case = isps.case(name)
    answer = play.one(case, None)
    assert not cases.unlike(case, answer), answer


@pytest.fixture(scope="module")
def varied():
    return list(play.all_([variation.make(seed) for seed in SEEDS]))


@pytest.mark.parametrize("at", range(len(SEEDS)), ids=[f"seed-{s}" for s in SEEDS])
def test_networks_nobody_wrote_down(varied, at):
    case, answer = varied[at]
    assert not cases.unlike(case, answer), case.text()
