"""What rspamd says of mail from outside: a small one of our own tells what it was asked, and answers as each test wants it."""
import http.server, json, os, re, shutil, smtplib, socket, threading, urllib.request

import pytest

from peers import Dns, Peer
from port26 import USER, free_port, message, wait_for

EXCHANGE = {"exchange": "role = exchange tls = starttls", "submission": "role = submission tls = starttls"}


class Rspamd:
    def __init__(self):
        self.answer, self.status, self.asked = {"action": "no action", "score": 0, "symbols": {}}, 200, []
        self.trickle, self.gone = False, threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append((self.path, self.headers, body))
                text = outer.answer if isinstance(outer.answer, bytes) else json.dumps(outer.answer).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if outer.trickle:  # an octet now and then: only a deadline for the whole of it helps
                    for i in range(len(text)):
                        outer.gone.wait(0.5) or self.wfile.write(text[i:i + 1])
                        self.wfile.flush()
                    return
                self.wfile.write(text)

            def log_message(self, *a):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def rspamd():
    r = Rspamd()
    yield r
    r.close()


def bring(p, sender="a@far.test", to=USER, body="Hello\r\n"):
    """The code and words behind the content."""
    with smtplib.SMTP("127.0.0.1", p.ports["exchange"], timeout=60, local_hostname="mx.far.test") as c:
        c.ehlo()
        assert c.mail(sender)[0] == 250 and c.rcpt(to)[0] == 250
        return c.data(message("from outside", body, sender, to))


def head(mail):
    return re.sub(rb"\r?\n[ \t]+", b" ", mail.split(b"\n\n")[0])


def test_what_it_is_asked_and_what_becomes_of_it(start, rspamd):
    p = start(doors=EXCHANGE, extra=f'incoming {{ rspamd = "{rspamd.url}" }}\n')
    rspamd.answer["symbols"] = {"R_SPF_ALLOW": {"options": ["+a"]}, "R_DKIM_NA": {}, "DMARC_POLICY_SOFTFAIL": {"options": ["far.test : x"]}}
    assert bring(p)[0] == 250
    mail, = p.wait_inbox()
    (path, fields, body), = rspamd.asked
    assert path == "/checkv2"
    assert (fields["IP"], fields["Helo"], fields["From"], fields["Rcpt"]) == ("127.0.0.1", "mx.far.test", "a@far.test", USER)
    assert fields["MTA-Name"] == "mail.port26.test" and fields["Queue-Id"].encode() in mail
    assert body.replace(b"\r\n", b"\n") in mail and not body.startswith(b"Received")
    assert (b"Authentication-Results: mail.port26.test; spf=pass smtp.mailfrom=far.test; dkim=none; dmarc=fail header.from=far.test"
            in head(mail)) and b"X-Spam" not in mail
    rspamd.answer |= {"action": "add header", "score": 8.25}
    assert bring(p)[0] == 250
    mail = sorted(p.wait_inbox(2), key=lambda m: b"X-Spam" in m)[1]
    assert b"X-Spam: Yes\nX-Spam-Score: 8.25\n" in mail
    rspamd.answer = {"action": "reject", "messages": {"smtp_message": "Not this"}}
    code, words = bring(p)
    assert (code, words) == (550, b"5.7.1 Not this")
    for action in ("soft reject", "greylist"):
        rspamd.answer = {"action": action}
        assert bring(p)[0] == 451
    big = 400 * (1000 * "x" + "\r\n")  # from a file
    rspamd.answer = {"action": "no action"}
    assert bring(p, body=big)[0] == 250
    assert rspamd.asked[-1][2].endswith(big.encode())
    assert len(p.wait_inbox(3)) == 3 and p.queue() == []
    with p.client() as mine:  # after a login nobody asks
        mine.sendmail(USER, [USER], message("mine"))
    mail = [m for m in p.wait_inbox(4) if b"Subject: mine" in m][0]
    assert b"Authentication-Results" not in mail and len(rspamd.asked) == 6


