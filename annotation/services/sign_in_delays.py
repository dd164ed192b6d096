"""A growing delay after failed attempts to sign in, which nobody can turn against a colleague.

No account is ever locked. Attempts are counted for three things: an account from one address, an
account from all unknown addresses, and all accounts from one address. Each count has free attempts;
after them the wait doubles with each failure, up to a minute. The last two counts do not concern an
account at an address where it signed in before. None of them concerns a browser in which the
account signed in before: its attempts are counted alone. So an attacker at the same address delays
at most a browser that is new to the account, and an attacker elsewhere only one whose address is
new to it too.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest

from annotation.addresses import client_address, network_of
from annotation.errors import TooManyAttempts

DEVICE_COOKIE = "roundtruth_device"
DEVICE_DAYS = 180
MAX_WAIT = 60.0
_FREE_OF_BROWSER, _FREE_OF_PAIR, _FREE_OF_ACCOUNT, _FREE_OF_ADDRESS = 10, 5, 30, 60
_FORGET_AFTER = 24 * 3600
_KNOWN_FOR = 90 * 24 * 3600
_ACCOUNTS_OF_BROWSER = 10
_SALT = "sign-in-device"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in: hashes of the account's name and of its address, and the browser.

    `browser` is the random id of a browser in which the account signed in before, else empty.
    """

    account: str
    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class _Count:
    key: str
    free: int


def address_of(request: HttpRequest) -> str:
    """Return the caller's address, behind as many proxies as ROUNDTRUTH_PROXIES says."""
    return client_address(
        remote=request.META.get("REMOTE_ADDR", ""),
        forwarded=request.META.get("HTTP_X_FORWARDED_FOR", ""),
        proxies=settings.PROXIES,
    )


def attempt_of(request: HttpRequest, *, name: str) -> Attempt:
    """Return the attempt to sign in as `name` that a request makes."""
    account = _hash(unicodedata.normalize("NFKC", name).casefold())
    browsers = _browsers_in(request.COOKIES.get(DEVICE_COOKIE, ""))
    address = _hash(network_of(address_of(request)))
    return Attempt(account, address, browsers.get(account, ""))


def begin_attempt(attempt: Attempt) -> None:
    """Count an attempt before its password is checked; raise TooManyAttempts if it must wait.

    It counts as failed until `forgive_attempt`, so attempts at the same time cannot outrun it.
    """
    counts = _counts(attempt)
    if wait := max(_wait(count, _read(count)) for count in counts):
        raise TooManyAttempts(wait)
    for count in counts:
        with _locked(count):
            failures, last = _read(count)
            if wait := _wait(count, (failures, last)):
                raise TooManyAttempts(wait)
            cache.set(count.key, [failures + 1, time.time()], _FORGET_AFTER)


def forgive_attempt(attempt: Attempt) -> None:
    """Take back an attempt with the right password, and remember the account at this address.

    The other failures of the account from elsewhere and of the address stay: an attacker may have
    an account too.
    """
    pair = f"sign-in:pair:{attempt.account}:{attempt.address}"
    for count in _counts(attempt):
        if count.free in (_FREE_OF_BROWSER, _FREE_OF_PAIR):
            cache.delete(count.key)
            continue
        with _locked(count):
            failures, last = _read(count)
            if failures:
                cache.set(count.key, [failures - 1, last], _FORGET_AFTER)
    cache.set(f"{pair}:known", 1, _KNOWN_FOR)


def device_cookie(request: HttpRequest, *, name: str) -> str:
    """Return the cookie that remembers the browser for an account that has just signed in."""
    browsers = _browsers_in(request.COOKIES.get(DEVICE_COOKIE, ""))
    account = attempt_of(request, name=name).account
    known = browsers.pop(account, "") or secrets.token_urlsafe(16)
    newest = dict([*browsers.items(), (account, known)][-_ACCOUNTS_OF_BROWSER:])
    return signing.dumps(newest, salt=_SALT)


def _counts(attempt: Attempt) -> list[_Count]:
    """Return the counts that concern an attempt."""
    if attempt.browser:
        return [_Count(f"sign-in:browser:{_hash(attempt.browser)}", _FREE_OF_BROWSER)]
    pair = f"sign-in:pair:{attempt.account}:{attempt.address}"
    counts = [_Count(pair, _FREE_OF_PAIR)]
    if not cache.get(f"{pair}:known"):
        counts.append(_Count(f"sign-in:account:{attempt.account}", _FREE_OF_ACCOUNT))
        counts.append(_Count(f"sign-in:address:{attempt.address}", _FREE_OF_ADDRESS))
    return counts


def _read(count: _Count) -> tuple[int, float]:
    """Return the number of failures and the time of the last one."""
    failures, last = cache.get(count.key) or (0, 0.0)
    return int(failures), float(last)


def _wait(count: _Count, state: tuple[int, float]) -> float:
    """Return the seconds until the next attempt, or zero."""
    failures, last = state
    if failures < count.free:
        return 0.0
    doublings = min(failures - count.free, 6)  # 64 seconds are past the longest wait
    delay = min(2.0**doublings, MAX_WAIT)
    return max(last + delay - time.time(), 0.0)


@contextmanager
def _locked(count: _Count) -> Iterator[None]:
    """Let one process at a time change a count."""
    key = f"{count.key}:lock"
    for _ in range(40):
        if cache.add(key, 1, 5):
            break
        time.sleep(0.025)
    else:
        raise TooManyAttempts(1.0)
    try:
        yield
    finally:
        cache.delete(key)


def _browsers_in(cookie: str) -> dict[str, str]:
    """Return the browser's ids by account, from a cookie that this server signed."""
    try:
        read = signing.loads(cookie, salt=_SALT, max_age=DEVICE_DAYS * 24 * 3600)
    except signing.BadSignature:
        return {}
    return {str(account): str(browser) for account, browser in dict(read).items()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
