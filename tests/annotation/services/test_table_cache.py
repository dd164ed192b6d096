"""The cache in a table: shared by processes, without pickles, and kept small."""

from __future__ import annotations

import pytest
import time_machine

from annotation.models import CacheEntry
from annotation.services.table_cache import JsonSerializer, TableCache

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def cache() -> TableCache:
    return TableCache("", {"TIMEOUT": 300})


def test_cache_when_a_value_is_stored_then_another_process_reads_it(cache: TableCache) -> None:
    cache.set("history", [1.5, 2.25], 60)
    assert TableCache("", {}).get("history") == [1.5, 2.25]
    cache.set("history", [3.5])
    assert cache.get("history") == [3.5]
    assert CacheEntry.objects.get().value == "[3.5]"
    assert cache.delete("history") is True
    assert cache.delete("history") is False
    assert cache.get("history", "nothing") == "nothing"


def test_cache_when_two_add_the_same_key_then_one_succeeds_until_it_expires(
    cache: TableCache,
) -> None:
    with time_machine.travel("2026-03-01T12:00:00+00:00", tick=False) as clock:
        assert [cache.add("lock", 1, 5), cache.add("lock", 2, 5)] == [True, False]
        assert cache.get("lock") == 1
        clock.shift(6)
        assert cache.get("lock") is None
        assert cache.add("lock", 3, 5) is True
        assert cache.touch("lock", 60) is True
        clock.shift(30)
        assert cache.get("lock") == 3
        assert cache.incr("lock") == 4


def test_cache_when_a_number_is_counted_up_then_it_expires_when_it_would_have(
    cache: TableCache,
) -> None:
    with time_machine.travel("2026-03-01T12:00:00+00:00", tick=False) as clock:
        cache.set("count", 0, 1800)
        assert [cache.incr("count"), cache.incr("count", 2)] == [1, 3]
        clock.shift(1799)
        assert cache.incr("count") == 4
        clock.shift(2)
        assert cache.get("count") is None
        with pytest.raises(ValueError, match="not found"):
            cache.incr("count")


def test_cache_when_rows_have_expired_then_the_next_write_deletes_them(cache: TableCache) -> None:
    with time_machine.travel("2026-03-01T12:00:00+00:00", tick=False) as clock:
        for number in range(3):
            cache.set(f"k{number}", number, 5)
        cache.set("kept", 1, None)
        clock.shift(6)
        cache.set("new", 1)
    assert set(CacheEntry.objects.values_list("key", flat=True)) == {":1:kept", ":1:new"}
    cache.clear()
    assert not CacheEntry.objects.exists()


def test_cache_when_a_value_is_no_json_then_refused_and_never_pickled(cache: TableCache) -> None:
    with pytest.raises(TypeError):
        cache.set("object", object())
    serializer = JsonSerializer()
    assert serializer.loads(serializer.dumps([1, 2.5]).encode()) == [1, 2.5]
    with pytest.raises(ValueError, match="Expecting value"):
        serializer.loads(b"cos\nsystem\n(S'true'\ntR.")
