# SPDX-License-Identifier: GPL-2.0-or-later
"""`events`: what happens, as it happens; and readers that do not read."""

import contextlib
import json
import os
import socket

from files import Key
from host import wait_until

READERS = 8
LINES = 40      # that a reload of a broken file has
RELOADS = 30    # more than the socket and the host process keep of them


def follow(host, *words):
    """`events`, once it is among the readers."""
    reader = host.spawn([host.program, "events", *words])
    wait_until(lambda: sockets_of(reader), what="its connection")
    return reader


def sockets_of(process):
    directory = f"/proc/{process.pid}/fd"
    return [name for name in os.listdir(directory)
            if os.readlink(f"{directory}/{name}").startswith("socket:")]


def raw_reader(host):
    """Has asked, and been told that it will be answered."""
    reader = socket.socket(socket.AF_UNIX)
    # The path may be too long for a socket's address.
    directory = os.open(host.rundir, os.O_PATH)
    reader.connect(f"/proc/self/fd/{directory}/server.sock")
    os.close(directory)
    reader.sendall(b'{"request":"events"}\n')
    reader.settimeout(10)
    return reader, reader.recv(4096)


def of(events, kind):
    return [event for event in events if event["event"] == kind]


def weight(event):
    """Of how many it tells."""
    return event["count"] if event["event"] == "lost" else 1


def parsed(reader):
    return [json.loads(line) for line in reader.output().splitlines()]


def test_what_happens(lab):
    lab.enroll(lab.client, "alice")
    lab.serve()
    machine = follow(lab.server, "server", "--json")
    person = follow(lab.server)
    # One that dies hurts nobody.
    with contextlib.closing(raw_reader(lab.server)[0]):
        lab.connect()
    machine.wait_for('"connected"')
    lab.client.minivpn("down")
    machine.wait_for('"disconnected"')
    lab.client.key = Key.make()
    lab.client.minivpn("up", lab.client_conf(lab.client), check=False)
    machine.wait_for('"refused"')
    lab.server.minivpn("down")
    assert machine.wait() == 0 and person.wait() == 0
    events = parsed(machine)
    (connected,), (gone,) = of(events, "connected"), of(events, "disconnected")
    assert connected["peer"] == gone["peer"] == "alice"
    assert connected["text"].startswith("alice: connected from ")
    assert gone["rx_bytes"] >= 0 and gone["time"] >= connected["time"]
    assert "is not in the file" in of(events, "refused")[0]["text"]
    assert events[-1]["event"] == "down"
    assert all(event["tunnel"] == "server" for event in events)
    lines = person.output().splitlines()
    assert len(lines) == len(events)
    assert lines[-1].endswith(" down          server: down")
    lab.server.fails("events", "server")


def test_readers_that_do_not_read(lab):
    """They lose what is oldest, and are told; who asks for anything else does
    not notice, and there is an end to their number."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    path = lab.server.directory / "server.conf"
    good = path.read_text()
    with contextlib.ExitStack() as stack:
        readers = []
        for _ in range(READERS):
            reader, said = raw_reader(lab.server)
            readers.append(stack.enter_context(contextlib.closing(reader)))
            assert said == b'{"ok":true}\n'
        more, said = raw_reader(lab.server)
        more.close()
        assert b"too many" in said
        path.write_text(good + "".join(f"wrong{i} = 1\n" for i in range(LINES)))
        for _ in range(RELOADS):
            lab.server.minivpn("reload", "server", check=False)
        path.write_text(good)
        assert lab.server.status()["state"] == "up"
        events = []
        lines = readers[0].makefile()
        while sum(map(weight, events)) < LINES * RELOADS:
            events.append(json.loads(next(lines)))
        lab.server.minivpn("down")
        events += map(json.loads, lines)
    assert of(events, "lost")
    assert len(of(events, "warning")) < LINES * RELOADS
    assert events[-1]["event"] == "down"
