"""A laptop that travels: `with roam.world() as lab: lab.go("hotel")`. Each place is an access network with its own routers,
DNS and mail server, and rules for the ports of mail; what runs on the laptop goes on while it moves."""
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
