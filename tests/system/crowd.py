# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of clients in one process (tests/bench/load.c), and what they cost
the server. For the bench and for the tests."""

import contextlib
import json
import pathlib
import re
import time

from host import wait_until

# Echo requests for what a packet costs: each alone, as who has several under
# way gets the answers in one system call, and a crowd that sends in turn can't.
PACKETS, WINDOW, TURNS = 2000, 1, 5


def spent(pid):
    """Processor time of all its threads, in seconds."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def resident(pid):
    """Bytes."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", text, re.M)[1]) * 1024


class Cost:
    """What a server's processes have spent since this was made."""

    def __init__(self, processes):
        self.processes = processes
        self.before = {name: spent(pid) for name, pid in processes.items()}

    def each(self):
        return {name: spent(pid) - self.before[name]
                for name, pid in self.processes.items()}

    def all(self):
        return sum(self.each().values())


class Crowd:
    """Clients that stay. endpoint: ADDRESS:PORT of the server."""

    def __init__(self, host, load, endpoint, server_public, keys):
        self.count = len(keys)
        self.process = host.spawn([load, "idle", endpoint, server_public,
                                   self.count], stdin=-1)
        self._tell("".join(f"{key.private} {key.public}\n" for key in keys) +
                   "\n")
        self._wait("start", 300)

    def _tell(self, text):
        self.process.popen.stdin.write(text.encode())
        self.process.popen.stdin.flush()

    def _wait(self, text, timeout):
        self.process.wait_for(text, timeout)

    def _ask(self, line, word, timeout):
        """What it prints for a line; word begins that."""
        before = self.process.output().count(f"{word} {{")
        self._tell(f"{line}\n")
        return self._answer(word, before, timeout)

    def _answer(self, word, before, timeout):
        def answers():
            found = re.findall(rf"^{word} (\{{.*\}})$", self.process.output(),
                               re.M)
            assert self.process.popen.poll() is None or len(found) > before, \
                self.process.output()
            return found[before:]
        return json.loads(wait_until(answers, timeout, word)[0])

    def come(self, timeout=300):
        """All connect; seconds that it took."""
        result = self._ask("go", "idle", timeout)
        assert result["done"] == self.count and not result["failed"], result
        return result["seconds"]

    def turn(self, clients, count=PACKETS, window=WINDOW):
        """Echo requests through the tunnel by the first clients in turn."""
        result = self._ask(f"turn {clients} {count} {window}", "turn", 120)
        assert result["answered"] == count, result
        return result

    @contextlib.contextmanager
    def watching(self):
        """Its own echo requests, one each millisecond; the result is in what is
        yielded, a dictionary, behind the block."""
        before = self.process.output().count("watch {")
        begun = self.process.output().count("watching\n")
        self._tell("watch\n")
        wait_until(lambda: self.process.output().count("watching\n") > begun, 5)
        result = {}
        yield result
        self._tell("\n")
        result |= self._answer("watch", before, 10)

    def leave(self):
        """Without a word, as who has lost the network."""
        self.process.popen.stdin.close()
        self.process.wait(60)


def make_keys(host, load, count):
    """Key pairs, faster than by a command for each."""
    from files import Key
    return [Key(*line.split()) for line in
            host.run([load, "keys", count]).stdout.splitlines()]


def packet_cost(crowd, tunnel):
    """Processor seconds that an echo costs the tunnel process, there and back:
    all by one client, and by all of them in turn. Each is the least of several,
    taken in turns, as others use the processor and its caches too."""
    count = max(PACKETS, crowd.count)

    def one(clients):
        before = spent(tunnel)
        crowd.turn(clients, count)
        return (spent(tunnel) - before) / count
    pairs = [(one(1), one(crowd.count)) for _ in range(TURNS)]
    return tuple(map(min, zip(*pairs)))


def idle_cost(processes, seconds):
    """The part of a core that they take where nobody does anything."""
    cost, begun = Cost(processes), time.monotonic()
    wait_until(lambda: time.monotonic() > begun + seconds, 20 * seconds)
    return cost.all() / (time.monotonic() - begun)
