"""Network addresses: which name the machine itself, and which address a request came from."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address names the machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _parsed(host.strip("[]"))
    return address is not None and address.is_loopback


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in `text`; an IPv4 address that is written as IPv6 becomes IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
