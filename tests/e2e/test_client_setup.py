"""Mail programs set themselves up: each file is fetched by curl from the real server, read by the rules of the programs it is for, and
its settings are then used to log in."""
import json, os, random, socket, subprocess
import xml.etree.ElementTree as ET

import pytest

from client_forms import (
    APPLE_DOORS, DOORS, EXTRA, IMAP_SERVER, JSON, MOZILLA, OUTLOOK, STS, Thunderbird, apple_account, ask_outlook, curl, log_in,
    openssl_reads, outlook_error, outlook_servers, outlook_v2, own_ports, pop_ports)
from port26 import USER, Port26, make_certificate, own


@pytest.fixture(scope="module")
def server():
    p = Port26(doors=DOORS, extra=EXTRA)
    yield p.start()
    p.close()


@pytest.mark.parametrize("door, path, host", [
    ("web", f"{MOZILLA}?emailaddress=you%40port26.test", "autoconfig.port26.test"),
    ("webs", f"{MOZILLA}?emailaddress=you@port26.test", "autoconfig.port26.test"),
    ("443", "/.well-known/autoconfig/mail/config-v1.1.xml", "port26.test"),
    ("web", f"{MOZILLA}?x=y", "autoconfig.port26.test:80"),
    ("web", f"{MOZILLA}?emailaddress=nobody%2Bx%40PORT26.TEST", None),
])
def test_thunderbird(server, door, path, host):
    status, fields, body = curl(server, path, door, host)
    assert status == 200 and fields["content-type"] == "text/xml; charset=utf-8"
    assert ("strict-transport-security" in fields) == (door != "web")
    t = Thunderbird(body, USER)
    assert t.name == "Miller & Sons"
    assert t.incoming[0] == IMAP_SERVER and [s["port"] for s in t.incoming[1:]] == pop_ports(server)
    assert [s["port"] for s in t.outgoing] == own_ports(server)
    for s in t.incoming[1:] + t.outgoing:
        log_in(server, s)


def test_outlook(server):
    for door, path in (("webs", OUTLOOK), ("443", "/Autodiscover/Autodiscover.xml"), ("web", "/AutoDiscover/AutoDiscover.xml"),
                       ("webs", "/autodiscover.xml"), ("webs", "/AUTODISCOVER/AUTODISCOVER.XML")):
        status, fields, body = curl(server, path, door, "autodiscover.port26.test", ask_outlook(USER))
        assert status == 200 and fields["content-type"] == "text/xml; charset=utf-8"
        servers = outlook_servers(body)
        assert servers[0] == IMAP_SERVER
        assert [s["port"] for s in servers[1:]] == pop_ports(server) + own_ports(server)
        assert [s["type"] for s in servers[1:]] == 2 * ["pop3"] + 3 * ["smtp"]
    for s in servers[1:]:
        log_in(server, s)


def test_outlook_asks_wrongly(server):
    for body in (b"", b"<a/>", b"no XML", ask_outlook("nobody"), ask_outlook(USER)[:-5], b"<" * 1000, b"<a>" * 5000, b"x" * 100000,
                 ask_outlook(USER).replace(b"<Autodiscover", b'<!DOCTYPE a [<!ENTITY x "y">]><Autodiscover')):
        status, _, answer = curl(server, OUTLOOK, "webs", data=body)
        assert status == 200 and outlook_error(answer) == 600, body[:80]
    assert outlook_error(curl(server, OUTLOOK, "webs", data=b"x" * (10 << 20))[2]) == 600
    deep = b"<Autodiscover><Request>" + b"<a>" * 40 + b"</a>" * 40 + f"<EMailAddress>{USER}</EMailAddress></Request></Autodiscover>".encode()
    assert outlook_error(curl(server, OUTLOOK, "webs", data=deep)[2]) == 600
    mobile = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
    assert outlook_error(curl(server, OUTLOOK, "webs", data=ask_outlook(USER, mobile))[2]) == 601
    assert outlook_error(curl(server, OUTLOOK, "webs", "autodiscover.port26.test")[2]) == 600  # a GET, over TLS: POST it
    status, fields, _ = curl(server, OUTLOOK, "webs", data=b"x", method="PUT")
    assert (status, fields["allow"]) == (405, "GET, HEAD, POST")
    status, fields, _ = curl(server, MOZILLA, "webs", data=b"x")
    assert (status, fields["allow"]) == (405, "GET, HEAD")


