"""The process that a lab lives in: everything ends with it. Its first line of input describes the lab, the others ask for
changes; each is answered with one line."""
import base64
import json
import os
import subprocess
import sys
import traceback

from lab import scripted
from lab.build import World
from lab.case import Case, Fault


def case_of(d):
    return Case(**{**d, "faults": [Fault(**f) for f in d["faults"]]})


class Holder:
    def start(self, case, folder, shared, binary, true_root):
        self.world = World(case_of(case), folder, shared, binary, true_root)
        self.world.place("home", case_of(case))
        self.world.wait()
        self.world.go("home")
        return {"pid": int(os.readlink("/proc/self")), "laptop": self.world.laptop.fd, "world": self.world.machine.fd}

    def place(self, name, case):
        self.world.place(name, case_of(case))
        self.world.wait()

    def go(self, name, faults=None, router=1):
        self.world.go(name, None if faults is None else [Fault(**f) for f in faults], router)

    def heard(self):
        return base64.b64encode(scripted.HEARD).decode()

    def record(self):
        self.world.record()

    def command(self, role, words, text=""):
        server, machine = self.world.real_servers[role]
        with machine:
            done = subprocess.run(server.argv(*words), input=text, capture_output=True, text=True, timeout=60, cwd="/",
                                  env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        return {"status": done.returncode, "output": done.stdout + done.stderr}

    def change(self, faults):
        self.world.change([Fault(**f) for f in faults])


def main():
    holder = Holder()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"ok": getattr(holder, question.pop("do"))(**question)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
    os._exit(0)  # the threads of the servers need not be asked


if __name__ == "__main__":
    main()
