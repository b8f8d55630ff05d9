"""Storage quotas (P12, HOSTILE row 96, R9): refused in the dialogue with a sentence that helps; exact also with
many at once and whoever dies when."""
import contextlib, email, email.policy, poplib, random, re, smtplib, sqlite3, subprocess, threading, time
from datetime import datetime, timedelta

import pytest

from port26 import AS_ROOT, PASSWORD, USER, Port26, free_port, own, user_name, wait_for

KIM = "kim@port26.test"
FAR = "ann@far.test"
HASH = "$6$saltsalt$" + "x" * 86  # of no password: it costs nothing
# port 9 is shut: what goes to far.test stays in the queue
STAYS = """relay "nowhere" { host = "[127.0.0.1]" port = 9 tls = none }
route "far" { to = { "far.test" } via = "relay:nowhere" }
delivery { allow-loopback = true }
"""


def text(size, subject="x"):
    head = f"Subject: {subject}\r\nFrom: <{USER}>\r\nTo: <{FAR}>\r\n\r\n"
    lines = ("y" * 62 + "\r\n") * ((size - len(head)) // 64)
    return (head + lines + "z" * (size - len(head) - len(lines) - 2) + "\r\n").encode()


def send(client, to, size, declared=False, sender=USER):
    """(stage, code, words) of the first refusal, or ("done", 250, words)."""
    options = f" SIZE={size}" if declared else ""
    for stage, line in (("mail", f"MAIL FROM:<{sender}>{options}"), ("rcpt", f"RCPT TO:<{to}>")):
        code, words = client.docmd(line)
        if code != 250:
            client.rset()
            return stage, code, words.decode()
    assert client.docmd("DATA")[0] == 354
    client.sock.sendall(text(size) + b".\r\n")
    code, words = client.getreply()
    return ("data" if code != 250 else "done"), code, words.decode()


def exchange(server, timeout=60):
    c = smtplib.SMTP("127.0.0.1", server.ports["exchange"], timeout=timeout)
    c.ehlo("sender.test")
    return c


def quota(server, name):
    return server.json("quota", "show", name)["quota"]


def disk(server, account):
    return sum(f.stat().st_size for f in server.inbox_files(account))


def counted(server):
    """Nothing waits to be counted in the background."""
    return not any(q["unsure"] for q in server.json("quota", "ls")["quotas"])


@pytest.fixture
def made():
    servers = []

    def make(extra):
        s = Port26(extra=extra)
        servers.append(s)
        s.account_add(KIM, PASSWORD)
        return s.start()
    yield make
    for s in servers:
        s.close()


@pytest.mark.parametrize("full, code, status", [("later", 452, "4.2.2"), ("never", 552, "5.2.2")])
def test_sender_is_told(made, full, code, status):
    s = made(f"{STAYS}quota {{ account = 100K full = {full} }}\n")
    c = s.client()
    stage, got, words = send(c, FAR, 150_000, declared=True)
    assert (stage, got) == ("mail", code) and words.startswith(status), words
    for part in (f"Your mailbox {USER} is full", "0 bytes of 100.0 KB are used", "needs 146.4 KB", "more than all the room there is", "more room."):
        assert part in words.replace("\n", " "), words
    stage, got, words = send(c, FAR, 150_000)
    assert (stage, got) == ("data", code) and "Your mailbox" in words, words
    assert send(c, FAR, 60_000, declared=True)[0] == "done"
    stage, got, words = send(c, FAR, 60_000, declared=True)
    assert (stage, got) == ("mail", code) and "58." in words and "Delete mail" in words.replace("\n", " "), words
    assert quota(s, USER)["queue"] > 60_000
    s.command("queue", "rm", s.queue()[0]["id"], "--reason", "test")
    wait_for(lambda: quota(s, USER)["used"] == 0)
    assert send(c, FAR, 60_000, declared=True)[0] == "done"


def test_exactly_at_the_limit(made):
    s = made(f"{STAYS}quota {{ account = 100K warn = {{}} }}\n")
    c = s.client()
    assert send(c, FAR, 50_000)[0] == "done"
    first = quota(s, USER)["used"]
    more = first - 50_000  # Received and the like: the same for the next one, but for its size and id
    room = 102_400 - first - more
    assert send(c, FAR, room + 200)[0] == "data"
    assert send(c, FAR, room - 200)[0] == "done"
    assert 102_400 - 500 < quota(s, USER)["used"] <= 102_400


def test_recipient_is_full_in_the_dialogue(made):
    s = made("quota { account = 100K }\n")
    c = exchange(s)
    assert send(c, KIM, 60_000, sender="x@far.test")[0] == "done"
    wait_for(lambda: len(s.inbox_files(KIM)) == 1)
    wait_for(lambda: quota(s, KIM)["mailbox"] == disk(s, KIM))
    stage, code, words = send(c, KIM, 60_000, declared=True, sender="x@far.test")
    assert (stage, code) == ("rcpt", 452) and words.startswith("4.2.2"), words
    assert f"The recipient's mailbox {KIM} is full" in words.replace("\n", " "), words
    stage, code, words = send(c, KIM, 60_000, sender="x@far.test")
    assert (stage, code) == ("data", 452), words
    assert not s.queue()
    # others may empty it: an IMAP server, or the owner with rm
    for f in s.inbox_files(KIM):
        f.unlink()
    wait_for(lambda: send(c, KIM, 60_000, declared=True, sender="x@far.test")[0] == "done", 30, 1)


def test_what_others_do_is_seen_at_once(made):
    """A file that another program puts into a folder, or takes out of one, counts at the next MAIL or RCPT and in `quota show`; our own
    deliveries and removals make nobody count."""
    port = free_port()
    s = made(f'quota {{ account = 1M warn = {{}} }}\ndoor "pop" {{ port = {port} address = {{"127.0.0.1"}} role = pop3 tls = implicit }}\n')
    c = exchange(s)
    box = s.inbox / KIM
    as_owner = ["setpriv", f"--reuid={user_name()}", f"--regid={user_name()}", "--clear-groups"] if AS_ROOT else []

    def shell(line):
        subprocess.run([*as_owner, "sh", "-c", line], check=True)

    def others():
        return s.log().count("quota.others")

    def deliver(n):
        for _ in range(n):
            assert send(c, KIM, 5_000, declared=True, sender="x@far.test")[0] == "done"
        wait_for(lambda: not s.queue())
    deliver(1)
    time.sleep(0.1)  # a count is believed when nothing changed right before it
    s.command("quota", "recount", KIM)
    for _ in range(3):
        deliver(2)
        time.sleep(1.1)  # it is looked once a second
    pop = poplib.POP3_SSL("localhost", port, timeout=30, context=s.context())
    pop.user(KIM)
    pop.pass_(PASSWORD)
    pop.dele(1)
    pop.dele(2)
    pop.quit()
    for _ in range(2):
        time.sleep(1.1)
        deliver(1)
    assert others() == 0, s.log()[-3000:]
    assert quota(s, KIM)["mailbox"] == disk(s, KIM)

    folder = box / ".Sent" / "cur"
    shell(f"umask 077; mkdir -p {folder} {box}/.Sent/new")
    for n in range(3):
        time.sleep(1.1)
        shell(f"head -c 300000 /dev/zero >{folder}/{n}.x.y:2,S")
        if n < 2:
            assert quota(s, KIM)["mailbox"] == disk(s, KIM) + (n + 1) * 300_000
    assert others() > 0
    stage, code, words = send(c, KIM, 200_000, declared=True, sender="x@far.test")
    assert (stage, code) == ("rcpt", 452), words
    time.sleep(1.1)
    shell(f"rm {folder}/0.x.y:2,S")
    assert send(c, KIM, 200_000, declared=True, sender="x@far.test")[0] == "done"
    wait_for(lambda: not s.queue())
    assert s.json("quota", "recount", KIM)["corrected"] == []


def test_strangers_learn_no_more_than_that_it_is_full(made):
    """Neither how much, nor whose customer, nor who is behind an alias; whoever sets a quota is told that it is passed already."""
    s = made("")
    s.command("alias", "add", "all@port26.test", KIM, USER)
    c = exchange(s)
    assert send(c, KIM, 30_000, sender="x@far.test")[0] == "done"
    wait_for(lambda: quota(s, KIM)["mailbox"] > 0)
    said = s.command("account", "set", KIM, "--quota", "10K").stdout
    assert " of 10.0 KB are used already" in said, said
    assert "hardly one message" in s.command("account", "set", USER, "--quota", "100").stdout
    s.command("account", "set", USER, "--quota", "none")
    stage, code, words = send(c, "all@port26.test", 3_000, declared=True, sender="x@far.test")
    assert (stage, code) == ("rcpt", 452) and "A mailbox behind all@port26.test is full" in words and KIM not in words, words
    s.command("account", "set", KIM, "--quota", "none")
    s.command("host", "add", "acme")
    s.command("account", "set", KIM, "--host", "acme")
    said = s.command("host", "set", "acme", "--quota", "10K").stdout
    assert "of 10.0 KB are used already" in said and "its mailboxes" in said, said
    stage, code, words = send(c, KIM, 3_000, sender="x@far.test")
    assert (stage, code) == ("rcpt", 452) and f"The recipient's mailbox {KIM} is full. " in words.replace("\n", " "), words
    assert "acme" not in words and "KB" not in words, words


def test_nobody_learns_at_the_end_of_data_who_is_behind_an_address(made):
    """Without a declared size the refusal comes there: of an alias, of the postmaster, and of mail that a login hands over."""
    s = made("")
    s.command("alias", "add", "all@port26.test", KIM, USER)
    s.command("account", "set", KIM, "--quota", "10K")
    s.command("alias", "add", "postmaster@port26.test", "all@port26.test")
    c = exchange(s)
    for alias in ("all@port26.test", "All+x@port26.test", "postmaster@port26.test"):
        stage, code, words = send(c, alias, 30_000, sender="x@far.test")
        words = words.replace("\n", " ")
        assert (stage, code) == ("data", 452) and f"A mailbox behind {alias} is full: " in words and "kim" not in words.lower(), words
    stage, code, words = send(s.client(), "all@port26.test", 30_000)
    assert (stage, code) == ("data", 452) and "A mailbox behind all@port26.test is full" in words.replace("\n", " ") and KIM not in words, words
    stage, code, words = send(c, "Kim+x@port26.test", 30_000, sender="x@far.test")
    assert (stage, code) == ("data", 452) and "The recipient's mailbox Kim+x@port26.test is full" in words.replace("\n", " "), words
    log = s.log()
    assert "quota.full" in log and KIM in log
    assert not s.queue()


def test_the_neighbour_fills_the_hosting_account(made):
    s = made("")
    s.command("host", "add", "acme", "--quota", "100K")
    for account in (USER, KIM):
        s.command("account", "set", account, "--host", "acme")
    c = exchange(s)
    assert send(c, KIM, 80_000, sender="x@far.test")[0] == "done"
    wait_for(lambda: quota(s, KIM)["mailbox"] > 70_000)
    stage, code, words = send(s.client(), FAR, 60_000, declared=True)
    assert (stage, code) == ("mail", 452), words
    assert "Your hosting account acme is full" in words.replace("\n", " "), words
    assert quota(s, "acme")["used"] == disk(s, KIM)


@pytest.mark.parametrize("broken", [USER, KIM])
def test_a_mailbox_that_cannot_be_counted(made, broken):
    """Who is full is told so at once, also when the counting before it fails: the sender's, or a neighbour's."""
    s = made("")
    s.command("host", "add", "acme", "--quota", "100K")
    for account in (USER, KIM):
        s.command("account", "set", account, "--host", "acme")
    c = exchange(s)
    for account, size in ((USER, 50_000), (KIM, 40_000)):
        assert send(c, account, size, sender="x@far.test")[0] == "done"
        wait_for(lambda a=account: quota(s, a)["mailbox"] == disk(s, a) > 0)
    s.stop()
    (s.inbox / broken).chmod(0o777)  # nobody's any more
    s.start()
    stage, code, words = send(s.client(), FAR, 60_000, declared=True)
    assert (stage, code) == ("mail", 452) and "Your hosting account acme is full" in words.replace("\n", " "), (code, words)
    assert "quota.uncounted" in s.log()


def test_a_wrong_sum_is_found_and_mended(made):
    """The sum of a hosting account stands in the store beside the records of its accounts."""
    s = made("")
    for host, account in (("acme", USER), ("beta", KIM)):
        s.command("host", "add", host, "--quota", "1M")
        s.command("account", "set", account, "--host", host)
    c = exchange(s)
    for account, size in ((USER, 30_000), (KIM, 5_000)):
        assert send(c, account, size, sender="x@far.test")[0] == "done"
        wait_for(lambda a=account: quota(s, a)["mailbox"] == disk(s, a) > 0)
    assert quota(s, "acme")["mailbox"] == disk(s, USER)
    s.stop()
    with contextlib.closing(sqlite3.connect(s.dir / "store" / "port26.db")) as db, db:
        one = db.execute("SELECT value FROM value WHERE kind = 20 AND name = ?", (b"beta",)).fetchone()[0]
        assert db.execute("UPDATE value SET value = ? WHERE kind = 20 AND name = ?", (one, b"acme")).rowcount == 1
        assert db.execute("UPDATE value SET value = ? WHERE kind = 20 AND name = ?", (b"junk", b"beta")).rowcount == 1
    s.start()
    assert quota(s, "acme")["mailbox"] == disk(s, KIM)
    assert quota(s, "beta")["mailbox"] == disk(s, KIM)  # damaged: summed up when it is asked for
    wait_for(lambda: counted(s))
    assert [x["name"] for x in s.json("quota", "recount", "acme")["corrected"]] == ["acme"]
    assert quota(s, "acme")["mailbox"] == disk(s, USER)
    said = s.command("quota", "recount", "--all").stdout
    assert "beta" in said and "acme" not in said, said
    assert s.json("quota", "recount", "--all")["corrected"] == []
    s.stop()
    s.start()
    assert quota(s, "acme")["mailbox"] == disk(s, USER) and quota(s, "beta")["mailbox"] == disk(s, KIM)


@pytest.mark.parametrize("how", ["counted by itself", "recount"])
def test_a_damaged_record_is_counted_anew(made, how):
    """What a mailbox holds is not known until its files are counted; then neither it nor its hosting account has it twice."""
    s = made("")
    s.command("host", "add", "acme", "--quota", "1M")
    c = exchange(s)
    for account, size in ((USER, 30_000), (KIM, 5_000)):
        s.command("account", "set", account, "--host", "acme")
        assert send(c, account, size, sender="x@far.test")[0] == "done"
        wait_for(lambda a=account: quota(s, a)["mailbox"] == disk(s, a) > 0)
    wait_for(lambda: counted(s))
    s.stop()
    with contextlib.closing(sqlite3.connect(s.dir / "store" / "port26.db")) as db, db:
        assert db.execute("UPDATE value SET value = ? WHERE kind = 8 AND name = ?", (b"junk", USER.encode())).rowcount == 1
    s.start()
    if how == "recount":
        assert USER in [x["name"] for x in s.json("quota", "recount", USER)["corrected"]]
    else:
        assert quota(s, "acme")["mailbox"] > 0  # it is read before the mailbox is
        quota(s, USER)
        wait_for(lambda: counted(s))
    assert quota(s, USER)["mailbox"] == disk(s, USER)
    assert quota(s, "acme")["mailbox"] == disk(s, USER) + disk(s, KIM)
    assert s.json("quota", "recount", "--all")["corrected"] == []
    s.stop()
    s.start()
    assert quota(s, "acme")["mailbox"] == disk(s, USER) + disk(s, KIM)


def test_what_is_sent_stands_beside_what_is_stored(made):
    """And all accounts of a hosting account are shown, also when one answer does not hold them."""
    s = made(STAYS)
    s.command("host", "add", "acme", "--messages", "50/d")
    s.command("account", "set", USER, "--host", "acme", "--sending", "1/h,100/d")
    assert send(s.client(), FAR, 1000)[0] == "done"
    sent = quota(s, USER)["sent"]
    assert sent["hour"] == {"messages": 1, "recipients": 1, "recipients_limit": 1} and "full_until" in sent
    assert sent["day"] == {"messages": 1, "recipients": 1, "recipients_limit": 100}
    s.environment["TZ"] = "NST3:30"  # people read local time, programs UTC
    shown = s.command("quota", "show", USER).stdout
    for line in ("Last hour to 1 of 1 recipients in 1 message\n", "Last day  to 1 of 100 recipients in 1 message\n"):
        assert line in shown, shown
    until = re.search(r"^Full      until (\S+)$", shown, re.M)[1]  # counted from now by each, so a millisecond may be between them; shown without the thousandths
    assert abs(datetime.fromisoformat(until) - datetime.fromisoformat(sent["full_until"])) <= timedelta(seconds=2)
    assert until.endswith("-03:30") and sent["full_until"].endswith("Z")
    shown = s.command("account", "show", USER).stdout
    assert re.search(r"^Sending   1/h,100/d recipients, default \((none|[0-9/hd,]+)\) messages$", shown, re.M), shown
    assert "\nSending   default (none) recipients, 50/d messages\n" in s.command("host", "show", "acme").stdout
    assert re.search(r"^Created   \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-03:30$", shown, re.M), shown

    many = [f"many{i}@port26.test" for i in range(2100)]
    path = s.dir / "many.csv"
    path.write_text("name,hash,host\n" + "".join(f"{name},{HASH},acme\n" for name in many))
    path.chmod(0o644)
    s.command("account", "import", str(path))
    answer = s.json("quota", "show", "acme")
    assert [a["name"] for a in answer["accounts"]] == sorted([USER, *many]) and "next" not in answer
    assert answer["quota"]["sent"]["day"] == {"messages": 1, "recipients": 1, "messages_limit": 50}
    shown = s.command("quota", "show", "acme").stdout
    assert many[-1] in shown and "in 1 of 50 messages\n" in shown


def test_warned_once(made):
    s = made("quota { account = 100K }\n")
    c = exchange(s)

    def warnings():
        return [f for f in s.inbox_files(KIM) if b"Auto-Submitted: auto-generated" in f.read_bytes()]
    assert send(c, KIM, 85_000, sender="x@far.test")[0] == "done"
    wait_for(lambda: len(warnings()) == 1)
    assert b"Your mailbox is 80% full" in warnings()[0].read_bytes()
    wait_for(lambda: quota(s, KIM)["queue"] == 0)
    assert send(c, KIM, 2_000, sender="x@far.test")[0] == "done"
    s.stop()
    s.start()
    c = exchange(s)
    assert send(c, KIM, 2_000, sender="x@far.test")[0] == "done"
    wait_for(lambda: len(s.inbox_files(KIM)) == 4)
    assert len(warnings()) == 1
    assert send(c, KIM, 9_000, sender="x@far.test")[0] == "done"
    wait_for(lambda: len(warnings()) == 2)


def test_warned_in_german(made):
    s = made("quota { account = 100K }\nreports { language = de }\n")
    assert send(exchange(s), KIM, 85_000, sender="x@far.test")[0] == "done"

    def warnings():
        return [m for m in (email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in s.inbox_files(KIM))
                if m["Auto-Submitted"]]
    wait_for(lambda: len(warnings()) == 1)
    letter = warnings()[0]
    words = letter.get_content()
    assert letter["Subject"] == "Ihr Postfach ist zu 80 % voll"
    assert f"Das Postfach {KIM} belegt 8" in words and ",0 KB, die ihm" in words and "\n  in Postfächern: " in words, words
    assert not re.search(r"\b(the|mail|full|of)\b", words), words


@pytest.mark.parametrize("whose", ["recipient", "sender", "hosting account"])
def test_two_hundred_at_once(made, whose):
    """Each sees room when it begins; the sum is exact in the end, in mailboxes and in the queue."""
    s = made(STAYS)
    if whose == "hosting account":
        s.command("host", "add", "acme", "--quota", "300K")
        for account in (USER, KIM):
            s.command("account", "set", account, "--host", "acme")
    else:
        s.command("account", "set", KIM if whose == "recipient" else USER, "--quota", "300K")
    s.client().quit()  # its password is known from now on: no queue before the hash
    results, ready = [], threading.Barrier(201)

    def one(ours):
        c = s.client(timeout=120) if ours else exchange(s, 120)
        ready.wait(120)
        results.append(send(c, FAR, 5_000) if ours else send(c, KIM, 5_000, sender="x@far.test"))
    threads = [threading.Thread(target=one, args=(whose == "sender" or whose == "hosting account" and n % 2,), daemon=True)
               for n in range(200)]
    for t in threads:
        t.start()
    ready.wait(120)
    for t in threads:
        t.join(120)
    done = [r for r in results if r[0] == "done"]
    assert len(results) == 200
    assert all(r[1] == 452 and "4.2.2" in r[2] for r in results if r[0] != "done"), results[:5]
    wait_for(lambda: all(m["account"] == USER for m in s.queue()))
    waiting = s.queue()
    files = [f for f in s.inbox_files(KIM) if b"Subject: x\n" in f.read_bytes()]
    assert len(files) + len(waiting) == len(done) >= 50
    q = {a: quota(s, a) for a in (USER, KIM)}
    assert q[KIM]["mailbox"] == disk(s, KIM) and q[KIM]["queue"] == 0
    assert q[USER]["mailbox"] == disk(s, USER) and q[USER]["queue"] == sum(m["size"] for m in waiting)
    used = sum(x["used"] for x in q.values())
    if whose == "hosting account":
        assert quota(s, "acme")["used"] == used and files and waiting
    assert 285 * 1024 < used <= 300 * 1024 + 5_000  # in a mailbox lines end shorter; the warnings come on top
    assert s.json("quota", "recount", "--all")["corrected"] == []


def test_a_recount_that_corrects_many(made):
    """Mailboxes that were filled while nothing ran, more than one answer has room for."""
    s = made("quota { account = 100M }\n")
    s.stop()
    names = [f"box{i}@port26.test" for i in range(1100)]
    s.command("account", "import", "-", input="name,hash\n" + "".join(f"{n},{HASH}\n" for n in names))
    for n in names:
        for part in ("tmp", "new", "cur"):
            (s.inbox / n / part).mkdir(parents=True, mode=0o700)
        (s.inbox / n / "new" / "1700000000.x.y,S=6,W=7").write_bytes(b"Hello\n")
        own(s.inbox / n, *(s.inbox / n).iterdir(), s.inbox / n / "new" / "1700000000.x.y,S=6,W=7")
    answer = s.json("quota", "recount", "--all")
    assert answer["counted"] == len(names) + 2 and answer["failed"] == [] and answer["failed_more"] == 0
    assert len(answer["corrected"]) == 1000 and answer["corrected_more"] == 100, answer["corrected_more"]
    again = s.command("quota", "recount", "--all").stdout
    assert "1102 mailboxes counted." in again and "Nothing had to be corrected." in again
    assert quota(s, names[-1])["messages"] == 1


def test_killed_at_random_moments(made):
    """At the limit of the hosting account: what comes, what is sent and waits, what POP3 and the administrator remove."""
    port = free_port()
    s = made(f'{STAYS}door "pop" {{ port = {port} address = {{"127.0.0.1"}} role = pop3 tls = implicit }}\n')
    s.command("host", "add", "acme", "--quota", "300K")
    for account in (USER, KIM):
        s.command("account", "set", account, "--host", "acme")
    r, stop, said, shown = random.Random(26), threading.Event(), [], []

    def again(work):
        while not stop.is_set():
            try:
                work()
            except (OSError, EOFError, smtplib.SMTPException, poplib.error_proto, AssertionError):
                time.sleep(0.05)

    def come():
        c = exchange(s, 10)
        while not stop.is_set():
            said.append(send(c, r.choice((USER, KIM)), r.choice((3_000, 20_000)), r.random() < 0.5, "x@far.test")[1])

    def go():
        c = s.client(timeout=10)
        while not stop.is_set():
            said.append(send(c, r.choice((FAR, KIM)), r.choice((3_000, 20_000)), r.random() < 0.5)[1])

    def fetch():
        pop = poplib.POP3_SSL("localhost", port, timeout=10, context=s.context())
        pop.user(r.choice((USER, KIM)))
        pop.pass_(PASSWORD)
        for n in range(pop.stat()[0]):
            if r.random() < 0.5:
                pop.dele(n + 1)
        pop.quit()

    def remove():
        shown.append(quota(s, "acme")["used"])
        for m in s.queue():
            if m["account"] == USER and r.random() < 0.5:
                s.command("queue", "rm", m["id"], "--reason", "test")

    threads = [threading.Thread(target=again, args=(work,), daemon=True) for work in (*[come] * 6, *[go] * 4, fetch, fetch, remove)]
    for t in threads:
        t.start()
    try:
        for _ in range(5):
            time.sleep(r.uniform(0.3, 1.2))
            s.kill()
            s.start()
        wait_for(lambda: said.count(250) > 20 and said.count(452) > 20)
    finally:
        stop.set()
    for t in threads:
        t.join(60)
    assert all(used <= 300 * 1024 + 10_000 for used in shown), max(shown)  # the warnings come on top
    wait_for(lambda: all(m["account"] == USER for m in s.queue()), 60)
    wait_for(lambda: counted(s), 60)

    def exact():
        q = {a: quota(s, a) for a in (USER, KIM, "acme")}
        waiting = [m["size"] for m in s.queue()]
        return q["acme"]["used"] == q[USER]["used"] + q[KIM]["used"] and q[USER]["queue"] == sum(waiting) and q[KIM]["queue"] == 0 and \
            all(q[a]["mailbox"] == disk(s, a) and q[a]["messages"] == len(s.inbox_files(a)) for a in (USER, KIM))
    wait_for(exact, message=lambda: f'{s.json("quota", "ls")} {s.queue()}')
    answer = s.json("quota", "recount", "--all")
    assert answer["counted"] == 2 and answer["corrected"] == [] and answer["failed"] == []
