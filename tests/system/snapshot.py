# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole state of a host as lines that can be compared."""

import difflib
import json
import re

# One shell for all of it: a snapshot is taken twice for every host and test.
COMMANDS = {
    "link": "ip -j link",
    "address": "ip -j address",
    "route": "ip -j route show table all",
    "route6": "ip -j -6 route show table all",
    "rule": "ip -j rule",
    "rule6": "ip -j -6 rule",
    "nft": "nft -j list ruleset",
    "sysctl": "grep -rs '' /proc/sys/net/ipv4 /proc/sys/net/ipv6",
    "etc": "find /etc ! -type d -printf '%p %y %m %U %s %l\\n'",
    "resolver": "cat /etc/resolv.conf",
}
SCRIPT = "\n".join(f"echo '== {name}'; {command} || true; echo"
                   for name, command in COMMANDS.items())

# What changes by itself. ifindex: a device that came and went moves nothing.
VOLATILE = {"valid_life_time", "preferred_life_time", "expires", "stats",
            "stats64", "used", "age"}
VOLATILE_SYSCTL = re.compile(r"/tcp_fastopen_key:|/stable_secret:")


def _steady(value):
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items()
                if key not in VOLATILE}
    if isinstance(value, list):
        return [_steady(item) for item in value]
    return value


def _lines(name, text):
    if COMMANDS[name].startswith(("ip -j", "nft -j")):
        value = json.loads(text or "[]")
        items = value["nftables"] if isinstance(value, dict) else value
        lines = [json.dumps(_steady(item), sort_keys=True) for item in items]
        return lines if name == "nft" else sorted(lines)
    lines = [line for line in text.splitlines() if line]
    if name == "sysctl":
        lines = [line for line in lines if not VOLATILE_SYSCTL.search(line)]
    return lines if name == "resolver" else sorted(lines)


def take(host):
    """All that minivpn could have changed, one line an item."""
    text = host.run(["sh", "-c", SCRIPT]).stdout
    parts = re.split(r"^== (\w+)\n", text, flags=re.MULTILINE)[1:]
    assert parts[::2] == list(COMMANDS), text
    return [f"{name}: {line}" for name, part in zip(parts[::2], parts[1::2])
            for line in _lines(name, part.strip())]


def difference(before, after):
    """Empty where both are the same, else a diff for people."""
    return "\n".join(difflib.unified_diff(before, after, "before", "after",
                                          lineterm="", n=0))
