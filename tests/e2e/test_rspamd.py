"""What rspamd says of mail from outside: a small one of our own tells what it was asked, and answers as each test wants it."""
import http.server, json, pathlib, re, shutil, smtplib, socket, subprocess, tempfile, threading

import pytest

from port26 import USER, free_port, message, wait_for

EXCHANGE = {"exchange": "role = exchange tls = starttls", "submission": "role = submission tls = starttls"}


class Rspamd:
    def __init__(self):
        self.answer, self.status, self.asked = {"action": "no action", "score": 0, "symbols": {}}, 200, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append((self.path, self.headers, body))
                text = outer.answer if isinstance(outer.answer, bytes) else json.dumps(outer.answer).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *a):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
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


@pytest.mark.parametrize("needed", [False, True])
def test_it_is_down(start, rspamd, needed):
    p = start(doors=EXCHANGE, extra=f'incoming {{ rspamd = "{rspamd.url}" rspamd-needed = {str(needed).lower()} rspamd-timeout = 2s }}\n')
    hang = socket.create_server(("127.0.0.1", 0))  # takes connections and says nothing
    cases = [("status", 500, b"overload"), ("nonsense", 200, b"<html>"), ("huge", 200, b"x" * (3 << 20)), ("empty", 200, b"")]
    for name, status, answer in cases:
        rspamd.status, rspamd.answer = status, answer
        assert bring(p)[0] == (451 if needed else 250), name
    rspamd.close()
    assert bring(p)[0] == (451 if needed else 250)
    p.conf.write_text(p.conf.read_text().replace(rspamd.url, f"http://127.0.0.1:{hang.getsockname()[1]}"))
    p.command("config", "reload")
    wait_for(lambda: any(b["role"] == "courier" and b["ready"] and not b["leaving"] for b in p.processes()))
    assert bring(p)[0] == (451 if needed else 250)
    assert "scan.failed" in p.log()
    hang.close()
    if not needed:
        assert len(p.wait_inbox(6)) == 6 and all(b"Authentication-Results" not in m for m in p.wait_inbox(6))


def test_wrong_address(start):
    p = start(doors=EXCHANGE)
    for url in ("http://rspamd.test:11333", "https://127.0.0.1:11333", "127.0.0.1:11333", "http://127.0.0.1:11333/checkv2"):
        p.conf.write_text(p.conf.read_text() + f'incoming {{ rspamd = "{url}" }}\n')
        r = p.command("config", "check", check=False)
        assert r.returncode and "http://127.0.0.1:11333" in r.stdout + r.stderr, url
        p.write_config()
