"""A full disk is one line in the log a minute; everything else is said as it was."""

import logging

import pytest

from freehold.errors import RecordNotKept
from freehold.gateway.unkept import Unkept

FULL = "The record rec_1 could not be written: 100% of the disk is used."


@pytest.fixture
def log() -> logging.Logger:
    made = logging.Logger("test")
    made.addFilter(Unkept())
    return made


def fail(log: logging.Logger, error: Exception, name: str) -> None:
    try:
        try:
            raise OSError(28, "No space left on device")
        except OSError as cause:
            raise error from cause
    except Exception:
        log.exception("the record %s of a failed request could not be kept", name)


def test_it_is_said_in_one_line_and_then_counted(
    log: logging.Logger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.addHandler(caplog.handler)
    for number in range(40):
        fail(log, RecordNotKept(FULL), f"rec_{number}")
    assert caplog.text.count("\n") == 1
    (first,) = caplog.records
    assert first.getMessage() == (
        f"the record rec_0 of a failed request could not be kept: {FULL} Free some space on the disk of the data folder, "
        "or make it writable."
    )
    later = first.created + 60
    monkeypatch.setattr("logging.time.time", lambda: later)
    monkeypatch.setattr("logging.time.time_ns", lambda: int(later * 1e9), raising=False)
    fail(log, RecordNotKept(FULL), "rec_40")
    assert len(caplog.records) == 2
    assert caplog.records[1].getMessage().endswith("; 39 more since this was said last")


def test_what_is_a_bug_keeps_its_traceback(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    log.addHandler(caplog.handler)
    for _ in range(2):
        fail(log, ZeroDivisionError("a bug"), "rec_1")
    log.warning("a sentence")
    assert caplog.text.count("ZeroDivisionError: a bug") == 2
    assert len(caplog.records) == 3
