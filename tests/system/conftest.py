# SPDX-License-Identifier: GPL-2.0-or-later
"""What every system test begins and ends with."""

import contextlib
import fcntl
import os
import pathlib
import sys
import tempfile

import pytest
from _pytest.runner import runtestprotocol

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from host import SANITIZER_DIRECTORY  # noqa: E402
from lab import Lab  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: a few quick tests of all parts")
    config.addinivalue_line("markers", "alone: no other test runs beside it")


def pytest_addoption(parser):
    parser.addoption("--shard", metavar="K/N", default="1/1",
                     help="of all tests each Nth, from the Kth on")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Long tests of one file are shared among those who run at once."""
    which, count = map(int, config.getoption("--shard").split("/"))
    left = [item for number, item in enumerate(items)
            if number % count != which - 1]
    items[:] = items[which - 1::count]
    if left:
        config.hook.pytest_deselected(items=left)


class Room:
    """Where those who run at once have their tests; one that is alone in it is
    disturbed by none of the others. Behind the door waits who is next."""

    def __init__(self, path):
        """Without a path it is a room of one's own."""
        self.room = open(path, "w") if path else tempfile.TemporaryFile()
        self.door = open(f"{path}.door", "w") if path else \
            tempfile.TemporaryFile()

    @contextlib.contextmanager
    def entered(self, alone):
        fcntl.flock(self.door, fcntl.LOCK_EX)
        try:
            fcntl.flock(self.room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self.door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self.room, fcntl.LOCK_UN)


ROOM = Room(os.environ.get("MINIVPN_ROOM"))
# What has failed once, and why.
AGAIN = []


def pytest_runtest_protocol(item, nextitem):
    """In CI, on machines that others use too, a test that fails has a second
    try, without other tests beside it; that it took one is said at the end."""
    hook, where = item.ihook, {"nodeid": item.nodeid, "location": item.location}
    hook.pytest_runtest_logstart(**where)
    with ROOM.entered(alone=item.get_closest_marker("alone")):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    failed = [report for report in reports if report.failed]
    if failed and "CI" in os.environ:
        AGAIN.append((item.nodeid, failed[0].longreprtext))
        item._initrequest()
        with ROOM.entered(alone=True):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(**where)
    return True


def pytest_terminal_summary(terminalreporter):
    for name, text in AGAIN:
        terminalreporter.section(f"run again: {name}")
        terminalreporter.write_line(text)


def pytest_sessionstart(session):
    if "MINIVPN_LAB" not in os.environ:
        pytest.exit("start these tests by tests/system/run", 1)
    SANITIZER_DIRECTORY.mkdir(parents=True, exist_ok=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab:
        report.sections += lab.logs()


@pytest.fixture(autouse=True)
def lab(tmp_path):
    """Fresh hosts, which have to be at the end as they are now."""
    made = Lab(tmp_path)
    try:
        made.build()
        yield made
        problems = made.finish()
        assert not problems, "\n".join(problems)
    finally:
        made.close()
