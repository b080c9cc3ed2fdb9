"""Figures as SVG."""

import html
import math

COLOURS = ["#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b7791f", "#b83280"]


def page(width, height, title, parts):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
            f'font-size="12"><rect width="100%" height="100%" fill="white"/>')
    return f'{head}<text x="10" y="20" font-size="14">{html.escape(title)}</text>{"".join(parts)}</svg>\n'


def text(x, y, words, **attributes):
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{html.escape(words)}</text>'


def bars(title, groups, left=130):
    """A group of bars for each (name, [(label, value, words)]), each group with a scale of its own."""
    bar, gap, width = 18, 34, 420
    parts, y = [], 40
    for i, (name, rows) in enumerate(groups):
        largest = max(value for _, value, _ in rows) or 1
        parts.append(text(10, y, name, font_weight="bold"))
        y += 8
        for label, value, words in rows:
            length = max(1, width * value / largest)
            parts.append(text(left - 8, y + bar - 5, label, text_anchor="end"))
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 4}" fill="{COLOURS[i % len(COLOURS)]}"/>')
            parts.append(text(left + length + 6, y + bar - 5, words))
            y += bar
        y += gap
    return page(left + width + 90, y, title, parts)


def curves(title, unit, lines):
    """Cost against size, the size on a logarithmic axis: {label: {size: cost}}. The costs begin at zero."""
    left, top, width, height = 70, 40, 460, 240
    sizes = sorted({size for line in lines.values() for size in line})
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])
    largest = max(cost for line in lines.values() for cost in line.values()) or 1

    def x_of(size):
        return left + (width * (math.log10(size) - low) / (high - low) if high > low else width / 2)

    def y_of(cost):
        return top + height * (1 - cost / largest)

    parts = [f'<path d="M{left} {top}V{top + height}H{left + width}" fill="none" stroke="black"/>']
    parts += [text(x_of(size), top + height + 18, f"{size:,}", text_anchor="middle") for size in sizes]
    for share in (0, 0.5, 1):
        parts.append(text(left - 6, y_of(largest * share) + 4, f"{largest * share:.3g}", text_anchor="end"))
    parts.append(text(left + 6, top + 4, unit))
    for i, (label, line) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        points = [(x_of(size), y_of(cost)) for size, cost in sorted(line.items())]
        parts.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(text(left + width + 14, top + 14 + 18 * i, label, fill=colour))
    return page(left + width + 230, top + height + 40, title, parts)