def test_outlook_asks_by_json(server):
    """What newer ones ask first: where the first version of Autodiscover is. Both forms of the question that are in use, any case of letters."""
    ways = [(JSON, "Email=you%40port26.test&Protocol=Autodiscoverv1&RedirectCount=1"),
            ("/Autodiscover/Autodiscover.json", "protocol=AutodiscoverV1&email=nobody@port26.test"),
            (f"{JSON}/v1.0/you%40port26.test", "Protocol=AutodiscoverV1&RedirectCount=1"),
            ("/AutoDiscover/AutoDiscover.json/v1.0/you+x@PORT26.TEST", "Protocol=autodiscoverv1")]
    for door, port in (("webs", server.ports["webs"]), ("443", server.ports["443"])):
        for path, query in ways:
            status, o = outlook_v2(server, query, door, path=path)
            assert (status, o["Protocol"]) == (200, "AutodiscoverV1"), path
            assert o["Url"] == f"https://localhost:{port}/autodiscover/autodiscover.xml"
    at = subprocess.run(["curl", "-sS", "--cacert", str(server.cert), "--data-binary", "@-", o["Url"]], input=ask_outlook(USER), capture_output=True)
    assert [s["port"] for s in outlook_servers(at.stdout)[1:]] == pop_ports(server) + own_ports(server)


def test_outlook_asks_by_json_for_what_is_not_here(server):
    for protocol in ("ActiveSync", "Ews", "Rest", "Substrate", "%22}%3Cscript%3E", "x" * 500, "%ff"):
        status, o = outlook_v2(server, f"Email={USER}&Protocol={protocol}")
        assert (status, o["ErrorCode"]) == (400, "InvalidProtocol"), protocol
        assert "'AutodiscoverV1'" in o["ErrorMessage"] and "script" not in o["ErrorMessage"]
    for query in (f"Email={USER}", f"Email={USER}&Protocol=", "Protocol=AutodiscoverV1", ""):
        status, o = outlook_v2(server, query)
        assert (status, o["ErrorCode"]) == (400, "MandatoryParameterMissing"), query
    good = "&Protocol=AutodiscoverV1"
    for query, host, path in (("Email=you@elsewhere.test" + good, "port26.test", JSON), ("Email=you" + good, "port26.test", JSON),
                              (good, "elsewhere.test", JSON), (good, "port26.test", f"{JSON}/v1.0/you@elsewhere.test"),
                              (good, "port26.test", f"{JSON}/v1.0/"), (good, "port26.test", f"{JSON}/v1.0/%zz"),
                              (good, "port26.test", f"{JSON}/v2.0/{USER}")):
        assert outlook_v2(server, query, "webs", host, path) == (404, None), path
    assert outlook_v2(server, f"Email={USER}{good}", "web")[0] == 404  # no door with TLS whose address would need no port is known there
    assert curl(server, JSON, "webs", data=b"{}")[0] == 405


def test_outlook_is_sent_to_https(start):
    """Over plain HTTP it only looks for a redirection, and follows one to a name that the certificate is good for."""
    own = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"  # port 443 of an address of this test alone
    try:
        with socket.socket() as s:
            s.bind((own, 443))
    except OSError:
        pytest.skip("port 443 cannot be had here")
    p = start(doors={"web": "role = web tls = none", "pop3s": "role = pop3 tls = implicit"}, extra=f'door "s" {{ port = 443 address = "{own}" }}\n')
    status, fields, _ = curl(p, OUTLOOK, "web", "autodiscover.port26.test")
    assert (status, fields["location"]) == (302, "https://mail.port26.test/autodiscover/autodiscover.xml")
    assert curl(p, OUTLOOK, "web", "autodiscover.elsewhere.test")[0] == 404
    assert curl(p, f"{OUTLOOK}?email={USER}", "web")[0] == 200
    for path, host, where in (("/settings?email=you%2Bx@port26.test&x=y", None, "settings?email=you%2Bx%40port26.test"), ("/", "port26.test", ""),
                              (f"/x.mobileconfig?email={USER}", None, "mail.mobileconfig?email=you%40port26.test")):
        status, fields, _ = curl(p, path, "web", host)  # people as well
        assert (status, fields["location"]) == (302, f"https://mail.port26.test/{where}")
    assert curl(p, "/x.mobileconfig?email=you@elsewhere.test", "web")[0] == 404
    assert outlook_v2(p, f"Email={USER}&Protocol=AutodiscoverV1", "web") == (200, {
        "Protocol": "AutodiscoverV1", "Url": "https://mail.port26.test/autodiscover/autodiscover.xml"})


