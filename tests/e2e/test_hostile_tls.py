"""STARTTLS, TLS, and other protocols at the wrong door (HOSTILE rows 25 to 30 and 33 to 41)."""
import re, secrets, socket, ssl, struct, time

import pytest
from OpenSSL import SSL

from hostile import Ended, Wire, houses, plain
from port26 import PASSWORD, USER, Port26, make_certificate

LOOSE = "role = submission tls = starttls login-without-tls-on-loopback = true"


shared, house = houses(top="limits { greeting-timeout = 3s }", doors={**Port26.DOORS, "loose": LOOSE})


# ---- STARTTLS: nothing said before it counts after it (P10)

INJECTED = {
    "row25_command": b"STARTTLS\r\nNOOP\r\n",
    "row25_reset": b"STARTTLS\r\nRSET\r\n",
    "row26_partial_command": b"STARTTLS\r\nNOO",
    "row26_one_octet": b"STARTTLS\r\nX",
    "row27_transaction": b"STARTTLS\r\nEHLO e.test\r\nMAIL FROM:<e@e.test>\r\nRCPT TO:<you@port26.test>\r\nDATA\r\n",
    "row27_login": f"STARTTLS\r\nEHLO evil.test\r\nAUTH PLAIN {plain(USER, PASSWORD)}\r\n".encode(),
}


@pytest.mark.parametrize("door", ["exchange", "submission"])
@pytest.mark.parametrize("bytes_", INJECTED.values(), ids=INJECTED)
def test_behind_starttls(house, bytes_, door):
    """One refusal, and no handshake that could hide what was injected."""
    mark = house.mark()
    with house.wire(door) as w:
        w.send(bytes_)
        w.expect(503)
        w.gone()
    assert not re.search(r" login | what=tls ", house.log_since(mark))


@pytest.mark.parametrize("late", [b"NOOP\r\n", b"EHLO x\r\nNOOP\r\n", b"N", b"\r\n" * 50, b"QUIT\r\n" * 2000],
                         ids=lambda b: f"row29_{len(b)}_octets_of_plaintext")
def test_plaintext_after_go_ahead(house, late):
    with house.wire() as w:
        w.say("STARTTLS", 220)
        w.try_send(late)
        assert not re.search(rb"(?m)^[2-5]\d\d[ -]", w.rest())


def test_row28_starttls_out_of_place(house):
    with house.wire(greet=False) as w:
        w.expect(220)
        w.say("STARTTLS", 503)
        w.ehlo()
        w.say("STARTTLS now", 501)
        w.say("STARTTLS :", 501)
        w.begin(data=False)
        w.say("STARTTLS", 503)
        w.say("RSET", 250)
        assert "STARTTLS" not in w.starttls(house.context).text.split()
        w.say("STARTTLS", 503)
        w.quit()
    with house.wire("submissions") as w:
        assert "STARTTLS" not in w.ehlo().text
        w.say("STARTTLS", 503)
        w.quit()


def test_row30_forgotten_over_starttls(house):
    with house.wire() as w:
        w.say("STARTTLS", 220)
        w.start_tls(house.context)
        w.say("MAIL FROM:<a@b.test>", 503)  # the EHLO from before is gone
        w.ehlo()
        w.say("RCPT TO:<you@port26.test>", 503)
        w.quit()


def test_row30_login_forgotten_over_starttls(house):
    with house.wire("loose") as w:
        w.login()
        w.say(f"MAIL FROM:<{USER}>", 250)
        w.say("RSET", 250)
        w.starttls(house.context)
        w.say(f"MAIL FROM:<{USER}>", 530)
        w.login()  # a second login is one, the first is forgotten
        w.say(f"MAIL FROM:<{USER}>", 250)
        w.quit()


# ---- handshakes

class Drip(Wire):
    """TLS by hand: what the handshake wants to send goes out octet by octet."""

    def start_tls(self, context):
        self.below, self.inside, self.outside = self.socket, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inside, self.outside, server_hostname="localhost")
        self.call(self.tls.do_handshake)
        self.socket = self

    def call(self, function, *args):
        while True:
            try:
                result, want = function(*args), False
            except ssl.SSLWantReadError:
                want = True
            for octet in self.outside.read():
                self.below.sendall(bytes([octet]))
            if not want:
                return result
            self.inside.write(self.below.recv(65536))

    def sendall(self, data):
        self.call(self.tls.write, data)

    def recv(self, n):
        return self.call(self.tls.read, n)


