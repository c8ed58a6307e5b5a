# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured of one peer that is up. Each function returns a dictionary
of figures by the names that report.py knows."""

import contextlib
import json
import pathlib
import re
import time

from crowd import Cost, Crowd, idle_cost, make_keys, packet_cost
from host import wait_until
from link import SERVER

SMALL = 64         # bytes of a small packet's payload
LOSS = 0.01        # of them, at most
GIGABYTE = 1e9
TIMES = re.compile(r"time=([0-9.]+) ms")


class Failed(Exception):
    pass


def percentile(values, part):
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * part // 100) - 1)]


# Processes.

def cpu_seconds(pid):
    """Of all its threads, to the nanosecond where the kernel counts so."""
    process = pathlib.Path(f"/proc/{pid}")
    total = 0
    for task in process.glob("task/[0-9]*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(task.read_text().split()[0])
    if total:
        return total / 1e9
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def machine_seconds():
    """Busy time of all cores, softirqs too, whoever caused it."""
    fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()
    busy = fields[1:4] + fields[6:8]
    return sum(map(int, busy)) / 100


def memory(pid, field="VmRSS"):
    """Bytes."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.M)[1]) * 1024


class Watch:
    """The processes of a peer at both ends."""

    def __init__(self, link, program):
        self.pids = {name: link.processes(host, program) if program else []
                     for name, host in (("client", link.client),
                                        ("server", link.server))}

    def all(self):
        return [(end, pid) for end, pids in self.pids.items() for pid in pids]

    def cpu(self):
        return {(end, pid): cpu_seconds(pid) for end, pid in self.all()}

    def memory(self, field="VmRSS"):
        return [{"end": end, "pid": pid, "bytes": memory(pid, field)}
                for end, pid in self.all()]

    def forget_peaks(self):
        for _, pid in self.all():
            with contextlib.suppress(OSError):
                pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


# iperf3.

def serve_iperf(link):
    """A server for one test, as it doesn't survive all that may befall it."""
    port = 5201 + len(link.server.processes)
    server = link.server.spawn(["iperf3", "-s", "-1", "-p", port,
                                "--forceflush"])
    server.wait_for("Server listening", 10)
    return server, port


def iperf(link, target, seconds, *options):
    server, port = serve_iperf(link)
    try:
        result = link.client.run(
            ["iperf3", "-J", "-c", target, "-p", port, "-t", seconds,
             "--connect-timeout", "5000", *options],
            check=False, timeout=seconds + 20)
    finally:
        server.stop()
    try:
        answer = json.loads(result.stdout)
    except ValueError:
        raise Failed(f"iperf3: {result.stderr or result.stdout}") from None
    if answer.get("error"):
        raise Failed(f"iperf3: {answer['error']}")
    return answer["end"]


def congestion(plan):
    return ["-C", plan.congestion] if plan.congestion else []


def tcp(link, peer, watch, plan):
    """One and four streams, both ways; processor time and memory beside."""
    found = {"processes": []}
    watch.forget_peaks()
    for streams in (1, 4):
        for direction, options in (("up", ()), ("down", ("-R",))):
            cpu, machine = watch.cpu(), machine_seconds()
            end = iperf(link, peer.target, plan.tcp_seconds, "-P", streams,
                        *congestion(plan), *options)["sum_received"]
            spent = {key: value - cpu[key] for key, value in
                     watch.cpu().items()}
            machine = machine_seconds() - machine
            name = f"tcp{streams}_{direction}"
            found[name] = end["bits_per_second"]
            if end["bytes"] and name == "tcp1_up":
                found |= processor(spent, machine, end["bytes"] / GIGABYTE)
    peak = watch.memory("VmHWM")
    if peak:
        found["memory_load"] = max(entry["bytes"] for entry in peak)
        found["memory_load_processes"] = peak
    return found


def processor(spent, machine, gigabytes):
    """Processor seconds a gigabyte, by end and by process."""
    found = {"cpu_machine": machine / gigabytes}
    if spent:
        for name in ("client", "server"):
            found[f"cpu_{name}"] = sum(
                value for (end, _), value in spent.items()
                if end == name) / gigabytes
        found["cpu_both"] = found["cpu_client"] + found["cpu_server"]
        found["processes"] = [
            {"end": end, "pid": pid, "cpu_per_gigabyte": value / gigabytes}
            for (end, pid), value in spent.items()]
    return found


# Small packets.

def small(link, peer, seconds, rate):
    """Sent and delivered packets a second, and the loss; rate 0: unbounded."""
    total = iperf(link, peer.target, seconds, "-u", "-l", SMALL, "-b",
                  int(rate * SMALL * 8))["sum"]
    if not total["packets"]:
        raise Failed("iperf3: no packet has come")
    lost = max(total["lost_packets"], 0)
    return (total["packets"] / total["seconds"],
            (total["packets"] - lost) / total["seconds"],
            lost / total["packets"])


def udp(link, peer, _watch, plan):
    """By halves: the highest rate that was seen to lose no more than LOSS."""
    sent, flood, loss = small(link, peer, plan.udp_seconds, 0)
    found = {"udp_flood": flood, "udp_flood_loss": loss}
    low, high, best = 0, 1.2 * sent, 0
    rate = min(flood, sent)
    for _ in range(plan.udp_probes):
        sent, _, loss = small(link, peer, plan.udp_seconds, rate)
        if loss <= LOSS:
            low, best = rate, max(best, sent)
        else:
            high = rate
        rate = (low + high) / 2
    if best:
        found["udp_rate"] = best
    return found


# Latency.

