"""What bench/run makes of its figures: tables in Markdown, JSON, and plots."""

import json
import re
import shutil
import statistics

import marked
import plots

TOO_BUSY = 0.2  # cores
FLAT = 1.25
BEGIN, END = "<!-- figures: written by bench/run --publish -->", "<!-- end of figures -->"


def short(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


class Figure:
    def __init__(self, samples, errors):
        self.samples, self.errors, self.value = samples, errors, statistics.median(samples)

    def cell(self):
        spread = f" ({short(min(self.samples))}-{short(max(self.samples))})" if len(self.samples) > 1 else ""
        return short(self.value) + spread + self.trouble()

    def trouble(self):
        return f", {self.errors:,} errors" if self.errors else ""

    def json(self):
        return {"median": self.value, "errors": self.errors, "samples": self.samples}


class Result:
    """A row and its figures, by subject: "ours", "floor" and the names of peers."""

    def __init__(self, row, figures, why_not):
        self.row, self.figures, self.why_not = row, figures, why_not

    def target(self):
        return ", ".join(target.words(self.row.unit).strip() for target in self.row.targets) or "-"

    def ours(self):
        return self.figures["ours"].cell() if "ours" in self.figures else f"not measured: {self.why_not['ours']}"

    def floor(self):
        if not self.row.floor:
            return "-"
        if "floor" not in self.figures:
            return f"{self.row.floor_name}: not measured: {self.why_not['floor']}"
        return f"{self.row.floor_name} {self.figures['floor'].cell()}"

    def ratio(self):
        if "ours" not in self.figures or "floor" not in self.figures or self.figures["floor"].value == 0:
            return "-"
        return f"{self.figures['ours'].value / self.figures['floor'].value:.2f}"

    def peers(self, asked_for):
        if not self.row.peers:
            return "-"
        if not asked_for:
            return "not asked for"
        cells = []
        for name in self.row.peers:
            if name in self.figures:
                cells.append(f"{name} {short(self.figures[name].value)}{self.figures[name].trouble()}")
            else:
                cells.append(f"{name}: {self.why_not[name]}")
        return ", ".join(cells)

    def verdict(self):
        if not self.row.targets:
            return "-"
        if "ours" not in self.figures:
            return "not measured"
        held = {target.words(self.row.unit): target.holds(self.figures) for target in self.row.targets}
        missed = [words for words, holds in held.items() if holds is False]
        open_ = [words for words, holds in held.items() if holds is None]
        if missed:
            return "**missed**" + (f": {', '.join(missed)}" if len(held) > 1 else "")
        return f"open: {', '.join(open_)}" if open_ else "met"

    def json(self):
        return {"name": self.row.name, "unit": self.row.unit, "target": self.target(), "floor": self.row.floor_name,
                "verdict": self.verdict().replace("*", ""), "not_measured": self.why_not,
                "figures": {name: figure.json() for name, figure in self.figures.items()}}


class GrowthResult:
    """A growth and its figures, by (label, size)."""

    def __init__(self, growth, figures, why_not):
        self.growth, self.why_not = growth, why_not
        self.lines = {}
        for (label, size), figure in figures.items():
            self.lines.setdefault(label, {})[size] = figure

    def factor(self, label):
        costs = [figure.value for _, figure in sorted(self.lines[label].items())]
        return costs[-1] / costs[0] if costs[0] else 1.0

    def words(self, label):
        line = sorted(self.lines[label].items())
        (small, first), (large, last) = line[0], line[-1]
        change = "flat" if self.is_flat(label) else f"x {self.factor(label):.2g}"
        return f"{change} ({short(first.value)} with {small:,}, {short(last.value)} with {large:,})"

    def is_flat(self, label):
        return self.factor(label) <= FLAT

    def explanation(self, label):
        return "flat" if self.is_flat(label) else self.growth.explained.get(label, "**not explained**")

    def told(self):
        return ([f"{label}: {self.words(label)}" for label in self.lines] +
                [f"{label}, {size:,}: {why}" for (label, size), why in self.why_not.items()])

    def brief(self, label):
        """For the table of rows."""
        if label not in self.lines:
            return "not measured"
        return f"[{self.words(label)}]({file_name(self.growth.name)})"

    def table(self):
        sizes = sorted({size for line in self.lines.values() for size in line})
        head = [f"| {self.growth.unit} | " + " | ".join(f"{size:,}" for size in sizes) + " | |", "|---" * (len(sizes) + 2) + "|"]
        body = [f"| {label} | " + " | ".join(line[size].cell() if size in line else "-" for size in sizes) +
                f" | {self.explanation(label)} |" for label, line in self.lines.items()]
        missing = [f"\n{label} with {size:,} was not measured: {why}." for (label, size), why in self.why_not.items()]
        return "\n".join(head + body + missing)

    def plot(self):
        lines = {label: {size: figure.value for size, figure in line.items()} for label, line in self.lines.items()}
        return plots.curves(self.growth.name, self.growth.unit, lines)

    def json(self):
        return {"name": self.growth.name, "unit": self.growth.unit,
                "not_measured": {f"{label}, {size}": why for (label, size), why in self.why_not.items()},
                "lines": {label: {size: figure.json() for size, figure in line.items()} for label, line in self.lines.items()}}


def file_name(name):
    return re.sub(r"\W+", "-", name).strip("-") + ".svg"


def heading(about):
    text = f"{about['machine']}, {about['compiler']}. {about['when']}, {about['minutes']} minutes, medians of {about['rounds']} rounds"
    text += f" (least-most), of growth {about['growth_rounds']}, of fewer where one takes minutes"
    text += ", `--quick`" if about["quick"] else ""
    text += f". Load average at the start {about['load_average']:.2f}."
    if about["busy_cores"] > TOO_BUSY:
        text += f" **The machine was not idle: {about['busy_cores']} cores were busy.**"
    return text


def table(results, growths, about):
    by_name = {growth.growth.name: growth for growth in growths}
    lines = ["| what | unit | target | floor | ours | ours / floor | verdict | peers | grows |", "|---" * 9 + "|"]
    for result in results:
        row = result.row
        grows = by_name[row.grows].brief(row.line) if row.grows in by_name else "-"
        cells = [row.name, row.unit, result.target(), result.floor(), result.ours(), result.ratio(), result.verdict(),
                 result.peers(about["peers"]), grows]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def overview(results):
    groups = []
    for result in results:
        labels = {"floor": result.row.floor_name}
        rows = [(labels.get(name, name), figure.value, short(figure.value) + figure.trouble())
                for name, figure in result.figures.items()]
        if rows:
            groups.append((f"{result.row.name}, {result.row.unit}".rstrip(", "), rows))
    return plots.bars("ours, floors and peers", groups, left=200)


def write(directory, about, results, growths):
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.svg"):
        old.unlink()
    text = [heading(about)]
    if results:
        text.append(table(results, growths, about))
        (directory / "overview.svg").write_text(overview(results))
        text.append("![ours, floors and peers](overview.svg)")
    measured = [growth for growth in growths if growth.lines]
    for growth in measured:
        (directory / file_name(growth.growth.name)).write_text(growth.plot())
        text.append(f"### {growth.growth.name}\n\n{growth.table()}\n\n![{growth.growth.name}]({file_name(growth.growth.name)})")
    text += [f"### {growth.growth.name}\n\n{'; '.join(growth.told())}" for growth in growths if not growth.lines]
    (directory / "REPORT.md").write_text("# Benchmarks\n\n" + "\n\n".join(text) + "\n")
    everything = about | {"rows": [result.json() for result in results], "growths": [growth.json() for growth in growths]}
    (directory / "REPORT.json").write_text(json.dumps(everything, indent=1) + "\n")


def publish(directory, bench):
    """The table into README.md, between its two marks; the rest into results/, where the comparison has its own folder."""
    results = bench / "results"
    results.mkdir(exist_ok=True)
    for old in results.glob("*.*"):
        old.unlink()
    for file in directory.iterdir():
        if file.suffix in (".svg", ".json", ".md"):
            shutil.copy(file, results)
    report = (directory / "REPORT.md").read_text().partition("\n\n")[2]
    figures = report.partition("\n\n![ours")[0].replace("](", "](results/")
    marked.rewrite(bench / "README.md", BEGIN, figures, END)
