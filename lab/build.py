"""Builds a described network out of namespaces:

    laptop ── router1 ── router2 ── ... ── world: your provider, another one, a second resolver, the web
                 └── isp: the access provider's mail server and resolver

One world may have several places (home, office, hotel), each with routers and faults of its own; the laptop is at one of
them, or nowhere."""
import dataclasses
import os
import pathlib
import socket
import subprocess
import threading
import time

from lab import boxes, case as cases, certs, real, scripted, wire as wires
from lab.net import Machine, addresses, wire

ICMP6 = {"admin-prohibited": "admin-prohibited", "host-prohibited": "admin-prohibited", "net-prohibited": "admin-prohibited",
         "port-unreachable": "port-unreachable", "host-unreachable": "addr-unreachable", "net-unreachable": "no-route"}
HOOKS = {"pre": "nat hook prerouting priority -100", "post": "nat hook postrouting priority 100"}
BOX_PORT = 20000
READY_SECONDS = 60


def port_match(ports):
    if ports == "all":
        return ""
    no, _, listed = ports.rpartition(":")
    return f"tcp dport {'!= ' if no else ''}{{ {listed} }}"


class Place:
    """An access network: routers, the access provider's servers, and what is wrong there."""

    def __init__(self, number, name, case, world):
        self.number, self.name, self.case, self.world = number, name, case, world
        case.addresses.update(isp=[f"10.{number}.200.4", f"fd26:{number}:200::4"],
                              dns=[f"10.{number}.200.53", f"fd26:{number}:200::53"])
        self.routers = [Machine(f"{name}-router{i + 1}") for i in range(case.routers)]
        self.isp = Machine(f"{name}-isp")
        self.boxes = {}
        for r in self.routers:
            r.forward()
        self._connect()

    def home(self, host):
        n = self.number
        return [f"192.168.{n}.{host}/24", f"2001:db8:{n}::{host}/64"]

    def _routes(self, machine, to, four, six):
        four_to, six_to = to or ("0.0.0.0/0", "::/0")
        machine.ip(f"route add {four_to} via {four}\nroute add {six_to} via {six}")

    def _connect(self):
        n, chain = self.number, [*self.routers, self.world.machine]
        below = [(f"192.168.{n}.0/24", f"2001:db8:{n}::/64"), (f"10.{n}.200.0/24", f"fd26:{n}:200::/64")]
        for i, (near, far) in enumerate(zip(chain, chain[1:]), 1):
            up, down = "outer", "inner" if far is not self.world.machine else f"p{n}"
            wire(near, up, far, down)
            addresses(near, up, f"10.{n}.{i}.1/24", f"fd26:{n}:{i}::1/64")
            addresses(far, down, f"10.{n}.{i}.2/24", f"fd26:{n}:{i}::2/64")
            self._routes(near, None, f"10.{n}.{i}.2", f"fd26:{n}:{i}::2")
            for to in below:
                self._routes(far, to, f"10.{n}.{i}.1", f"fd26:{n}:{i}::1")
            below.append((f"10.{n}.{i}.0/24", f"fd26:{n}:{i}::/64"))
        wire(self.routers[0], "isp", self.isp, "eth0")
        addresses(self.routers[0], "isp", f"10.{n}.200.1/24", f"fd26:{n}:200::1/64")
        addresses(self.isp, "eth0", *(f"{a}/{64 if ':' in a else 24}" for role in ("isp", "dns") for a in self.case.addresses[role]))
        self._routes(self.isp, None, f"10.{n}.200.1", f"fd26:{n}:200::1")

    def machine(self, where):
        if where.startswith("router"):
            return self.routers[min(int(where[6:] or 1), len(self.routers)) - 1]
        return {"last": self.routers[-1], "laptop": self.world.laptop, "isp": self.isp}.get(where, self.world.machine)

    # ---- what is wrong

    def box(self, machine, kind):
        """The port at which the in-path program of that kind listens on that router."""
        key = (machine.name, kind)
        if key not in self.boxes:
            port = self.boxes[key] = BOX_PORT + len(self.boxes)
            folder = self.world.certificates
            serve = {"strip": boxes.strip, "mask": boxes.mask, "open": boxes.shield(folder / "shield.pem"),
                     "portal": boxes.portal(folder / "portal.pem")}[kind]
            for any_ in ("0.0.0.0", "::"):
                scripted.listen(machine, any_, port, serve)
        return self.boxes[key]

    def rules(self, fault):
        """(machine, chain, rule) for one fault."""
        machine = self.machine(fault.where)
        at_server = fault.where in self.case.addresses
        chain = "output" if fault.where == "laptop" else "input" if at_server else "forward"
        for number, (version, word) in enumerate((("4", "ip"), ("6", "ip6"))):
            if fault.only not in ("", version):
                continue
            match = [f"meta nfproto ipv{version}"]
            if chain == "forward" and fault.action not in ("lose", "mtu"):
                match.insert(0, 'iifname "inner"')  # what the laptop begins, not the answers
            if at_server:
                match.append(f"{word} daddr {self.case.addresses[fault.where][number]}")
            if fault.except_:
                match.append(f"{word} daddr != {self.case.addresses[fault.except_][number]}")
            match.append(port_match(fault.ports))
            yield from self._verb(fault, machine, chain, " ".join(match), version)

    def _verb(self, fault, machine, chain, match, version):
        act = fault.action
        if act in ("strip", "mask", "open", "portal"):
            match += " meta l4proto tcp" if fault.ports == "all" else ""
            yield machine, "pre", f'iifname "inner" {match} redirect to :{self.box(machine, act)}'
        elif act in ("hide", "seldom"):  # what routers say when packets have passed too many of them
            kind = "icmp type time-exceeded" if version == "4" else "icmpv6 type time-exceeded"
            yield machine, "output", f"{kind} {'limit rate over 1/second burst 1 packets ' if act == 'seldom' else ''}drop"
        elif act == "redirect":
            to = self.case.addresses[fault.to]["46".index(version)]
            yield machine, "pre", f'iifname "inner" {match} dnat {"ip" if version == "4" else "ip6"} to {to}'
            yield machine, "post", "ct status dnat masquerade"  # so that the answers come back here
        elif act == "icmp":
            kind = fault.value or "admin-prohibited"
            say = f"icmp type {kind}" if version == "4" else f"icmpv6 type {ICMP6[kind]}"
            yield machine, chain, f"{match} reject with {say}"
        else:
            verb = {"drop": "drop", "reset": "meta l4proto tcp reject with tcp reset",
                    "mtu": f"meta length > {fault.value} drop", "lose": f"numgen random mod 100 < {fault.value} drop",
                    "rate": f"ct state new limit rate over {fault.value} burst 1 packets drop"}[act]
            yield machine, chain, f"{match} {verb}"

    def break_(self, faults):
        """Exactly these things are wrong here from now on."""
        tables = {m: {} for m in [*self.routers, self.isp, *([self.world.machine, self.world.laptop] if self.here else [])]}
        for r in self.routers:
            r.ip("link set outer up")
        for fault in faults:
            if fault.action == "cut":
                self.cut(fault)
                continue
            each = [f"router{i + 1}" for i in range(len(self.routers))] if fault.where == "routers" else [fault.where]
            for machine, chain, rule in (x for where in each for x in self.rules(dataclasses.replace(fault, where=where))):
                tables.setdefault(machine, {}).setdefault(chain, []).append(rule)
        for machine, chains in tables.items():
            text = "flush ruleset\n"
            if chains:
                text += "table inet lab {\n" + "".join(
                    f"chain {name} {{ type {HOOKS.get(name, f'filter hook {name} priority 0')};\n"
                    + "\n".join(rules) + "\n}\n" for name, rules in chains.items()) + "}"
            machine.nft(text)

    @property
    def here(self):
        return self.world.at is self

    def cut(self, fault):
        machine = self.machine(fault.where)
        machine.ip("link set " + ("eth0" if fault.where == "laptop" else "outer") + " down")


