# SPDX-License-Identifier: GPL-2.0-or-later
"""The summary as one SVG: a panel a row of the table, a bar a peer."""

from xml.sax.saxutils import escape

from report import ROWS

WIDTH, COLUMNS = 420, 2
LABEL, VALUE, BAR, GAP, TITLE = 110, 60, 16, 4, 26
OWN, NULL, OTHER = "#1f6feb", "#9ec5fe", "#8c959f"


def text(x, y, words, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{escape(words)}</text>'


def colour(peer):
    return {"minivpn": OWN, "minivpn-null": NULL}.get(peer, OTHER)


def panel(row, summary, x, y):
    """A title and the bars; the thin line is the range over the rounds."""
    peers = [peer for peer in summary if row.key in summary[peer]]
    most = max(summary[peer][row.key]["most"] for peer in peers) or 1
    room = (WIDTH - LABEL - VALUE - 20) / most
    parts = [text(x, y + 16, f"{row.title.strip()} ({row.unit}; "
                  f"{'more' if row.more else 'less'} is better)",
                  'font-weight="bold"')]
    for number, peer in enumerate(peers):
        found = summary[peer][row.key]
        top = y + TITLE + number * (BAR + GAP)
        middle = top + BAR / 2
        left = x + LABEL
        parts += [
            text(left - 6, top + 12, peer, 'text-anchor="end"'),
            f'<rect x="{left}" y="{top}" height="{BAR}" '
            f'width="{found["median"] * room:.1f}" fill="{colour(peer)}"/>',
            f'<path d="M{left + found["least"] * room:.1f} {middle:.1f}'
            f'H{left + found["most"] * room:.1f}" stroke="black"/>',
            text(left + found["most"] * room + 6, top + 12,
                 f"{found['median'] * row.scale:.{row.digits}f}")]
    return parts


def height(row, summary):
    bars = sum(row.key in found for found in summary.values())
    return TITLE + bars * (BAR + GAP) + 14


def svg(result):
    summary = result["summary"]
    rows = [row for row in ROWS
            if any(row.key in found for found in summary.values())]
    bottoms = [60] * COLUMNS
    parts = []
    for row in rows:
        column = bottoms.index(min(bottoms))
        parts += panel(row, summary, 20 + column * WIDTH, bottoms[column])
        bottoms[column] += height(row, summary)
    machine = result["machine"]
    width, tall = 40 + COLUMNS * WIDTH, max(bottoms) + 10
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{tall}" viewBox="0 0 {width} {tall}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{tall}" fill="white"/>',
        text(20, 26, "minivpn and its peers, median and range of "
             f"{result['rounds']} round(s), the wire "
             f"{'without' if result['wire'] else 'with'} offloads",
             'font-size="15" font-weight="bold"'),
        text(20, 44, f"{machine['time']}, Linux {machine['kernel']}, "
             f"{machine['cores']} cores, {machine['processor']}"),
        *parts, "</svg>"]) + "\n"
