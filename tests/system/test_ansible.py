# SPDX-License-Identifier: GPL-2.0-or-later
"""The role in contrib/ansible: what it makes works, and is left alone by a
second run. With MINIVPN_ANSIBLE=1, as ansible-core is no small thing."""

import json
import os
import pathlib
import re
import shutil

import pytest

from files import client_file
from host import MINIVPN, wait_until
from lab import INNER
from test_live import names

ROLES = pathlib.Path(__file__).parents[2] / "contrib/ansible/roles"

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MINIVPN_ANSIBLE") or
                       not shutil.which("ansible-playbook"),
                       reason="MINIVPN_ANSIBLE=1, and ansible-core"),
    pytest.mark.timeout(900)]


class Play:
    def __init__(self, lab):
        self.host = lab.server
        self.directory = lab.server.directory / "etc"
        self.clients = {}
        self.path = lab.server.write("play.yml", json.dumps([{
            "hosts": "localhost", "gather_facts": False,
            "roles": ["minivpn_server"]}]))
        self.host.environment.update(
            ANSIBLE_ROLES_PATH=str(ROLES), ANSIBLE_LOCALHOST_WARNING="False",
            ANSIBLE_HOME=str(lab.server.directory / "ansible"),
            ANSIBLE_PIPELINING="True", LC_ALL="C.UTF-8")

    def run(self):
        """How many tasks have changed something, and what was said."""
        variables = {
            "minivpn_address": "10.8.0.1/24, fd08::1/64",
            "minivpn_directory": str(self.directory),
            "minivpn_program": MINIVPN, "minivpn_package": "",
            "minivpn_service": False, "minivpn_clients": self.clients,
            "minivpn_settings": {"Routes": "198.51.100.0/24", "NAT": "no"}}
        said = self.host.run(["ansible-playbook", "-c", "local", "-i",
                              "localhost,", "-e", json.dumps(variables),
                              self.path], timeout=300).stdout
        return int(re.search(r"changed=(\d+)", said)[1]), said


def test_role(lab):
    play = Play(lab)
    key = lab.enroll(lab.client, "alice")
    changed, said = play.run()
    assert changed
    public = re.search(r"ServerKey = (\S{44})", said)[1]
    assert play.run()[0] == 0
    lab.server.up(play.directory / "server.conf")
    lab.client.write("client.conf", client_file(key, public))
    assert "not in its file" in lab.client.fails(
        "up", lab.client.directory / "client.conf")

    play.clients["alice"] = {"PublicKey": key.public, "Expires": "2099-12-31"}
    assert play.run()[0] == 2  # its file, and the server is told
    lab.client.up(lab.client.directory / "client.conf")
    assert lab.client.ping(INNER)

    play.clients["alice"]["Disabled"] = True
    assert play.run()[0] == 2
    wait_until(lambda: not names(lab.server), 2, "its end")
    del play.clients["alice"]
    assert play.run()[0] == 2
    assert not list((play.directory / "server.d").iterdir())
    assert play.run()[0] == 0
