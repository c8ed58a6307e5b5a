# SPDX-License-Identifier: GPL-2.0-or-later
"""What each process has left of its privileges, as the kernel tells."""

import base64
import contextlib
import os
import pathlib
import pwd
import re
import resource
import signal

import pytest

from files import Authority, Key, server_file
from host import MINIVPN, alive, wait_until
from lab import INNER, SERVER

# The sanitizers' runtime would not work in there: such a build does not confine.
CONFINED = b"__asan_" not in pathlib.Path(MINIVPN).read_bytes()


NAMES = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID "
         "SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN "
         "NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT").split()
FOR_LAUNCHER = {"KILL", "SETGID", "SETUID", "SETPCAP", "SYS_CHROOT"}


def has_users():
    """A user namespace may have no other than root."""
    return pathlib.Path("/proc/self/uid_map").read_text().split()[2] != "1"


def fields(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


def capabilities(pid, kind):
    bits = int(fields(pid)[kind], 16)
    assert bits < 1 << len(NAMES), f"{kind} {bits:x}"
    return {name for bit, name in enumerate(NAMES) if bits >> bit & 1}


def holds(pid, wanted):
    """Those capabilities and no others, now or ever; and a filter."""
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        assert capabilities(pid, kind) == wanted, kind
    for kind in ("CapInh", "CapAmb"):
        assert capabilities(pid, kind) == set(), kind
    assert fields(pid)["NoNewPrivs"] == "1"
    if CONFINED:
        assert fields(pid)["Seccomp"] == "2"


@pytest.mark.smoke
@pytest.mark.parametrize("role", ["client", "server"])
def test_processes_hold_what_they_need(lab, role):
    lab.start(server={"DNS": "10.8.0.1"})
    processes = getattr(lab, role).minivpn_processes()
    holds(processes.pop("tunnel"), set())
    holds(processes.pop("launcher"), FOR_LAUNCHER)
    holds(processes.pop("host"), {"NET_ADMIN"})
    holds(processes.pop("janitor"), {"NET_ADMIN"})
    assert not processes


@pytest.mark.parametrize("role", ["client", "server"])
def test_processes_that_came_later_hold_no_more(lab, role):
    lab.start()
    host = getattr(lab, role)
    first = host.minivpn_processes()
    host.kill_minivpn([first["tunnel"], first["janitor"]])
    wait_until(lambda: len(host.minivpn_processes()) == 4, 5, "all four")
    wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), 15)
    second = host.minivpn_processes()
    assert not {first["tunnel"], first["janitor"]} & set(second.values())
    holds(second["tunnel"], set())
    holds(second["janitor"], {"NET_ADMIN"})


def test_what_belongs_to_others_takes_a_capability(lab):
    """A server's file in somebody's home, a resolv.conf of another user."""
    if not has_users():
        pytest.skip("no other user in this user namespace")
    lab.enroll(lab.client, "alice")
    path = lab.server.write("server.conf", server_file(lab.server_key,
                                                       lab.peers))
    os.chown(path, 65534, 65534)
    lab.server.up(path)
    os.chown(lab.client.path("/etc/resolv.conf"), 65534, 65534)
    lab.client.baseline()
    lab.connect()
    assert capabilities(lab.server.status()["pid"], "CapEff") == {
        "NET_ADMIN", "DAC_READ_SEARCH"}
    assert capabilities(lab.client.status()["pid"], "CapEff") == {
        "NET_ADMIN", "DAC_OVERRIDE", "CHOWN", "FOWNER"}
    lab.server.minivpn("reload")


@pytest.mark.parametrize("role", ["client", "server"])
def test_tunnel_process_has_nowhere_to_go(lab, role):
    lab.start()
    pid = getattr(lab, role).minivpn_processes()["tunnel"]
    assert fields(pid)["Groups"].split() == []
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    if not CONFINED:
        return
    for name in ("Max core file size", "Max processes", "Max file size"):
        assert re.search(name + " +0 +0 ", limits), name
    assert re.search(r"Max open files +64 +64 ", limits)
    assert re.search(r"Max address space +\d+ +\d+ ", limits)
    # What was /proc/N/fdinfo while there was a process N.
    root = pathlib.Path(f"/proc/{pid}/root/.")
    with pytest.raises(OSError):
        os.listdir(root)
    with pytest.raises(OSError):
        (root / "new").write_text("")


def test_max_clients_brings_its_memory(lab):
    """Raised by a reload; what was there before stays where it is lowered."""
    lab.start(server={"MaxClients": "10"})
    pid = lab.server.minivpn_processes()["tunnel"]

    def bound():
        text = pathlib.Path(f"/proc/{pid}/limits").read_text()
        return CONFINED and int(re.search(r"Max address space +(\d+) +\d+ ", text)[1])

    few = bound() if CONFINED else 0
    path = lab.server.directory / "server.conf"
    for count in "3000", "20":
        path.write_text(re.sub("MaxClients = .*", f"MaxClients = {count}",
                               path.read_text()))
        lab.server.minivpn("reload", "server")
        assert bound() - few == (2990 * 512 * 1024 if CONFINED else 0)
    assert lab.client.ping(INNER)


