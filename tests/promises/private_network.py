"""A network namespace's own little world: loopback with a public address and a cloud's metadata address, and names.

Run as root of the namespace: `unshare --map-root-user --net --mount`.
"""

import fcntl
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dnslib import AAAA, QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP, IFF_RUNNING = 0x8914, 0x8916, 0x1, 0x40
METADATA, PUBLIC = "169.254.169.254", "93.184.215.14"


def bring_loopback_up() -> None:
    """What `ip link set lo up` does."""
    _tell(SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP | IFF_RUNNING) + bytes(22))


def add_addresses(*addresses: str) -> None:
    """What `ip address add` does, to the loopback."""
    for number, address in enumerate(addresses):
        place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
        _tell(SIOCSIFADDR, struct.pack("16s", f"lo:{number}".encode()) + place + bytes(8))


def ask_ourselves_for_names(scratch: Path) -> None:
    """In this mount namespace alone."""
    told = scratch / "resolv.conf"
    told.write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:5\n")
    subprocess.run(["mount", "--bind", told, "/etc/resolv.conf"], check=True)  # noqa: S607  # wherever it lies


def _tell(request: int, argument: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, request, argument)


# The answers for A and for AAAA, in turns.
NAMES: Mapping[str, tuple[list[list[str]], list[list[str]]]] = {
    "turning.example": ([[PUBLIC], ["127.0.0.1"]], [[]]),
    "clouded.example": ([[PUBLIC], [METADATA]], [[]]),
    "both.example": ([[PUBLIC, "127.0.0.1"]], [[]]),
    "six.example": ([[PUBLIC]], [[], ["::1"]]),
    "steady.example": ([[PUBLIC]], [[]]),
}


class Rebinding(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Names whose addresses change with every question, or lie on both sides, and are never to be remembered."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        name, kind = str(request.q.qname).rstrip("."), QTYPE[request.q.qtype]
        turns = dict(zip(("A", "AAAA"), NAMES.get(name, ([[]], [[]])), strict=True)).get(kind, [[]])
        told = turns[self.asked[name, kind] % len(turns)]
        self.asked[name, kind] += 1
        reply = request.reply()
        for address in told:
            record = A(address) if kind == "A" else AAAA(address)
            reply.add_answer(RR(request.q.qname, request.q.qtype, rdata=record, ttl=0))
        return reply


@contextmanager
def rebinding() -> Iterator[Rebinding]:
    names = Rebinding()
    server = DNSServer(names, port=53, address="127.0.0.1", logger=DNSLogger("-request,-reply,-truncated,-error"))
    server.start_thread()
    try:
        yield names
    finally:
        server.stop()
