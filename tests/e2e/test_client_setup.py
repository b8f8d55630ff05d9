"""Mail programs set themselves up: each file is fetched by curl from the real server, read by the rules of the programs it is for, and
its settings are then used to log in."""
import html.parser, http.client, json, os, pathlib, plistlib, poplib, random, re, shutil, smtplib, socket, ssl, subprocess, time, urllib.parse, uuid
import xml.etree.ElementTree as ET

import pytest

from port26 import PASSWORD, USER, Port26, free_port, make_certificate, message, own

DOORS = {
    "web": "role = web tls = none",
    "webs": "role = web tls = implicit",
    "submissions": "role = submission tls = implicit",
    "443": "tls = implicit https = true",
    "submission": "role = submission tls = starttls",
    "pop3": "role = pop3 tls = starttls",
    "pop3s": "role = pop3 tls = implicit",
    "exchange": "role = exchange tls = starttls",
    "clear": "role = submission tls = none trust = {127.0.0.1}",
}
APPLE_DOORS = {name: DOORS[name] for name in ("web", "submissions", "pop3s")}
IMAP = 'imap.port26.test:993 implicit'
EXTRA = f'clients {{ host = localhost display-name = "Miller & Sons" imap = "{IMAP}" }}\nmta-sts {{ mode = testing mx = {{ "*.port26.test" }} }}\n'
JSON = "/autodiscover/autodiscover.json"
MOZILLA, OUTLOOK, STS = "/mail/config-v1.1.xml", "/autodiscover/autodiscover.xml", "/.well-known/mta-sts.txt"


@pytest.fixture(scope="module")
def server():
    p = Port26(doors=DOORS, extra=EXTRA)
    yield p.start()
    p.close()


def curl(server, path, door="web", host=None, data=None, method=None):
    """Status, fields and body."""
    name = host or "localhost"
    secure = "implicit" in DOORS[door]
    argv = ["curl", "-sSig", "--max-time", "60", "--cacert", str(server.cert), "-H", f"Host: {name}"]
    if data is not None:
        argv += ["-H", "Content-Type: text/xml", "--data-binary", "@-"]
    if method:
        argv += ["-X", method]
    argv.append(f"http{'s' if secure else ''}://localhost:{server.ports[door]}{path}")
    r = subprocess.run(argv, capture_output=True, input=data, timeout=90)
    assert r.returncode == 0, r.stderr
    head, _, body = r.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}, body


IMAP_SERVER = dict(type="imap", host="imap.port26.test", port=993, user=USER, implicit=True)


def own_ports(server):
    """The doors for sending that a mail program can use, best first."""
    return [server.ports[d] for d in ("submissions", "443", "submission")]


def pop_ports(server):
    return [server.ports[d] for d in ("pop3s", "pop3")]


# ---- the rules of Thunderbird