def test_apple(server):
    found = {}
    for address in (USER, USER, "YOU@port26.test", "me@port26.test"):
        status, fields, body = curl(server, f"/mail.mobileconfig?email={address}", "webs")
        assert status == 200 and fields["content-type"] == "application/x-apple-aspen-config"
        assert fields["content-disposition"] == 'attachment; filename="port26.test.mobileconfig"'
        a = apple_account(body)
        assert (a["EmailAddress"], a["EmailAccountType"], a["EmailAccountDescription"]) == (address, "EmailTypeIMAP", "Miller & Sons")
        assert (a["IncomingMailServerHostName"], a["IncomingMailServerPortNumber"]) == ("imap.port26.test", 993)
        found.setdefault(a["PayloadUUID"], set()).add(address)
    assert sorted(map(len, found.values())) == [1, 2]  # the same account replaces itself, another one is another
    a = apple_account(curl(server, f"/x/y.mobileconfig?email={USER}", "web")[2])
    log_in(server, dict(type="smtp", host=a["OutgoingMailServerHostName"], port=a["OutgoingMailServerPortNumber"], user=a["OutgoingMailServerUsername"],
                        implicit=a["OutgoingMailServerPortNumber"] == server.ports["submissions"]))


def test_apple_is_signed(server, tmp_path):
    """By the server's certificate; what is inside is what an unsigned one says, octet for octet."""
    page = f"/mail.mobileconfig?email={USER}"
    for door in ("web", "webs"):
        _, fields, body = curl(server, page, door)
        r = openssl_reads(body, server.cert, tmp_path)
        assert r.returncode == 0, r.stderr
        assert apple_account(r.stdout)["EmailAddress"] == USER and r.stdout.startswith(b"<?xml") and r.stdout.endswith(b"</plist>\n")
        plain = server.json("settings", "--format", "apple", USER)["text"]
        assert r.stdout == plain.encode() and int(fields["content-length"]) == len(body)
    at = body.index(b"imap.port26.test")
    assert openssl_reads(body[:at] + b"evil" + body[at + 4:], server.cert, tmp_path).returncode
    stranger, _ = make_certificate(tmp_path, "stranger")
    assert openssl_reads(body, stranger, tmp_path).returncode


def issue(folder, name, issuer, *extensions):
    """A certificate by an authority made here before, and its key."""
    def run(*argv):
        subprocess.run(["openssl", *argv], check=True, capture_output=True, cwd=folder, timeout=60)
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / "extensions").write_text("\n".join(extensions))
    by = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial"] if issuer else ["-signkey", f"{name}.key"]
    run("x509", "-req", "-in", f"{name}.csr", *by, "-days", "30", "-extfile", "extensions", "-out", f"{name}.pem")
    return folder / f"{name}.pem", folder / f"{name}.key"


def test_apple_is_signed_with_its_chain(tmp_path):
    """A certificate from an authority between, for servers only, as Let's Encrypt gives them: the device knows the root alone."""
    authority = "basicConstraints=critical,CA:TRUE"
    root, _ = issue(tmp_path, "root", None, authority)
    between, _ = issue(tmp_path, "between", "root", authority)
    own, key = issue(tmp_path, "localhost", "between", "basicConstraints=CA:FALSE", "subjectAltName=DNS:localhost", "extendedKeyUsage=serverAuth")
    p = Port26(doors=APPLE_DOORS, extra="clients { host = localhost }\n")
    try:
        p.cert.write_bytes(own.read_bytes() + between.read_bytes())
        p.key.write_bytes(key.read_bytes())
        alone = p.command("settings", "--format", "mobileconfig", USER, text=False).stdout  # no server runs yet
        p.start()
        r = openssl_reads(curl(p, f"/x.mobileconfig?email={USER}")[2], root, tmp_path)
        assert r.returncode == 0, r.stderr
        assert (tmp_path / "certificates").read_text().count("BEGIN CERTIFICATE") == 2
        printed = p.command("settings", "--format", "apple", USER, text=False).stdout
        assert openssl_reads(printed, root, tmp_path).stdout == r.stdout == openssl_reads(alone, root, tmp_path).stdout
    finally:
        p.close()