def pings(link, target, count, interval):
    output = link.client.run(["ping", "-n", "-c", count, "-i", interval,
                              "-W", 2, target], check=False,
                             timeout=60 + count * interval).stdout
    times = [float(text) / 1e3 for text in TIMES.findall(output)]
    if not times:
        raise Failed(f"ping: no answer from {target}")
    return times


def sent_bytes(host, device="eth0"):
    for line in pathlib.Path(f"/proc/{host.pid}/net/dev").open():
        name, _, counters = line.strip().partition(":")
        if name == device:
            return int(counters.split()[8])
    raise Failed(f"{host.name} has no {device}")


def ping(link, peer, watch, plan):
    """Idle; then beside one stream of TCP that takes all it can get.

    ping sleeps between two packets that are 20 ms apart. At 5 ms it does not, takes
    a whole processor, and nothing is idle.
    """
    rss = watch.memory()
    idle = pings(link, peer.target, plan.idle_pings, 0.02)
    spinning = pings(link, peer.target, plan.pings, 0.005)
    found = {"ping_idle_p50": percentile(idle, 50),
             "ping_idle_p99": percentile(idle, 99),
             "ping_spinning_p50": percentile(spinning, 50)}
    if rss:
        found["memory_idle"] = max(entry["bytes"] for entry in rss)
        found["memory_idle_processes"] = rss
    before = sent_bytes(link.client)
    server, port = serve_iperf(link)
    load = link.client.spawn(["iperf3", "-c", peer.target, "-p", port,
                              "-t", 300, *congestion(plan)])
    wait_until(lambda: sent_bytes(link.client) > before + 2 ** 22, 10,
               "TCP beside the ping")
    loaded = pings(link, peer.target, plan.pings, 0.005)
    load.stop()
    server.stop()
    found |= {"ping_load_p50": percentile(loaded, 50),
              "ping_load_p99": percentile(loaded, 99),
              "ping_load_lost": plan.pings - len(loaded)}
    return found


# Many clients: minivpn alone.

def many(link, peer, plan, load):
    """Handshakes and idle clients; the link has no client of its own."""
    keys = [line.split() for line in link.client.run(
        [load, "keys", plan.clients]).stdout.splitlines()]
    found = {"clients": plan.clients}
    # Each by a server of its own: who comes too often is held back.
    for kind, count in (("full", plan.handshakes),
                        ("resumed", 3 * plan.handshakes),
                        ("idle", plan.clients)):
        peer.serve(link, [type("Key", (), {"public": key[1]}) for key in keys])
        found |= by_load(link, peer, load, kind, keys, count)
        peer.stop(link)
    return found


def by_load(link, peer, load, kind, keys, count):
    pids = link.processes(link.server, peer.program)
    process = link.client.spawn([load, kind, f"{SERVER}:4433",
                                 peer.server_key.public, count], stdin=-1)

    def tell(text):
        process.popen.stdin.write(text.encode())
        process.popen.stdin.flush()

    tell("".join(f"{private} {public}\n" for private, public in keys) + "\n")
    process.wait_for("start", 60)
    cpu, rss = sum(map(cpu_seconds, pids)), sum(map(memory, pids))
    tell("go\n")
    process.wait_for("}", 60)
    cpu = sum(map(cpu_seconds, pids)) - cpu
    rss = sum(map(memory, pids)) - rss
    result = json.loads(process.output().splitlines()[-1].partition(" ")[2])
    process.popen.stdin.close()
    if process.wait(30) or result["failed"]:
        raise Failed(f"{kind}: {process.output()}")
    if kind == "idle":
        return {"memory_client": rss / count}
    if result["resumed"] != (count if kind == "resumed" else 0):
        raise Failed(f"not all were {kind}: {result}")
    return {f"handshakes_{kind}": count / cpu,
            f"handshakes_{kind}_wall": count / result["seconds"]}


def crowd(link, peer, plan, load):
    """One server with all of them connected; what is done to it meanwhile."""
    keys = make_keys(link.client, load, plan.crowd)
    peer.serve(link, keys)
    pids = {str(pid): pid for pid in
            link.processes(link.server, peer.program)}
    clients = Crowd(link.client, load, f"{SERVER}:4433",
                    peer.server_key.public, keys)
    rss, cost = sum(map(memory, pids.values())), Cost(pids)
    clients.come()
    found = {
        "crowd": plan.crowd,
        "crowd_handshake": cost.all() / plan.crowd,
        "crowd_memory": (sum(map(memory, pids.values())) - rss) / plan.crowd}
    found["crowd_idle"] = idle_cost(pids, 50 if plan.crowd > 1000 else 5)
    cost = Cost(pids)
    with clients.watching() as seen:
        link.server.run([peer.binary, "reload", "server"])
    found |= {"crowd_reload": max(cost.each().values()),
              "crowd_reload_late": seen["slowest"]}
    begun = time.monotonic()
    link.server.run([peer.binary, "status", "server", "--json"])
    found["crowd_status"] = time.monotonic() - begun
    tunnel = next(pid for pid in pids.values() if "tunnel" in
                  pathlib.Path(f"/proc/{pid}/comm").read_text())
    found["crowd_packet_one"], found["crowd_packet"] = packet_cost(clients,
                                                                   tunnel)
    begun = time.monotonic()
    peer.stop(link)
    found["crowd_down"] = time.monotonic() - begun
    clients.leave()
    return found


def machine():
    """What the figures were seen on, as far as the machine says."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    return {"kernel": pathlib.Path("/proc/sys/kernel/osrelease")
            .read_text().strip(),
            "processor": model[1] if model else "",
            "congestion":
                pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
                .read_text().strip(),
            "cores": len(re.findall(r"^processor\s*:", text, re.M)),
            "load": pathlib.Path("/proc/loadavg").read_text().split()[0],
            "time": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())}
