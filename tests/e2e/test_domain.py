"""`port26 domain dns` and `domain check` against a resolver of our own: right, missing, wrong, and the line that repairs it."""
import json, re, shlex, shutil, socket, subprocess

import pytest

from peers import Dns, Peer
from port26 import Port26, free_port, own, wait_for

DOMAIN = "port26.test"
KNOT = shutil.which("knotc", path="/usr/sbin:/usr/bin")
MAIL = "mail.port26.test"
DOORS = {"mx": "role = exchange", "submission": "role = submission tls = starttls",
         "submissions": "role = submission tls = implicit", "web": "role = submission tls = implicit https = true"}


class Zone(Peer):
    """A name server with one zone, in the lines that zone files have: those that we print go in as they are."""

    def __init__(self, lines, ttl=60):
        super().__init__()
        self.port, self.base, self.ttl, self.silent = free_port(), lines, ttl, None
        zone = self.write_zone(())
        self.write("unbound.conf", f"""server:
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
        self.begin()

    def begin(self):
        self.spawn(["unbound", "-d", "-c", self.dir / "unbound.conf"])
        self.wait_port("127.0.0.1", self.port)

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        self.process = None

    def write_zone(self, lines):
        head = [f"test. {self.ttl} IN SOA ns.test. x.test. 1 60 60 60 {self.ttl}", f"test. {self.ttl} IN NS ns.test."]
        return self.write("zone", "\n".join([*head, *self.base, *(re.sub(r" \d+ IN ", f" {self.ttl} IN ", line) for line in lines)]) + "\n")

    def publish(self, *lines):
        """Other records from now on, besides those of the start."""
        self.write_zone(lines)
        self.end()
        self.begin()

    def hush(self):
        """Takes questions from now on and says nothing."""
        self.end()
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.silent.bind(("127.0.0.1", self.port))
        self.silent.settimeout(60)

    def close(self):
        if self.silent:
            self.silent.close()
        super().close()

    @property
    def settings(self):
        return f'dns {{ resolver = {{"127.0.0.1@{self.port}"}} timeout = 5s }}\n'


@pytest.fixture
def dns():
    """dns(records...) starts a resolver with them."""
    running = []

    def make(*records, **kw):
        running.append(Zone(records, **kw))
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


@pytest.mark.skipif(not KNOT, reason="no knot here")
@pytest.mark.parametrize("name, canonical", [("acme.test", "acme.test"), ("Sub.Acme.TEST.", "sub.acme.test"), ("müller.test", "xn--mller-kva.test"),
                                             ("xn--mller-kva.test", "xn--mller-kva.test"), ("mail.port26.test", "mail.port26.test"),
                                             (".".join(["l" * 60] * 3 + ["test"]), ".".join(["l" * 60] * 3 + ["test"]))])
def test_the_lines_load_into_a_real_zone(name, canonical):
    """Knot reads what is printed without a warning: long texts in pieces, any name, several hosts."""
    p = Port26(doors=DOORS | {"pop": "role = pop3 tls = implicit"}, accounts=False)
    p.extra = ('mta-sts { mode = enforce mx = {"mail.port26.test", "mx2.port26.test"} }\nclients { host = "mail.port26.test" imap = {"imap.port26.test:993"} }\n'
               'relay "out" { host = "smtp.relay.test" port = 25 tls = none }\nroute "x" { to = {"relayed.test"} via = "relay:out" }\n'
               'delivery { source-address = {"192.0.2.1", "2001:db8::1"} }\n')
    p.write_config()
    peer = Peer()
    try:
        p.command("domain", "add", name)
        p.command("domain", "rotate", name)  # four keys
        plain = p.command("domain", "dns", name, "--zone").stdout
        noted = p.command("domain", "dns", name).stdout
        assert [line for line in noted.splitlines() if line and not line.startswith(";")] == plain.splitlines()
        assert all(f"{canonical}." in line.split()[0] for line in plain.splitlines())
        assert plain.count("_domainkey") == 4
        zone = peer.write("zone", f"$ORIGIN else.\n$TTL 60\n{canonical}. SOA ns.test. x.test. 1 60 60 60 60\n{canonical}. NS ns.test.\n{canonical}. A 192.0.2.1\n" + noted)
        (peer.dir / "db").mkdir()
        conf = peer.write("knot.conf", f"server:\n  rundir: {peer.dir}\ndatabase:\n  storage: {peer.dir}/db\n"
                          f"zone:\n  - domain: {canonical}.\n    file: {zone}\n    semantic-checks: on\n")
        r = subprocess.run([KNOT, "-c", conf, "zone-check"], capture_output=True, text=True, timeout=60)
        assert r.returncode == 0 and "warning" not in (r.stdout + r.stderr) and "error" not in (r.stdout + r.stderr), r.stdout + r.stderr + plain
    finally:
        peer.close()
        p.close()


def test_in_the_way(dns):
    """Aliases where records should be, texts in two strings, keys that are limited, several SPF records, and no MX at all by intent."""
    p = house()
    try:
        rows = {r["name"]: r for r in ours(p) if r["purpose"] == "dkim"}
        rsa, ed = (next(r for r in rows.values() if k in r["data"]) for k in ("k=rsa", "k=ed25519"))
        cut = rsa["data"]
        serve(p, dns, [
            f"{DOMAIN}. 60 IN MX 0 .",
            f'{DOMAIN}. 60 IN TXT "v=spf1 ip4:127.0.0.1 -all"', f'{DOMAIN}. 60 IN TXT "v=spf1 a -all"',
            f"_dmarc.{DOMAIN}. 60 IN CNAME reports.test.",
            f'{rsa["name"]}. 60 IN TXT "{cut[:100]}" "{cut[100:300]}" "{cut[300:]}"',
            f'{ed["name"]}. 60 IN TXT "{ed["data"].replace("k=ed25519", "k=rsa")}"',
            f"_submission._tcp.{DOMAIN}. 60 IN CNAME _submission._tcp.else.test.",
        ])
        got = check(p, 69)
        row = {r["name"]: r for r in got.values() if r["purpose"] != "service"}
        assert row[rsa["name"]]["state"] == "right"
        assert row[ed["name"]]["state"] == "wrong" and "kind" in row[ed["name"]]["words"]
        assert by(got, "mx")[0]["state"] == "wrong" and "null MX" in by(got, "mx")[0]["words"]
        assert by(got, "spf")[0]["state"] == "wrong" and "2 of them" in by(got, "spf")[0]["words"]
        for name in (f"_dmarc.{DOMAIN}", f"_submission._tcp.{DOMAIN}"):
            bad = next(r for r in got.values() if r["name"] == name)
            assert bad["state"] == "wrong" and "alias (CNAME) of" in bad["words"]
    finally:
        p.close()


def test_no_such_domain_and_a_server_that_fails(dns):
    p = house()
    try:
        d = serve(p, dns, [])
        p.command("domain", "add", "nowhere.test")
        r = p.command("domain", "check", "nowhere.test", check=False)
        assert r.returncode == 69 and "The DNS does not know nowhere.test at all" in r.stdout
        p.extra = p.extra.replace(d.settings, "")
        broken = Dns([f"{DOMAIN}. MX 10 {MAIL}.", f"{MAIL}. A 127.0.0.1"], broken=[f"_dmarc.{DOMAIN}"])
        try:
            p.extra += broken.settings
            p.write_config()
            got = check(p, 69)
            assert by(got, "dmarc")[0]["state"] == "unknown" and by(got, "mx")[0]["state"] == "right"
        finally:
            broken.close()
    finally:
        p.close()


def test_answers_that_fail_dnssec(dns):
    """What somebody may have forged is neither right nor missing."""
    p = house()
    try:
        anchor = p.dir / "anchor"
        anchor.write_text("test. 3600 IN DS 4711 13 2 " + "AB" * 32 + "\n")
        own(anchor)
        lines = [r["line"] for r in ours(p)]
        d = serve(p, dns, lines)
        p.extra = p.extra.replace("timeout = 5s", f'timeout = 5s trust-anchor = "{anchor}"')
        p.write_config()
        got = check(p, 75)
        assert {r["state"] for r in got.values()} == {"unknown"}, got
        assert all("DNSSEC" in r["words"] for r in got.values()), got
    finally:
        p.close()


def test_the_server_itself(dns):
    """Its name has an address, and its addresses have a name that leads back: else others refuse its mail."""
    p = house()
    try:
        p.extra = 'delivery { source-address = {"198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "10.0.0.1"} }\n'
        d = Dns([f"{MAIL}. A 198.51.100.1", f"1.100.51.198.in-addr.arpa. PTR {MAIL}.", f"2.100.51.198.in-addr.arpa. PTR {MAIL}.",
                 "3.100.51.198.in-addr.arpa. PTR other.test.", "other.test. A 198.51.100.3"])
        try:
            p.extra += d.settings
            p.write_config()
            r = p.command("domain", "check", DOMAIN, "--json", check=False)
            rows = {(x["for"], x["name"]): x for x in json.loads(r.stdout)["server"]}
            assert {k: v["state"] for k, v in rows.items()} == {
                ("address", MAIL): "right", ("reverse", "198.51.100.1"): "right", ("reverse", "198.51.100.2"): "wrong",
                ("reverse", "198.51.100.3"): "wrong", ("reverse", "198.51.100.4"): "missing"}
            assert "lead back" in rows["reverse", "198.51.100.2"]["words"]
            assert "not the one this server says it has" in rows["reverse", "198.51.100.3"]["words"]
            assert f"set its name (PTR) to {MAIL}" in rows["reverse", "198.51.100.4"]["words"]
            text = p.command("domain", "check", DOMAIN, check=False).stdout
            assert "198.51.100.4 (missing): it has no name" in text
        finally:
            d.close()
        for records, state, words in [([], "missing", "no address"), ([f"{MAIL}. A 10.0.0.1"], "wrong", "private"),
                                      ([f"{MAIL}. CNAME other.test.", "other.test. A 198.51.100.3"], "wrong", "alias")]:
            d = Dns(records or ["other.test. A 198.51.100.3"])
            try:
                p.extra = d.settings
                p.write_config()
                r = p.command("domain", "check", DOMAIN, "--json", check=False)
                row = next(x for x in json.loads(r.stdout)["server"] if x["for"] == "address")
                assert row["state"] == state and words in row["words"], row
            finally:
                d.close()
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


def alive(dns, doors=DOORS, more="", records=()):
    """A server that looks for keys every second; its name server can be changed by publish()."""
    p = Port26(doors=doors, accounts=False)
    d = dns(f"{MAIL}. 60 IN A 127.0.0.1", *records, ttl=1)
    p.extra = d.settings + f"dkim {{ look = 1s {more} }}\ndelivery {{ couriers = 1 }}\n"
    p.write_config()
    p.start()
    return p, d


def dkim_of(p, domain=DOMAIN):
    return next(row["dkim"] for row in p.json("domain", "ls")["domains"] if row["name"] == domain)


def states(p):
    return sorted(k["state"] for k in p.json("domain", "keys", DOMAIN)["keys"])


def test_the_server_looks_by_itself(dns):
    """Nobody runs `domain check`: new keys sign once both are published, and who loses a record is told."""
    p, d = alive(dns)
    try:
        wait_for(lambda: dkim_of(p)["state"] == "none")
        first = p.command("domain", "rotate", DOMAIN).stdout
        assert "first keys" in first and "sign from now on" in first
        wait_for(lambda: dkim_of(p)["state"] == "missing")
        wait_for(lambda: "dkim.unpublished" in p.log(), message=p.log)  # by then it is no new domain any more
        status = p.command("status").stdout
        assert "DKIM keys" in status and DOMAIN in status
        assert p.json("status")["dkim"] == {"count": 1, "domains": [DOMAIN]}
        old = {r["name"]: r["line"] for r in ours(p) if r["purpose"] == "dkim"}
        d.publish(*old.values())
        wait_for(lambda: dkim_of(p)["state"] == "published", message=p.log)
        assert "dkim.published" in p.log() and "DKIM keys" not in p.command("status").stdout
        # A rotation, step by step.
        words = p.command("domain", "rotate", DOMAIN).stdout
        assert "the server looks for them by itself" in words and "Leave the old ones" in words
        wait_for(lambda: dkim_of(p)["new_keys_wait"])
        assert "published, new keys wait" in p.command("domain", "ls").stdout
        both = {r["name"]: r["line"] for r in ours(p) if r["purpose"] == "dkim"}
        fresh = [line for name, line in both.items() if name not in old]
        assert {(r["need"], r["line"] in fresh) for r in ours(p) if "A new key" in r["note"]} == {("advised", True)}
        d.publish(*old.values(), fresh[0])
        at = dkim_of(p)["looked"]
        wait_for(lambda: dkim_of(p)["looked"] > at)
        assert states(p) == ["active"] * 2 + ["new"] * 2  # one of two is not enough
        d.publish(*both.values())
        wait_for(lambda: states(p) == ["active"] * 2 + ["retiring"] * 2, message=p.log)
        wait_for(lambda: not dkim_of(p)["new_keys_wait"] and dkim_of(p)["state"] == "published")
        assert "dkim.active" in p.log()
        # Somebody breaks the zone.
        d.publish(*both.values(), f'{list(both)[-1]}. 60 IN TXT "something else"')
        wait_for(lambda: dkim_of(p)["state"] == "wrong", message=p.log)
        assert "WRONG" in p.command("domain", "ls").stdout and dkim_of(p)["words"]
        # A name server that is gone is no absence: what was known stays.
        d.publish(*both.values())
        wait_for(lambda: dkim_of(p)["state"] == "published")
        d.close()
        at = len(p.log())
        wait_for(lambda: dkim_of(p)["words"], 60)
        assert dkim_of(p)["state"] == "published"
        assert "dkim.unpublished" not in p.log()[at:]
        p.command("domain", "unsign", DOMAIN)
        wait_for(lambda: dkim_of(p)["state"] == "none", 60)
    finally:
        p.close()


def test_it_looks_after_a_restart_and_ends_in_the_midst(dns):
    """New keys that waited are looked for again; a stop while it looks does not hang."""
    p, d = alive(dns)
    try:
        p.command("domain", "rotate", DOMAIN)
        p.command("domain", "rotate", DOMAIN)
        assert p.stop() == 0
        d.publish(*[r["line"] for r in ours(p)])
        p.start()
        wait_for(lambda: states(p) == ["active"] * 2 + ["retiring"] * 2, message=p.log)
        d.hush()  # takes questions and says nothing
        d.silent.recv(4096)
        assert p.stop() == 0
        assert "AddressSanitizer" not in p.log()
    finally:
        p.close()


def test_it_does_not_look_when_told(dns):
    p, d = alive(dns)
    try:
        p.command("domain", "rotate", DOMAIN)
        wait_for(lambda: dkim_of(p)["state"] == "missing")
        p.conf.write_text(p.conf.read_text().replace("look = 1s", "look = 0"))
        p.command("config", "reload")
        wait_for(lambda: dkim_of(p) is None)
        words = p.command("domain", "rotate", DOMAIN).stdout
        assert f"`port26 domain check {DOMAIN}` when they are published" in words
        p.conf.write_text(p.conf.read_text().replace("look = 0", "look = 30d"))
        p.command("config", "reload")
        wait_for(lambda: dkim_of(p)["state"] == "unknown")
        p.conf.write_text(p.conf.read_text().replace("look = 30d", "look = 1s"))  # nobody waits for thirty days then
        p.command("config", "reload")
        wait_for(lambda: dkim_of(p)["state"] == "missing")
    finally:
        p.close()


def test_what_a_person_saw_the_server_knows(dns):
    """`domain check` looks at once, long before the server would."""
    p, d = alive(dns, more="")
    try:
        p.conf.write_text(p.conf.read_text().replace("look = 1s", "look = 1d"))
        p.command("config", "reload")
        p.command("domain", "rotate", DOMAIN)
        assert dkim_of(p)["state"] == "unknown" and "not looked yet" in p.command("domain", "ls").stdout
        p.command("domain", "rotate", DOMAIN)
        d.publish(*[r["line"] for r in ours(p)])
        assert "sign from now on" in p.command("domain", "check", DOMAIN, check=False).stdout
        assert dkim_of(p)["state"] == "published" and states(p) == ["active"] * 2 + ["retiring"] * 2
    finally:
        p.close()


def test_many_domains(dns):
    """More than fit into one look: every one has its turn."""
    p, d = alive(dns)
    try:
        names = [f"d{i}.test" for i in range(50)]
        listed = ", ".join(f'"{n}"' for n in [DOMAIN, *names])
        p.conf.write_text(p.conf.read_text().replace(f'domains = {{"{DOMAIN}"}}', f"domains = {{{listed}}}"))
        p.command("config", "reload")
        with_keys = names[::25]
        for name in with_keys:
            p.command("domain", "rotate", name)

        def found():
            return {row["name"]: row["dkim"]["state"] for row in p.json("domain", "ls")["domains"] if row["name"] in names}
        wait_for(lambda: found() == {n: "missing" if n in with_keys else "none" for n in names}, 90, 0.5, lambda: str(found()))
    finally:
        p.close()
