"""The local time zone: what the settings of the machine are understood as, and what is said if they cannot be."""

from __future__ import annotations

import pickle
import zoneinfo
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzlocal

from rota.serializers.json import JSONSerializer
from rota.serializers.pickle import PickleSerializer
from rota.triggers import CronTrigger, DateTrigger, IntervalTrigger
from tests.strategies import tzif_of

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)

#: A zone of the system, and where its file is.
BERLIN = "Europe/Berlin"
DIRECTORY = next((each for each in zoneinfo.TZPATH if Path(each, BERLIN).is_file()), None)


@pytest.fixture
def tz(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let `TZ` be read again."""
    if not hasattr(tzlocal, "unix"):
        pytest.skip("TZ has no such meaning here")
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    return monkeypatch


def local() -> CronTrigger:
    return CronTrigger(hour=9, start_time=NOW)


@pytest.mark.skipif(DIRECTORY is None, reason="the system has no zones")
def test_file_of_a_named_zone_is_that_zone(tz: pytest.MonkeyPatch, backend: object) -> None:
    tz.setenv("TZ", f"{DIRECTORY}/{BERLIN}")
    trigger = local()
    assert trigger.timezone is ZoneInfo(BERLIN)
    assert pickle.loads(pickle.dumps(trigger)) == trigger


@pytest.mark.skipif(DIRECTORY is None, reason="the system has no zones")
def test_copy_of_the_file_of_a_zone_is_that_zone(tz: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As /etc/localtime is in many containers. The zone can have several names."""
    copied = tmp_path / "localtime"
    copied.write_bytes(tzif_of(BERLIN))
    tz.setenv("TZ", str(copied))
    zone = local().timezone
    assert isinstance(zone, ZoneInfo)
    assert zone is ZoneInfo(zone.key)
    assert tzif_of(zone.key) == tzif_of(BERLIN)


def test_file_that_is_of_no_named_zone_is_used_and_cannot_be_stored(
    tz: pytest.MonkeyPatch, tmp_path: Path, backend: object
) -> None:
    # RFC 9636: a header (one type, four bytes of its name) and that type, in either form, and a rule
    data = b"TZif2" + bytes(31) + b"\0\0\0\1" + b"\0\0\0\4" + bytes(6) + b"OWN\0"
    own = tmp_path / "own"
    own.write_bytes(data * 2 + b"\n<OWN>-5:17\n")
    tz.setenv("TZ", str(own))
    trigger = local()
    moment = trigger.next()
    assert moment is not None
    assert moment.isoformat() == "2026-06-01T09:00:00+05:17"
    for serializer in (PickleSerializer(), JSONSerializer()):
        with pytest.raises(ValueError, match="a time zone must be given by its IANA name"):
            serializer.serialize(trigger)


@pytest.mark.parametrize("setting", ["Nonsense", "Europe", "/nowhere", "PST4DST", "../zone"])
def test_setting_that_is_no_zone_is_an_error_that_tells_what_to_do(
    tz: pytest.MonkeyPatch, setting: str
) -> None:
    tz.setenv("TZ", setting)
    for make in (local, lambda: IntervalTrigger(hours=1), lambda: DateTrigger("2026-06-01")):
        with pytest.raises(
            ValueError, match=r"^local time zone cannot be determined: give"
        ) as raised:
            make()
        assert str(raised.value).endswith(f"got: TZ='{setting}'")
