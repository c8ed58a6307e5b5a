# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the output of `status --openmetrics` as strictly as OpenMetrics 1.0 says
(sections "Text Format" and "Metric Types"): of counters and gauges alone."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})\{{({LABEL}(?:,{LABEL})*)\}} "
                    r"(-?[0-9]+(?:\.[0-9]+)?)")
HEAD = re.compile(rf"# (HELP|TYPE|UNIT) ({NAME}) (.+)")


def read(text):
    """{(sample's name, labels as they stand): value}; of each family its
    samples stand together, behind its HELP, TYPE and UNIT."""
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1
    families, samples, family = {}, {}, None
    for line in text.splitlines()[:-1]:
        head = HEAD.fullmatch(line)
        if head:
            what, name, value = head.groups()
            if name != family:
                assert name not in families, name
                family, families[name] = name, {}
            assert what not in families[name], line
            assert not families[name].get("samples"), line
            families[name][what] = value
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        kind = families[family]["TYPE"]
        assert name == family + {"counter": "_total", "gauge": ""}[kind]
        families[family]["samples"] = True
        assert (name, labels) not in samples, line
        samples[name, labels] = float(value)
        assert kind == "gauge" or float(value) >= 0
    for name, family in families.items():
        assert family["HELP"].endswith(".") and family.get("samples"), name
        assert name.endswith("_" + family.get("UNIT", "")) or \
            "UNIT" not in family, name
    return samples
