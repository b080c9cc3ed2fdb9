"""What bench/compare/run makes of its figures: a table, JSON, and a plot per load."""

import json
import re

import machine
import plots

COLUMNS = [
    ("requests/s", "per_second", "{:.0f}"),
    ("p50 ms", "p50_ms", "{:.1f}"),
    ("p99 ms", "p99_ms", "{:.1f}"),
    ("CPU us/request", "cpu_us", "{:.1f}"),
    ("peak MiB", "peak_mib", "{:.1f}"),
    ("errors", "errors", "{:.0f}"),
]
PLOTTED = [column for column in COLUMNS if column[1] in ("per_second", "p99_ms", "cpu_us", "peak_mib")]


def table(by_model):
    lines = ["| | " + " | ".join(title for title, _, _ in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for model, figures in by_model.items():
        cells = [form.format(figures[key]) for _, key, form in COLUMNS]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(title, by_model):
    groups = [(name, [(model, figures[key], form.format(figures[key])) for model, figures in by_model.items()])
              for name, key, form in PLOTTED]
    return plots.bars(title, groups)


def write(directory, medians, rounds):
    text = [f"# The same handler, run in different ways\n\n{machine.describe()}; the load on the same machine, nothing pinned.\n"]
    for load, by_model in medians.items():
        name = re.sub(r"\W+", "-", load).strip("-") + ".svg"
        (directory / name).write_text(plot(load, by_model))
        text.append(f"## {load}\n\n{table(by_model)}\n\n![{load}]({name})\n")
    (directory / "REPORT.md").write_text("\n".join(text))
    (directory / "REPORT.json").write_text(json.dumps({"machine": machine.describe(), "rounds": rounds}, indent=1) + "\n")
