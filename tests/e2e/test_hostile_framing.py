"""Where a message ends: hostile line ends, dots and chunks (HOSTILE rows 1 to 24)."""
import re, time

import pytest

from hostile import houses, token
from port26 import USER


shared, house = houses(top="limits { data-timeout = 2s }")


# What some server somewhere took for the end of a message.
ENDS = {
    "row01_lf_dot_lf": [b"\n.\n"],
    "row02_lf_dot_crlf": [b"\n.\r\n"],
    "row03_crlf_dot_lf": [b"\r\n.\n"],
    "row04_cr_dot": [b"\r.\r", b"\r.\n", b"\n.\r"],
    "row05_cr_and_crlf": [b"\r.\r\n", b"\r\n.\r"],
    "row06_crcrlf": [b"\r\n.\r\r\n", b"\r\r\n.\r\r\n"],
    "row07_nul": [b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\n"],
}
# What nobody should: such bytes are content.
HARMLESS = {
    "row08_vt_ff_fs": [b"\v.\v", b"\f.\f", b"\x1c.\x1c", b"\r\n\v.\r\n", b"\r\n.\f\r\n"],
    "row08_nel_ls_bom": ["\x85.\x85".encode(), "\u2028.\u2028".encode(), b"\r\n\xef\xbb\xbf.\r\n", "\r\n．\r\n".encode()],
    "row08_8bit": [b"\x8d\x8a.\x8d\x8a", b"\r\n\xae\r\n", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8"],
    "row09_blanks": [b"\r\n. \r\n", b"\r\n .\r\n", b"\r\n.\t\r\n"],
}


def cases(table, prefix=""):
    for name, ends in table.items():
        for i, end in enumerate(ends):
            yield pytest.param(end, id=f"{prefix}{name}-{i}")


def smuggle(end, word, recipient=USER):
    """A message with something like an end inside, and what an attacker puts behind it."""
    more = (f"MAIL FROM:<smuggler-{word}@evil.test>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"
            f"Subject: smuggled-{word}\r\n\r\nsecond")
    return f"Subject: {word}\r\n\r\nfirst".encode(), end, more.encode()


def nothing_smuggled(house, word):
    assert house.accepted(f"smuggler-{word}@evil.test") == 0
    for message in house.inbox(word):
        header, _, body = message.partition(b"\n\n")
        assert f"smuggled-{word}".encode() not in header and b"first" in body


def data(house, parts, word, code, pause=0.0):
    """Sends it by DATA: exactly one answer comes; when it is a refusal, what was sent blindly behind it is not obeyed."""
    with house.wire() as w:
        w.begin(f"a-{word}@elsewhere.test")
        if pause:
            w.segments([*parts, b"\r\n.\r\n"], pause)
            w.expect(code)
            w.quit()
        else:
            w.send(b"".join(parts) + b"\r\n.\r\nQUIT\r\n")
            assert [r.code for r in w.replies()] == ([250, 221] if code == 250 else [550])
    assert house.accepted(f"a-{word}@elsewhere.test") == (code == 250)
    nothing_smuggled(house, word)


@pytest.mark.parametrize("end", cases({k: v for k, v in ENDS.items() if k != "row07_nul"}))
def test_no_end(house, end):
    word = token()
    data(house, smuggle(end, word), word, 550)
    assert not house.inbox(word)


@pytest.mark.parametrize("end", cases({"row07_nul": ENDS["row07_nul"]}))
def test_nul_by_the_dot(house, end):
    word = token()
    bare = b"\r\0\n" in end
    data(house, smuggle(end, word), word, 550 if bare else 250)
    if not bare:
        assert smuggle(end, word)[2].split(b"\r\n")[0] in house.arrived(word)
        nothing_smuggled(house, word)


@pytest.mark.parametrize("end", cases(HARMLESS))
def test_is_content(house, end):
    word = token()
    data(house, smuggle(end, word), word, 250)
    stored = house.arrived(word)
    unstuffed = end.replace(b"\r\n.", b"\r\n") if b"\r\n." in end else end
    assert b"first" + unstuffed.replace(b"\r\n", b"\n") + b"MAIL FROM:<smuggler" in stored
    nothing_smuggled(house, word)


@pytest.mark.parametrize("end", cases(ENDS, "row10_"))
def test_in_a_segment_of_its_own(house, end):
    word = token()
    code = 250 if b"\0" in end and b"\r\0\n" not in end else 550
    data(house, smuggle(end, word), word, code, pause=0.01)


def test_row11_end_in_five_segments(house):
    word = token()
    with house.wire() as w:
        w.begin()
        w.send(f"Subject: {word}\r\n\r\nslow")
        w.segments([bytes([c]) for c in b"\r\n.\r\n"])
        w.expect(250)
        w.quit()
    assert house.arrived(word).endswith(b"\n\nslow\n")


def test_row12_stuffed_dot(house):
    word = token()
    with house.wire() as w:
        w.begin()
        w.send(f"Subject: {word}\r\n\r\n..\r\n...\r\n..x\r\n.\r\n")
        w.expect(250)
        w.quit()
    assert house.arrived(word).endswith(b"\n\n.\n..\n.x\n")


COMMANDS = {
    "row13_bare_lf_in_command": (b"MAIL FROM:<a@b.test>\nRCPT TO:<you@port26.test>\r\n", b"NOOP\nNOOP\nNOOP\r\n", b"NOOP\n"),
    "row14_bare_cr_in_command": (b"MAIL FROM:<a@b.test>\rRCPT TO:<you@port26.test>\r\n", b"NOOP\rNOOP\r\n",
                                 b"\rNOOP\r\n", b"NOOP\r\r\n"),
    "row15_nul_in_command": (b"MAIL FROM:<a@b.test>\0RCPT TO:<you@port26.test>\r\n", b"NOOP\0\r\n",
                             b"\0NOOP\r\n", b"NO\0OP\r\n"),
}


@pytest.mark.parametrize("line", cases(COMMANDS))
def test_command_line(house, line):
    """One 500 or 501, and either the end or a session in which none of it was obeyed."""
    with house.wire() as w:
        w.send(line)
        w.expect(500, 501)
        w.try_send(b"RCPT TO:<you@port26.test>\r\nQUIT\r\n")
        assert [r.code for r in w.replies()] in ([], [503, 221])


def test_row13_not_after_the_half_line(house):
    """The rest after the bare LF is not obeyed when it comes later either, as a line of its own it is a new command."""
    with house.wire() as w:
        w.segments([b"MAIL FROM:<a@b.test>\nRCPT TO:<you@port26.test>", b"\r\n"], 0.1)
        assert [r.code for r in w.replies()] in ([500], [501])


def test_row16_nul_in_body(house):
    word = token()
    body = b"before\0after\r\n\0\r\nlast\0\r\n"
    with house.wire() as w:
        w.begin()
        w.send(f"Subject: {word}\r\n\r\n".encode() + body + b".\r\n")
        w.expect(250)
        w.quit()
    assert house.arrived(word).endswith(b"\n\n" + body.replace(b"\r\n", b"\n"))


def strict(body):
    assert not re.search(rb"[^\r]\n|\A\n|\r(?!\n)", body), body


def nothing_smuggled_out(house, word):
    start = f"mail from:<smuggler-{word}".encode()
    with house.sink.lock:
        assert not [line for line in house.sink.lines if line.lower().startswith(start)]


def chunk(w, octets, last):
    w.send(f"BDAT {len(octets)}{' LAST' if last else ''}\r\n".encode() + octets)
    return w.expect(250)


@pytest.mark.parametrize("end", cases({**ENDS, **HARMLESS}, "row17_"))
def test_what_leaves(house, end):
    """A user submits it, by DATA and by BDAT: what is taken leaves with CR LF only, as one message."""
    word = token()
    to = {how: f"{how}-{word}@far.test" for how in ("data", "bdat")}
    with house.submission() as w:
        w.begin(USER, to["data"])
        w.send(b"".join(smuggle(end, word, to["data"])) + b"\r\n.\r\n")
        taken = w.expect(250, 550).code == 250
        w.begin(USER, to["bdat"], data=False)
        chunk(w, b"".join(smuggle(end, word, to["bdat"])), True)
        w.quit()
    for how in ["bdat"] + ["data"] * taken:
        if b"\0" in end:
            continue  # NUL needs CHUNKING at the far end; what happens without is the delivery's business
        body = house.at_sink(to[how])
        strict(body)
        assert b"\r\n\r\nfirst" in body and b"\r\nsecond" in body[body.index(b"first"):]
    nothing_smuggled_out(house, word)
    assert house.accepted(f"smuggler-{word}@evil.test") == 0


@pytest.mark.parametrize("end", cases(ENDS, "row18_"))
def test_chunk_is_counted(house, end):
    """A dialogue within a chunk, also cut within its false end, is content."""
    word = token()
    octets = b"".join(smuggle(end, word)) + b"\r\n.\r\nQUIT\r\n"
    at = octets.index(end) + 1
    with house.wire() as w:
        w.begin(f"a-{word}@elsewhere.test", data=False)
        chunk(w, octets[:at], False)
        chunk(w, octets[at:], True)
        w.quit()
    stored = house.arrived(word)
    assert b"\nRCPT TO:<" in stored and stored.endswith(b"\n.\nQUIT\n")
    assert house.accepted(f"a-{word}@elsewhere.test") == 1
    nothing_smuggled(house, word)


def test_row19_surplus_is_commands(house):
    word = token()
    with house.wire() as w:
        w.begin(data=False)
        w.send(f"BDAT {len(word) + 14} LAST\r\nSubject: {word}\r\n\r\nx\r\nsurplus\r\nmore\r\nQUIT\r\n")
        assert [r.code for r in w.replies()] == [250, 500, 500, 500, 221]
    assert house.arrived(word).endswith(b"\n\nx\n")


def test_row19_missing_octets(house):
    word = token()
    with house.wire() as w:
        w.begin(f"a-{word}@elsewhere.test", data=False)
        w.send(f"BDAT 1000 LAST\r\nSubject: {word}\r\n\r\nQUIT\r\n")
        assert [r.code for r in w.replies()] == [421]
    assert house.accepted(f"a-{word}@elsewhere.test") == 0


@pytest.mark.parametrize("args", ["", " x", " -1", " 99999999999999999999", " 5 FIRST", " 0x5", " +5", " 5 LAST LAST"],
                         ids=lambda a: "row20_bdat_" + (a.strip().replace(" ", "_") or "none"))
def test_bad_size(house, args):
    with house.wire() as w:
        w.begin(data=False)
        w.send(f"BDAT{args}\r\nNOOP\r\nNOOP\r\n")
        w.expect(501, 552)
        w.gone()


def test_row21_empty_message(house):
    sender = f"a-{token()}@elsewhere.test"
    with house.wire() as w:
        w.begin(sender, data=False)
        chunk(w, b"", True)
        w.quit()
    assert house.accepted(sender) == 1


def test_row21_nothing_last(house):
    word = token()
    with house.wire() as w:
        w.begin(f"a-{word}@elsewhere.test", data=False)
        chunk(w, f"Subject: {word}\r\n\r\n".encode(), False)
        chunk(w, b"text\r\n", False)
        chunk(w, b"", True)
        w.say("BDAT 0 LAST", 503)
        w.quit()
    assert house.arrived(word).endswith(b"\n\ntext\n")
    assert house.accepted(f"a-{word}@elsewhere.test") == 1


def test_row22_out_of_order(house):
    """Within chunks DATA, MAIL and RCPT are 503, and the message is not harmed."""
    word = token()
    with house.wire() as w:
        w.begin(f"a-{word}@elsewhere.test", data=False)
        chunk(w, f"Subject: {word}\r\n\r\n".encode(), False)
        for command in ("MAIL FROM:<b@b.test>", "RCPT TO:<you@port26.test>", "DATA"):
            w.say(command, 503)
        chunk(w, b"text\r\n", True)
        w.quit()
    assert house.arrived(word).endswith(b"\n\ntext\n")
    assert house.accepted(f"a-{word}@elsewhere.test") == 1


def test_row22_chunk_without_transaction(house):
    """The octets of a refused chunk are read, not obeyed."""
    with house.wire() as w:
        w.send(b"BDAT 6\r\nNOOP\r\nNOOP\r\n")
        w.expect(503)
        w.expect(250)
        w.say("MAIL FROM:<a@b.test>", 250)
        w.send(b"BDAT 6 LAST\r\nNOOP\r\n")
        w.expect(503)
        w.quit()


@pytest.mark.parametrize("how", ["close_notify", "reset", "fin"], ids=lambda h: f"row23_{h}_within_chunk")
def test_lost_within_chunk(house, how):
    word = token()
    with house.submission() as w:
        w.begin(USER, USER, data=False)
        w.send(f"BDAT 100000 LAST\r\nSubject: {word}\r\n\r\n".encode() + b"x" * 5000)
        time.sleep(0.05)
        if how == "close_notify":
            try:
                w.socket.unwrap()
            except OSError:
                pass
        elif how == "reset":
            w.reset()
        else:
            w.socket.close()
    time.sleep(0.1)
    assert not house.inbox(word)
    house.nothing_queued_for(word)


def test_row22_refused_message_amid_a_pipeline(house):
    """A message refused after its end does not cost the commands sent behind it (RFC 2920 3.1)."""
    sender = f"a-{token()}@elsewhere.test"
    loop = b"Received: by loop.test\r\n" * 101
    with house.wire() as w:
        w.begin(sender)
        w.send(loop + b"\r\nx\r\n.\r\nMAIL FROM:<" + sender.encode() + b">\r\nRCPT TO:<you@port26.test>\r\nQUIT\r\n")
        assert [r.code for r in w.replies()] == [554, 250, 250, 221]
    assert house.accepted(sender) == 0


def test_row24_binarymime(house):
    with house.wire() as w:
        w.say("MAIL FROM:<a@b.test> BODY=BINARYMIME", 501, 504, 555)
        w.quit()
