"""What stands in the way on a router and takes part in the conversation: redirected connections come here, and go on to
where they wanted, changed."""
import contextlib
import re
import socket
import ssl
import struct
import threading

from lab import scripted

SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h; the same number for IPv6
WHOLE_REPLY = re.compile(rb"(?:^|\n)[0-9]{3} [^\n]*\n$")


def wanted(sock):
    """Where a redirected connection was to go."""
    if sock.family == socket.AF_INET6:
        raw = sock.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack(">H", raw[2:4])[0]
    raw = sock.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    return socket.inet_ntoa(raw[4:8]), struct.unpack(">H", raw[2:4])[0]


def onward(sock):
    return socket.create_connection(wanted(sock), 10)


def _pour(source, sink, change=lambda data: data):
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            sink.sendall(change(data))
    for s in (source, sink):
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)


def join(client, server, to_client=lambda d: d, to_server=lambda d: d):
    """Carries both ways until one side ends."""
    back = threading.Thread(target=_pour, args=(server, client, to_client), daemon=True)
    back.start()
    _pour(client, server, to_server)
    back.join()


def _without_starttls(reply):
    lines = [line for line in reply.splitlines(True) if line[4:].strip().upper() != b"STARTTLS"]
    if lines and lines[-1][:4] == b"250-":
        lines[-1] = b"250 " + lines[-1][4:]
    return b"".join(lines)


def strip(sock):
    """Takes the offer of STARTTLS out of the reply."""
    with onward(sock) as server:
        join(sock, server, _without_starttls)


def _masked(data):
    data = re.sub(rb"^220[ -][^\r\n]*", lambda m: b"220 " + b"*" * (len(m[0]) - 4), data)
    return data.replace(b"STARTTLS", b"XXXXXXXA")


def mask(sock):
    """As firewalls that inspect SMTP do it: stars for the greeting, X for the words they do not know."""
    with onward(sock) as server:
        join(sock, server, _masked, lambda data: re.sub(rb"(?i)^STARTTLS", b"XXXXXXXX", data))


def _open_both(sock, server, certificate):
    far = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    far.check_hostname, far.verify_mode = False, ssl.CERT_NONE
    server = far.wrap_socket(server)
    return scripted.tls_context(certificate).wrap_socket(sock, server_side=True), server


def _reply(server, sock):
    data = b""
    while not WHOLE_REPLY.search(data):
        more = server.recv(65536)
        if not more:
            break
        data += more
    sock.sendall(data)
    return data


def shield(certificate):
    """Opens TLS with a certificate of its own, as virus scanners and some firewalls do."""
    def serve(sock):
        with onward(sock) as server:
            if wanted(sock)[1] in (465, 443):
                join(*_open_both(sock, server, certificate), to_server=scripted.heard)
                return
            _reply(server, sock)  # the greeting
            with sock.makefile("rb", buffering=0) as lines:
                for line in iter(lines.readline, b""):
                    server.sendall(line)
                    answer = _reply(server, sock)
                    if line.strip().upper() == b"STARTTLS" and answer.startswith(b"220"):
                        join(*_open_both(sock, server, certificate), to_server=scripted.heard)
                        return
    return serve


def portal(certificate):
    """A login page for whoever asks for anything."""
    page = scripted.web("HTTP/1.1 302 Found\\nLocation: http://login.portal.test/")

    def serve(sock):
        if wanted(sock)[1] in (443, 465):
            scripted.sealed(scripted.tls_context(certificate), page)(sock)
        else:
            page(sock)
    return serve