def told(p, rspamd, header=b"", starttls=False, sender="a@far.test"):
    """What rspamd was told of one message."""
    before = len(rspamd.asked)
    with socket.create_connection(("127.0.0.1", p.ports["proxied"]), 60) as raw:
        raw.sendall(header)
        c = smtplib.SMTP(timeout=60, local_hostname="mx.far.test")
        c.sock = raw
        assert c.getreply()[0] == 220
        c._host = "localhost"
        c.ehlo()
        if starttls:
            c.starttls(context=p.context())
            c.ehlo()
        c.sendmail(sender, [USER], message())
    assert len(rspamd.asked) == before + 1
    return rspamd.asked[-1][1]


PROXIED = {"proxied": 'role = exchange tls = starttls proxy-from = {"127.0.0.1"}', "submission": "role = submission tls = starttls"}


def test_names_and_tls(start, rspamd):
    """The client's name only when it leads back to its address; TLS as it was."""
    dns = Dns(["7.100.51.198.in-addr.arpa. PTR mx.far.test.", "mx.far.test. A 198.51.100.7",
               "8.100.51.198.in-addr.arpa. PTR mx.far.test.", "9.100.51.198.in-addr.arpa. PTR gone.test.",
               "10.100.51.198.in-addr.arpa. PTR other.test.", "10.100.51.198.in-addr.arpa. PTR ten.far.test.", "other.test. A 192.0.2.1",
               "ten.far.test. A 198.51.100.10"])
    try:
        p = start(doors=PROXIED, extra=dns.settings + f'incoming {{ rspamd = "{rspamd.url}" }}\n')
        for last, name in [(7, "mx.far.test"), (8, None), (9, None), (10, "ten.far.test"), (11, None)]:
            fields = told(p, rspamd, f"PROXY TCP4 198.51.100.{last} 192.0.2.1 40000 25\r\n".encode())
            assert (fields["IP"], fields["Hostname"]) == (f"198.51.100.{last}", name)
            assert fields["TLS-Version"] is None and fields["User"] is None
        fields = told(p, rspamd, b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n", starttls=True, sender="")
        assert fields["TLS-Version"] == "TLSv1.3" and fields["TLS-Cipher"].startswith("TLS_")
        assert fields["From"] == "<>" and fields["Hostname"] == "mx.far.test"
        dns.close()  # nobody answers: the mail comes through all the same
        assert told(p, rspamd, b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 25\r\n")["Hostname"] is None
    finally:
        dns.close()


@pytest.mark.parametrize("needed", [False, True])
def test_it_is_down(start, rspamd, needed):
    p = start(doors=EXCHANGE, extra=f'incoming {{ rspamd = "{rspamd.url}" rspamd-needed = {str(needed).lower()} rspamd-timeout = 2s }}\n')
    hang = socket.create_server(("127.0.0.1", 0))  # takes connections and says nothing
    cases = [("status", 500, b"overload"), ("nonsense", 200, b"<html>"), ("huge", 200, b"x" * (3 << 20)), ("empty", 200, b"")]
    for name, status, answer in cases:
        rspamd.status, rspamd.answer = status, answer
        assert bring(p)[0] == (451 if needed else 250), name
    rspamd.trickle, rspamd.status, rspamd.answer = True, 200, {"action": "reject"}
    assert bring(p)[0] == (451 if needed else 250)
    rspamd.close()
    assert bring(p)[0] == (451 if needed else 250)
    p.conf.write_text(p.conf.read_text().replace(rspamd.url, f"http://127.0.0.1:{hang.getsockname()[1]}"))
    p.command("config", "reload")
    wait_for(lambda: any(b["role"] == "courier" and b["ready"] and not b["leaving"] for b in p.processes()))
    assert bring(p)[0] == (451 if needed else 250)
    assert "scan.failed" in p.log()
    hang.close()
    if not needed:
        assert len(p.wait_inbox(7)) == 7 and all(b"Authentication-Results" not in m for m in p.wait_inbox(7))


def test_wrong_address(start):
    p = start(doors=EXCHANGE)
    for url in ("http://rspamd.test:11333", "https://127.0.0.1:11333", "127.0.0.1:11333", "http://127.0.0.1:11333/checkv2"):
        p.conf.write_text(p.conf.read_text() + f'incoming {{ rspamd = "{url}" }}\n')
        r = p.command("config", "check", check=False)
        assert r.returncode and "http://127.0.0.1:11333" in r.stdout + r.stderr, url
        p.write_config()


# ---- the real one

CONFIG = """options {{
  pidfile = "{dir}/pid"; cache_file = "{dir}/cache"; control_socket = "{dir}/control"; tempdir = "{dir}";
  url_tld = "/usr/share/rspamd/effective_tld_names.dat"; filters = "dkim";
  local_addrs = []; check_local = true; enable_test_patterns = true;
  dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 5s; retransmits = 2; }}
}}
logging {{ type = "console"; level = "error"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
actions {{ reject = 15; add_header = 6; }}
modules {{ path = "/usr/share/rspamd/plugins"; }}
spf {{ spf_cache_size = 10; }}
dkim {{ dkim_cache_size = 10; }}
dmarc {{ }}
force_actions {{ rules {{
  LATER {{ action = "soft reject"; message = "Come back later"; expression = "R_SPF_SOFTFAIL"; }}
  GREY {{ action = "greylist"; expression = "R_SPF_NEUTRAL"; }}
}} }}
"""
PATTERN = "JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"


class RealRspamd(Peer):
    def __init__(self, dns):
        super().__init__()
        self.port = free_port()
        conf = self.write("rspamd.conf", CONFIG.format(dir=self.dir, dns=dns.port, port=self.port))
        self.spawn(["rspamd", "-f", *(["-i"] if os.geteuid() == 0 else []), "-c", conf])
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for(self.pings, 90, 0.2, lambda: "no rspamd:\n" + self.words()[-3000:])

    def pings(self):
        assert self.process.poll() is None, self.words()[-3000:]
        try:
            return urllib.request.urlopen(self.url + "/ping", timeout=5).status == 200
        except OSError:
            return False


@pytest.mark.skipif(not shutil.which("rspamd"), reason="no rspamd here")
def test_the_real_one(start):
    dns = Dns([r"far.test. TXT v=spf1\032ip4:127.0.0.1\032-all", r"_dmarc.far.test. TXT v=DMARC1\059\032p=reject",
               r"bad.test. TXT v=spf1\032ip4:192.0.2.1\032-all", r"mx.far.test. TXT v=spf1\032ip4:127.0.0.1\032-all",
               r"soft.test. TXT v=spf1\032~all", r"neutral.test. TXT v=spf1\032?all"])
    real = None
    try:
        real = RealRspamd(dns)
        p = start(doors=EXCHANGE, extra=f'incoming {{ rspamd = "{real.url}" rspamd-needed = true rspamd-timeout = 30s }}\n')
        assert bring(p)[0] == 250 and bring(p, "a@bad.test")[0] == 250
        fields = [head(m) for m in p.wait_inbox(2)]
        good, bad = (next(f for f in fields if f"smtp.mailfrom={d}".encode() in f) for d in ("far.test", "bad.test"))
        assert b"spf=pass" in good and b"dkim=none" in good and b"dmarc=pass header.from=far.test" in good
        assert b"spf=fail" in bad and b"dmarc=none" in bad
        code, words = bring(p, body="X" + PATTERN)
        assert code == 550 and b"Gtube" in words
        assert bring(p, body="Y" + PATTERN)[0] == 250
        assert any(b"X-Spam: Yes" in m for m in p.wait_inbox(3))
        assert bring(p, body="Z" + PATTERN)[0] == 250  # it would change the subject: we mark instead
        marked = [m for m in p.wait_inbox(4) if b"X-Spam: Yes" in m]
        assert len(marked) == 2 and all(b"\nSubject: from outside\n" in m for m in marked)
        assert bring(p, "a@soft.test") == (451, b"4.7.1 Come back later")
        assert bring(p, "a@neutral.test")[0] == 451
        assert bring(p, "")[0] == 250  # a report: SPF is about the name that was said
        report = [m for m in p.wait_inbox(5) if b"smtp.helo=mx.far.test" in m]
        assert len(report) == 1 and b"spf=pass" in head(report[0])
    finally:
        if real:
            real.close()
        dns.close()
