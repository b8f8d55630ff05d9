"""The description of one network: read from the short files of lab/cases (their words are explained in lab/README.md), or
made by a program."""
import copy
import dataclasses
import os
import pathlib
import re
import shlex

FOLDER = pathlib.Path(__file__).resolve().parent / "cases"
WEB_ANSWER = "HTTP/1.1 204 No Content"
ADDRESSES = {
    "you": ["198.51.100.2", "2001:db8:100::2"],
    "other": ["203.0.113.3", "2001:db8:200::3"],
    "isp": ["10.1.200.4", "fd26:1:200::4"],
    "dns": ["10.1.200.53", "fd26:1:200::53"],     # the network's own resolver, beside the ISP's mail server
    "dns2": ["203.0.113.54", "2001:db8:200::54"],  # the second one, far away
    "web": ["203.0.113.80", "2001:db8:200::80"],
}
NAMES = {"mail.you.test": "you", "smtp.other.test": "other", "smtp.isp.test": "isp", "web.test": "web"}
SERVERS = {
    "you": ("port26", ["25", "26", "465", "587", "1025", "2525", "443"]),
    "other": ("postfix", ["25", "465", "587", "443"]),
    "isp": ("scripted", ["25:no-starttls:plain-auth"]),
}


@dataclasses.dataclass
class Fault:
    """Something wrong at one machine: what is done with which ports. value: percent, bytes, ICMP type."""
    where: str
    action: str
    ports: str = "all"  # "25,465", "not:53,443", "all"
    to: str = ""        # redirect: role that gets it
    except_: str = ""   # role that is left alone
    only: str = ""      # "4", "6": that family
    value: str = ""

    def words(self):
        more = [f"{key}={value}" for key, value in (("to", self.to), ("except", self.except_), ("only", self.only),
                                                    ("value", self.value)) if value]
        return " ".join(["at", self.where, self.action, self.ports, *more])


@dataclasses.dataclass
class Case:
    name: str = ""
    title: str = ""
    expect: dict = dataclasses.field(default_factory=dict)
    check: list = dataclasses.field(default_factory=lambda: ["mail.you.test"])
    password: str = ""
    routers: int = 2
    families: str = "46"
    servers: dict = dataclasses.field(default_factory=lambda: copy.deepcopy(SERVERS))
    certificates: dict = dataclasses.field(default_factory=dict)
    says: list = dataclasses.field(default_factory=list)     # [role, stage, ports or "", reply]
    addresses: dict = dataclasses.field(default_factory=lambda: copy.deepcopy(ADDRESSES))
    names: dict = dataclasses.field(default_factory=lambda: dict(NAMES))  # name: role, or addresses, or "none"
    records: list = dataclasses.field(default_factory=list)
    resolvers: dict = dataclasses.field(default_factory=dict)  # system, second: "broken", "silent", "lies NAME ADDRESS"
    faults: list = dataclasses.field(default_factory=list)
    needs: list = dataclasses.field(default_factory=list)
    label: str = ""  # "sys_vendor Hetzner": of the laptop, when it is a rented virtual machine

    def has(self, family):
        return family in self.families

    def of(self, role):
        """Addresses of a role in the families that this network has at all."""
        return [a for a in self.addresses[role] if self.has("6" if ":" in a else "4")]

    def resolve(self, name):
        to = self.names.get(name, "none")
        return [] if to == "none" else self.of(to) if to in self.addresses else to.split()

    def text(self):
        """As a case file; only what differs from a network in which all is well."""
        lines, plain = [f"# {self.title}"], Case()
        say = lambda *words: lines.append(shlex.join(w for w in words if w))
        if self.check != plain.check:
            say("check", *self.check)
        if self.password:
            say("password", self.password)
        if self.label:
            say("label", *self.label.split())
        for key in ("routers", "families"):
            if getattr(self, key) != getattr(plain, key):
                say(key, str(getattr(self, key)))
        for key, word in (("servers", "server"), ("certificates", "certificate"), ("addresses", "address"), ("names", "name"),
                          ("resolvers", "resolver")):
            for name, value in getattr(self, key).items():
                if getattr(plain, key).get(name) != value:
                    kind, more = (value[0], value[1]) if key == "servers" else ("", value if isinstance(value, list) else value.split())
                    say(word, name, kind, *more)
        for record in self.records:
            say("record", *record.split())
        for role, stage, ports, reply in self.says:
            say("say", role, stage, f"at={ports}" if ports else "", *reply.split())
        lines += [f.words() for f in self.faults]
        for need in self.needs:
            say("needs", *need)
        say("expect", *(f"{k}{'~' if k in ('setting', 'sentence') else ''}={v}" for k, v in self.expect.items() if v))
        return "\n".join(lines) + "\n"


