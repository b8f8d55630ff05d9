"""Certificates for customers' own names: a folder of them, each shown to clients that ask for a name it is made out to."""
import json, os, poplib, shutil, smtplib, socket, ssl, subprocess

import pytest

from client_forms import DOORS, EXTRA, MOZILLA, STS, curl, tell
from hostile import Wire
from port26 import Port26, make_certificate, own, wait_for
from test_hostile_tls import NAMES, answer, hello

FOLDER = 'folder = "DIR/names"'


def put(p, name, *dns, days="30"):
    """NAME/fullchain.pem and NAME/privkey.pem in the folder, as certbot has them; returns the certificate's file."""
    folder = p.dir / "names" / name
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = make_certificate(folder, "new", [f"DNS:{n}" for n in dns or (name,)], days)
    cert.rename(folder / "fullchain.pem")
    key.rename(folder / "privkey.pem")
    own(p.dir / "names", folder, folder / "fullchain.pem", folder / "privkey.pem")
    return folder / "fullchain.pem"


def der(file):
    return ssl.PEM_cert_to_DER_cert(file.read_text())


def shown(p, door, name):
    """What a client that asks for this name is shown; None asks for none."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", p.ports[door]), 30) as s:
        if "starttls" in p.doors[door]:
            f = s.makefile("rwb")
            f.readline()
            for command in ("STLS",) if door == "pop3" else ("HELO x", "STARTTLS"):
                f.write(command.encode() + b"\r\n")
                f.flush()
                assert f.readline()[:3] in (b"220", b"250", b"+OK")
        with context.wrap_socket(s, server_hostname=name) as t:
            return t.getpeercert(True)


@pytest.fixture(scope="module")
def server():
    p = Port26(doors=DOORS, extra=EXTRA, tls=FOLDER)
    for name in ("customer.test", "other.test"):
        put(p, name, name, f"mail.{name}", f"autoconfig.{name}", f"mta-sts.{name}")
    put(p, "wild", "*.wild.test", "localhost")
    (p.dir / "names" / "README").write_text("as certbot leaves it")
    p.start()
    p.command("host", "add", "customer")
    p.command("domain", "add", "customer.test", "--host", "customer")
    yield p
    p.close()


@pytest.mark.parametrize("door", [d for d in DOORS if "tls = none" not in DOORS[d]])
def test_every_door_shows_the_one_that_was_asked_for(server, door):
    folder = server.dir / "names"
    expected = {"mail.customer.test": folder / "customer.test", "MAIL.Customer.Test": folder / "customer.test",
                "other.test": folder / "other.test", "any.wild.test": folder / "wild"}
    for name, where in expected.items():
        assert shown(server, door, name) == der(where / "fullchain.pem"), name
    for name in (None, "localhost", "stranger.test", "wild.test", "a.b.wild.test"):  # localhost: the door's own goes before
        assert shown(server, door, name) == der(server.cert), name


def trusting(file):
    return ssl.create_default_context(cafile=str(file))


def test_mail_programs_trust_the_customers_own_name(server, monkeypatch):
    """They connect to mail.customer.test, and check it as they do."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **kw: real("127.0.0.1" if host.endswith(".test") else host, *a, **kw))
    context = trusting(server.dir / "names" / "customer.test" / "fullchain.pem")
    with smtplib.SMTP("mail.customer.test", server.ports["submission"], timeout=30) as c:
        c.starttls(context=context)
        assert c.ehlo()[0] == 250
    with smtplib.SMTP_SSL("mail.customer.test", server.ports["submissions"], timeout=30, context=context) as c:
        assert c.ehlo()[0] == 250
    c = poplib.POP3("mail.customer.test", server.ports["pop3"], timeout=30)
    c.stls(context)
    c.quit()
    c = poplib.POP3_SSL("mail.customer.test", server.ports["pop3s"], timeout=30, context=context)
    c.quit()


@pytest.mark.parametrize("door", ["webs", "443"])
def test_pages_under_the_customers_names(server, door):
    """autoconfig and mta-sts of a customer over HTTPS, checked by curl as a mail program or another mail server would."""
    def get(host, path):
        return subprocess.run(["curl", "-sS", "--fail", "--max-time", "60", "--cacert", str(server.dir / "names" / "customer.test" / "fullchain.pem"),
                               "--connect-to", f"{host}:443:127.0.0.1:{server.ports[door]}", f"https://{host}{path}"],
                              capture_output=True, text=True, timeout=90)
    assert "<domain>customer.test</domain>" in get("autoconfig.customer.test", f"{MOZILLA}?emailaddress=kim@customer.test").stdout
    r = get("mta-sts.customer.test", STS)
    assert r.stdout.startswith("version: STSv1"), r.stderr
    assert get("autodiscover.customer.test", "/").returncode == 60  # that name is in no certificate


