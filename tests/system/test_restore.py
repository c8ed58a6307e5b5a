# SPDX-License-Identifier: GPL-2.0-or-later
"""What of ours somebody undoes while it is up: put back, or said."""

from files import server_file
from host import wait_until

DEFAULT = {"Routes": "default"}


def warned(host, words):
    return [text for text in host.status()["warnings"] if words in text]


FORWARDING = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]


def setting(host, key):
    return host.run(["sysctl", "-n", key]).stdout.strip()


def test_forwarding_that_is_switched_off_is_put_back(lab):
    lab.start(client=DEFAULT)
    for key in FORWARDING * 2:
        lab.server.run(["sysctl", "-qw", f"{key}=0"])
        wait_until(lambda: setting(lab.server, key) == "1", 2, key)
        lab.server.wait_log("server", f"{key}=1.*put back")


def test_forwarding_that_was_on_before_is_said(lab):
    """It is not ours to put back."""
    lab.server.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")
    lab.server.baseline()
    lab.enroll(lab.client, "alice")
    lab.server.up(lab.server.write("server.conf", server_file(
        lab.server_key, lab.peers)))
    lab.server.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")
    [text] = wait_until(lambda: warned(lab.server, "net.ipv4.ip_forward off"))
    assert setting(lab.server, FORWARDING[0]) == "0"
    lab.server.shell(text.rpartition(": ")[2])
    wait_until(lambda: not lab.server.status()["warnings"])
