"""The caller's address: a header is believed only as far as our own proxies wrote it."""

from __future__ import annotations

import pytest

from annotation.addresses import client_address, is_loopback, network_of


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "", "10.0.0.9"),
        (0, "203.0.113.7", "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "1.1.1.1, 203.0.113.7", "203.0.113.7"),
        (2, "1.1.1.1, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "10.0.0.9"),
        (1, "nonsense", "10.0.0.9"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_client_address_when_a_header_is_sent_then_only_our_proxies_are_believed(
    proxies: int, forwarded: str, expected: str
) -> None:
    assert client_address(remote="10.0.0.9", forwarded=forwarded, proxies=proxies) == expected


def test_client_address_when_the_connection_has_none_then_empty() -> None:
    assert client_address(remote="", forwarded="", proxies=1) == ""


def test_network_of_when_ipv6_then_the_64_that_one_caller_owns() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::2:3") != network_of("2001:db8:0:1::1")
    assert network_of("203.0.113.7") == "203.0.113.7"


def test_is_loopback_when_an_address_names_this_machine_then_true() -> None:
    here = ["localhost", "a.localhost", "127.0.0.1", "127.8.8.8", "[::1]", "::ffff:127.0.0.1"]
    assert all(is_loopback(host) for host in here)
    assert not any(is_loopback(host) for host in ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
