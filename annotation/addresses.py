"""Network addresses: which name the machine itself, and which address a request came from."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address names the machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _parsed(host.strip("[]"))
    return address is not None and address.is_loopback


def client_address(*, remote: str, forwarded: str, proxies: int) -> str:
    """Return the address of a caller behind `proxies` proxies that are our own.

    Each proxy appends the address that called it to X-Forwarded-For, so the caller's is the last
    but `proxies` - 1. What stands before it was sent by the caller and is not believed. Without
    proxies, or if the header is too short, it is the address `remote` of the connection.
    """
    listed = [part.strip() for part in forwarded.split(",")]
    if 0 < proxies <= len(listed):
        address = _parsed(listed[-proxies].strip("[]"))
        if address is not None:
            return str(address)
    address = _parsed(remote)
    return "" if address is None else str(address)


def network_of(address: str) -> str:
    """Return what one caller can change at will: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network(f"{parsed}/64", strict=False))
    return address


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in `text`; an IPv4 address that is written as IPv6 becomes IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
