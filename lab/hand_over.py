"""A mail program: hand_over.py SECONDS FIRST COUNT ONE. A message every so often to localhost, numbered after FIRST, until its
input ends or COUNT are taken; ONE: all over one connection. One line of JSON for each."""
import contextlib
import json
import select
import smtplib
import sys
import time

FROM = TO = "joe@you.test"


def connect():
    return smtplib.SMTP("127.0.0.1", 587, timeout=60)


def hand_over(number, kept):
    text = f"From: <{FROM}>\r\nTo: <{TO}>\r\nSubject: number {number}\r\n\r\nWritten on the way.\r\n"
    try:
        with contextlib.nullcontext(kept) if kept else connect() as s:
            s.sendmail(FROM, [TO], text)
        return {"number": number, "at": time.time()}
    except (OSError, smtplib.SMTPException) as e:
        return {"number": number, "trouble": str(e)}


def main():
    every, first, count = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    kept = connect() if sys.argv[4] == "1" else None
    number = first
    while not count or number < first + count:
        number += 1
        print(json.dumps(hand_over(number, kept)), flush=True)
        if select.select([sys.stdin], [], [], every)[0]:
            break


if __name__ == "__main__":
    main()