def _options(words):
    return dict(w.split("=", 1) for w in words if "=" in w), [w for w in words if "=" not in w]


def _fault(case, words):
    options, plain = _options(words)
    case.faults.append(Fault(plain[0], plain[1], plain[2] if len(plain) > 2 else "all", options.get("to", ""),
                             options.get("except", ""), options.get("only", ""), options.get("value", "")))


def _expect(case, words):
    for w in words:
        key, _, value = w.partition("=")
        case.expect[key.rstrip("~")] = value


def _server(case, words):
    case.servers[words[0]] = (words[1], words[2:] or case.servers.get(words[0], SERVERS["you"])[1])


def _say(case, words):
    """say ROLE STAGE [at=PORTS] REPLY"""
    ports = words[2][3:] if words[2].startswith("at=") else ""
    case.says.append([words[0], words[1], ports, " ".join(words[3 if ports else 2:])])


STATEMENTS = {
    "expect": _expect,
    "check": lambda c, w: setattr(c, "check", w),
    "password": lambda c, w: setattr(c, "password", " ".join(w)),
    "routers": lambda c, w: setattr(c, "routers", int(w[0])),
    "families": lambda c, w: setattr(c, "families", w[0]),
    "server": _server,
    "certificate": lambda c, w: c.certificates.__setitem__(w[0], w[1]),
    "say": _say,
    "address": lambda c, w: c.addresses.__setitem__(w[0], w[1:]),
    "name": lambda c, w: c.names.__setitem__(w[0], " ".join(w[1:])),
    "record": lambda c, w: c.records.append(" ".join(w)),
    "resolver": lambda c, w: c.resolvers.__setitem__(w[0], " ".join(w[1:])),
    "at": _fault,
    "label": lambda c, w: setattr(c, "label", " ".join(w)),
    "needs": lambda c, w: c.needs.append(w),
}


def parse(text, name=""):
    case = Case(name=name)
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            case.title = case.title or line[1:].strip()
            continue
        words = shlex.split(line)
        if not words:
            continue
        if words[0] not in STATEMENTS:
            raise ValueError(f"{name}:{number}: '{words[0]}' is none of {', '.join(STATEMENTS)}")
        STATEMENTS[words[0]](case, words[1:])
    return case


def names():
    return sorted(f.name for f in FOLDER.iterdir())


def load(name):
    """A case by its name, a file, or isp:NAME."""
    if name.startswith("isp:"):
        from lab import isps
        return isps.case(name[4:])
    path = pathlib.Path(name) if os.sep in name else FOLDER / name
    if not path.is_file():
        raise SystemExit(f"There is no case '{name}'. lab/list shows them all.")
    return parse(path.read_text(), path.name)


def unlike(case, answer):
    """What check said that the case does not expect; "" when all is as it must be. The time is not looked at."""
    wrong, e, v = [], case.expect, answer.get("verdict", {})
    for key in ("id", "owner"):
        if key in e and v.get(key) not in e[key].split("|"):
            wrong.append(f"{key} is {v.get(key)}, not {e[key]}")
    if "setting" in e and not re.search(e["setting"], v.get("setting") or ""):
        wrong.append(f"setting is '{v.get('setting')}', not like /{e['setting']}/")
    if "sentence" in e and not re.search(e["sentence"], v.get("sentence") or ""):
        wrong.append(f"sentence is '{v.get('sentence')}', not like /{e['sentence']}/")
    also = {a["id"] for a in answer.get("also", [])} | {v.get("id")}
    wrong += [f"{i} is not under also" for i in e.get("also", "").split(",") if i and i not in also]
    if not v.get("sentence"):
        wrong.append("there is no sentence")
    return "; ".join(wrong)


def limit_ms(case):
    """How long check may take by its own clock: 1 s when all answers, 4 s when something is silent."""
    asked = int(case.check[case.check.index("--timeout") + 1]) * 1000 if "--timeout" in case.check else 0
    return int(case.expect.get("under", max(4000, asked) if silent(case) else 1000))


def silent(case):
    return any(f.action in ("drop", "lose", "rate", "mtu", "cut") for f in case.faults) or \
        any(v in ("silent",) for v in case.resolvers.values()) or "9.9.9.9" in case.check
