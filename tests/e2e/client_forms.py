"""Mail programs that set themselves up: a server with all doors, its pages by curl or by raw octets, and each form read by the rules of the
programs it is for. For test_client_setup.py and test_web_pages.py."""
import html.parser, json, plistlib, poplib, re, smtplib, socket, ssl, subprocess, uuid
import xml.etree.ElementTree as ET

from port26 import PASSWORD, USER, message

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


def outlook_v2(server, query, door="webs", host="autodiscover.port26.test", path=JSON):
    status, fields, body = curl(server, f"{path}?{query}" if query else path, door, host)
    return status, json.loads(body) if fields["content-type"].startswith("application/json") else None


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


# ---- a page for people, and raw octets

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
