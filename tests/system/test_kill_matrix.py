# SPDX-License-Identifier: GPL-2.0-or-later
"""One process is killed at a random moment of up, of running, or of down.

Within two seconds the host either carries packets or is exactly as before
`up`; nobody runs a command to make it so. The seed is fixed, the moments are
not: they depend on the machine.
"""

import os
import random
import signal
import time

import pytest

import snapshot
from host import MINIVPN, wait_until
from lab import INNER

ROUNDS = int(os.environ.get("MINIVPN_KILLS", "12"))
# Rounds after which the client is another peer: a server holds back one that
# comes more than twice a second for a minute.
ROUNDS_OF_A_PEER = 40
PROCESSES = {"host", "tunnel", "launcher", "janitor"}


def is_as_before(host):
    return not snapshot.difference(host.before, snapshot.take(host))


def is_settled(host, name):
    """It works, or nothing is left; a status that fails is neither, and one of
    a host process that has not noticed yet that another one is dead."""
    if not host.minivpn_pids():
        return is_as_before(host)
    result = host.minivpn("status", name, "--json", check=False)
    return ('"state": "up"' in result.stdout and
            set(host.minivpn_processes()) == PROCESSES and
            (name == "server" or host.ping(INNER, wait=1, check=False)))


def kill_one(host, chance):
    """One of its processes, at random; None where there is none yet."""
    pids = host.minivpn_pids()
    if not pids:
        return None
    victim = chance.choice(pids)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return victim


def spin(host, seconds, chance):
    """Lets a random part of the time pass; `sleep` is the host's, not ours."""
    host.run(["sleep", f"{chance.uniform(0, seconds):.4f}"])


def check_round(host, name, moment, chance):
    """Seconds from the kill until it was got over; None: nothing was there to
    be killed."""
    path = host.directory / f"{name}.conf"
    host.killed = True
    if moment == "up":
        process = host.spawn([MINIVPN, "up", path])
        spin(host, 0.02, chance)
        victim = kill_one(host, chance)
        start = time.monotonic()
        process.wait(20)
    else:
        host.minivpn("up", path)
        process = host.spawn([MINIVPN, "down", name]) \
            if moment == "down" else None
        spin(host, 0.02, chance)
        victim = kill_one(host, chance)
        start = time.monotonic()
        if process:
            process.wait(20)
    wait_until(lambda: is_settled(host, name), 3,
               f"{name} works or is gone after a kill during {moment}")
    took = time.monotonic() - start
    if host.minivpn_pids():
        host.minivpn("down", name, check=False)
        wait_until(lambda: not host.minivpn_pids(), 5, "the end")
    wait_until(lambda: is_as_before(host), 2, "the host is as before")
    return took if victim else None


@pytest.mark.parametrize("moment", ["up", "running", "down"])
@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.timeout(1200 + 5 * ROUNDS)
def test_one_death_at_any_moment(lab, role, moment):
    chance = random.Random(f"{role} {moment}")
    keys = [lab.enroll(lab.client, f"alice{number}")
            for number in range(ROUNDS // ROUNDS_OF_A_PEER + 1)]
    lab.serve(DNS="10.8.0.1")
    host = getattr(lab, role)
    times = []
    # The leak check at the end of a process is done by a process of its own:
    # a victim that minivpn without sanitizers does not have.
    host.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
    if role == "server":
        lab.server.minivpn("down")
    for number in range(ROUNDS):
        lab.client.key = keys[number // ROUNDS_OF_A_PEER]
        lab.client_conf(Routes="default")
        times.append(check_round(host, role, moment, chance))
    times = sorted(took for took in times if took is not None)
    assert len(times) > ROUNDS // 4, "the moments miss: nothing was killed"
    print(f"{role}: {moment}: {len(times)} deaths in {ROUNDS} rounds, all got "
          f"over: median {times[len(times) // 2]:.2f} s, slowest "
          f"{times[-1]:.2f} s")
