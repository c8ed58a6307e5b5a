# SPDX-License-Identifier: GPL-2.0-or-later
"""Metrics for Prometheus, as it reads them, and as OpenMetrics has them."""

import os
import shutil
import stat
import subprocess

import openmetrics
from lab import INNER

PROMTOOL = os.environ.get("MINIVPN_PROMTOOL", shutil.which("promtool"))


def check(text):
    """Prometheus's own word on it, where that is here."""
    if PROMTOOL:
        verdict = subprocess.run([PROMTOOL, "check", "metrics"], input=text,
                                 capture_output=True, text=True, check=False)
        assert not verdict.returncode, verdict
        assert not verdict.stdout + verdict.stderr


def metrics(host, name):
    """The same numbers in both forms; those of the stricter one."""
    text = host.minivpn("status", name, "--metrics").stdout
    check(text)
    strict = host.minivpn("status", name, "--openmetrics").stdout
    samples = openmetrics.read(strict)
    lines = [line.split(" ")[0] for line in text.splitlines() if line[0] != "#"]
    assert lines == [f"{sample}{{{labels}}}" for sample, labels in samples]
    return samples


def test_metrics(lab):
    lab.start()
    lab.client.ping(INNER, count=10, extra=("-s", "1000", "-i", "0.01"))
    status = lab.server.status()
    said = metrics(lab.server, "server")
    own = 'tunnel="server"'
    alice = own + ',client="alice"'
    assert said["minivpn_up", own] == 1
    assert said["minivpn_clients", own] == 1
    assert said["minivpn_clients_left_out", own] == 0
    assert said["minivpn_mtu_bytes", own] == status["mtu"]
    assert said["minivpn_client_received_bytes_total", alice] >= 10280
    assert said["minivpn_client_sent_packets_total", alice] >= 10
    assert said["minivpn_received_bytes_total", own] >= 10280
    assert 0 < said["minivpn_client_round_trip_seconds", alice] < 10
    assert ("minivpn_dropped_packets_total", own + ',reason="source"') in said

    said = metrics(lab.client, "client")
    own = 'tunnel="client"'
    assert said["minivpn_up", own] == 1
    assert 0 < said["minivpn_server_round_trip_seconds", own] < 10

    # In a file for node_exporter, which must not find half of it.
    path = lab.server.directory / "minivpn.prom"
    path.write_text("old")
    old = path.stat().st_ino
    lab.server.minivpn("status", "server", "--metrics", "--output", path)
    assert path.stat().st_ino != old
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    check(path.read_text())
    lab.server.minivpn("down")
    lab.server.minivpn("status", "server", "--metrics", "--output", path)
    assert path.read_text() == (
        "# HELP minivpn_up Whether the tunnel is up.\n"
        "# TYPE minivpn_up gauge\n"
        'minivpn_up{tunnel="server"} 0\n'
        "# EOF\n")
    check(path.read_text())
    lab.server.fails("status", "server", "--json", "--output", path, code=2,
                     prefix="usage: ")
