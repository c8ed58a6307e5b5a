# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of all rounds as a table of medians, text for people, and JSON."""

import collections
import statistics

Row = collections.namedtuple("Row", "key title unit scale digits more")

ROWS = [  # more: the higher, the better
    Row("tcp1_up", "TCP, 1 stream, to the server", "Gbit/s", 1e-9, 2, True),
    Row("tcp1_down", "TCP, 1 stream, to the client", "Gbit/s", 1e-9, 2, True),
    Row("tcp4_up", "TCP, 4 streams, to the server", "Gbit/s", 1e-9, 2, True),
    Row("tcp4_down", "TCP, 4 streams, to the client", "Gbit/s", 1e-9, 2, True),
    Row("cpu_client", "CPU, client's processes", "s/GB", 1, 2, False),
    Row("cpu_server", "CPU, server's processes", "s/GB", 1, 2, False),
    Row("cpu_both", "CPU, both ends' processes", "s/GB", 1, 2, False),
    Row("cpu_machine", "CPU, whole machine", "s/GB", 1, 2, False),
    Row("udp_rate", "64 byte UDP, 1 % loss or less", "k/s", 1e-3, 1, True),
    Row("udp_flood", "64 byte UDP, delivered of a flood", "k/s", 1e-3, 1,
        True),
    Row("udp_flood_loss", "  of which were lost", "%", 1e2, 0, False),
    Row("ping_idle_p50", "ping, idle, median", "ms", 1e3, 3, False),
    Row("ping_idle_p99", "ping, idle, 99 %", "ms", 1e3, 3, False),
    Row("ping_spinning_p50", "ping every 5 ms, which spins, median", "ms", 1e3,
        3, False),
    Row("ping_load_p50", "ping beside TCP, median", "ms", 1e3, 3, False),
    Row("ping_load_p99", "ping beside TCP, 99 %", "ms", 1e3, 3, False),
    Row("up", "start to the first answer", "ms", 1e3, 1, False),
    Row("memory_idle", "largest process, idle", "MB", 1e-6, 1, False),
    Row("memory_load", "largest process, peak under TCP", "MB", 1e-6, 1,
        False),
    Row("handshakes_full", "handshakes, full, a core's second", "/s", 1, 0,
        True),
    Row("handshakes_resumed", "handshakes, resumed", "/s", 1, 0, True),
    Row("memory_client", "server, each idle client", "KiB", 1 / 1024, 1,
        False),
    Row("crowd", "a crowd: clients at once", "", 1, 0, True),
    Row("crowd_memory", "  memory, each", "KiB", 1 / 1024, 1, False),
    Row("crowd_handshake", "  a handshake, CPU of all processes", "ms", 1e3, 2,
        False),
    Row("crowd_idle", "  all idle", "% of a core", 100, 1, False),
    Row("crowd_reload", "  reload, CPU of the busiest process", "ms", 1e3, 0,
        False),
    Row("crowd_reload_late", "  the latest packet meanwhile", "ms", 1e3, 0,
        False),
    Row("crowd_status", "  status --json", "s", 1, 2, False),
    Row("crowd_packet_one", "  an echo, CPU of tunnel, by one client", "us",
        1e6, 1, False),
    Row("crowd_packet", "  by all of them in turn", "us", 1e6, 1, False),
    Row("crowd_down", "  down", "s", 1, 1, False),
]


def summary(rounds):
    """{peer: {key: {median, least, most, rounds}}} of all that are numbers."""
    values = {}
    for entry in rounds:
        found = values.setdefault(entry["peer"], {})
        for key, value in entry["figures"].items():
            if isinstance(value, (int, float)):
                found.setdefault(key, []).append(value)
    return {peer: {key: {"median": statistics.median(seen), "least": min(seen),
                         "most": max(seen), "rounds": len(seen)}
                   for key, seen in found.items()}
            for peer, found in values.items()}


def cell(row, found):
    if row.key not in found:
        return "-"
    return f"{found[row.key]['median'] * row.scale:.{row.digits}f}"


def table(result):
    peers = list(result["summary"])
    rows = [row for row in ROWS if any(row.key in result["summary"][peer]
                                       for peer in peers)]
    heads = ["median of rounds", *peers]
    lines = [[f"{row.title}, {row.unit}",
              *(cell(row, result["summary"][peer]) for peer in peers)]
             for row in rows]
    widths = [max(len(line[column]) for line in [heads, *lines])
              for column in range(len(heads))]
    text = "\n".join("  ".join(
        word.ljust(width) if column == 0 else word.rjust(width)
        for column, (word, width) in enumerate(zip(line, widths)))
        for line in [heads, ["-" * width for width in widths], *lines])
    return f"{head(result)}\n\n{text}\n\n{feet(result)}"


def head(result):
    machine = result["machine"]
    return (f"{machine['time']}, Linux {machine['kernel']}, "
            f"{machine['cores']} cores, {machine['processor']}\n"
            f"{result['rounds']} round(s); the wire "
            f"{'without' if result['wire'] else 'with'} offloads; TCP by "
            f"{result['plan']['congestion'] or machine['congestion']}; "
            f"load of the machine before: {machine['load']}")


def feet(result):
    lines = [f"{peer}: {cipher}" for peer, cipher in result["ciphers"].items()]
    lines += ratios(result["summary"])
    lines += [f"left out: {peer}: {why}"
              for peer, why in result["left_out"].items()]
    lines += [f"FAILED: round {entry['round']}: {entry['peer']}: "
              f"{entry['what']}: {entry['why']}"
              for entry in result["failures"]]
    return "\n".join(lines) + "\n"


def ratios(figures):
    """minivpn beside each other one, one stream of TCP, the slower way."""
    def slower(peer):
        keys = ("tcp1_up", "tcp1_down")
        found = figures.get(peer, {})
        if all(key in found for key in keys):
            return min(found[key]["median"] for key in keys)
        return None
    own = slower("minivpn")
    if not own:
        return []
    return [f"minivpn's one stream is {own / slower(peer):.2f} times {peer}'s"
            for peer in figures if peer != "minivpn" and slower(peer)]
