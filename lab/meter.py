"""How slow this machine is just now, told by a process of its own: one line for each look at a small piece of work, with the time and
how many times as long it took as when all was quiet. For tests that count seconds: what they measured is not to be laid on the program when
the whole machine stood still."""
import subprocess
import sys
import threading
import time

EVERY, WORK = 0.05, 20000


def _look():
    begun = time.perf_counter()
    for _ in range(WORK):
        pass
    worked = time.perf_counter() - begun
    before = time.perf_counter()
    time.sleep(EVERY)
    return worked, time.perf_counter() - before - EVERY


def main():
    """The fastest of the looks so far stands for a quiet machine."""
    best = min(_look()[0] for _ in range(10))
    while True:
        worked, late = _look()
        best = min(best, worked)
        print(time.time(), (worked + late + EVERY) / (best + EVERY), flush=True)


class Meter:
    def __init__(self):
        self.looks = []
        self.process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            at, slow = map(float, line.split())
            self.looks.append((at, slow))

    def slow(self, since, until):
        """How many times slower than when quiet it was in that time; 1 when nothing is known."""
        looks = [s for t, s in list(self.looks) if since <= t <= until + EVERY]
        return max(1.0, sum(looks) / len(looks)) if looks else 1.0

    def stop(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    main()
