"""What counts as the public internet, and what an operator may allow beside it."""

import pytest

from server.addresses import Destinations, is_public


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "255.255.255.255",
        "100.100.100.200", "192.0.0.192", "192.88.99.1", "168.63.129.16", "224.0.0.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::",
        "2001:0:53aa:64c:0:0:5601:5601", "2001:db8::1",
    ],
)  # fmt: skip
def test_what_is_near_or_hides_what_is_near_is_not(address: str) -> None:
    assert not is_public(address)


LAN = ("10.0.0.0/8", "hooks.lan", "box.lan:9000", "fd00::/8")


@pytest.mark.parametrize(
    ("mode", "host", "port", "address", "allowed"),
    [
        ("public", "example.com", 443, "93.184.215.14", True),
        ("public", "example.com", 22, "93.184.215.14", False),
        ("public", "example.com", 443, "127.0.0.1", False),
        ("public", "hooks.lan", 8080, "127.0.0.1", True),
        ("public", "HOOKS.lan", 8080, "192.168.1.1", True),
        ("public", "box.lan", 9000, "192.168.1.1", True),
        ("public", "box.lan", 9001, "192.168.1.1", False),
        ("public", "10.1.2.3", 8080, "10.1.2.3", True),
        ("public", "x.lan", 8080, "::ffff:10.1.2.3", True),
        ("public", "x.lan", 8080, "fd12::1", True),
        ("allow", "example.com", 443, "93.184.215.14", False),
        ("allow", "hooks.lan", 443, "93.184.215.14", True),
        ("off", "hooks.lan", 443, "10.1.2.3", False),
    ],
)
def test_where_it_may_go(mode: str, host: str, port: int, address: str, *, allowed: bool) -> None:
    assert Destinations.of(mode, LAN).allows(host, port, address) is allowed  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0.0/33", "", " "])
def test_an_allowance_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        Destinations.of("allow", [entry])