def test_row33_handshake_octet_by_octet(house):
    w = Drip(house.port26.ports["submissions"], context=house.context)
    w.login()
    w.say("NOOP", 250)
    w.below.close()


GARBAGE = {
    "random": secrets.token_bytes(65536),
    "record_header_then_random": b"\x16\x03\x01\x40\x00" + secrets.token_bytes(65536),
    "zeros": bytes(65536),
    "endless_record": b"\x16\x03\x03\xff\xff" + b"\x01\x00\xff\xff" * 16384,
    "application_data": b"\x17\x03\x03\x40\x00" + bytes(65536),
    "alerts": b"\x15\x03\x01\x00\x02\x01\x00" * 9000,
    "empty_records": b"\x16\x03\x01\x00\x00" * 13000,
    "change_cipher_specs": b"\x14\x03\x03\x00\x01\x01" * 10000,
}


@pytest.mark.parametrize("door", ["exchange", "submissions"])
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=["row33_" + k for k in GARBAGE])
def test_garbage(house, garbage, door):
    """At most an alert, then the end."""
    with Wire(house.port26.ports[door], greet=False) as w:
        if door == "exchange":
            w.expect(220)
            w.ehlo()
            w.say("STARTTLS", 220)
        w.try_send(garbage)
        said = w.rest()
        assert not said or re.fullmatch(rb"\x15\x03.\x00\x02\x02.", said, re.S), said


def extension(number, data):
    return struct.pack(">HH", number, len(data)) + data


def hello(version=0x0303, suites=(0xC02B, 0xC02C), more=b"", sni=None):
    """A ClientHello as no library would send it; TLS 1.2 at most, so that the answer can be read."""
    def list16(values):
        packed = b"".join(struct.pack(">H", v) for v in values)
        return struct.pack(">H", len(packed)) + packed
    extensions = extension(10, list16([29, 23, 24])) + extension(11, b"\x01\x00") + more
    if version >= 0x0303:
        extensions += extension(13, list16([0x0403, 0x0503, 0x0804, 0x0401, 0x0203, 0x0201]))
    if sni is not None:
        extensions += extension(0, struct.pack(">HBH", len(sni) + 3, 0, len(sni)) + sni)
    body = struct.pack(">H", version) + secrets.token_bytes(32) + b"\x00" + list16(suites) + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    return record(22, handshake(1, body), min(version, 0x0301))