@pytest.mark.parametrize("host, told", [("mail.customer.test", "mail.customer.test"), ("localhost", "localhost"), ("stranger.test", "localhost"),
                                        ("a.wild.test", "a.wild.test"), ('a"b.wild.test', "localhost")])
def test_who_came_by_a_customers_name_stays_there(server, host, told):
    """Where Outlook is sent to: a name that the certificate is good for, and nothing else that a stranger put into Host."""
    path = "/autodiscover/autodiscover.json?Email=kim@customer.test&Protocol=AutodiscoverV1"
    status, _, body = curl(server, path, "webs", host)
    assert status == 200 and json.loads(body)["Url"] == f"https://{told}:{server.ports['webs']}/autodiscover/autodiscover.xml"


@pytest.mark.parametrize("name", NAMES.values(), ids=["row36_" + k for k in NAMES])
def test_odd_names(server, name):
    """HOSTILE 36 with a folder of certificates: the default, or an alert; no file is looked for by that name."""
    with Wire(server.ports["submissions"], greet=False) as w:
        w.send(hello(sni=name))
        alert, data = answer(w)
        assert alert in (47, 50, 112) or (alert is None and der(server.cert) in data)


def test_a_session_goes_on_under_each_name(server):
    """Resumption by ticket under one name, then under another: each is shown what it asked for, or resumes what it saw."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    seen, session = [], None
    for name in ("mail.customer.test", "mail.customer.test", "other.test"):
        with socket.create_connection(("127.0.0.1", server.ports["submissions"]), 30) as s:
            with context.wrap_socket(s, server_hostname=name, session=session if name.startswith("mail") else None) as t:
                t.recv(1)
                session = t.session
                seen.append(t.getpeercert(True))
    folder = server.dir / "names"
    assert seen[0] == seen[1] == der(folder / "customer.test" / "fullchain.pem") and seen[2] == der(folder / "other.test" / "fullchain.pem")


# ---- reload

def reload(p):
    r = p.command("config", "reload", check=False)
    return r.returncode, r.stdout + r.stderr


def test_a_reload_takes_all_or_none():
    p = Port26(tls=FOLDER, extra="clients { host = localhost }\n")
    first = put(p, "a.test")
    try:
        p.start()
        assert shown(p, "submissions", "a.test") == der(first)
        old, line = der(first), next(i for i, s in enumerate(p.conf.read_text().split("\n"), 1) if "folder" in s)
        second = put(p, "b.test")
        put(p, "a.test")
        shutil.copy(p.key, second.parent / "privkey.pem")  # of another certificate
        own(second.parent / "privkey.pem")
        code, words = reload(p)
        assert code and f"{p.conf}:{line}: {second}: The private key cannot be used" in words, words
        assert shown(p, "submissions", "a.test") == old and shown(p, "submissions", "b.test") == der(p.cert)
        check = p.command("config", "check", check=False)
        assert check.returncode and str(second) in check.stderr
        (second.parent / "privkey.pem").unlink()
        code, words = reload(p)
        assert code and f"{second.parent}/privkey.pem can not be read" in words, words
        put(p, "b.test", days="1")
        code, words = reload(p)
        assert not code and "warning" not in words, words
        for name, file in (("a.test", first), ("b.test", second)):  # the old listeners take connections until the new ones do
            wait_for(lambda: shown(p, "submissions", name) == der(file), message="the renewed one is not shown")
        shutil.rmtree(second.parent)  # a customer leaves
        assert reload(p)[0] == 0
        wait_for(lambda: shown(p, "submissions", "b.test") == der(p.cert), message="it is still shown")
    finally:
        p.close()


def test_what_is_odd_is_told():
    """An open key is refused; a file that nobody reads, and a certificate without names, are told."""
    p = Port26(tls=FOLDER, extra="clients { host = localhost }\n")
    open_key = put(p, "a.test").parent / "privkey.pem"
    open_key.chmod(0o644)
    r = p.command("config", "check", check=False)
    assert r.returncode and "chmod 600" in r.stderr and "a.test" in r.stderr
    open_key.chmod(0o600)
    shutil.copy(p.cert, p.dir / "names" / "flat.pem")
    folder = p.dir / "names" / "nameless"
    folder.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9",
                    "-subj", "/CN=x", "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"], check=True, capture_output=True)
    own(p.dir / "names", folder, folder / "privkey.pem", folder / "fullchain.pem")
    r = p.command("config", "check")
    assert "flat.pem is not used" in r.stderr and "made out to no name" in r.stderr
    p.conf.write_text(p.conf.read_text().replace("names", "nowhere"))
    r = p.command("config", "check", check=False)
    assert r.returncode and "nowhere can not be read" in r.stderr
    p.close()


def test_those_that_end_soon_are_told():
    """In status and in the log, before mail programs do; one with a year to go is not."""
    p = Port26(tls=FOLDER, extra="clients { host = localhost }\n")
    ending = put(p, "a.test", days="5")
    put(p, "b.test", days="300")
    try:
        p.start()
        words = p.command("status").stdout
        assert f"The certificate {ending} ends " in words and "b.test" not in words and str(p.cert) not in words, words
        got = p.json("status")["certificates"]
        assert got["count"] == 3 and got["ending"] == 1 and got["first"][0]["file"] == str(ending) and not got["first"][0]["ended"]
        wait_for(lambda: f"certificate.ending file={ending}" in p.log() or f'certificate.ending file="{ending}"' in p.log(),
                 message=lambda: p.log()[-2000:])
    finally:
        p.close()


# ---- proofs for an authority (ACME, HTTP-01)

CHALLENGES = "/.well-known/acme-challenge/"
TOKEN, PROOF = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0." + "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"


def as_certbot(p, token=TOKEN, text=PROOF):
    """As certbot's webroot plug-in makes it, with the rights it gives."""
    folder = p.store / "acme" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    file = folder / token
    file.write_text(text)
    file.chmod(0o644)
    return file


