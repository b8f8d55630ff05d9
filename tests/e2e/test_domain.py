"""`port26 domain dns` and `domain check` against a resolver of our own: right, missing, wrong, and the line that repairs it."""
import json, shlex

import pytest

from peers import Peer
from port26 import Port26, free_port

DOMAIN = "port26.test"
MAIL = "mail.port26.test"
DOORS = {"mx": "role = exchange", "submission": "role = submission tls = starttls",
         "submissions": "role = submission tls = implicit", "web": "role = submission tls = implicit https = true"}


class Zone(Peer):
    """A name server with one zone, in the lines that zone files have: those that we print go in as they are."""

    def __init__(self, lines):
        super().__init__()
        self.port = free_port()
        zone = self.write("zone", "\n".join(["test. 60 IN SOA ns.test. x.test. 1 60 60 60 60", "test. 60 IN NS ns.test.", *lines]) + "\n")
        conf = self.write("unbound.conf", f"""server:
  interface: 127.0.0.1@{self.port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{self.dir}"
  pidfile: "{self.dir}/pid"
  module-config: "iterator"
  num-threads: 1
  local-zone: "test." nodefault
auth-zone:
  name: "test."
  zonefile: "{zone}"
  for-downstream: yes
  for-upstream: yes
remote-control:
  control-enable: no
""")
        self.spawn(["unbound", "-d", "-c", conf])
        self.wait_port("127.0.0.1", self.port)

    @property
    def settings(self):
        return f'dns {{ resolver = {{"127.0.0.1@{self.port}"}} timeout = 5s }}\n'


@pytest.fixture
def dns():
    """dns(records...) starts a resolver with them."""
    running = []

    def make(*records):
        running.append(Zone(records))
        return running[-1]

    yield make
    for d in running:
        d.close()


def house(top=""):
    """Not running: the commands open the store themselves."""
    p = Port26(doors=DOORS, accounts=False, top=top)
    p.command("domain", "rotate", DOMAIN)
    return p


def ours(p):
    return p.json("domain", "dns", DOMAIN)["records"]


def serve(p, dns, records):
    d = dns(f"{MAIL}. 60 IN A 127.0.0.1", *records)
    p.extra += d.settings
    p.write_config()
    return d


def check(p, expected=0):
    r = p.command("domain", "check", DOMAIN, "--json", check=False)
    assert r.returncode == expected, r.stdout + r.stderr
    return {(x["type"], x["name"], x["data"] if x["type"] == "SRV" else ""): x for x in json.loads(r.stdout)["records"]}


def by(rows, purpose):
    return [r for r in rows.values() if r["purpose"] == purpose]


def test_all_right(dns):
    p = house()
    try:
        lines = p.command("domain", "dns", DOMAIN, "--zone").stdout.splitlines()
        rows = ours(p)
        assert [r["line"] for r in rows] == lines
        assert {r["purpose"] for r in rows} == {"mx", "spf", "dkim", "dmarc", "service", "host", "tls-report"}
        serve(p, dns, lines)
        got = check(p)
        assert {r["state"] for r in got.values()} == {"right"}, got
        text = p.command("domain", "check", DOMAIN).stdout
        assert "publish:" not in text and "right" in text
    finally:
        p.close()


def test_nothing_there(dns):
    p = house()
    try:
        serve(p, dns, [])
        got = check(p, 69)
        assert {r["state"] for r in got.values()} == {"missing"}
        r = p.command("domain", "check", DOMAIN, check=False)
        assert r.returncode == 69
        for record in ours(p):  # the exact line to publish
            assert record["line"] in r.stdout
    finally:
        p.close()


