"""Machines of the lab: network namespaces without names, so that labs side by side cannot collide and none outlives its
process; wires between them; and threads or programs that run in one of them."""
import contextlib
import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _here():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Machine:
    """One computer or router. `with machine:` moves the calling thread, and what it starts, into it."""

    _back = threading.local()

    def __init__(self, name):
        self.name = name
        back = _here()
        _check(_libc.unshare(CLONE_NEWNET))
        self.fd = _here()
        _check(_libc.setns(back, CLONE_NEWNET))
        os.close(back)
        with self:
            for key, value in (("ipv6/conf/default/accept_dad", 0), ("ipv6/conf/all/accept_dad", 0),
                               ("ipv6/conf/default/accept_ra", 0), ("ipv4/icmp_ratelimit", 0),
                               ("ipv6/icmp/ratelimit", 0), ("ipv4/icmp_msgs_per_sec", 100000),
                               ("ipv4/ip_unprivileged_port_start", 0)):
                self.set(key, value)
        self.ip("link set lo up")

    @property
    def path(self):
        """Where another program finds this namespace, for nsenter --net= and ip."""
        return f"/proc/{os.readlink('/proc/self')}/fd/{self.fd}"

    def __enter__(self):
        self._back.__dict__.setdefault("fds", []).append(_here())
        _check(_libc.setns(self.fd, CLONE_NEWNET))
        return self

    def __exit__(self, *_):
        fd = self._back.fds.pop()
        _check(_libc.setns(fd, CLONE_NEWNET))
        os.close(fd)

    def set(self, key, value):
        """A setting below /proc/sys/net; older kernels have some for all namespaces at once, where we may not write."""
        with self, contextlib.suppress(OSError), open(f"/proc/sys/net/{key}", "w") as f:
            f.write(str(value))

    def run(self, argv, text=None):
        with self:
            done = subprocess.run(argv, input=text, text=True, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(argv)}: {done.stderr.strip()}\n{text or ''}")
        return done.stdout

    def ip(self, lines):
        self.run(["ip", "-batch", "-"], lines + "\n")

    def nft(self, lines):
        self.run(["nft", "-f", "-"], lines + "\n")

    def forward(self):
        self.set("ipv4/ip_forward", 1)
        self.set("ipv6/conf/all/forwarding", 1)

    def socket(self, family, kind=socket.SOCK_STREAM):
        with self:
            return socket.socket(family, kind | socket.SOCK_CLOEXEC)

    def thread(self, work, *args):
        """Runs work(*args) there, beside us."""
        def inside():
            with self:
                work(*args)
        threading.Thread(target=inside, daemon=True).start()


def wire(a, a_name, b, b_name, mac=None):
    """A cable from a's socket a_name to b's socket b_name."""
    address = f" address {mac}" if mac else ""
    a.ip(f"link add {a_name}{address} type veth peer name {b_name} netns {b.path}\nlink set {a_name} up")
    b.ip(f"link set {b_name} up")


def addresses(machine, device, *all_):
    """Each with its prefix length; IPv6 without the second of waiting for duplicates."""
    machine.ip("\n".join(f"addr add {a} dev {device}" + (" nodad" if ":" in a else "") for a in all_))
