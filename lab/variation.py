"""Networks nobody wrote down, made from a seed, each with what check must say about it, which follows from how it was made.

What can be seen limits what can be demanded: a refusal or silence right before the server may be the server's own, so at a
port that only this provider has, "not on this port" is as right as "blocked"."""
import random

from lab.case import Case, Fault

STANDARD = (25, 465, 587)
MORE = (26, 1025, 2525)
MAIL = (*STANDARD, *MORE)


class Draw:
    """One network while it is made. `sure`: {id: owner} that must be named; `either`: ids that are as right as the first."""

    def __init__(self, seed):
        self.random = r = random.Random(seed)
        self.case = c = Case(name=f"seed-{seed}", title=f"made from seed {seed}")
        c.routers = r.randint(1, 6)
        c.families = r.choices(["46", "4", "6"], [6, 3, 1])[0]
        self.doors = sorted({r.choice((465, 587)), *(p for p in STANDARD if r.random() < .75), *(p for p in MORE if r.random() < .3)})
        c.servers["you"] = (r.choice(["port26", "scripted"]), [*map(str, self.doors), "443"])
        c.servers["other"] = (r.choice(["postfix", "port26", "scripted"]), ["25", "465", "587", "443"])
        self.addresses()
        self.port = r.choice(self.doors) if r.random() < .4 else 0
        self.found, self.aside, self.either = [], [], set()

    def addresses(self):
        used = set()
        for role in ("you", "other", "dns2", "web"):
            while (n := self.random.randint(1, 250)) in used:
                pass
            used.add(n)
            four = f"{self.random.choice([23, 45, 80, 151, 203])}.{n}.{self.random.randint(1, 254)}.{self.random.randint(1, 254)}"
            self.case.addresses[role] = [four, f"2a{n:02x}:{self.random.randint(1, 65535):x}::{self.random.randint(1, 65535):x}"]

    def fault(self, where, action, ports="all", **more):
        self.case.faults.append(Fault(where, action, ",".join(map(str, ports)) if not isinstance(ports, str) else ports, **more))

    def names(self, id_, owner, ports=()):
        """check must name this; what is about other doors than the user's comes second."""
        self.found.append((id_, owner, bool(self.port and ports and self.port not in ports)))

    def hop(self):
        return self.random.randint(1, self.case.routers)


# ---- what may be wrong; each tells what it did

def drop(d):
    _shut(d, "drop", "N8")


def reset(d):
    _shut(d, "reset", "N9")


def icmp(d):
    _shut(d, "icmp", "N10", value=d.random.choice(["admin-prohibited", "host-prohibited", "net-prohibited"]))


def _shut(d, action, id_, **more):
    r, hop = d.random, d.hop()
    ports = r.choice([(25,), (25,), (25, 26), (25, 465), STANDARD, MAIL, (587,), (465, 587), (d.port or 25,)])
    d.fault(f"router{hop}", action, ports, **more)
    left = [p for p in d.doors if p not in ports]
    if not left and all(p in ports for p in STANDARD):
        d.names("N11", "network")
        if action == "icmp":
            d.either.add("N10")
        return
    seen = [p for p in ports if p in STANDARD or p == d.port]
    if not left and not all(p in ports for p in STANDARD):
        seen = list(ports)  # the whole server is out of reach, by a rule about some ports
        d.either |= {"N6", "N11"}
    if d.port in ports and d.port not in STANDARD and hop == d.case.routers and action != "icmp":
        d.either.add("N7")
    if d.port in ports and d.port not in STANDARD and d.case.families == "6" and action != "icmp":
        d.either.add("N7")  # how far an answer comes from is looked at for IPv4
    d.names(id_, "network", seen)


def redirect(d):
    d.fault(f"router{d.hop()}", "redirect", (25,), to="isp")
    d.names("N13", "network", (25,))


def strip(d):
    _box(d, "strip", "N14", "network", (25, 587, *MORE))


def mask(d):
    _box(d, "mask", "N14", "network", (25, 587, *MORE))


def open_(d):
    _box(d, "open", "N15", "you", MAIL)


def _box(d, action, id_, owner, ports):
    touched = [p for p in d.doors if p in ports]
    if not touched:
        return
    d.fault(f"router{d.hop()}", action, ports)
    d.names(id_, owner, touched)


def certificate(d):
    kind, owner = d.random.choice([("othername", "you"), ("expired", "provider"), ("early", "provider"), ("self", "provider")])
    d.case.certificates["you"] = kind
    d.names("S4", owner)


def clock(d):
    d.case.certificates.update(you="expired", other="expired")
    d.names("S5", "you")


def ipv6_hole(d):
    if d.case.families != "46":
        return
    d.fault(f"router{d.hop()}", "drop", only="6")
    d.names("N16", "network")


def password(d):
    d.case.servers["you"] = ("port26", d.case.servers["you"][1])
    d.case.check += ["--user", "joe@you.test"]
    d.case.password = "wrong"
    d.names("A3", "you")


def server_down(d):
    d.fault("you", "drop", d.random.choice(["all", MAIL]))
    d.names("N6", "provider")


def no_service(d):
    free = [p for p in (*STANDARD, *MORE) if p not in d.doors]
    if not free:
        return
    d.port = d.random.choice(free)
    d.names("N7", "you", (d.port,))


def no_service_silent(d):
    d.port = d.port or d.random.choice(d.doors)
    if len(d.doors) < 2:
        return
    d.fault("you", "drop", (d.port,))
    d.names("N7", "you", (d.port,))


def lying_dns(d):
    d.case.resolvers["system"] = "lies mail.you.test " + ",".join(d.case.of("web"))
    d.names("N5", "network")