def test_wrong(dns):
    p = house()
    try:
        keys = [r for r in ours(p) if r["purpose"] == "dkim"]
        serve(p, dns, [
            f"{DOMAIN}. 60 IN MX 10 old.test.",
            f'{DOMAIN}. 60 IN TXT "v=spf1 ip4:192.0.2.1 -all"',
            f'{keys[0]["name"]}. 60 IN TXT "v=DKIM1; k=rsa; p="',
            f'_dmarc.{DOMAIN}. 60 IN TXT "v=DMARC1; p=none"', f'_dmarc.{DOMAIN}. 60 IN TXT "v=DMARC1; p=reject"',
            f"autoconfig.{DOMAIN}. 60 IN A 192.0.2.1",
            f"_submissions._tcp.{DOMAIN}. 60 IN SRV 0 1 465 old.test.",
        ])
        got = check(p, 69)
        for purpose in ("mx", "spf", "dmarc"):
            assert [r["state"] for r in by(got, purpose)] == ["wrong"], got
        assert sorted(r["state"] for r in by(got, "dkim")) == ["missing", "wrong"]
        assert {r["name"]: r["state"] for r in by(got, "host")} == {f"autoconfig.{DOMAIN}": "wrong", f"autodiscover.{DOMAIN}": "missing"}
        spf = by(got, "spf")[0]
        assert "127.0.0.1" in spf["words"] and spf["there"] == "v=spf1 ip4:192.0.2.1 -all"
        assert spf["data"] == f"v=spf1 a:{MAIL} ip4:192.0.2.1 -all"  # what they had stays
        assert "2 of them" in by(got, "dmarc")[0]["words"]
    finally:
        p.close()


def test_other_ways_to_be_right(dns):
    """Another SPF record that allows us beside texts of others, and a key behind a CNAME."""
    p = house()
    try:
        key = [r for r in ours(p) if r["purpose"] == "dkim"][0]
        serve(p, dns, [f'{DOMAIN}. 60 IN TXT "v=spf1 include:all.test -all"', f'{DOMAIN}. 60 IN TXT "google-site-verification=x"',
                       'all.test. 60 IN TXT "v=spf1 ip4:127.0.0.0/8 -all"',
                       f"{key['name']}. 60 IN CNAME key.test.", key["line"].replace(key["name"], "key.test")])
        got = check(p, 69)
        assert by(got, "spf")[0]["state"] == "right"
        assert sorted(r["state"] for r in by(got, "dkim")) == ["missing", "right"]
    finally:
        p.close()


def test_silence_is_no_absence(dns):
    p = house()
    try:
        d = serve(p, dns, [])
        d.close()  # nobody answers any more
        p.extra = p.extra.replace("timeout = 5s", "timeout = 1s")
        p.write_config()
        got = check(p, 75)
        assert {r["state"] for r in got.values()} == {"unknown"}
    finally:
        p.close()


def test_rotation_is_seen(dns):
    """A new pair signs when all of it was seen, not before; the old one stays published."""
    p = house()
    try:
        p.command("domain", "rotate", DOMAIN)
        keys = p.json("domain", "keys", DOMAIN)["keys"]
        assert sorted(k["state"] for k in keys) == ["active"] * 2 + ["new"] * 2
        new = [k for k in keys if k["state"] == "new"]

        lines = {r["name"]: r["line"] for r in ours(p)}

        def publish(rows):
            for d in running:
                d.close()
            p.extra = ""
            running[:] = [serve(p, dns, [lines[k["name"]] for k in rows])]

        def states():
            return {k["selector"]: k["state"] for k in p.json("domain", "keys", DOMAIN)["keys"]}

        running = []
        publish([k for k in keys if k is not new[0]])
        check(p, 69)
        assert states()[new[1]["selector"]] == "new"  # one of two is not enough
        publish(keys)
        r = p.command("domain", "check", DOMAIN, check=False)
        assert "sign from now on" in r.stdout
        now = states()
        assert {now[k["selector"]] for k in new} == {"active"}
        assert sorted(now.values()) == ["active"] * 2 + ["retiring"] * 2
        assert {r["need"] for r in ours(p) if r["purpose"] == "dkim"} == {"required", "advised"}
    finally:
        p.close()


def test_split(dns):
    """Strings of at most 255 octets, as zone files want them."""
    p = house()
    try:
        rsa = [r for r in ours(p) if r["purpose"] == "dkim" and "k=rsa" in r["data"]][0]
        strings = shlex.split(rsa["line"].split(" TXT ")[1])
        assert len(strings) == 2 and all(len(s) <= 255 for s in strings) and "".join(strings) == rsa["data"]
        wrong = p.command("domain", "dns", "elsewhere.test", check=False)
        assert wrong.returncode == 65 and "not a domain of ours" in wrong.stderr
    finally:
        p.close()