def maps_of(pid):
    return pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()


def memory_has(pid, secret):
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps_of(pid):
            start, end = (int(word, 16) for word in
                          line.split()[0].split("-"))
            try:
                memory.seek(start)
                if secret in memory.read(end - start):
                    return True
            except (OSError, OverflowError):
                continue  # the kernel's own pages
    return False


def owners(host, secret):
    return {name for name, pid in host.minivpn_processes().items()
            if memory_has(pid, secret)}


@pytest.mark.skipif(not CONFINED, reason="a build with sanitizers")
@pytest.mark.parametrize("role", ["client", "server"])
def test_only_who_needs_the_private_key_has_it(lab, role):
    """As it is in the file, and as bytes; a reload makes no copies either."""
    lab.start()
    host = getattr(lab, role)
    host.minivpn("reload")
    text = (lab.server_key if role == "server" else host.key).private
    assert owners(host, text.encode()[:43]) == set()
    assert owners(host, base64.b64decode(text)) == {"launcher", "tunnel"}
    path = host.directory / f"{role}.conf"
    new = Key.make().private
    path.write_text(path.read_text().replace(text, new))
    host.minivpn("reload")
    assert owners(host, new.encode()[:43]) == set()
    assert owners(host, base64.b64decode(new)) == {"launcher", "tunnel"}
    assert owners(host, base64.b64decode(text)) <= {"tunnel"}


def places(pid, secret):
    """VmFlags of each mapping that has it."""
    found, start, end = [], 0, 0
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
            if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
                start, end = (int(word, 16) for word in
                              line.split()[0].split("-"))
            if not line.startswith("VmFlags:") or end >= 1 << 63:
                continue
            try:
                memory.seek(start)
                if secret in memory.read(end - start):
                    found.append(line.split()[1:])
            except OSError:
                continue  # the kernel's own pages
    return found


def may_lock():
    """As much as a kernel gives to everybody since Linux 5.16."""
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    return limit == resource.RLIM_INFINITY or limit >= 8 << 20


@pytest.mark.skipif(not CONFINED, reason="a build with sanitizers")
@pytest.mark.parametrize("role", ["client", "server"])
def test_private_key_is_not_swapped(lab, role):
    """Our copies and GnuTLS's, also of a tunnel process that came later."""
    if not may_lock():
        pytest.skip("too little memory can be locked here")
    lab.start()
    host = getattr(lab, role)
    text = (lab.server_key if role == "server" else host.key).private
    for again in (False, True):
        processes = host.minivpn_processes()
        for name in ("launcher", "tunnel"):
            flags = places(processes[name], base64.b64decode(text))
            assert flags and all("lo" in words for words in flags), name
        if again:
            break
        host.kill_minivpn([processes["tunnel"]])
        wait_until(lambda: len(host.minivpn_processes()) == 4, 5, "all four")
        wait_until(lambda: lab.client.ping(INNER, wait=0.5, check=False), 15)


@pytest.mark.skipif(not CONFINED, reason="a build with sanitizers")
def test_key_file_is_not_swapped(lab, tmp_path):
    """Nor what the launcher keeps of it, nor what GnuTLS has made of that."""
    if not may_lock():
        pytest.skip("too little memory can be locked here")
    credentials = Authority(tmp_path / "ca").issue("vpn.example.org",
                                                   "DNS:vpn.example.org")
    path = lab.server.write("server.conf", server_file(None, **credentials))
    lab.server.up(path)
    text = credentials["Key"].read_text().splitlines()[1]
    processes = lab.server.minivpn_processes()
    flags = places(processes["tunnel"], base64.b64decode(text)[-32:])
    assert flags and all("lo" in words for words in flags)
    for again in (False, True):
        if again:
            lab.server.minivpn("reload")
        flags = places(processes["launcher"], text.encode())
        assert flags and all("lo" in words for words in flags), again


@pytest.mark.skipif(not CONFINED, reason="a build with sanitizers")
def test_no_process_can_be_looked_into(lab):
    """Not by another process of the same user, nor by a core dump."""
    lab.start()
    for name, pid in lab.client.minivpn_processes().items():
        result = lab.client.run(
            ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "sh", "-c",
             f"cat /proc/{pid}/maps"], check=False)
        assert "denied" in result.stderr, (name, result)


def user_of(pid):
    """The one number that it has, as user and group, in every place."""
    status = fields(pid)
    users = set(status["Uid"].split() + status["Gid"].split())
    assert len(users) == 1, users
    return int(users.pop())


def test_tunnel_process_is_nobody(lab):
    """Where other users are to be had, which a test's namespace may lack: one
    that no other process has, nor the system's list."""
    lab.start()
    if not has_users():
        pytest.skip("no other user in this user namespace")
    users = [user_of(host.status()["tunnel_pid"])
             for host in (lab.client, lab.server)]
    assert len(set(users)) == 2
    for user in users:
        assert 61184 <= user <= 65519
        with pytest.raises(KeyError):
            pwd.getpwuid(user)