class Thunderbird:
    """What Thunderbird takes from the file, by the rules of its own reader: elements that it needs, words that it knows, host names as
    its sanitizer wants them; the first server of each direction is the one it sets up, the others are alternatives."""
    SOCKETS = {"plain", "SSL", "STARTTLS"}
    LOGINS = {"password-cleartext", "plain", "password-encrypted", "secure", "GSSAPI", "NTLM", "OAuth2", "client-IP-address", "none"}
    VARIABLES = {"EMAILADDRESS", "EMAILLOCALPART", "EMAILDOMAIN"}

    def __init__(self, body, address):
        self.address = address
        root = ET.fromstring(body)
        assert root.tag == "clientConfig" and root.get("version") == "1.1"
        provider, = root.findall("emailProvider")
        self.hostname(provider.get("id"))
        self.domains = [self.hostname(d.text) for d in provider.findall("domain")]
        assert address.split("@")[1] in self.domains
        self.name = provider.findtext("displayName")
        assert self.name and len(provider.findtext("displayShortName")) <= 60
        self.incoming = [self.server(s, {"imap", "pop3"}) for s in provider.findall("incomingServer")]
        self.outgoing = [self.server(s, {"smtp"}) for s in provider.findall("outgoingServer")]
        known = {"domain", "displayName", "displayShortName", "incomingServer", "outgoingServer"}
        assert {e.tag for e in provider} == known

    @staticmethod
    def hostname(text):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", text), text
        return text

    def server(self, s, types):
        assert s.get("type") in types
        assert [e.tag for e in s] == ["hostname", "port", "socketType", "authentication", "username"]
        port = int(s.findtext("port"))
        assert 1 <= port <= 65535 and s.findtext("socketType") in self.SOCKETS
        assert all(a.text in self.LOGINS for a in s.findall("authentication"))
        assert s.findtext("socketType") != "plain"  # it would warn of it, and nobody can log in there
        user = s.findtext("username")
        assert set(re.findall("%([A-Z]+)%", user)) <= self.VARIABLES
        for name, value in zip(("EMAILADDRESS", "EMAILLOCALPART", "EMAILDOMAIN"), (self.address, *self.address.split("@"))):
            user = user.replace(f"%{name}%", value)
        return dict(type=s.get("type"), host=self.hostname(s.findtext("hostname")), port=port, user=user,
                    implicit=s.findtext("socketType") == "SSL")


# ---- the rules of Autodiscover (MS-OXDSCLI)

OUTER = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
INNER = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
ASKED = ('<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/'
         'requestschema/2006"><Request><EMailAddress>{}</EMailAddress><AcceptableResponseSchema>{}</AcceptableResponseSchema></Request>'
         '</Autodiscover>')
SCHEMA = INNER[1:-1]


def ask_outlook(address, schema=SCHEMA):
    return ASKED.format(address, schema).encode()


def outlook_servers(body):
    root = ET.fromstring(body)
    assert root.tag == OUTER + "Autodiscover"
    response, = root
    assert response.tag == INNER + "Response" and [e.tag for e in response] == [INNER + "User", INNER + "Account"]
    user, account = response
    assert [e.tag for e in user] == [INNER + "DisplayName"]
    fields = [(e.tag, e.text) for e in account]
    assert fields[:2] == [(INNER + "AccountType", "email"), (INNER + "Action", "settings")]
    out = []
    for p in list(account)[2:]:
        assert p.tag == INNER + "Protocol"
        v = {e.tag.removeprefix(INNER): e.text for e in p}
        assert v["Type"] in ("IMAP", "POP3", "SMTP") and v["Encryption"] in ("SSL", "TLS") and v["SSL"] == "on"
        assert (v["SPA"], v["DomainRequired"], v["AuthRequired"]) == ("off", "off", "on")
        assert set(v) - {"UsePOPAuth", "SMTPLast"} == {"Type", "Server", "Port", "LoginName", "DomainRequired", "SPA", "SSL", "Encryption",
                                                       "AuthRequired"}
        assert (v["Type"] == "SMTP") == ("UsePOPAuth" in v)
        out.append(dict(type=v["Type"].lower(), host=v["Server"], port=int(v["Port"]), user=v["LoginName"], implicit=v["Encryption"] == "SSL"))
    return out


def outlook_error(body):
    root = ET.fromstring(body)
    error = root.find(f"{OUTER}Response/{OUTER}Error")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", error.get("Time")) and error.get("Id").isdigit()
    return int(error.findtext(OUTER + "ErrorCode"))


# ---- the rules of Apple's profiles

def openssl_reads(der, authority, folder):
    """What is in a signed message, when OpenSSL's own program believes in its signature."""
    (folder / "signed").write_bytes(der)
    return subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", str(folder / "signed"), "-CAfile", str(authority), "-purpose", "any",
                           "-binary", "-certsout", str(folder / "certificates")], capture_output=True, timeout=60)