def broken_dns(d):
    d.case.resolvers["system"] = d.random.choice(["broken", "silent"])
    d.names("N5", "network")


def wrong_name(d):
    d.case.check[0] = "mial.you.test"
    d.names("N4", "you")


def portal(d):
    d.fault("router1", "portal", "80,443")
    d.fault("router1", "drop", "not:53,80,443")
    d.names("N3", "you")


def offline(d):
    d.fault(d.random.choice(["laptop"] if d.random.random() < .5 else ["router1"]), "cut")
    d.names("N1", "you")


def local(d):
    d.fault("laptop", "drop", MAIL)
    d.names("N18", "you")


# ---- what is otherwise elsewhere, and changes nothing of what must be said

def dress(d):
    """Everything but the fault: who tells what on the way, what the servers do with other ports, what check is given."""
    r, case = d.random, d.case
    dns = any(f[0] in ("N1", "N3", "N4", "N5") for f in d.found)
    if r.random() < .25:
        d.fault("routers", r.choice(["hide", "seldom"]))
    if r.random() < .3:  # a server whose own firewall is silent about what it does not serve
        d.fault("you", "drop", "not:" + ",".join(sorted({*case.servers["you"][1], *([str(d.port)] if d.port else [])})))
    blocked = any(f[0] in ("N8", "N9", "N11") for f in d.found)
    control = r.random()
    if control < .2:  # not all doors, or none at all: then nobody can witness that a port is shut on the way
        kind, doors = case.servers["other"]
        case.servers["other"] = (kind, sorted(r.sample(doors, r.randint(1, 3)), key=int)) if r.random() < .6 else ("none", [])
        if not case.servers["other"][1]:
            case.check += ["--offline-controls"]
        if blocked:
            d.either |= {"N6", "N7", "N8", "N9", "N11", "unknown", "OK", *(f[0] for f in d.found)}
        if len(case.faults) and any(f.where == "you" for f in case.faults):
            d.either |= {"N8", *(f[0] for f in d.found)}  # both are silent about what neither serves
        if any(f[0] == "N13" for f in d.found):
            d.either |= {"OK"}  # a delivery door of another machine looks the same
        if any(f[0] == "S5" for f in d.found):
            d.either |= {"S4"}
        if any(f[0] == "N15" for f in d.found):
            d.either |= {"S4"}  # one server with a certificate of its own may just be badly kept
    elif control < .3:
        case.servers["other"][1].remove("443")
    if control > .5 or control < .1 and case.servers["other"][1]:
        d.fault("other", "drop", "not:" + ",".join(case.servers["other"][1]))
    if not dns and r.random() < .25:
        case.check += ["--portal", "connectivitycheck.gstatic.com"]  # which is not there
    if not dns and r.random() < .15:
        case.check += ["--resolver", "9.9.9.9"]
    if r.random() < .2:
        case.check += ["--control", case.of("other")[0]]
    if r.random() < .2:
        case.check += ["--timeout", str(r.choice([3, 5, 8]))]


NETWORK = [drop, drop, reset, reset, icmp, redirect, strip, mask, open_]
ALONE = [server_down, no_service, no_service_silent, lying_dns, broken_dns, wrong_name, portal, offline, local, clock]
FAR = [certificate, ipv6_hole, password]


def make(seed, dressed=False):
    d = Draw(seed)
    kind = d.random.random()
    if kind < .08:
        pass
    elif kind < .40:
        d.random.choice(NETWORK)(d)
    elif kind < .65:
        d.random.choice(ALONE)(d)
    elif kind < .75:
        d.random.choice(FAR)(d)
    else:
        d.random.choice(NETWORK)(d)
        d.random.choice(FAR)(d)
    if dressed:
        dress(d)
    expect(d)
    return d.case


def expect(d):
    """Nearer first; what concerns other doors than the user's, last; with nothing about the user's door, all is well there."""
    case = d.case
    if d.port:
        case.check += ["--port", str(d.port)]
    ids = [f[0] for f in d.found]
    if "N15" in ids and "S4" in ids:  # the box hides the server's certificate
        d.found = [f for f in d.found if f[0] != "S4"]
    if "N15" in ids and "A3" in ids:  # no password over a certificate that is not verified
        d.found = [f for f in d.found if f[0] != "A3"]
    if "A3" in ids and any(f.action in ("strip", "mask") for f in case.faults) and 465 not in d.doors:
        d.found = [f for f in d.found if f[0] != "A3"]
    if "S4" in ids and any(f.action in ("strip", "mask") for f in case.faults) and 465 not in d.doors:
        d.found = [f for f in d.found if f[0] != "S4"]  # no mail door shows a certificate
    box = [f for f in case.faults if f.action in ("strip", "mask", "open")]
    hole = [f for f in case.faults if f.only == "6"]
    boxed = box and (not d.port or str(d.port) in box[0].ports.split(","))
    if boxed and hole and hole[0].where >= box[0].where:  # the box takes the call before it gets lost
        d.found = [f for f in d.found if f[0] != "N16"]
    if "N11" in ids:                  # nothing of the server can be seen any more
        d.found = [f for f in d.found if f[0] == "N11"]
    own = [f for f in d.found if not f[2]]
    also = [f[0] for f in d.found]
    if not own:
        case.expect = {"id": "OK", "owner": "none"}
    else:
        case.expect = {"id": "|".join([own[0][0], *sorted(d.either)]), "owner": own[0][1] if not d.either else "network|provider|you|none"}
        also.remove(own[0][0])
    if d.either:
        also = []
    case.expect["also"] = ",".join(also)
