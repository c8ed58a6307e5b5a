# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client has sent and got is said when it goes, and is not forgotten: not
when it comes again, nor when a process of the server dies, nor over a restart
of the server."""

import re

from host import wait_until
from lab import INNER

BYTES = 20 * (1000 + 28)   # of the pings below, each way
END = r"alice: disconnected after \d+ s: .*; (\S+) KiB from it, (\S+) KiB to it"


def carry(lab):
    lab.client.ping(INNER, count=20, extra=("-s", "1000", "-i", "0.01"))


def total(lab):
    (client,) = lab.server.status()["clients"]
    assert client["total"]["rx_bytes"] >= client["rx_bytes"]
    assert client["total"]["tx_packets"] >= client["tx_packets"]
    return client["total"]["rx_bytes"]


def comes_back(lab):
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), 30,
               "the tunnel's coming back")


def test_usage_is_kept(lab):
    lab.start()
    carry(lab)
    assert total(lab) >= BYTES
    lab.client.minivpn("down")
    lab.server.wait_log("server", END)
    said = re.search(END, lab.server.log("server"))
    assert all(float(each) >= BYTES / 1024 - 0.1 for each in said.groups())

    lab.connect()
    first = total(lab)
    assert BYTES <= first < 2 * BYTES
    carry(lab)
    assert total(lab) >= first + BYTES

    # What was seen of a session outlives the process that had it.
    lab.server.kill_minivpn([lab.server.minivpn_processes()["tunnel"]])
    comes_back(lab)
    second = total(lab)
    assert second >= first + BYTES

    carry(lab)
    lab.server.minivpn("down")
    lines = (lab.server.statedir / "server.usage").read_text().splitlines()
    (line,) = [line.split() for line in lines if line[0] != "#"]
    assert line[0] == "alice" and int(line[2]) >= second + BYTES
    lab.serve()
    comes_back(lab)
    assert total(lab) >= second + BYTES
