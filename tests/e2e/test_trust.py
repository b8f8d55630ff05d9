"""Doors that take mail without a login from some users of this machine: an address on loopback says nothing about who it is."""
import os, pwd, subprocess, sys

import pytest

from port26 import USER, Port26

ME = pwd.getpwuid(os.geteuid()).pw_name
SEND = """
import smtplib, sys
with smtplib.SMTP(sys.argv[1], int(sys.argv[2]), timeout=20) as s:
    s.ehlo()
    print(s.mail(sys.argv[3])[0])
"""


@pytest.fixture(scope="module")
def house():
    p = Port26(doors={"mine": f'role = submission tls = none trust-users = {{"{ME}", "no-such-user"}}',
                      "others": 'role = submission tls = none trust-users = {"daemon"}'}, accounts=False).start()
    yield p
    p.close()


def code(house, door, host, **kw):
    r = subprocess.run([sys.executable, "-c", SEND, host, str(house.ports[door]), USER], capture_output=True, text=True,
                       timeout=60, **kw)
    assert r.returncode == 0, r.stderr
    return int(r.stdout)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_named_user_needs_no_login(house, host):
    assert code(house, "mine", host) == 250


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_nobody_else_goes_without(house, host):
    assert code(house, "others", host) == 530


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_users_are_told_apart(house, host):
    as_daemon = {"user": "daemon", "group": "daemon", "extra_groups": [], "cwd": "/"}
    assert code(house, "others", host, **as_daemon) == 250
    assert code(house, "mine", host, **as_daemon) == 530


def test_an_unknown_name_is_told(house):
    assert "no-such-user" in house.log()
