"""The pages of the doors for the web: what people see, what strangers may try, and another web server before us."""
import http.client, json, os, pathlib, re, shutil, socket, subprocess, time, urllib.parse

import pytest

from client_forms import (
    APPLE_DOORS, ASK, DOORS, EXTRA, HOST, JSON, MOZILLA, OUTLOOK, STS, Page, Thunderbird, apple_account, ask_outlook, curl, log_in,
    outlook_error, outlook_servers, tell)
from port26 import USER, Port26, free_port, message


@pytest.fixture(scope="module")
def server():
    p = Port26(doors=DOORS, extra=EXTRA)
    yield p.start()
    p.close()


# ---- the page for people

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


def test_only_the_head(server):
    """HEAD tells the same as GET, without the page."""
    for path, host in ((f"{MOZILLA}?emailaddress={USER}", None), (MOZILLA, "port26.test"), (f"/settings?email={USER}", None), ("/", "port26.test"),
                       ("/settings.css", None), (MOZILLA, "elsewhere.test"), (f"{JSON}?Email={USER}&Protocol=AutodiscoverV1", None)):
        name = (host or "localhost").encode()
        head, page = (tell(server, b"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (method, path.encode(), name), "webs").partition(b"\r\n\r\n")
                      for method in (b"HEAD", b"GET"))
        assert re.sub(rb"Date: .*", b"", head[0]) == re.sub(rb"Date: .*", b"", page[0])
        assert head[2] == b"" and len(page[2]) == int(re.search(rb"Content-Length: (\d+)", page[0])[1]) > 0


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


# ---- strangers (HOSTILE 39, 41, 100)

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
