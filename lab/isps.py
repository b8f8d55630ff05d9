"""Real access networks as cases: lab/run isp:NAME. What they do stands in isps.tsv; equal policies are equal networks."""
import pathlib

from lab.case import Case, Fault

FILE = pathlib.Path(__file__).with_name("isps.tsv")


def rows():
    """{name: policy}"""
    lines = (line.rstrip("\n").split("\t") for line in FILE.read_text().splitlines() if not line.startswith("#"))
    return {name: policy for name, policy, _ in lines}


def case(name):
    found = {n.lower(): (n, p) for n, p in rows().items()}
    if name.lower() not in found:
        raise SystemExit(f"There is no network '{name}'; there are: {', '.join(rows())}.")
    name, policy = found[name.lower()]
    verb, _, ports = policy.partition(" ")
    made = Case(name=f"isp:{name}", title=f"{name}: {policy}", expect={"id": "OK", "owner": "none"})
    if verb == "open":
        return made
    made.faults = [Fault("router1", "drop", ports, except_="isp" if verb == "isp" else "")]
    made.expect = {"id": "N8|N17", "owner": "network"}
    if verb == "isp":
        made.check += ["--isp", "smtp.isp.test"]
        made.expect["id"] = "N12"
    elif ports == "25,465,587":  # the doors that are left: this provider has them
        made.expect["setting"] = "2525|26|1025"
    return made


def distinct():
    """One network of each policy, the first that has it."""
    first = {}
    for name, policy in rows().items():
        first.setdefault(policy, name)
    return list(first.values())
