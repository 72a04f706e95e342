"""Which addresses the server may call for a stranger: those of the public internet, and those that the operator names.

Names prove nothing (`2130706433`, `0x7f.1` and `①②⑦.⓪.⓪.①` all are 127.0.0.1): only resolved addresses are judged.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Mode = Literal["public", "allow", "off"]
PUBLIC_PORTS = frozenset({80, 443})

# What `is_global` of some Python between 3.11 and 3.14 takes for public, and is not or hides an address that is not:
# RFC 6890 (192.0.0.0/24), 7526 (6to4), 4380 (Teredo), 6052 and 8215 (NAT64), 4291 (IPv4-compatible), 3879 (site-local).
HIDDEN = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "168.63.129.16/32",  # a cloud's own services
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fec0::/10",
    )
)

# Names that other people's name servers may be asked for: not those of RFC 6761, 6762 and 8375, nor `internal`.
PUBLIC_NAME = re.compile(
    r"([a-z0-9_-]+\.)+(?!(localhost|local|internal|arpa|invalid|test)$)[a-z][a-z0-9-]+", re.IGNORECASE
)


def is_public(address: str) -> bool:
    """Whether it belongs to the public internet: not to this machine, its network, or a tunnel into either."""
    parsed = _unmapped(address)
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in HIDDEN)


@dataclass(frozen=True, slots=True)
class Destinations:
    """mode: "public" is the internet and what is allowed by name, "allow" only the latter, "off" nothing.

    hosts: names, in lower case, or "name:port". networks: of addresses. What is allowed by name may have any port,
    unless it says one.
    """

    mode: Mode
    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, mode: Mode, allowed: Iterable[str] = ()) -> "Destinations":
        """allowed: networks such as "10.0.0.0/8", and hosts, "name" or "name:port". Raises ValueError."""
        networks, hosts = list[IPv4Network | IPv6Network](), set[str]()
        for entry in allowed:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                if "/" in entry or not entry.strip():
                    raise ValueError(f"{entry!r} is neither a network, nor a host, nor host:port") from None
                hosts.add(entry.lower())
        return cls(mode, frozenset(hosts), tuple(networks))

    def allows(self, host: str, port: int, address: str) -> bool:
        """host: as the URL says it. address: one that it resolves to, which is the one to be called."""
        if self.mode == "off":
            return False
        return self.names(host, port, address) or (self.takes_public(port) and is_public(address))

    def names(self, host: str, port: int, address: str) -> bool:
        """Whether the operator named the host or a network that the address is in."""
        parsed = _unmapped(address)
        return self.names_host(host, port) or any(parsed in network for network in self.networks)

    def names_host(self, host: str, port: int) -> bool:
        return bool({host.lower(), f"{host.lower()}:{port}"} & self.hosts)

    def takes_public(self, port: int) -> bool:
        """Whether the public internet may be called at this port."""
        return self.mode == "public" and port in PUBLIC_PORTS

    def allows_unseen(self, host: str, port: int) -> bool:
        """Whether somebody else may call it for us, who finds the address and judges it."""
        return self.takes_public(port) and PUBLIC_NAME.fullmatch(host) is not None


def _unmapped(address: str) -> IPv4Address | IPv6Address:
    parsed = ip_address(address.partition("%")[0])
    return getattr(parsed, "ipv4_mapped", None) or parsed
