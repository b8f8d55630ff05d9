"""A laptop that travels: `with roam.world() as lab: lab.go("hotel")`. Each place is an access network with its own routers,
DNS and mail server, and rules for the ports of mail; what runs on the laptop goes on while it moves."""
import copy

from lab.case import Case, Fault
from lab.lab import Lab

PLACES = {
    "home": Case(title="25 is dropped, 465 and 587 are open", routers=2, faults=[Fault("router1", "drop", "25")]),
    "office": Case(title="a firewall that masks SMTP; 465 is reset", routers=3,
                   faults=[Fault("router1", "mask", "25,26,587,1025,2525"), Fault("router1", "reset", "465")]),
    "hotel": Case(title="nothing but the web", routers=4, faults=[Fault("router1", "drop", "not:53,80,443")]),
    "cloud": Case(title="25, 465 and 587 are dropped", routers=1, faults=[Fault("router1", "drop", "25,465,587")]),
    "isp-only": Case(title="25 to the access provider's server only, other mail ports dropped", routers=2,
                     faults=[Fault("router1", "drop", "26,465,587,1025,2525"), Fault("router1", "drop", "25", except_="isp")]),
    "open": Case(title="everything passes", routers=1),
    "portal": Case(title="a Wi-Fi that wants a login", routers=2,
                   faults=[Fault("router1", "portal", "80,443"), Fault("router1", "drop", "not:53,80,443")]),
}

# A day of a traveller. Only what is said is open, beside DNS and plain web pages.
WALK = {
    "home": Case(title="everything passes", routers=1),
    "office": Case(title="587 alone", routers=2, faults=[Fault("router1", "drop", "not:53,80,587")]),
    "hotel": Case(title="a Wi-Fi that wants a login", routers=2,
                  faults=[Fault("router1", "portal", "80,443"), Fault("router1", "drop", "not:53,80,443")]),
    "cloud": Case(title="25, 465 and 587 are dropped", routers=1, faults=[Fault("router1", "drop", "25,465,587")]),
    "isp": Case(title="the access provider's own relay alone", routers=2, faults=[Fault("router1", "drop", "not:53,80", except_="isp")],
                servers={"you": ("none", []), "other": ("none", []), "isp": ("port26", ["587"])}),
}


def day(case, shared=None):
    """A lab with the places of WALK; the laptop is at home."""
    home = WALK["home"]
    case.routers, case.faults = home.routers, list(home.faults)
    lab = Lab(case, shared)
    try:
        for name, place in list(WALK.items())[1:]:
            lab.place(name, copy.deepcopy(place))
    except BaseException:
        lab.close()
        raise
    return lab


def world(case=None, places=("home",), shared=None):
    """A lab whose laptop is at the first of these places. `case` tells the far side: servers, certificates, names."""
    case = case or Case()
    first = PLACES[places[0]]
    case.routers, case.faults = first.routers, first.faults
    lab = Lab(case, shared)
    try:
        for name in places[1:]:
            lab.place(name, PLACES[name])
    except BaseException:
        lab.close()
        raise
    return lab