def apple_account(body):
    start, end = body.index(b"<?xml"), body.rindex(b"</plist>")  # within a signature, or alone
    profile = plistlib.loads(body[start:end + len(b"</plist>\n")])
    common = {"PayloadType": str, "PayloadVersion": int, "PayloadIdentifier": str, "PayloadUUID": str, "PayloadDisplayName": str}
    account, = profile["PayloadContent"]
    for payload in (profile, account):
        assert all(isinstance(payload[k], t) for k, t in common.items()) and payload["PayloadVersion"] == 1
        assert uuid.UUID(payload["PayloadUUID"]).version == 5
        assert payload["PayloadIdentifier"].startswith("test.port26.mail.")
    assert profile["PayloadType"] == "Configuration" and account["PayloadType"] == "com.apple.mail.managed"
    assert profile["PayloadUUID"] != account["PayloadUUID"] and profile["PayloadIdentifier"] != account["PayloadIdentifier"]
    known = {"EmailAccountDescription": str, "EmailAccountType": str, "EmailAddress": str, "OutgoingPasswordSameAsIncomingPassword": bool,
             "PayloadOrganization": str}
    for way in ("Incoming", "Outgoing"):
        known |= {f"{way}MailServer{k}": t for k, t in
                  dict(Authentication=str, HostName=str, PortNumber=int, UseSSL=bool, Username=str).items()}
        assert account[f"{way}MailServerAuthentication"] == "EmailAuthPassword" and account[f"{way}MailServerUseSSL"]
    assert {k: type(v) for k, v in account.items() if k not in common} == known
    return account


# ---- logging in with what was read

def log_in(server, s):
    context = ssl.create_default_context(cafile=str(server.cert))
    if s["type"] == "pop3":
        c = poplib.POP3_SSL(s["host"], s["port"], timeout=60, context=context) if s["implicit"] else poplib.POP3(s["host"], s["port"], timeout=60)
        if not s["implicit"]:
            c.stls(context)
        c.user(s["user"])
        assert c.pass_(PASSWORD).startswith(b"+OK")
        c.quit()
        return
    if s["implicit"]:
        c = smtplib.SMTP_SSL(s["host"], s["port"], timeout=60, context=context)
    else:
        c = smtplib.SMTP(s["host"], s["port"], timeout=60)
        c.starttls(context=context)
    with c:
        c.login(s["user"], PASSWORD)
        c.sendmail(USER, USER, message("set up by itself"))


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


def outlook_v2(server, query, door="webs", host="autodiscover.port26.test", path=JSON):
    status, fields, body = curl(server, f"{path}?{query}" if query else path, door, host)
    return status, json.loads(body) if fields["content-type"].startswith("application/json") else None


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


def test_behind_a_web_server(start):
    """Something else has port 443 and the certificate, and hands requests on in the clear: it says so, and is not sent round in a circle."""
    p = start(doors=APPLE_DOORS, extra='clients { host = mail.port26.test }\nmta-sts { mode = testing }\n')
    said = b"X-Forwarded-Proto: https\r\n" + HOST

    def get(path, fields=said):
        head, _, body = tell(p, b"GET " + path.encode() + b" HTTP/1.1\r\n" + fields).partition(b"\r\n\r\n")
        return int(head.split()[1]), body
    assert json.loads(get(f"{JSON}?Email={USER}&Protocol=AutodiscoverV1")[1])["Url"] == "https://mail.port26.test/autodiscover/autodiscover.xml"
    assert get(f"/x.mobileconfig?email={USER}")[0] == get(f"/settings?email={USER}")[0] == get("/")[0] == 200
    status, body = get(OUTLOOK)
    assert status == 200 and outlook_error(body) == 600
    sts = b"Host: mta-sts.port26.test\r\nConnection: close\r\n"
    assert get(STS, sts + b"X-Forwarded-Proto: https\r\n\r\n")[0] == 200 and get(STS, sts + b"\r\n")[0] == 404


@pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx here")
def test_behind_nginx(start, tmp_path):
    """The lines of docs/clients.md, in a real one."""
    p = start(doors=APPLE_DOORS, extra="clients { host = localhost }\nmta-sts { mode = testing }\n")
    port, text = free_port(), (pathlib.Path(__file__).parents[2] / "docs/clients.md").read_text()
    lines = re.search(r"    location .*?\n    }\n", text, re.S)[0].replace("127.0.0.1:8026", f"127.0.0.1:{p.ports['web']}")
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "conf").write_text(f"""daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}
        http {{ access_log off; {folders}
        server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {p.cert}; ssl_certificate_key {p.key}; {lines} }} }}""")
    nginx = subprocess.Popen(["nginx", "-e", str(tmp_path / "early"), "-c", str(tmp_path / "conf")], stderr=subprocess.PIPE)

    def get(path, *more):
        r = subprocess.run(["curl", "-sSg", "--max-time", "60", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "--cacert", str(p.cert),
                            *more, f"https://localhost:{port}{path}"], capture_output=True, timeout=120)
        assert r.returncode == 0, (r.stderr, nginx.poll())
        return r.stdout
    try:
        for path in (MOZILLA, "/.well-known/autoconfig/mail/config-v1.1.xml"):
            assert Thunderbird(get(f"{path}?emailaddress={USER}"), USER).outgoing[0]["port"] == p.ports["submissions"]
        assert outlook_servers(get("/Autodiscover/Autodiscover.xml", "-d", ask_outlook(USER).decode()))
        for path in (f"{JSON}?Email={USER}&Protocol=AutodiscoverV1", f"{JSON}/v1.0/{USER}?Protocol=AutodiscoverV1"):
            assert json.loads(get(path))["Url"] == "https://localhost/autodiscover/autodiscover.xml"
        profile, _ = Page(get(f"/settings?email={USER}")).links
        assert apple_account(get(profile)) and b"font" in get("/settings.css")
        assert b"version: STSv1" in get(STS, "-H", "Host: mta-sts.port26.test")
    finally:
        nginx.terminate()
        nginx.wait(30)
        nginx.stderr.close()


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