def test_command_on_a_terminal(server):
    """Octets of a signature are nothing to look at: a person sees what is in the profile."""
    ours, theirs = os.openpty()
    argv = [*(["setpriv", "--reuid=port26", "--regid=port26", "--clear-groups"] if os.geteuid() == 0 else []),
            server.binary, "settings", "--format", "apple", USER, "-c", str(server.conf)]
    p = subprocess.Popen(argv, stdout=theirs, stderr=theirs, env=server.environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # EIO: the other end is closed
        pass
    os.close(ours)
    assert p.wait(60) == 0 and shown.startswith(b"<?xml") and shown.endswith(b"</plist>\r\n")


def test_apple_unsigned(start):
    p = start(doors=APPLE_DOORS, extra="clients { host = localhost sign-profile = false }\n")
    body = curl(p, f"/x.mobileconfig?email={USER}")[2]
    assert body.startswith(b"<?xml") and apple_account(body)
    assert p.command("settings", "--format", "apple", USER).stdout.encode() == body


def test_mta_sts(server):
    status, fields, body = curl(server, STS, "443", "mta-sts.port26.test")
    assert status == 200 and fields["content-type"].startswith("text/plain")
    assert body == b"version: STSv1\r\nmode: testing\r\nmx: *.port26.test\r\nmax_age: 604800\r\n"
    for door, host in (("web", "mta-sts.port26.test"), ("webs", "port26.test"), ("webs", "mta-sts.elsewhere.test")):
        assert curl(server, STS, door, host)[0] == 404


def test_what_is_not_ours_is_not_there(server):
    """A stranger's domain, nonsense, and what does not exist at all are one and the same; so are mailboxes that exist and that do not."""
    _, _, nothing = curl(server, "/nothing", "webs")
    for door in ("web", "webs", "443"):
        for path, host in ((f"{MOZILLA}?emailaddress=you@elsewhere.test", "port26.test"), (f"{MOZILLA}?emailaddress=nonsense", "port26.test"),
                           (f"{MOZILLA}?emailaddress=you@[127.0.0.1]", "port26.test"), (MOZILLA, "elsewhere.test"), (MOZILLA, "127.0.0.1"),
                           (f"{MOZILLA}?emailaddress=you@port26.test%0d%0aX:y", "port26.test"), (f"{MOZILLA}?emailaddress=%4", "port26.test"), (f"{OUTLOOK}?email=you@elsewhere.test", None),
                           (f"{MOZILLA}?emailaddress={'a' * 5000}@port26.test", "port26.test"), (OUTLOOK, "elsewhere.test"),
                           ("/a.mobileconfig", "port26.test"), ("/a.mobileconfig?email=you@elsewhere.test", "port26.test"),
                           ("/MAIL/config-v1.1.xml", "port26.test"), (".mobileconfig", None)):
            status, _, body = curl(server, path if path[0] == "/" else "/" + path, door, host)
            assert (status, body) == (404, nothing), (path, host)
        assert curl(server, OUTLOOK, door, data=ask_outlook("you@elsewhere.test"))[0] == 404
        pages = {curl(server, f"{path}={who}@port26.test", door)[2].replace(who.encode(), b"WHO")
                 for path in (f"{MOZILLA}?emailaddress",) for who in ("you", "nobody-at-all")}
        assert len(pages) == 1
        pages = {curl(server, OUTLOOK, door, data=ask_outlook(f"{who}@port26.test"))[2].replace(who.encode(), b"WHO")
                 for who in ("you", "nobody-at-all")}
        assert len(pages) == 1


def test_command_without_the_key(server):
    """Who may not read the key gets the profile all the same, and a word about it."""
    conf = server.dir / "mine.conf"
    conf.write_text(server.conf.read_text().replace(str(server.key), "/nowhere/none.key"))
    r = server.command("settings", "--format", "apple", USER, conf=conf)
    assert r.stdout.startswith("<?xml") and apple_account(r.stdout.encode())
    assert "not signed" in r.stderr and "none.key" in r.stderr


def test_command_prints_the_same(server, tmp_path):
    def form(name, address=USER, **kw):
        return server.command("settings", "--format", name, address, **kw)
    assert form("mozilla").stdout.encode() == curl(server, f"{MOZILLA}?emailaddress={USER}")[2]
    assert form("outlook").stdout.encode() == curl(server, OUTLOOK, data=ask_outlook(USER))[2]
    pages = [form("apple", text=False).stdout, curl(server, f"/x.mobileconfig?email={USER}")[2]]
    assert len({openssl_reads(page, server.cert, tmp_path).stdout for page in pages}) == 1
    o = json.loads(form("json").stdout)
    assert (o["user"], o["domain"], o["display_name"]) == (USER, "port26.test", "Miller & Sons")
    assert [d["port"] for d in o["outgoing"]] == own_ports(server) and o["incoming"][0]["protocol"] == "imap"
    assert f"localhost, port {server.ports['submissions']}, SSL/TLS" in form("text").stdout
    for name, address, words in (("mozilla", "you@elsewhere.test", "none of the domains"), ("other", USER, "no form"), ("text", "x", "no mail address")):
        r = form(name, address, check=False)
        assert r.returncode and words in r.stderr


def test_status_tells_what_the_doors_speak(server):
    doors = {d["name"]: d for d in server.json("status")["doors"]}
    assert (doors["web"]["role"], doors["web"]["speaks"], doors["webs"]["speaks"]) == ("web", ["http"], ["https"])


def test_apple_by_pop3(start):
    p = start(doors=APPLE_DOORS, extra="clients { host = localhost }\n")
    a = apple_account(curl(p, f"/x.mobileconfig?email={USER}")[2])
    assert (a["EmailAccountType"], a["EmailAccountDescription"]) == ("EmailTypePOP", "port26.test")
    for way, kind in (("Incoming", "pop3"), ("Outgoing", "smtp")):
        log_in(p, dict(type=kind, host=a[f"{way}MailServerHostName"], port=a[f"{way}MailServerPortNumber"],
                       user=a[f"{way}MailServerUsername"], implicit=True))


def test_without_incoming(start):
    """A server that only sends still tells how; Apple's form has no such account."""
    p = start(doors={"web": "role = web tls = none", "submissions": "role = submission tls = implicit"})
    t = ET.fromstring(curl(p, f"{MOZILLA}?emailaddress={USER}")[2])
    assert len(t.findall("emailProvider/outgoingServer")) == 1 and not t.findall("emailProvider/incomingServer")
    assert curl(p, f"/x.mobileconfig?email={USER}")[0] == 404
    r = p.command("settings", "--format", "apple", USER, check=False)
    assert r.returncode and "imap" in r.stderr
    assert curl(p, STS, "web", "mta-sts.port26.test")[0] == 404


def test_a_certificate_for_another_name_is_told(start, server):
    """It would make every mail program refuse: the words come at the start and at a reload, and say what to do."""
    words = "not made out to mail.port26.test, where mail programs are sent"
    p = start(doors=APPLE_DOORS)
    assert words in p.logfile.read_text() and "clients { host = NAME }" in p.logfile.read_text()
    r = p.command("config", "reload")
    assert words in r.stdout + r.stderr
    p.conf.write_text(p.conf.read_text() + "clients { host = localhost }\n")
    r = p.command("config", "reload")
    assert "not made out" not in r.stdout + r.stderr
    assert "not made out" not in server.logfile.read_text()
    make_certificate(p.dir, "localhost", ("DNS:*.port26.test",))
    own(p.cert, p.key)
    p.conf.write_text(p.conf.read_text().replace("clients { host = localhost }", ""))
    r = p.command("config", "reload")
    assert "not made out" not in r.stdout + r.stderr


def test_domains_of_the_store(server):
    """A domain that was added while the server runs is ours at once, and not any more once it is removed."""
    path = f"{MOZILLA}?emailaddress=her@added.test"
    assert curl(server, path)[0] == 404
    server.command("host", "add", "customer")
    server.command("domain", "add", "added.test", "--host", "customer")
    t = Thunderbird(curl(server, path, host="autoconfig.added.test")[2], "her@added.test")
    assert t.domains == ["added.test"]
    assert "her@added.test" in server.command("settings", "--format", "outlook", "her@added.test").stdout
    server.command("domain", "rm", "added.test")
    assert curl(server, path)[0] == 404