def handshake(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def record(kind, body, version=0x0303):
    return struct.pack(">BHH", kind, version, len(body)) + body


def answer(w):
    """The server's first flight: (alert or None, all octets)."""
    data = b""
    while True:
        at = 0
        while at + 5 <= len(data):
            kind, _, size = struct.unpack(">BHH", data[at:at + 5])
            if at + 5 + size > len(data):
                break
            if kind == 21:
                return data[at + 6], data
            if kind == 22 and data[at + 5] == 14:  # ServerHelloDone
                return None, data
            at += 5 + size
        try:
            w.more()
        except Ended:
            raise AssertionError(f"closed without an alert: {data[:50]}")
        data, w.buffer = data + w.buffer, b""


OLD = {
    "ssl3": dict(version=0x0300, suites=[0x0005, 0x000A, 0x002F, 0xC009, 0xC00A]),
    "tls10": dict(version=0x0301, suites=[0x002F, 0x0035, 0xC009, 0xC00A, 0xC013]),
    "tls11": dict(version=0x0302, suites=[0x002F, 0x0035, 0xC009, 0xC00A, 0xC013]),
    "export": dict(suites=[0x0003, 0x0006, 0x0008, 0x000B, 0x0011, 0x0014, 0x0019, 0x0062, 0x0064]),
    "null": dict(suites=[0x0001, 0x0002, 0x003B, 0xC006, 0xC010, 0xC015]),
    "anonymous": dict(suites=[0x0018, 0x001B, 0x0034, 0x003A, 0x006C, 0x00A6, 0xC018, 0xC019]),
    "rc4": dict(suites=[0x0004, 0x0005, 0xC007, 0xC011, 0xC016]),
    "des": dict(suites=[0x0009, 0x000A, 0x0016, 0xC008, 0xC012]),
    "no_forward_secrecy": dict(suites=[0x002F, 0x0035, 0x003C, 0x009C, 0x009D, 0xC004, 0xC02D]),
    "unknown": dict(suites=[0xFEFE, 0x1A1A]),
    "none": dict(suites=[]),
}


@pytest.mark.parametrize("what", OLD.values(), ids=["row34_" + k for k in OLD])
def test_weak(house, what):
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        w.send(hello(**what))
        alert, data = answer(w)
        assert alert in (40, 47, 50, 70, 71) and data[0] == 21
        w.gone()


def test_row34_control(house):
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        w.send(hello())
        assert answer(w)[0] is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1],
                         ids=["row34_library_tls10", "row34_library_tls11"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_library(house, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        Wire(house.port26.ports["submissions"], context=context, greet=False)


def test_row35_renegotiation(house):
    refused = 0
    for _ in range(100):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        with socket.create_connection(("127.0.0.1", house.port26.ports["submissions"]), 20) as s:
            s.settimeout(None)
            tls = SSL.Connection(context, s)
            tls.set_connect_state()
            tls.do_handshake()
            assert tls.recv(1000).startswith(b"220 ")
            tls.renegotiate()
            try:
                tls.do_handshake()
                tls.send(b"NOOP\r\n")
                tls.recv(1000)
            except SSL.Error as e:
                assert "no renegotiation" in str(e)
                refused += 1
    assert refused == 100


NAMES = {
    "255_octets": b"x" * 255,
    "300_octets": b"x." * 150,
    "backslash": b"x\\",
    "nul": b"localhost\0.evil.test",
    "path": b"../../../etc/passwd",
    "absolute": b"/etc/passwd",
    "utf8": "münchen.test".encode(),
    "bad_utf8": b"\xff\xfe",
    "address": b"127.0.0.1",
    "empty": b"",
    "format": b"%s%s%n${HOME}`id`",
    "newline": b"a\r\nMAIL FROM:<a@b>",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=["row36_" + k for k in NAMES])
def test_odd_sni(house, name):
    """The usual certificate, or an alert that says what is wrong with the name."""
    der = ssl.PEM_cert_to_DER_cert(house.port26.cert.read_text())
    mark = house.mark()
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        w.send(hello(sni=name))
        alert, data = answer(w)
        assert alert in (47, 50, 112) or (alert is None and der in data)
    assert "MAIL FROM" not in house.log_since(mark) and "passwd" not in house.log_since(mark)


@pytest.mark.parametrize("protocols", [["h2"], ["http/1.1"], ["h2", "http/1.1"], ["imap"], ["smtpx"], ["SMTP"]],
                         ids=lambda p: "row37_" + "_".join(p).replace("/", ""))
@pytest.mark.parametrize("door", ["submissions", "submission"])
def test_other_alpn(house, protocols, door):
    context = house.port26.context()
    context.set_alpn_protocols(protocols)
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        with house.wire(door, context=None, greet=False) as w:
            if door == "submission":
                w.expect(220)
                w.ehlo()
                w.say("STARTTLS", 220)
            w.start_tls(context)


def test_row37_our_alpn(house):
    context = house.port26.context()
    context.set_alpn_protocols(["h2", "smtp"])
    with house.wire("submissions", context=context) as w:
        assert w.socket.selected_alpn_protocol() == "smtp"
        w.quit()


@pytest.mark.parametrize("list_", [b"", b"\x00\x00", b"\x00\x01\x00", b"\x00\x05\xffsmtp", b"\x00\x09\x04smt",
                                   b"\x00\x02\x04s"],
                         ids=lambda b: f"row37_malformed_{b.hex()}")
def test_malformed_alpn(house, list_):
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        w.send(hello(more=extension(16, list_)))
        alert, _ = answer(w)
        assert alert in (47, 50, 120)


def test_row38_certificate_nobody_asked_for(house, tmp_path):
    """We ask no client for one; who has one is welcome without."""
    cert, key = make_certificate(tmp_path, "self-signed.test")
    context = house.port26.context()
    context.load_cert_chain(cert, key)
    with house.wire("submissions", context=context) as w:
        w.login()
        w.quit()


@pytest.mark.parametrize("chain", ["one_mib", "200_deep", "length_of_16_mib"], ids=lambda c: "row38_" + c)
def test_certificate_pushed(house, chain):
    """Sent unasked, it is refused before it was read to its end."""
    der = ssl.PEM_cert_to_DER_cert(house.port26.cert.read_text())
    one = len(der).to_bytes(3, "big") + der
    certificates = one * 200 if chain == "200_deep" else (one * 5000)[:1 << 20]
    body = handshake(11, len(certificates).to_bytes(3, "big") + certificates)
    if chain == "length_of_16_mib":
        body = b"\x0b\xff\xff\xff\xff\xff\xfc" + certificates
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        w.send(hello())
        assert answer(w)[0] is None
        for at in range(0, len(body), 16384):
            w.try_send(record(22, body[at:at + 16384]))
        said = w.rest()
        assert not said or said[0] == 21, said


# ---- other protocols

FORM = (b"MAIL FROM:<evil@evil.test>\r\nRCPT TO:<you@port26.test>\r\nDATA\r\n"
        b"Subject: browser\r\n\r\nx\r\n.\r\nQUIT\r\n")
WEB = {
    "row39_get": b"GET / HTTP/1.1\r\nHost: port26.test\r\n\r\n",
    "row39_post": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nEHLO x\r\n" % len(FORM) + FORM,
    "row39_put": b"PUT /x HTTP/1.0\r\n\r\n" + FORM,
    "row39_lower_case": b"post / HTTP/1.1\r\n\r\n" + FORM,
    "row39_options": b"OPTIONS * HTTP/1.1\r\n\r\n" + FORM,
    "row39_http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50),
    "row39_connect": b"CONNECT localhost:25 HTTP/1.1\r\n\r\n" + FORM,
    "row39_header_first": b"Host: x\r\n\r\n" + FORM,
    "row41_huge_header": b"GET / HTTP/1.1\r\nX: " + b"x" * 200000 + b"\r\n\r\n" + FORM,
    "row41_path": b"GET /..%2f..%2f..%2fetc/passwd HTTP/1.1\r\n\r\n",
    "row41_two_lengths": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + FORM,
    "row40_ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "row40_tls": hello(),
    "row40_tls_in_pieces": hello()[:3],
    "row40_sslv2": b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + bytes(37),
}


@pytest.mark.parametrize("door", ["exchange", "submission"])
@pytest.mark.parametrize("words", WEB.values(), ids=WEB)
def test_other_protocol(house, words, door):
    """One 500 and the end, whatever stands behind it."""
    with house.wire(door, greet=False) as w:
        w.expect(220)
        w.try_send(words)
        w.expect(500)
        w.gone()
    assert house.accepted("evil@evil.test") == 0


def test_row41_slow_header(house):
    with house.wire(greet=False) as w:
        w.expect(220)
        w.segments([bytes([c]) for c in b"GET / HTTP/1.1"], 0.005)
        w.send(b"\r")
        time.sleep(0.05)
        w.send(b"\n")
        w.expect(500)
        w.gone()


@pytest.mark.parametrize("words", [b"EHLO x\r\n" + FORM, b"SSH-2.0-OpenSSH_9.2\r\n",
                                   b"GET / HTTP/1.1\r\n\r\n" + FORM, b"\r\n" * 10],
                         ids=["row40_smtp_to_465", "row40_ssh_to_465", "row40_http_to_465", "row40_lines_to_465"])
def test_not_tls(house, words):
    with Wire(house.port26.ports["submissions"], greet=False) as w:
        w.send(words)
        said = w.rest()
        assert not said or re.fullmatch(rb"\x15\x03.\x00\x02\x02.", said, re.S), said