def test_only_the_head(server):
    """HEAD tells the same as GET, without the page."""
    for path, host in ((f"{MOZILLA}?emailaddress={USER}", None), (MOZILLA, "port26.test"), (f"/settings?email={USER}", None), ("/", "port26.test"),
                       ("/settings.css", None), (MOZILLA, "elsewhere.test"), (f"{JSON}?Email={USER}&Protocol=AutodiscoverV1", None)):
        name = (host or "localhost").encode()
        head, page = (tell(server, b"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (method, path.encode(), name), "webs").partition(b"\r\n\r\n")
                      for method in (b"HEAD", b"GET"))
        assert re.sub(rb"Date: .*", b"", head[0]) == re.sub(rb"Date: .*", b"", page[0])
        assert head[2] == b"" and len(page[2]) == int(re.search(rb"Content-Length: (\d+)", page[0])[1]) > 0


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


# ---- the page for people

class Page(html.parser.HTMLParser):
    """What a person sees: rows of tables by their heading, links, labels; and whether the elements are closed in order."""
    EMPTY = {"meta", "link", "input", "br"}

    def __init__(self, body):
        super().__init__()
        self.open, self.links, self.fields, self.labels, self.rows, self.titles = [], [], {}, set(), {}, []
        self.heading, self.name = "", ""
        self.feed(body.decode())
        assert not self.open

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        assert tag != "script" and not any(k.startswith("on") or k == "style" for k in a)
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag == "a":
            self.links.append(a["href"])
        elif tag == "input":
            self.fields[a["name"]] = a["id"]
        elif tag == "label":
            self.labels.add(a["for"])
        elif tag == "html":
            self.language = a["lang"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        at = self.open[-1] if self.open else ""
        if at in ("h1", "h2", "title"):
            self.heading = text if at == "h2" else self.heading
            self.titles.append(text)
        elif at == "th":
            self.name = text
        elif at == "td":
            self.rows.setdefault(self.heading, {})[self.name] = text
        elif at == "li":
            self.rows.setdefault(self.heading, []).append(text)


def test_people_see_the_settings(server):
    status, fields, body = curl(server, f"/settings?email={USER}", "webs")
    assert status == 200 and fields["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in fields["content-security-policy"] and "script-src" not in fields["content-security-policy"]
    assert (fields["cache-control"], fields["x-content-type-options"], fields["referrer-policy"]) == ("no-store", "nosniff", "no-referrer")
    page = Page(body)
    assert f"Mail settings for {USER}" in page.titles
    want = [("imap.port26.test", 993), ("localhost", server.ports["pop3s"]), ("localhost", server.ports["submissions"])]
    for (heading, row), (host, port) in zip(list(page.rows.items())[:3], want, strict=True):
        assert (row["Server"], row["Port"], row["Encryption"], row["User name"]) == (host, str(port), "SSL/TLS", USER), heading
    others = [f"localhost, port {server.ports['pop3']}, STARTTLS", f"localhost, port {server.ports['443']}, SSL/TLS",
              f"localhost, port {server.ports['submission']}, STARTTLS"]
    assert [line.split(": ", 1)[1] for line in list(page.rows.values())[3]] == others
    profile, again = page.links
    assert apple_account(curl(server, profile, "webs")[2])["EmailAddress"] == USER
    assert Page(curl(server, again, "webs")[2]).fields == {"email": "email"}
    log_in(server, dict(type="smtp", host="localhost", port=int(list(page.rows.values())[2]["Port"]), user=USER, implicit=True))


def test_people_read_their_language(server):
    for accepted, language, title, user in (("de-AT,de;q=0.9,en;q=0.5", "de", f"Mail-Einstellungen f\u00fcr {USER}", "Benutzername"),
                                            ("fr", "en", f"Mail settings for {USER}", "User name")):
        answer = tell(server, f"GET /settings?email={USER} HTTP/1.1\r\nAccept-Language: {accepted}\r\n".encode() + HOST)
        page = Page(answer.partition(b"\r\n\r\n")[2])
        assert page.language == language and title in page.titles
        assert [row[user] for row in list(page.rows.values())[:3]] == [USER] * 3
    answer = tell(server, b"GET /settings?email=x@elsewhere.test HTTP/1.1\r\nAccept-Language: de\r\n" + HOST)
    assert "hat keine Postf\u00e4cher von elsewhere.test".encode() in answer


def test_people_are_asked_for_their_address(server):
    for door in ("web", "webs", "443"):
        for path, host in (("/", "port26.test"), ("/", "localhost"), ("/", "mail.port26.test"), ("/", "autoconfig.port26.test"), ("/settings", "port26.test")):
            status, fields, body = curl(server, path, door, host)
            page = Page(body)
            assert status == 200 and page.fields == {"email": "email"} and page.labels == {"email"}, (door, path, host)
        for host in ("elsewhere.test", "127.0.0.1", "[::1]"):
            assert curl(server, "/", door, host)[2].count(b"It works") == 1
            assert curl(server, "/settings", door, host)[::2] == (404, curl(server, "/nothing", door)[2])
        for address, words in (("you@elsewhere.test", b"no mailboxes of elsewhere.test"), ("you", b"no mail address"), ("%00", b"no mail address"),
                               ("%22%3Cb%3E%22@elsewhere.test", b"elsewhere.test"), ("%22%3E%3Cscript%3E@x", b"no mail")):
            status, _, body = curl(server, f"/settings?email={address}", door)
            assert status == 404 and words in body and Page(body).fields, address
            assert curl(server, f"/settings?email={address}", door, "elsewhere.test")[2] == curl(server, "/nothing", door)[2]
    status, fields, body = curl(server, "/settings.css", "web")
    assert status == 200 and fields["content-type"] == "text/css; charset=utf-8" and b"@import" not in body and b"url(" not in body


def test_what_people_type_stays_text(server):
    for address in ('"<script>alert(1)</script>"@port26.test', "o'neill&co@port26.test", '"><b>"@port26.test', "you+tag@port26.test", "m\u00fcller@port26.test",
                    '"\' onload=\'x"@port26.test', "%3Cb%3E@port26.test", "${x}{{y}}@port26.test"):
        path = f"/settings?email={urllib.parse.quote(address, safe='')}"
        status, _, body = curl(server, path, "webs")
        if status == 404:  # no address at all: nothing of it is on the page
            assert address.encode() not in body and Page(body).fields
            continue
        page = Page(body)
        assert f"Mail settings for {address}" in "".join(page.titles), address
        assert apple_account(curl(server, page.links[0], "webs")[2])["EmailAddress"] == address


@pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium here")
def test_a_browser_shows_it(server, tmp_path):
    """The real thing, with the style that the page's policy lets through and nothing that it refuses."""
    def browse(path, *more):
        r = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                            "--disable-background-networking", f"--user-data-dir={tmp_path}/profile", "--enable-logging=stderr", "--v=0",
                            "--virtual-time-budget=5000", *more, f"http://localhost:{server.ports['web']}{path}"],
                           capture_output=True, timeout=180, env={**os.environ, "HOME": str(tmp_path)})
        assert r.returncode == 0, r.stderr[-2000:]
        assert b"Content Security Policy" not in r.stderr, r.stderr[-2000:]
        return r.stdout
    page = Page(browse(f"/settings?email={urllib.parse.quote(USER)}", "--dump-dom"))
    assert f"Mail settings for {USER}" in page.titles and len(page.rows) == 4
    browse(f"/settings?email={urllib.parse.quote(USER)}", f"--screenshot={tmp_path}/page.png", "--window-size=400,900")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


# ---- strangers (HOSTILE 39, 41, 100)

def tell(server, request, door="web"):
    """All that is answered to raw octets, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.ports[door]), 60) as s:
        if "implicit" in DOORS[door]:
            s = ssl.create_default_context(cafile=str(server.cert)).wrap_socket(s, server_hostname="localhost")
        s.sendall(request)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    return answer


HOST = b"Host: port26.test\r\nConnection: close\r\n\r\n"
ASK = b"POST " + OUTLOOK.encode() + b" HTTP/1.1\r\nHost: port26.test\r\n"
OURS, THEIRS = b"http://port26.test" + MOZILLA.encode(), b"http://elsewhere.test" + MOZILLA.encode()


@pytest.mark.parametrize("request_, status", [
    (b"GET " + OURS + b" HTTP/1.1\r\n" + HOST, 200),
    (b"GET " + THEIRS + b" HTTP/1.1\r\n" + HOST, 400),  # two hosts: another server might take the other one
    (b"GET " + OURS + b" HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n", 400),
    (b"GET " + MOZILLA.encode() + b" HTTP/1.0\r\nHost: port26.test\r\n\r\n", 200),
    (b"GET " + MOZILLA.encode() + b" HTTP/1.0\r\n\r\n", 404),
    (b"GET " + MOZILLA.encode() + b" HTTP/1.1\r\n\r\n", 400),
    (b"GET " + MOZILLA.encode() + b" HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 404),
    (b"GET " + MOZILLA.encode() + b" HTTP/1.1\r\nHost: " + b"a" * 9000 + b"\r\nConnection: close\r\n\r\n", 404),
    (b"GET " + MOZILLA.encode() + b" HTTP/1.1\r\nHost: port26.test.\r\nConnection: close\r\n\r\n", 200),
    (b"TRACE / HTTP/1.1\r\nX-Secret: s3cret\r\n" + HOST, 405),
    (b"CONNECT port26.test:25 HTTP/1.1\r\n" + HOST, 405),
    (b"OPTIONS * HTTP/1.1\r\n" + HOST, 405),
    (b"BREW / HTTP/1.1\r\n" + HOST, 400),
    (b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST, 404),
    (b"GET /mail/..%2f..%2fetc/passwd HTTP/1.1\r\n" + HOST, 404),
    (b"GET /mail/config%2dv1.1.xml HTTP/1.1\r\n" + HOST, 404),  # known by its very name only
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST, 414),
    (b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n" + HOST, 431),
    (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 150 + HOST, 431),
    (b"GET / HTTP/1.1\nHost: port26.test\n\n", 400),
    (b"\r\n\r\n\r\n\r\n", 400),
    (b"EHLO me\r\nMAIL FROM:<you@port26.test>\r\n\r\n", 400),
    (ASK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (ASK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 70000 + b"\r\nx\r\n0\r\n\r\n", 400),
    (ASK + b"Content-Length: 9999999999\r\n\r\n<", 200),  # an error in the words of Autodiscover
])
def test_strangers(server, request_, status):
    for door in ("web", "webs"):
        answer = tell(server, request_, door)
        assert answer.startswith(b"HTTP/1.1 %d " % status) and answer.count(b"HTTP/1.1 ") == 1, answer[:300]
        assert b"s3cret" not in answer and b"root:" not in answer


def test_pipelined_pages(server):
    """Answered in order, each with its own domain; what stands behind a body is another request, not part of it."""
    body = ask_outlook(USER)
    requests = [b"GET " + MOZILLA.encode() + b"?emailaddress=%s HTTP/1.1\r\nHost: x\r\n\r\n" % a for a in (b"you@port26.test", b"you@elsewhere.test")]
    requests.insert(1, ASK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    answer = tell(server, b"".join(requests * 10) + b"GET /x HTTP/1.1\r\n" + HOST)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"200", b"404"] * 10 + [b"404"]
    assert [m for m in re.findall(rb"<(clientConfig|Autodiscover) ", answer)] == [b"clientConfig", b"Autodiscover"] * 10


def test_slow_question(start):
    """A question that drips in ends in time, and keeps nobody else waiting."""
    p = start(doors={"web": "role = web tls = none", "submissions": DOORS["submissions"]}, extra="limits { greeting-timeout = 3s }\n")
    slow = [socket.create_connection(("127.0.0.1", p.ports["web"]), 60) for _ in range(3)]
    slow[0].sendall(b"GET / HTTP/1.1\r\nHost: port")
    slow[1].sendall(ASK + b"Content-Length: 1000\r\n\r\n<Auto")
    slow[2].sendall(ASK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n<Auto")
    assert curl(p, f"{MOZILLA}?emailaddress={USER}")[0] == 200
    answers, end = {}, time.monotonic() + 60
    while len(answers) < len(slow) and time.monotonic() < end:  # an octet now and then does not help them
        for s in set(slow) - set(answers):
            s.settimeout(0.3)
            try:
                s.sendall(b"a")
                answers[s] = s.recv(100)
            except TimeoutError:
                continue
            except OSError:
                answers[s] = b""
    for s in slow:
        s.close()
    assert len(answers) == len(slow)
    ends = {a[:12] for a in answers.values()}
    assert ends <= {b"", b"HTTP/1.1 408", b"HTTP/1.1 400"}, ends


def test_plain_http_is_no_place_for_a_login(server):
    for door in ("web", "webs"):
        for method, data in (("GET", None), ("POST", message())):
            status, fields, _ = curl(server, "/submit", door, data=data, method=method)
            assert status in (404, 405) and "www-authenticate" not in fields and "accept-post" not in fields
    c = socket.create_connection(("localhost", server.ports["web"]), 60)
    c.sendall(b"EHLO me\r\nAUTH PLAIN AHgAeQ==\r\n\r\n")  # no SMTP there
    assert c.recv(1000).startswith(b"HTTP/1.1 400 ")
    c.close()
    h = http.client.HTTPConnection("localhost", server.ports["web"], timeout=60)
    h.request("GET", "/")
    assert h.getresponse().status == 200


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
