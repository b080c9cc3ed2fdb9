"""What bench/compare/run makes of its figures: a table, JSON, and a plot per load."""

import json
import os
import pathlib
import platform
import re

COLUMNS = [
    ("requests/s", "per_second", "{:.0f}"),
    ("p50 ms", "p50_ms", "{:.1f}"),
    ("p99 ms", "p99_ms", "{:.1f}"),
    ("CPU us/request", "cpu_us", "{:.1f}"),
    ("peak MiB", "peak_mib", "{:.1f}"),
    ("errors", "errors", "{:.0f}"),
]
PLOTTED = [column for column in COLUMNS if column[1] in ("per_second", "p99_ms", "cpu_us", "peak_mib")]
COLOURS = ["#2b6cb0", "#2f855a", "#b7791f", "#6b46c1"]


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}, Linux {platform.release()}"


def table(by_model):
    lines = ["| | " + " | ".join(title for title, _, _ in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for model, figures in by_model.items():
        cells = [form.format(figures[key]) for _, key, form in COLUMNS]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(title, by_model):
    """A group of bars for each figure, each group with a scale of its own."""
    bar, gap, left, width = 18, 34, 130, 420
    parts, y = [], 40
    for (name, key, form), colour in zip(PLOTTED, COLOURS):
        largest = max(figures[key] for figures in by_model.values()) or 1
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{name}</text>')
        y += 8
        for model, figures in by_model.items():
            length = max(1, width * figures[key] / largest)
            parts.append(f'<text x="{left - 8}" y="{y + bar - 5}" text-anchor="end">{model}</text>')
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 4}" fill="{colour}"/>')
            parts.append(f'<text x="{left + length + 6:.1f}" y="{y + bar - 5}">{form.format(figures[key])}</text>')
            y += bar
        y += gap
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{y}" font-family="sans-serif" font-size="12">'
    return head + f'<rect width="100%" height="100%" fill="white"/><text x="10" y="20" font-size="14">{title}</text>' + "".join(parts) + "</svg>\n"


def write(directory, medians, rounds):
    text = [f"# The same handler, run in different ways\n\n{machine()}; the load on the same machine, nothing pinned.\n"]
    for load, by_model in medians.items():
        name = re.sub(r"\W+", "-", load).strip("-") + ".svg"
        (directory / name).write_text(plot(load, by_model))
        text.append(f"## {load}\n\n{table(by_model)}\n\n![{load}]({name})\n")
    (directory / "REPORT.md").write_text("\n".join(text))
    (directory / "REPORT.json").write_text(json.dumps({"machine": machine(), "rounds": rounds}, indent=1) + "\n")