def test_tunnel_process_is_the_systems_user(lab):
    """Where a package has made one."""
    if not has_users():
        pytest.skip("no other user in this user namespace")
    for name, line in (("passwd", "minivpn:x:1234:1234::/:/bin/false"),
                       ("group", "minivpn:x:1234:")):
        path = lab.client.path(f"/etc/{name}")
        path.write_text(f"{path.read_text()}{line}\n")
    lab.client.baseline()
    lab.start()
    assert user_of(lab.client.status()["tunnel_pid"]) == 1234


def sockets_of(pid):
    """What it has open beside the pair to host: UDP sockets, by where to."""
    links = {os.readlink(f"/proc/{pid}/fd/{fd}")
             for fd in os.listdir(f"/proc/{pid}/fd")}
    assert all(link.startswith("socket:") for link in links), links
    udp = pathlib.Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]
    found = {f"socket:[{line.split()[9]}]": line.split()[2] for line in udp}
    return len(links - set(found)), [found[link] for link in links & set(found)]


def test_lookup_has_nothing_but_its_sockets(lab):
    """While no name server answers: a user of its own, neither files nor keys,
    and no way but to that server's UDP port."""
    lab.swallow()
    lab.router.shell("""nft add rule ip broken forward udp dport 53 drop""")
    lab.client.path("/etc/resolv.conf").write_text(f"nameserver {SERVER}\n" * 3)
    lab.client.baseline()
    lab.enroll(lab.client, "alice")
    process = lab.client.spawn([MINIVPN, "up",
                                lab.client_conf(Server="vpn.test")])

    def confined():
        """It is so in a moment, and has its sockets from the beginning."""
        pid = lab.client.minivpn_processes().get("lookup")
        with contextlib.suppress(OSError, TypeError):
            status = fields(pid)
            if int(status["CapPrm"], 16) == 0 and (
                    not CONFINED or status["Seccomp_filters"] == "2"):
                return pid
        return None
    pid = wait_until(confined)
    others = lab.client.minivpn_processes()
    os.kill(pid, signal.SIGSTOP)
    holds(pid, set())
    assert sockets_of(pid) == (1, ["057100CB:0035"] * 3)
    for key in (lab.client.key.private.encode()[:43],
                base64.b64decode(lab.client.key.private)):
        assert not memory_has(pid, key)
    assert fields(pid)["Groups"].split() == []
    if has_users():
        users = {user_of(pid), user_of(others["tunnel"]), 0}
        assert len(users) == 3
    if CONFINED:
        with pytest.raises(OSError):
            os.listdir(f"/proc/{pid}/root/.")
    # Host does not wait for it for ever.
    assert process.wait(20) == 1
    assert "no name server answers" in process.output()
    assert not alive(pid)


def test_trial_of_doctor_has_nothing_but_its_socket(lab):
    """While the server's certificate does not arrive."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    lab.router.run(["nft", "-f", "-"], input="""
        table ip broken { chain forward {
            type filter hook forward priority 0
            udp sport 4433 udp length > 200 drop
        }
        }""")
    process = lab.client.spawn([MINIVPN, "doctor", lab.client_conf()])

    def confined():
        pid = lab.client.minivpn_processes().get("trial")
        with contextlib.suppress(OSError, TypeError):
            if not CONFINED or fields(pid)["Seccomp"] == "2":
                return pid
        return None
    pid = wait_until(confined)
    os.kill(pid, signal.SIGSTOP)
    holds(pid, set())
    # The server's, and that to its parent.
    assert len(os.listdir(f"/proc/{pid}/fd")) == 2
    assert fields(pid)["Groups"].split() == []
    if has_users():
        assert user_of(pid) != 0
    os.kill(pid, signal.SIGCONT)
    assert process.wait(30) == 1
    assert "drops large datagrams" in process.output()
    assert not alive(pid)


@pytest.mark.skipif(not CONFINED, reason="a build with sanitizers")
def test_tunnel_process_has_no_terminal(lab):
    """Nor what else `up` was given, though host goes on with it."""
    lab.enroll(lab.client, "alice")
    lab.serve()
    process = lab.client.spawn([MINIVPN, "up", "--foreground",
                                lab.client_conf()])
    process.wait_for("up on tun0", 10)
    processes = lab.client.minivpn_processes()
    for name, wanted in ("tunnel", "/dev/null"), ("host", str(process.path)):
        assert {os.readlink(f"/proc/{processes[name]}/fd/{fd}")
                for fd in (1, 2)} == {wanted}
    process.popen.terminate()
    assert process.wait(10) == 0


def test_tunnel_process_has_few_descriptors(lab):
    """Channel, tun, sockets, loop, lock; nothing of the host process."""
    lab.start()
    pid = lab.server.status()["tunnel_pid"]
    names = [os.readlink(f"/proc/{pid}/fd/{fd}")
             for fd in os.listdir(f"/proc/{pid}/fd")]
    files = [name for name in names if name.startswith("/")]
    assert all(name == "/dev/null" or name == "/dev/net/tun" or
               name.endswith("server.pid") for name in files), names
    assert len(names) < 12, names
