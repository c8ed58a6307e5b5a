# SPDX-License-Identifier: GPL-2.0-or-later
"""What Secret costs: throughput, and processor time of both tunnel processes, with
and without it in turns. No test: by hand, on a machine that does nothing else,

    tests/system/run -s measure_noise.py
"""

import json
import os
import pathlib
from statistics import median

from files import Key
from lab import INNER

SECONDS = int(os.environ.get("MINIVPN_SECONDS", 3))
TURNS = int(os.environ.get("MINIVPN_TURNS", 5))
KINDS = {"TCP": [], "small": ["-u", "-b", "0", "-l", "64"]}


def spent(*hosts):
    """Seconds that their tunnel processes have run for."""
    return sum(int(pathlib.Path(
        f"/proc/{host.status()['tunnel_pid']}/schedstat").read_text()
        .split()[0]) / 1e9 for host in hosts)


def measure(lab, options):
    """Mbit/s that arrive, and nanoseconds a byte."""
    before = spent(lab.client, lab.server)
    result = lab.client.run(["iperf3", "-c", INNER, "-t", SECONDS, "-J",
                             *options], timeout=60 + SECONDS)
    end = json.loads(result.stdout)["end"]
    got = end.get("sum_received") or end["sum"]
    size = got["bytes"] * (1 - got.get("lost_percent", 0) / 100)
    return (size * 8 / got["seconds"] / 1e6,
            (spent(lab.client, lab.server) - before) / size * 1e9)


def test_noise(lab):
    lab.enroll(lab.client, "alice")
    figures = {}
    for _ in range(TURNS):
        for secret in (None, Key.make().private):
            lab.serve(Secret=secret)
            lab.connect(Secret=secret)
            listener = lab.server.spawn(["iperf3", "-s", "--forceflush"])
            listener.wait_for("Server listening")
            for kind, options in KINDS.items():
                figures.setdefault((kind, bool(secret)), []).append(
                    measure(lab, options))
            listener.stop()
            lab.client.minivpn("down")
            lab.server.minivpn("down")
    for kind in KINDS:
        plain, noise = ([median(column) for column in
                         zip(*figures[kind, hidden])]
                        for hidden in (False, True))
        print(f"\n{kind}: {plain[0]:.0f} Mbit/s, with Secret {noise[0]:.0f} "
              f"({noise[0] / plain[0]:.3f}); {plain[1]:.2f} ns a byte, with "
              f"Secret {noise[1]:.2f} ({noise[1] / plain[1]:.3f})")
