"""The units for systemd: it understands each line, and their hardening does not slip."""
import pathlib, re, shutil, subprocess

import pytest

from port26 import BINARY

PACKAGING = pathlib.Path(__file__).parents[2] / "packaging"
# Exposure as `systemd-analyze security` counts it, 0 to 10. A user's unit can shut less: it has no rights to give away.
MOST = {"port26.service": 2.0, "port26-user.service": 6.5}
pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


@pytest.fixture(params=sorted(MOST))
def unit(request, tmp_path):
    """As installed, but with the program where it is now, and without the manual, which need not be installed."""
    text = (PACKAGING / request.param).read_text().replace("/usr/bin/port26", str(BINARY))
    path = tmp_path / request.param
    path.write_text(re.sub(r"(?m)^Documentation=.*\n", "", text))
    return path


def test_systemd_understands_each_line(unit):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert done.returncode == 0 and unit.name not in done.stderr, done.stderr


def test_the_hardening_does_not_slip(unit):
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", unit], capture_output=True, text=True)
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert score and float(score[1]) <= MOST[unit.name], done.stdout[-3000:] + done.stderr