@pytest.mark.parametrize("door", ["web", "webs", "443"])
@pytest.mark.parametrize("host", ["mail.customer.test", "autoconfig.brand-new.test", "localhost"])
def test_an_authority_gets_the_proof(server, door, host):
    """Under any name: the certificate is for one that nobody here may know of yet."""
    as_certbot(server)
    status, fields, body = curl(server, CHALLENGES + TOKEN, door, host)
    assert status == 200 and body.decode() == PROOF and fields["content-type"] == "application/octet-stream", fields
    assert "no-store" in fields["cache-control"]


def test_a_proof_that_is_gone(server):
    file = as_certbot(server, "gone")
    assert curl(server, CHALLENGES + "gone")[0] == 200
    file.unlink()
    assert curl(server, CHALLENGES + "gone")[0] == 404


BAD_TOKENS = ["", ".", "..", "missing", "../secret", "..%2fsecret", "%2e%2e/secret", "../../../../port26.conf", "sub/token", "token.txt", "link",
              "pipe", "large", "folder", "a" * 300, TOKEN + "?x=../..", TOKEN + "%00", TOKEN + "/", TOKEN + "="]


@pytest.mark.parametrize("token", BAD_TOKENS, ids=[t[:20] or "none" for t in BAD_TOKENS])
def test_nothing_else_is_read(server, token):
    """No way up, no link, nothing that is no plain and small file; and the server does not wait for a pipe."""
    folder = as_certbot(server, "token.txt").parent
    (folder.parent / "secret").write_text("secret")
    as_certbot(server, "large", "x" * 5000)
    (folder / "folder").mkdir(exist_ok=True)
    if not (folder / "link").is_symlink():
        (folder / "link").symlink_to(server.conf)
        os.mkfifo(folder / "pipe", 0o644)
    request = f"GET {CHALLENGES}{token} HTTP/1.1\r\nHost: customer.test\r\nConnection: close\r\n\r\n"
    answer = tell(server, request.encode()).decode()
    if token == TOKEN + "?x=../..":  # a query is nothing to it
        assert answer.startswith("HTTP/1.1 200 ")
    else:
        assert answer.startswith(("HTTP/1.1 404 ", "HTTP/1.1 400 ")) and "secret" not in answer and "hostname" not in answer, answer


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("POST", 405), ("DELETE", 405)])
def test_methods_of_an_authority(server, method, status):
    as_certbot(server)
    answer = tell(server, f"{method} {CHALLENGES}{TOKEN} HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ") and PROOF not in answer, answer


def test_another_webroot_or_none(start):
    folder = 'acme-webroot = "DIR/elsewhere"'
    p = start(doors={"web": DOORS["web"], "submission": DOORS["submission"]}, tls=folder)
    assert (p.dir / "elsewhere").stat().st_mode & 0o777 == 0o755 and not (p.store / "acme").exists()
    as_certbot(p)  # not where it is looked for
    assert curl(p, CHALLENGES + TOKEN)[0] == 404
    (p.store / "acme" / ".well-known").rename(p.dir / "elsewhere" / ".well-known")
    assert curl(p, CHALLENGES + TOKEN)[0] == 200
    p.conf.write_text(p.conf.read_text().replace(folder.replace("DIR", str(p.dir)), 'acme-webroot = ""'))
    p.command("config", "reload")
    wait_for(lambda: curl(p, CHALLENGES + TOKEN)[0] == 404, message="it is still given")
