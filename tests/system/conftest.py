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
    config.share = Share(config.getoption("--share"))
    config.addinivalue_line("markers", "smoke: a few quick tests of all parts")
    config.addinivalue_line("markers", "alone: no other test runs beside it")


def pytest_addoption(parser):
    parser.addoption("--share", metavar="DIR",
                     help="with all who name this empty directory: each test "
                     "is run by the first of them who comes to it")


class Share:
    """What those who run at once have in common. Each test is one's; a test
    that is alone is disturbed by none of the others', and behind the door waits
    who is next. Without a directory one has all for oneself."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory) if directory else None
        self.room, self.door = [
            open(self.directory / name, "w") if directory else
            tempfile.TemporaryFile() for name in ("room", "door")]
        self.seen = 0

    def take(self):
        """Is the next test of the list, which all have, ours to run?"""
        self.seen += 1
        try:
            if self.directory:
                (self.directory / f"test-{self.seen}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

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


# What has failed once, and why.
AGAIN = []


def pytest_runtest_protocol(item, nextitem):
    """In CI, on machines that others use too, a test that fails has a second
    try, without other tests beside it; that it took one is said at the end.
    Which one is next is not known yet, so that none leaves anything to it."""
    share = item.config.share
    if not share.take():
        return True
    hook, where = item.ihook, {"nodeid": item.nodeid, "location": item.location}
    hook.pytest_runtest_logstart(**where)
    with share.entered(alone=item.get_closest_marker("alone")):
        reports = runtestprotocol(item, nextitem=None, log=False)
    failed = [report for report in reports if report.failed]
    if failed and "CI" in os.environ:
        AGAIN.append((item.nodeid, failed[0].longreprtext))
        item._initrequest()
        with share.entered(alone=True):
            reports = runtestprotocol(item, nextitem=None, log=False)
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
