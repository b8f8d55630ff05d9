"""A mail program: hand_over.py PORT SECONDS TO COUNT. One message every so often to localhost, until its input ends or COUNT
are taken; one line of JSON for each."""
import json
import select
import smtplib
import sys
import time

SENDER = "joe@you.test"


def hand_over(port, to, number):
    text = f"From: <{SENDER}>\r\nTo: <{to}>\r\nSubject: number {number}\r\n\r\nWritten on the way.\r\n"
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as s:
            s.sendmail(SENDER, [to], text)
        return {"number": number, "at": time.time()}
    except (OSError, smtplib.SMTPException) as e:
        return {"number": number, "trouble": str(e)}


def main():
    port, every, to, count = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    number = 0
    while not count or number < count:
        number += 1
        print(json.dumps(hand_over(port, to, number)), flush=True)
        if select.select([sys.stdin], [], [], every)[0]:
            break


if __name__ == "__main__":
    main()
