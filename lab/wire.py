"""What was on the wire: a router keeps every TCP packet of the laptop's side in a file; read again here."""
import base64
import dataclasses
import socket
import struct
import threading
import time

ETH_P_ALL = 3
HEAD = struct.Struct(">dI")  # time, octets
SYN, ACK = 0x02, 0x10


def record(machine, device, path):
    """From now on, all packets through that device, in both directions, go to the file."""
    with machine:
        s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)

    def run():
        with open(path, "ab", buffering=0) as out:
            while True:
                packet, where = s.recvfrom(1 << 18)
                if where[0] == device:
                    out.write(HEAD.pack(time.time(), len(packet)) + packet)
    threading.Thread(target=run, daemon=True).start()


@dataclasses.dataclass
class Segment:
    at: float
    source: tuple
    target: tuple
    flags: int
    sequence: int
    data: bytes


def _segment(at, packet):
    if packet[0] >> 4 == 4:
        family, addresses, rest = socket.AF_INET, (packet[12:16], packet[16:20]), packet[(packet[0] & 15) * 4:struct.unpack(">H", packet[2:4])[0] or None]
        protocol = packet[9]
    else:
        family, addresses, rest = socket.AF_INET6, (packet[8:24], packet[24:40]), packet[40:]
        protocol = packet[6]
    if protocol != socket.IPPROTO_TCP or len(rest) < 20:
        return None
    here, there, sequence = struct.unpack(">HHI", rest[:8])
    a, b = (socket.inet_ntop(family, x) for x in addresses)
    return Segment(at, (a, here), (b, there), rest[13], sequence, rest[(rest[12] >> 4) * 4:])


def read(path):
    """The TCP segments of a file, in order; what is being written at its end is left out."""
    found, at = [], 0
    data = path.read_bytes() if path.exists() else b""
    while at + HEAD.size <= len(data):
        when, size = HEAD.unpack_from(data, at)
        packet = data[at + HEAD.size:at + HEAD.size + size]
        at += HEAD.size + size
        segment = _segment(when, packet) if len(packet) == size and size >= 20 and packet[0] >> 4 in (4, 6) else None
        if segment:
            found.append(segment)
    return found


def attempts(segments):
    """(time, address, port) of each connection that was begun; a SYN sent again is the same one."""
    first = {}
    for s in segments:
        if s.flags & (SYN | ACK) == SYN:
            first.setdefault((s.source, s.target), s.at)
    return sorted((at, *target) for (_, target), at in first.items())


def streams(segments):
    """What each side said: {(source, target): octets}, what was sent again once."""
    begun, pieces = {}, {}
    for s in segments:
        key = (s.source, s.target)
        if s.flags & SYN:
            begun[key] = (s.sequence + 1) & 0xffffffff
        if s.data:
            start = begun.setdefault(key, s.sequence)
            pieces.setdefault(key, {})[(s.sequence - start) & 0xffffffff] = s.data
    out = {}
    for key, parts in pieces.items():
        whole = bytearray()
        for offset in sorted(parts):
            if offset <= len(whole):
                whole[offset:offset + len(parts[offset])] = parts[offset]
            else:
                whole += parts[offset]  # a packet was lost here, or the recorder came late
        out[key] = bytes(whole)
    return out


def spellings(user, password):
    """Every way in which SMTP may carry them in clear: as they are, and in base64 at each of three positions."""
    plain = f"\0{user}\0{password}".encode()
    out = {password.encode(), base64.b64encode(plain)}
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + password.encode())
        out.add(coded[4 if shift else 0:-4])  # without what depends on the octets around it
    return out


def tells(segments, user, password):
    """The first stream in which the password can be read, or None."""
    words = spellings(user, password)
    for key, said in streams(segments).items():
        if any(w in said for w in words):
            return key, said
    return None