class World:
    """Everything. `case` describes the far side; places are added by name."""

    def __init__(self, case, folder, shared, binary, true_root):
        self.case, self.folder, self.binary, self.true_root = case, pathlib.Path(folder), binary, true_root
        self.certificates = certs.make(shared)
        self.at, self.places, self.waiting, self.real_servers = None, {}, [], {}
        self.machine, self.laptop = Machine("world"), Machine("laptop")
        far = [a for role, all_ in case.addresses.items() if role not in ("isp", "dns") for a in case.of(role)]
        addresses(self.machine, "lo", *(f"{a}/{128 if ':' in a else 32}" for a in far))
        for path in ("resolv.conf", "hosts"):
            (self.folder / path).write_text("127.0.0.1 localhost\n" if path == "hosts" else "")
            subprocess.run(["mount", "--bind", self.folder / path, os.path.realpath(f"/etc/{path}")], check=True)
        if case.label:
            self.label(*case.label.split(" ", 1))
        self.serve()

    def label(self, file, words):
        """What a hosting company writes on its virtual machines, and a network card that is the machine's own."""
        subprocess.run(["mount", "-t", "tmpfs", "none", "/sys/class"], check=True)
        for folder in ("dmi/id", "net/eth0/device"):
            os.makedirs(f"/sys/class/{folder}")
        pathlib.Path("/sys/class/dmi/id", file).write_text(words + "\n")

    # ---- servers

    def serve(self):
        """All servers of the far side."""
        case = self.case
        for role in ("you", "other"):
            self.server(role, self.machine, case)
        for a in case.of("web"):
            scripted.listen(self.machine, a, 80, scripted.web(cases.WEB_ANSWER))
        self.resolver("second", self.machine, case, case.of("dns2"))

    def server(self, role, machine, case):
        kind, doors = case.servers[role]
        name = {"you": "mail.you.test", "other": "smtp.other.test", "isp": "smtp.isp.test"}[role]
        certificate = self.certificates / f"{case.certificates.get(role, 'isp' if role == 'isp' else 'good')}.pem"
        if kind in ("postfix", "mailbox") and not self.true_root:
            kind = "port26"  # Postfix needs users of its own, which only root has
        real_ports = []
        for door in doors if kind != "none" else ():
            port, options = scripted.options_of(door)
            if port == 443 and "https" not in options:
                serve = scripted.sealed(scripted.tls_context(certificate), scripted.web("HTTP/1.1 404 Not Found"))
            elif kind != "scripted":
                real_ports.append(port)
                continue
            else:
                if port == 465:
                    options["implicit"] = ""
                says = {stage: reply for r, stage, ports, reply in case.says
                        if r == role and (not ports or str(port) in ports.split(","))}
                shown = self.certificates / f"{options['cert']}.pem" if "cert" in options else certificate
                serve = scripted.Mail(options.get("name", name), scripted.tls_context(shown, "old-tls" in options), options, says)
            for a in case.of(role):
                scripted.listen(machine, a, port, serve)
        if real_ports:
            self.real(kind, role, name, machine, real_ports, certificate, case.of(role))

    def real(self, kind, role, name, machine, ports, certificate, at):
        folder = self.folder / role
        if kind == "port26":
            server = real.Port26(folder, self.binary, name, at, ports, certificate, self.true_root)
        else:
            server = {"postfix": real.Postfix, "mailbox": real.PostfixMailbox}[kind](folder, name, at, ports, certificate)
        self.begin(server, machine)
        self.real_servers[role] = (server, machine)
        self.waiting.append((server, machine, [(a, p) for a in at for p in ports]))

    def resolver(self, which, machine, case, at):
        kind, *more = case.resolvers.get(which, "real").split()
        if kind in ("broken", "lies"):
            wrong = {more[i]: more[i + 1].split(",") for i in range(0, len(more), 2)}
            def answer(name):
                return None if kind == "broken" else wrong[name] if name in wrong else case.resolve(name)
            for a in at:
                scripted.dns(machine, a, answer)
        elif kind == "real":
            records = list(case.records)
            for name in case.names:
                records += [f"{name}. 60 {'AAAA' if ':' in a else 'A'} {a}" for a in case.resolve(name)]
            server = real.Unbound(self.folder / f"dns-{which}-{machine.name}", at, records)
            self.begin(server, machine)
            self.waiting.append((server, machine, [(a, 53) for a in at]))

    def begin(self, server, machine):
        """All start beside each other; what goes wrong is told by wait()."""
        def start():
            try:
                server.start(machine)
            except Exception as e:
                server.failed = str(e)
        server.failed = ""
        threading.Thread(target=start, daemon=True).start()

    def wait(self):
        """Until all that was started answers."""
        end = time.monotonic() + READY_SECONDS
        for server, machine, doors in self.waiting:
            for address, port in doors:
                while True:
                    s = machine.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
                    s.settimeout(1)
                    with s:
                        if s.connect_ex((address, port)) == 0:
                            break
                    if server.failed or time.monotonic() > end:
                        raise RuntimeError(f"{type(server).__name__} does not answer at {address} {port}: "
                                           f"{server.failed or server.words()[-2000:]}")
                    time.sleep(0.01)
        self.waiting.clear()

    # ---- places

    def place(self, name, case):
        """Adds an access network with case.routers routers; its faults come with go() or change()."""
        place = self.places[name] = Place(len(self.places) + 1, name, case, self)
        self.resolver("system", place.isp, case, case.of("dns"))
        if case.servers.get("isp"):
            self.server("isp", place.isp, case)
        return place

    def record(self):
        """From now on all that the laptop says and hears is kept in the file wire-PLACE of each place."""
        for name, place in self.places.items():
            wires.record(place.routers[0], "inner", self.folder / f"wire-{name}")

    def go(self, name, faults=None, router=1):
        """The laptop leaves where it is, and arrives at that place, or ("") nowhere. What runs on it goes on. With `faults`,
        these are what is wrong there from now on; another `router` has another link address: a network never seen."""
        if self.at:
            self.laptop.ip("link del eth0")
            self.at = None
        if not name:
            return
        place = self.at = self.places[name]
        n, mac = place.number, f"02:26:00:00:{place.number:02x}:{router:02x}"
        place.case.faults = place.case.faults if faults is None else faults
        place.break_([f for f in place.case.faults if f.action != "cut"])
        (self.folder / "resolv.conf").write_text("".join(f"nameserver {a}\n" for a in place.case.of("dns")[:1]) + "options timeout:1\n")
        wire(place.routers[0], "inner", self.laptop, "eth0", mac)
        addresses(place.routers[0], "inner", *place.home(1))
        families = place.case.families
        addresses(self.laptop, "eth0", *(h for h in place.home(2) if ("6" if ":" in h else "4") in families))
        if "4" in families:
            self.laptop.ip(f"route add 0.0.0.0/0 via 192.168.{n}.1")
        if "6" in families:
            self.laptop.ip(f"route add ::/0 via 2001:db8:{n}::1")
        for fault in place.case.faults:
            if fault.action == "cut":
                place.cut(fault)

    def change(self, faults):
        """Exactly these faults where the laptop is, from now on."""
        self.at.case.faults = faults
        self.at.break_(faults)
