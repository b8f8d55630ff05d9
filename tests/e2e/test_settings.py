"""`port26 settings` against a DNS, a provider's web server and mail servers of its own, all on loopback. The web server is
reached through a proxy, as in an office, because it stands at port 443 for everybody else."""
import json, os, pathlib, shutil, socket, ssl, subprocess, tempfile, threading

import pytest

from peers import Dns
from port26 import BINARY, make_certificate
from sink import Sink, Taker

CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1"><emailProvider id="web.test"><domain>web.test</domain><displayName>Web Mail Ltd</displayName>
<outgoingServer type="smtp"><hostname>out.web.test</hostname><port>{port}</port><socketType>SSL</socketType>
<username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></outgoingServer>
</emailProvider></clientConfig>"""


def hear_head(s):
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(4096)
        if not more:
            break
        data += more
    return data.decode("latin-1")


class Web(Taker):
    """A proxy that knows CONNECT, and behind it one https server for all hosts. `pages`: (host, path without query) -> bytes, or where
    a redirect leads (str)."""

    def __init__(self, cert):
        self.pages, self.asked = {}, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, cert))
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self, s):
        s.settimeout(20)
        try:
            method, target, _ = hear_head(s).split(" ", 2)
            if method == "GET":
                self.asked.append(("in the clear", target))
            if method != "CONNECT" or not any(f"{host}:443" == target for host, _ in self.pages):
                s.sendall(b"HTTP/1.1 502 No such host\r\nContent-Length: 0\r\n\r\n")
                return
            s.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            with self.context.wrap_socket(s, server_side=True) as t:
                path = hear_head(t).split(" ")[1]
                self.asked.append((target, path))
                page = self.pages.get((target.removesuffix(":443"), path.partition("?")[0]))
                if isinstance(page, str):
                    t.sendall(f"HTTP/1.1 302 Found\r\nLocation: {page}\r\nContent-Length: 0\r\n\r\n".encode())
                    return
                head, body = ("404 Not found", b"") if page is None else ("200 OK", page)
                t.sendall(f"HTTP/1.1 {head}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except (OSError, ValueError, IndexError):
            pass
        finally:
            s.close()


class World:
    pass


@pytest.fixture(scope="module")
def world():
    w = World()
    w.dir = pathlib.Path(tempfile.mkdtemp(prefix="port26-settings-"))
    names = ["smtp.srv.test", "out.web.test", "autoconfig.web.test", "known.test", "smtp.srv2.test", "mail.guess.test"]
    w.cert, w.key = make_certificate(w.dir, "world", [f"DNS:{n}" for n in names])
    w.tls = Sink(extensions=["AUTH PLAIN LOGIN", "SIZE 1000"], cert=(w.cert, w.key), implicit=True)
    w.spa = Sink(extensions=["AUTH NTLM"], cert=(w.cert, w.key), implicit=True)
    closed = socket.create_server(("127.0.0.1", 0))
    w.shut = closed.getsockname()[1]
    closed.close()
    w.web = Web((w.cert, w.key))
    w.web.pages["autoconfig.web.test", "/mail/config-v1.1.xml"] = CONFIG.format(port=w.tls.port).encode()
    w.web.pages["known.test", ""] = b""  # the host is there
    w.dns = Dns([f"{n}. A 127.0.0.1" for n in names] + [
        f"_submissions._tcp.srv.test. SRV 0 1 {w.tls.port} smtp.srv.test.",
        f"_submission._tcp.srv.test. SRV 0 1 {w.shut} smtp.srv.test.",
        f"_submissions._tcp.srv2.test. SRV 0 1 {w.spa.port} smtp.srv2.test.",
        "_submissions._tcp.never.test. SRV 0 0 0 .", "_submission._tcp.never.test. SRV 0 0 0 .", "never.test. MX 10 mx.never.test.",
        f"_submissions._tcp.closed.test. SRV 0 1 {w.shut} smtp.srv.test.",
        "company.test. MX 10 aspmx.l.google.com.", "bare.test. MX 10 mx.bare.test.", "guess.test. MX 10 mail.guess.test.",
    ])
    yield w
    for x in (w.tls, w.spa, w.web, w.dns):
        x.close()
    shutil.rmtree(w.dir)


def ask(w, address, *more, status=0, proxy=True):
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    if proxy:
        environment["https_proxy"] = w.web.url
    usual = {"--resolver": f"127.0.0.1@{w.dns.port}", "--cafile": str(w.cert)}
    options = [x for option, value in usual.items() if option not in more for x in (option, value)]
    r = subprocess.run([BINARY, "settings", address, *options, *more],
                       capture_output=True, text=True, timeout=60, env=environment | {"ASAN_OPTIONS": "detect_leaks=0"})
    assert r.returncode == status, r
    return json.loads(r.stdout) if "--json" in more else r.stdout


def test_service_records_come_first(world):
    o = ask(world, "you@srv.test", "--json")
    best = o["settings"]
    assert (best["server"], best["port"], best["encryption"]) == ("smtp.srv.test", world.tls.port, "implicit")
    assert best["tried"] == "works" and best["source"] == "srv" and best["authentication"] is True and best["spa"] is False
    assert o["verdict"]["id"] == "OK" and o["found_by"] == "SRV _submissions._tcp"
    assert [(c["port"], c["tried"]) for c in o["candidates"]] == [(world.tls.port, "works"), (world.shut, "shut")]
    assert o["elapsed_ms"] < 6000


def test_the_providers_file_is_read_over_https(world):
    world.web.asked.clear()
    o = ask(world, "you+tag@web.test", "--json")
    best = o["settings"]
    assert (best["server"], best["port"], best["user"], best["login"]) == ("out.web.test", world.tls.port, "you+tag", ["password"])
    assert best["tried"] == "works" and best["source"] == "autoconfig" and o["provider"] == "Web Mail Ltd"
    assert ("autoconfig.web.test:443", "/mail/config-v1.1.xml?emailaddress=you%2Btag%40web.test") in world.web.asked


def test_the_well_known_place_learns_no_address(world):
    world.web.pages["known.test", "/.well-known/autoconfig/mail/config-v1.1.xml"] = CONFIG.format(port=world.tls.port).encode()
    world.web.asked.clear()
    o = ask(world, "you@known.test", "--json")
    assert o["settings"]["server"] == "out.web.test"
    assert world.web.asked == [("known.test:443", "/.well-known/autoconfig/mail/config-v1.1.xml")]


def test_a_false_certificate_is_not_believed(world):
    other, _ = make_certificate(world.dir, "other", ["DNS:autoconfig.web.test"])
    world.web.asked.clear()
    o = ask(world, "you@web.test", "--json", "--no-check", "--cafile", str(other), status=12)
    assert o["settings"] is None and not world.web.asked


@pytest.mark.parametrize("page", [b"", b"<html>Sign in</html>", b"x" * 1_000_000,
                                  b'<!DOCTYPE c [<!ENTITY a "aaaa">]><clientConfig>&a;</clientConfig>'],
                         ids=["empty", "html", "long", "entity"])
def test_what_is_no_settings_file_is_not_believed(world, page):
    world.web.pages["autoconfig.bare.test", "/mail/config-v1.1.xml"] = page
    o = ask(world, "you@bare.test", "--json", status=12)
    assert o["settings"] is None and o["discovery"] == "nothing" and o["verdict"]["owner"] == "provider"


@pytest.mark.parametrize("to, found", [
    ("https://autoconfig.web.test/mail/config-v1.1.xml", True), ("http://autoconfig.web.test/mail/config-v1.1.xml", False),
    ("https://known.test/round", False), ("file:///etc/passwd", False)], ids=["https", "http", "round", "file"])
def test_redirects_lead_over_https_only(world, to, found):
    world.web.pages["known.test", "/.well-known/autoconfig/mail/config-v1.1.xml"] = to
    world.web.pages["known.test", "/round"] = "https://known.test/round"
    world.web.asked.clear()
    o = ask(world, "you@known.test", "--json", "--no-check", status=0)
    assert (o["settings"]["source"] == "autoconfig") == found
    assert not any(host == "in the clear" for host, _ in world.web.asked) and len(world.web.asked) < 8


def test_the_mx_names_the_provider(world):
    o = ask(world, "me@company.test", "--json", "--no-check")
    assert o["settings"]["server"] == "smtp.gmail.com" and o["provider"] == "Gmail" and o["settings"]["source"] == "mx"
    assert o["settings"]["user"] == "me@company.test" and "app-password" in o["settings"]["login"]
    assert any("app password" in step for step in o["verdict"]["steps"])


def test_a_customary_name_is_a_guess(world):
    o = ask(world, "me@guess.test", "--json", "--no-check")
    assert o["settings"]["server"] == "mail.guess.test" and o["discovery"] == "guessed" and o["settings"]["port"] == 0


def test_spa_is_told(world):
    o = ask(world, "you@srv2.test", "--json")
    assert o["settings"]["spa"] is True and o["settings"]["tried"] == "works"


def test_a_shut_door_is_a_verdict_as_of_check(world):
    o = ask(world, "you@closed.test", "--json", status=12)
    assert o["verdict"]["id"] != "OK" and o["settings"]["tried"] == "shut" and o["doors"]


@pytest.mark.parametrize("domain, end, owner, status", [
    ("nowhere.test", "no-domain", "you", 10), ("never.test", "not-offered", "provider", 12), ("bare.test", "nothing", "provider", 12)])
def test_what_is_not_there_is_told(world, domain, end, owner, status):
    world.web.pages.pop(("autoconfig.bare.test", "/mail/config-v1.1.xml"), None)
    o = ask(world, f"you@{domain}", "--json", status=status)
    assert o["discovery"] == end and o["verdict"]["owner"] == owner and domain in o["verdict"]["sentence"]
    assert o["settings"] is None and o["candidates"] == []


def test_the_steps_are_those_of_the_program(world):
    words = ask(world, "you@srv.test", "--client", "thunderbird")
    assert "Account Settings > Outgoing Server" in words and "smtp.srv.test" in words
    o = ask(world, "you@srv.test", "--no-check", "--json")
    assert set(o["programs"]) == {"outlook", "outlook-classic", "thunderbird", "apple-mail", "ios", "android", "gmail-app", "k9"}
    assert all(any("smtp.srv.test" in step for step in steps) for steps in o["programs"].values())
    assert "it was not tried" in o["not_ruled_out"][0]


def test_offline_asks_nobody(world):
    world.web.asked.clear()
    o = ask(world, "you@gmail.com", "--offline", "--json")
    assert o["settings"]["server"] == "smtp.gmail.com" and o["settings"]["source"] == "table" and o["settings"]["tried"] == "untried"
    assert ask(world, "you@srv.test", "--offline", "--json", status=14)["discovery"] == "not-asked"
    assert not world.web.asked


@pytest.mark.parametrize("address", ["", "you", "you@", "@srv.test", "you@[127.0.0.1]", "a b@srv.test", "you@" + "a." * 200 + "test"],
                         ids=range(7))
def test_what_is_no_address(world, address):
    r = subprocess.run([BINARY, "settings", address], capture_output=True, text=True, timeout=60)
    assert r.returncode == 64 and "mail address" in r.stderr


def test_a_silent_resolver_costs_two_seconds(world):
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    o = ask(world, "you@srv.test", "--json", "--resolver", f"127.0.0.1@{silent.getsockname()[1]}", status=14)
    assert o["discovery"] == "no-answer" and o["elapsed_ms"] < 4000
    silent.close()
