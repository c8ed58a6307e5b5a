# SPDX-License-Identifier: GPL-2.0-or-later
"""No session outlasts what it was begun with: a certificate, at either end, and
the last full handshake. Who can go on does so without a break."""

import datetime
import time

import pytest

from faults import Faults, bear_deaths
from files import Authority, client_file, server_file
from host import wait_until
from lab import INNER

# Clocks jump by hours, which the keepalive has to bear.
LONG = {"Keepalive": "3600"}
TWO_HOURS = 7200
NAME = "vpn.example.org"
# Seconds that a certificate is valid from now on, and what is near its end.
BRIEF, END = 1800, 60
# Within so many seconds both ends have checked what they have.
CHECKED = 6


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


def brief(authority, name, alternative=None):
    def stamp(seconds):
        when = datetime.datetime.now(datetime.timezone.utc)
        when += datetime.timedelta(seconds=seconds)
        return when.strftime("%Y%m%d%H%M%SZ")
    return authority.issue(name, alternative,
                           dates=(stamp(-3600), stamp(BRIEF)))


def start(lab, server, client):
    """Both ends are up; what lets time pass for both."""
    files = {
        lab.server: server_file(None, lab.peers, **LONG, **server),
        lab.client: client_file(None, None, ServerName=NAME, **LONG, **client)}
    clocks = []
    for host, text in files.items():
        bear_deaths(host)
        host.killed = False
        clocks.append(Faults(host))
        host.run(clocks[-1].argv("up", host.write(f"{host.name}.conf", text)))
    assert lab.client.ping(INNER)

    def sleep(seconds):
        for clock in clocks:
            clock.sleep(seconds)
    return sleep


def comings(lab):
    return [line for line in lab.server.log("server").splitlines()
            if "alice: connected" in line]


def test_certificate_of_a_client_ends(lab, authority):
    """It is off then, and both ends say why."""
    sleep = start(lab, authority.issue(NAME, f"DNS:{NAME}"),
                  brief(authority, "alice"))
    sleep(BRIEF)
    lab.server.wait_log("server", "alice.*dismissed.*its certificate expired "
                        "on 20", 2 * CHECKED)
    assert not lab.server.status()["clients"]
    lab.client.wait_log("client", "not valid any more: its certificate expired "
                        "on 20", 10)


def test_certificate_of_a_server_ends(lab, authority):
    sleep = start(lab, brief(authority, NAME, f"DNS:{NAME}"),
                  authority.issue("alice"))
    sleep(BRIEF)
    lab.client.wait_log("client", "its certificate expired on 20", 2 * CHECKED)
    wait_until(lambda: not lab.client.ping(INNER, check=False), 10)


@pytest.mark.parametrize("end", ["server", "client"])
def test_renewed_in_time(lab, authority, end):
    """Another session has taken over before the certificate ends."""
    names = {"server": (NAME, f"DNS:{NAME}"), "client": ("alice",)}
    issued = {which: brief(authority, *words) if which == end else
              authority.issue(*words) for which, words in names.items()}
    sleep = start(lab, issued["server"], issued["client"])
    sleep(END)
    authority.issue(*names[end])
    getattr(lab, end).minivpn("reload", end)
    if end == "server":  # of its own a client knows at once
        sleep(BRIEF - 2 * END)
    wait_until(lambda: len(comings(lab)) > 1 and
               lab.client.status()["server"]["connected"] < END, 2 * CHECKED,
               "another session")
    sleep(BRIEF)
    over = time.monotonic() + CHECKED
    wait_until(lambda: time.monotonic() > over, 2 * CHECKED)
    assert lab.client.ping(INNER)
    assert "not valid any more" not in lab.server.log("server")
    assert "expired" not in lab.client.log("client")


def test_server_ends_what_is_not_renewed(lab):
    """A client that makes no new session: here, as its own clock says that
    there is time."""
    bear_deaths(lab.server)
    lab.server.killed = False
    faults = Faults(lab.server)
    lab.enroll(lab.client, "alice")
    lab.server.run(faults.argv("up", lab.server.write(
        "server.conf", server_file(lab.server_key, lab.peers, **LONG))))
    lab.connect(**LONG)
    faults.sleep(TWO_HOURS - 60)
    assert lab.client.ping(INNER)
    assert len(comings(lab)) == 1
    faults.sleep(60)
    lab.server.wait_log("server", "alice.*dismissed after .*: there was no full "
                        "handshake for two hours", 20)
    wait_until(lambda: len(comings(lab)) == 2, 20, "its return")
    assert not comings(lab)[-1].endswith("resumed")
    lab.client.wait_log("client", "no full handshake for two hours")
    assert lab.client.ping(INNER)


def test_client_ends_what_is_not_renewed(lab):
    """No new session has come about in all that time."""
    bear_deaths(lab.client)
    lab.client.killed = False
    faults = Faults(lab.client)
    lab.enroll(lab.client, "alice")
    lab.serve(**LONG)
    lab.client.run(faults.argv("up", lab.client_conf(**LONG)))
    assert lab.client.ping(INNER)
    faults.sleep(TWO_HOURS)
    lab.client.wait_log("client", "there was no full handshake for two hours",
                        20)
    wait_until(lambda: len(comings(lab)) == 2, 20, "its return")
    assert not comings(lab)[-1].endswith("resumed")
