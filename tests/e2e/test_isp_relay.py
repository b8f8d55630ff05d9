"""Further ways of a route: the relay of this network's provider carries what the network keeps from the first, with its own login."""
import base64, os, shutil

import pytest

from peers import Dns
from port26 import AS_ROOT, USER, free_port, wait_for
from test_relay_doors import OFFER, said, send, world  # noqa: F401 (world is a fixture)

FIRST = ("me@provider.test", "the first password 1")
SECOND = ("cable-4711", "the second password 2")


@pytest.fixture
def ways(start, world, tmp_path):
    """Starts a port26 whose mail goes via `first`, then `second` (ports), which is for the networks in `when`."""
    def make(first, second, when="", then='"relay:isp"', more="", dns=""):
        for path in (tmp_path, *list(tmp_path.parents)[:2]):
            os.chmod(path, 0o755)
        files = []
        for name, (_, secret) in (("one", FIRST), ("two", SECOND)):
            f = tmp_path / name
            f.touch(0o600)
            f.write_text(secret + "\n")
            if AS_ROOT:
                shutil.chown(f, "port26", "port26")
            files.append(f)
        return start(extra=f"""
relay "provider" {{ host = "127.0.0.1" doors = {{ "{first} starttls" }} ca-file = "{world.cert[0]}"
  user = "{FIRST[0]}" password-file = "{files[0]}" }}
relay "isp" {{ host = "127.0.0.1" doors = {{ "{second} starttls" }} ca-file = "{world.cert[0]}"
  user = "{SECOND[0]}" password-file = "{files[1]}" {f"when = {{ {when} }}" if when else ""} }}
route "all" {{ to = "*" via = "relay:provider" then = {{ {then} }} }}
delivery {{ retry = {{"1h"}} {more} }}
{dns}
""")
    return make


def here(p):
    wait_for(lambda: p.json("status")["place"])
    key = p.json("status")["place"]["key"]
    if not key:
        pytest.skip("this machine is in no network")
    return key


def passwords(sink):
    """What a server has heard that looks like a login, decoded."""
    return [base64.b64decode(line.split()[-1]) for line in said(sink, b"AUTH PLAIN ")]


def tried(p):
    wait_for(lambda: p.queue() and all(r["attempts"] for m in p.queue() for r in m["recipients"]))
    return p.queue()[0]["recipients"][0]


def test_the_isp_carries_what_the_network_keeps_from_the_provider(world, ways):
    isp = world.door()
    p = ways(free_port(), isp.port)
    send(p, 3)
    wait_for(lambda: len(isp.kept()) == 3 and not p.queue(), 60, message=lambda: p.log()[-4000:])
    for login in passwords(isp):
        assert login == b"\0" + b"\0".join(w.encode() for w in SECOND)
    assert all(USER.encode() in line for line in said(isp, b"MAIL FROM")), "the sender stays"
    with isp.lock:
        assert FIRST[1].encode() not in b"".join(isp.lines)
    assert FIRST[1] not in p.log() and SECOND[1] not in p.log()


def test_what_the_provider_refuses_is_not_asked_of_the_isp(world, ways):
    provider, isp = world.door(rcpt=b"550 5.1.1 no such user\r\n"), world.door()
    p = ways(provider.port, isp.port)
    send(p)
    wait_for(lambda: "delivery.tried" in p.log() and not said(isp, b"EHLO") and len(said(provider, b"RCPT")) == 1)
    wait_for(lambda: "result=failed" in p.log(), message=lambda: p.log()[-3000:])
    assert isp.connections == 0
    assert passwords(provider) == [b"\0" + b"\0".join(w.encode() for w in FIRST)]


@pytest.mark.parametrize("stage,reply", [("auth", b"535 5.7.8 wrong\r\n"), ("mail", b"451 4.3.0 later\r\n"), ("rcpt", b"450 4.2.0 later\r\n")])
def test_nor_what_it_puts_off(world, ways, stage, reply):
    provider, isp = world.door(**{stage: reply}), world.door()
    p = ways(provider.port, isp.port)
    send(p)
    tried(p)
    assert isp.connections == 0


def test_a_stranger_at_the_providers_door_gets_no_password_and_the_isp_carries(world, ways):
    stranger, isp = world.door(cert=world.strange), world.door()
    p = ways(stranger.port, isp.port)
    send(p)
    wait_for(lambda: len(isp.kept()) == 1 and not p.queue(), 60, message=lambda: p.log()[-4000:])
    assert not said(stranger, b"AUTH") and not said(stranger, b"MAIL")
    assert passwords(isp) == [b"\0" + b"\0".join(w.encode() for w in SECOND)]


def test_an_isp_without_proof_gets_nothing_and_mx_comes_last(world, ways):
    stranger = world.door(cert=world.strange)
    p = ways(free_port(), stranger.port, then='"relay:isp", "mx"')
    send(p)
    r = tried(p)
    assert r["waits_for_network"] or "wait" in r["words"]
    assert not said(stranger, b"AUTH") and not said(stranger, b"MAIL")
    m = p.queue()[0]
    story = p.json("queue", "show", m["id"])["messages"][0]["events"][0]["tries"]
    assert [t["stage"] for t in story][:2] == ["connect", "tls"] and len(story) == 3


def test_only_in_its_own_network(world, ways):
    isp = world.door()
    p = ways(free_port(), isp.port, when='"home"')
    key = here(p)
    send(p)
    r = tried(p)
    assert r["state"] == "waiting" and isp.connections == 0
    # People name the network they are in, and the mail leaves.
    p.command("places", "name", key, "home")
    assert p.json("status")["place"]["called"] == "home"
    p.command("queue", "retry", "--all")
    wait_for(lambda: len(isp.kept()) == 1 and not p.queue(), 60, message=lambda: p.log()[-4000:])
    p.stop()
    p.start()
    assert p.json("places")["places"][0]["called"] == "home"
    p.command("places", "name", "here")
    assert p.json("status")["place"]["called"] == ""


def test_a_closed_provider_is_asked_once_and_not_for_each_message(world, ways):
    silent, isp = world.silent(), world.door()
    p = ways(silent.port, isp.port)
    here(p)
    send(p, 12)
    wait_for(lambda: len(isp.kept()) == 12 and not p.queue(), 60, message=lambda: p.log()[-4000:])
    tries = [line for line in p.log().splitlines() if "delivery.tried" in line]
    assert len(tries) == 12


def test_a_warning_when_the_senders_domain_does_not_know_the_isp(world, ways):
    isp = world.door()
    domain = USER.split("@")[1]
    dns = Dns([rf"{domain}. TXT v=spf1\032ip4:192.0.2.0/24\032-all", rf"_dmarc.{domain}. TXT v=DMARC1\059p=reject"])
    world.closers.append(dns)
    p = ways(free_port(), isp.port, more="allow-loopback = true", dns=dns.settings)
    send(p, 2)
    wait_for(lambda: len(isp.kept()) == 2 and not p.queue(), 60, message=lambda: p.log()[-4000:])
    told = [n["text"] for n in p.json("status")["notices"] if "SPF" in n["text"]]
    assert len(told) == 1 and told[0].startswith(f"{domain} says that only its own servers may send its mail (SPF -all, DMARC reject).")
    assert "relay isp" in told[0] and "refused" in told[0]
    assert p.log().count("SPF -all") == 1
