"""Odd messages, and an inbox without room (HOSTILE rows 64, 90 to 92, 94 and 96)."""
import contextlib, re, subprocess

import pytest

from hostile import House, houses, token
from port26 import AS_ROOT, USER, wait_for


shared, house = houses()


def hand_in(house, content, sender="a@elsewhere.test", door="exchange", code=250, parameters="", to=USER):
    """By DATA, dots doubled; the recipient's trace tells which message it is."""
    with house.wire() if door == "exchange" else house.submission() as w:
        w.say(f"MAIL FROM:<{sender}>{parameters}", 250)
        w.say(f"RCPT TO:<{to}>", 250)
        w.say("DATA", 354)
        stuffed = re.sub(rb"(?m)^\.", b"..", content)
        w.send(stuffed + (b"" if not stuffed or stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        reply = w.expect(code)
        w.quit()
    return reply


def stored(house, content, **kw):
    """(trace, what was sent) as they lie in the inbox; found by the tag in the recipient."""
    tag = token()
    hand_in(house, content, to=USER.replace("@", f"+{tag}@"), **kw)
    message = house.arrived(f"Delivered-To: {USER.replace('@', f'+{tag}@')}")
    trace = re.match(rb"Return-Path: [^\n]*\nDelivered-To: [^\n]*\nReceived: [^\n]*(\n[ \t][^\n]*)*\n", message)
    assert trace, message[:500]
    return trace.group(), message[trace.end():]


BITS = {
    "all_octets": b"Subject: x\r\n\r\n" + bytes(c for c in range(256) if c not in (10, 13)) + b"\r\n",
    "latin1": "Subject: x\r\n\r\nGrüße\r\n".encode("latin-1"),
    "invalid_utf8": b"Subject: x\r\n\r\n\xc0\xaf\xed\xa0\x80\xff\xfe\r\n",
    "in_header": "Subject: Grüße\r\nX-\xe4: y\r\n\r\n".encode("latin-1"),
}


@pytest.mark.parametrize("content", BITS.values(), ids=["row64_" + k for k in BITS])
@pytest.mark.parametrize("parameters", ["", " BODY=7BIT", " BODY=8BITMIME"], ids=["nothing_said", "7bit", "8bitmime"])
def test_eight_bits(house, content, parameters):
    assert stored(house, content, parameters=parameters)[1] == content.replace(b"\r\n", b"\n")


ODD = {
    "row90_no_header": (b"Hello,\r\n\r\nno header here.\r\n", b"\nHello,\n\nno header here.\n"),
    "row90_no_blank_line": (b"Subject: x\r\nNo blank line here\r\n", b"Subject: x\n\nNo blank line here\n"),
    "row90_only_a_header": (b"Subject: x\r\n", b"Subject: x\n"),
    "row90_only_a_dot": (b".\r\n", b"\n.\n"),
    "row90_only_a_blank_line": (b"\r\n", b"\n"),
    "row90_empty": (b"", b""),
    "row90_mbox": (b"From me Thu Jan  1 00:00:00 1970\r\nSubject: x\r\n\r\nFrom here on\r\n",
                   b"\nFrom me Thu Jan  1 00:00:00 1970\nSubject: x\n\nFrom here on\n"),
    "row91_no_colon": (b"A: b\r\nno colon here\r\nC: d\r\n\r\nx\r\n", b"A: b\n\nno colon here\nC: d\n\nx\n"),
    "row91_eight_bit_name": (b"\xe4\xff: b\r\nA: b\r\n\r\n", b"\xe4\xff: b\nA: b\n\n"),
    "row91_folded": (b"A:\r\n \r\n\tb\r\n   \r\nC: d\r\n\r\nx\r\n", b"A:\n \n\tb\n   \nC: d\n\nx\n"),
    "row91_folded_at_the_top": (b" A: b\r\nC: d\r\n\r\n", b"\n A: b\nC: d\n\n"),
    "row91_nul": (b"A: b\0c\r\nD\0: e\r\n\r\nx\0\r\n", b"A: b\0c\n\nD\0: e\n\nx\0\n"),
    "row91_bcc": (b"Bcc: <secret@b.test>\r\nA: b\r\n\r\n", b"Bcc: <secret@b.test>\nA: b\n\n"),
    "row91_blank_before_colon": (b"Subject : x\r\n\r\n", b"Subject : x\n\n"),
    "row92_twice": (b"From: <a@b.test>\r\nFrom: <c@d.test>\r\nSender: <e@f.test>\r\nSender: <g@h.test>\r\n\r\n",
                    b"From: <a@b.test>\nFrom: <c@d.test>\nSender: <e@f.test>\nSender: <g@h.test>\n\n"),
    "row92_return_path": (b"Return-Path: <forged@evil.test>\r\nA: b\r\nreturn-path:\r\n <again@evil.test>\r\n\r\n",
                          b"A: b\n\n"),
    "row92_our_results": (b"Authentication-Results: mail.port26.test; dkim=pass\r\n\theader.d=bank.test\r\nA: b\r\n"
                          b"authentication-results:\r\n\t(x) MAIL.port26.test 1; spf=pass\r\n\r\n", b"A: b\n\n"),
    "row92_results_of_others": (b"Authentication-Results: mx.elsewhere.test; dkim=pass\r\n\r\n",
                                b"Authentication-Results: mx.elsewhere.test; dkim=pass\n\n"),
    "row92_forged_delivered_to": (b"Delivered-To: you@port26.test\r\nA: b\r\n\r\n",
                                  b"Delivered-To: you@port26.test\nA: b\n\n"),
}


@pytest.mark.parametrize("sent,wanted", ODD.values(), ids=ODD)
def test_odd_message(house, sent, wanted):
    trace, rest = stored(house, sent)
    assert rest == wanted
    assert trace.startswith(b"Return-Path: <a@elsewhere.test>\n")


@pytest.mark.parametrize("sent,wanted", ODD.values(), ids=ODD)
def test_odd_submission(house, sent, wanted):
    """The same from a user: Date and Message-ID are there then, Bcc is not."""
    _, rest = stored(house, sent, sender=USER, door="submission")
    added = re.match(rb"(Date: [^\n]+\n)(Message-ID: <[0-9a-z]+@mail\.port26\.test>\n)", rest)
    assert added
    assert rest[added.end():] == wanted.replace(b"Bcc: <secret@b.test>\n", b"")


@pytest.mark.parametrize("fields,code", [(100, 250), (101, 554), (5000, 554)], ids=lambda x: f"row94_{x}")
@pytest.mark.parametrize("door,sender", [("exchange", "a@elsewhere.test"), ("submission", USER)],
                         ids=["exchange", "submission"])
def test_loop(house, fields, code, door, sender):
    content = b"".join(b"Received: from a by mail.port26.test\r\n\t; date\r\n" for _ in range(fields)) + b"\r\nx\r\n"
    reply = hand_in(house, content, sender=sender, door=door, code=code)
    assert code == 250 or reply.text.startswith("5.4.6 ")


def test_row94_loop_by_chunks(house):
    content = b"received: x\r\n" * 101 + b"\r\nx\r\n"
    with house.wire() as w:
        w.begin(data=False)
        w.send(b"BDAT %d LAST\r\n" % len(content) + content)
        assert w.expect(554).text.startswith("5.4.6 ")
        w.quit()


@contextlib.contextmanager
def small_inbox(house, size):
    """A file system of its own below the inboxes."""
    folder = house.port26.inbox
    folder.mkdir(exist_ok=True)
    options = f"size={size},mode=700,uid=port26,gid=port26"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(not AS_ROOT, reason="mounting needs root")
def test_row96_full_inbox():
    """What does not fit waits, whole and visible; nothing bounces; when there is room all is there, once."""
    house = House(extra='delivery { retry = {1s} }\n')
    try:
        with small_inbox(house, "1m") as folder:
            words = [token() for _ in range(4)]
            for word in words:
                hand_in(house, f"Subject: {word}\r\n\r\n".encode() + (b"x" * 998 + b"\r\n") * 300)
            wait_for(lambda: sum(len(house.inbox(w)) for w in words) == 3, 20)
            waiting = wait_for(lambda: [m for m in house.port26.queue() if "disk" in str(m)], 20)
            assert len(waiting) == 1 and "Make room" in str(waiting)
            assert not list((folder / USER / "tmp").iterdir())
            gone = [w for w in words if house.inbox(w)][0]
            (last,) = [w for w in words if not house.inbox(w)]
            for f in house.port26.inbox_files():
                if gone.encode() in f.read_bytes():
                    f.unlink()
            assert house.arrived(last).endswith(b"x\n")
            assert sum(len(house.inbox(w)) for w in words) == 3
            wait_for(lambda: not house.port26.queue(), 20)
            house.alive()
            house.port26.stop()
    finally:
        house.close()
