# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/bench works; what it measures is for another day."""

import json
import pathlib
from xml.etree import ElementTree

BENCH = pathlib.Path(__file__).parents[2] / "contrib/bench"


def bench(lab, directory, *options):
    names = {kind: directory / f"result.{kind}"
             for kind in ("text", "json", "svg")}
    lab.client.run([BENCH, "--quick", *options, *(
        word for kind, path in names.items()
        for word in (f"--{kind}", path))], timeout=110)
    return (names["text"].read_text(), json.loads(names["json"].read_text()),
            ElementTree.parse(names["svg"]))


def test_bench(lab, tmp_path):
    text, result, svg = bench(lab, tmp_path, "--only", "bare,minivpn",
                              "--what", "up,ping", "--congestion", "reno")
    bare, own = (result["summary"][name] for name in ("bare", "minivpn"))
    assert 0 < bare["ping_idle_p50"]["median"] <= bare["ping_idle_p99"]["median"]
    assert 0 < own["ping_load_p50"]["median"] <= own["ping_load_p99"]["median"]
    assert 0 < own["ping_spinning_p50"]["median"]
    assert 0 < own["up"]["median"] < 15
    assert "TCP by reno" in text
    # The four processes at each end, each of a believable size.
    sizes = [entry["bytes"] for entry in
             result["each"][1]["figures"]["memory_idle_processes"]]
    assert len(sizes) == 8
    assert max(sizes) == own["memory_idle"]["median"] > 1e6
    assert not result["failures"] and "start to the first answer" in text
    bars = [bar for bar in svg.iter() if bar.tag.endswith("rect")]
    assert len(bars) > 8


def test_bench_says_what_failed(lab, tmp_path):
    """A peer that can't run is left out, and one that fails is named."""
    wrong = lab.client.write("not-wireguard-go", "#!/bin/sh\nexit 1\n", 0o755)
    lab.client.environment["WIREGUARD_GO"] = str(wrong)
    result = lab.client.run(
        [BENCH, "--quick", "--only", "wireguard-go-new,bare", "--what", "up"],
        check=False, timeout=60)
    assert "left out: wireguard-go-new: wg" in result.stdout or (
        result.returncode == 1 and "FAILED: round 1: wireguard-go-new: up"
        in result.stdout), result.stdout + result.stderr
