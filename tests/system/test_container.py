# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers that lack something: each lack has a reason of its own, for root
and for others, and it names what to give to the container."""

import ctypes
import platform
import struct

import pytest

from files import server_file
from lab import INNER

# linux/audit.h, seccomp.h, prctl.h, filter.h, and the calls' numbers.
MACHINES = {"x86_64": (0xC000003E, 317, 157), "aarch64": (0xC00000B7, 277, 167)}
ALLOW, ERRNO, ENOSYS, EINVAL = 0x7FFF0000, 0x00050000, 38, 22
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06

AS_USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
WITHOUT_NET_ADMIN = ["setpriv", "--bounding-set=-net_admin",
                     "--inh-caps=-net_admin"]


@pytest.fixture
def files(lab):
    """Both roles' hosts and files."""
    lab.enroll(lab.client, "alice")
    return ((lab.client, lab.client_conf()),
            (lab.server, lab.server.write("server.conf", server_file(
                lab.server_key, lab.peers))))


def behind(host, *before):
    """As host.run, by way of another program."""
    return lambda argv, **options: host.run([*before, *argv], **options)


def doctor(host, run):
    return run([host.program, "doctor"], check=False).stdout


def test_no_net_admin(files):
    """Root is not told to run it as root, nobody else to change a container."""
    for host, path in files:
        run = behind(host, *WITHOUT_NET_ADMIN)
        said = host.fails("up", path, run=run)
        assert "--cap-add NET_ADMIN" in said and "as root" not in said
        assert "--cap-add NET_ADMIN" in doctor(host, run)
    host, path = files[0]
    host.run(["install", "-D", "-m", "644", path, "/etc/minivpn/other.conf"])
    said = host.fails("up", "other", run=behind(host, *AS_USER), lines=None,
                      prefix="")
    host.run(["rm", "-r", "/etc/minivpn"])
    assert "run it as root" in said and "--cap-add" not in said


def test_no_tun_device(files):
    hidden = ["unshare", "--mount", "sh", "-ec",
              'mount -t tmpfs none /dev/net; exec "$@"', "sh"]
    for host, path in files:
        said = host.fails("up", path, run=behind(host, *hidden))
        assert "there is no /dev/net/tun" in said and "container" in said
        assert "NET_ADMIN" not in said


def test_tun_device_is_not_for_us(files):
    """As the rules of a container's devices have it."""
    closed = ["unshare", "--mount", "sh", "-ec",
              "mount -t tmpfs -o nodev none /dev/net;"
              'mknod /dev/net/tun c 10 200; exec "$@"', "sh"]
    for host, path in files:
        run = behind(host, *closed)
        said = host.fails("up", path, run=run)
        assert "/dev/net/tun" in said and "--device /dev/net/tun" in said
        assert "--device /dev/net/tun" in doctor(host, run)


def test_sysctls_are_read_only(lab, files):
    """A server that has to turn forwarding on says which to set outside, and
    where it is on already all is well."""
    closed = ["unshare", "--mount", "sh", "-ec",
              "mount --bind /proc/sys /proc/sys;"
              'mount -o remount,bind,ro /proc/sys; exec "$@"', "sh"]
    host, path = files[1]
    said = host.fails("up", path, run=behind(host, *closed))
    assert "/proc/sys is mounted read-only" in said
    assert "net.ipv4.ip_forward=1" in said and "root" not in said
    with host.inside():
        host.sysctl("net/ipv4/ip_forward", 1)
        host.sysctl("net/ipv6/conf/all/forwarding", 1)
    host.baseline()
    host.run([*closed, host.program, "up", path])
    lab.client.up(files[0][1])
    assert lab.client.ping(INNER)


def no_filters():
    """In a child: from here on the kernel says that it knows of none."""
    machine, seccomp, prctl = MACHINES[platform.machine()]
    code = b"".join(struct.pack("=HBBI", *line) for line in (
        (LOAD, 0, 0, 4), (EQUAL, 0, 6, machine), (LOAD, 0, 0, 0),
        (EQUAL, 3, 0, seccomp), (EQUAL, 0, 3, prctl), (LOAD, 0, 0, 16),
        (EQUAL, 2, 1, PR_SET_SECCOMP), (RETURN, 0, 0, ERRNO | ENOSYS),
        (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERRNO | EINVAL)))
    libc = ctypes.CDLL(None, use_errno=True)
    memory = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack(
        "HP", len(code) // 8, ctypes.addressof(memory)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
            PR_SET_SECCOMP, MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="its numbers")
def test_no_seccomp(lab, files):
    """It works, and says what is missing, as before."""
    for host, path in reversed(files):
        host.run([host.program, "up", path], preexec_fn=no_filters)
    assert lab.client.ping(INNER)
    for host, path in files:
        host.wait_log(path.stem, "tunnel process has no filter of system calls")
        found = host.run([host.program, "doctor"], check=False,
                         preexec_fn=no_filters).stdout
        assert "seccomp: this kernel, or container" in found
