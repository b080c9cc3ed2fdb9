"""What bench/compare/run makes of its figures: tables, what they say of the statements people make, JSON, and a plot per
load."""

import json
import pathlib
import re
import shutil

import machine
import marked
import plots

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- comparison: written by bench/compare/run --publish -->", "<!-- end of comparison -->"

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


def statements(medians, pool):
    """Each with the figure that speaks for or against it: (statement, figure, whether it holds). pool: microseconds of a
    ProcessPool's round trip and of a native thread's, by bytes."""
    io, cpu, native = medians["io, 5000"], medians["cpu, 2 jobs per core"], medians["offloaded, 2 jobs per core"]
    few, many = medians["io, 100"], medians["io, 1000"]

    def rate(by_model, model):
        return by_model[model]["per_second"]

    cores = rate(cpu, "gil_threads") / rate(cpu, "threads")
    yield ("Threads under the lock use one core for CPU work", f"{rate(cpu, 'gil_threads'):.0f} jobs/s under the Gil, "
           f"{rate(cpu, 'threads'):.0f} without, on 2 cores: {cores:.2f} x", cores < 0.6)
    gain = rate(few, "gil_threads") / 20
    yield ("I/O-bound work gains from them all the same", f"waits of 50 ms, 20/s one after the other: "
           f"{rate(few, 'gil_threads'):.0f}/s by 100 threads under the Gil, {rate(many, 'gil_threads'):.0f}/s by 1,000", gain > 50)
    scales = rate(native, "greenlets") / rate(cpu, "greenlets")
    yield ("Native code without the lock scales", f"{rate(native, 'greenlets'):.0f} jobs/s offloaded, "
           f"{rate(cpu, 'greenlets'):.0f} in the greenlets: {scales:.2f} x", scales > 1.6)
    small, large = 1 << 10, 1 << 20
    price = [pool["in_process", size] - pool["on_thread", size] for size in (small, large)]
    yield ("Processes pay for serialisation", f"a job and its result of 1 KiB: {pool['in_process', small]:.0f} us in another "
           f"process, {pool['on_thread', small]:.0f} on another thread; of 1 MiB: {pool['in_process', large]:.0f} and "
           f"{pool['on_thread', large]:.0f}", price[1] > 2 * price[0])
    cpu_ratio = io["greenlets"]["cpu_us"] / io["threads"]["cpu_us"]
    yield ("Coroutines use the CPU best on I/O", f"5,000 at once, CPU per request: {io['greenlets']['cpu_us']:.1f} us, by "
           f"threads {io['threads']['cpu_us']:.1f}: {cpu_ratio:.2f} x", cpu_ratio < 1)
    shards = rate(cpu, "sharded") / rate(cpu, "greenlets")
    yield ("Two runtimes use two cores", f"{rate(cpu, 'sharded'):.0f} jobs/s by two, {rate(cpu, 'greenlets'):.0f} by one, the "
           f"load on the same cores: {shards:.2f} x", shards > 1.5)


def confirmed(medians, pool):
    lines = ["| statement | figure | |", "|---|---|---|"]
    for statement, figure, holds in statements(medians, pool):
        lines.append(f"| {statement} | {figure} | {'confirmed' if holds else '**refuted**'} |")
    return "\n".join(lines)


def write(directory, about, medians, rounds, pool):
    """pool: None if not all loads and models were measured."""
    text = [f"{machine.describe()}; {about}; the load on the same machine, nothing pinned."]
    if pool:
        text.append(confirmed(medians, pool))
    for load, by_model in medians.items():
        name = re.sub(r"\W+", "-", load).strip("-") + ".svg"
        (directory / name).write_text(plot(load, by_model))
        text.append(f"### {load}\n\n{table(by_model)}\n\n[As a plot]({name})")
    (directory / "REPORT.md").write_text("\n\n".join(["# The same handler, run in different ways", *text]) + "\n")
    (directory / "REPORT.json").write_text(json.dumps({"machine": machine.describe(), "rounds": rounds}, indent=1) + "\n")


def publish(directory):
    """The report into bench/README.md, between its two marks; JSON and plots into bench/results/compare."""
    bench = HERE.parent
    results = bench / "results/compare"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    for file in directory.iterdir():
        if file.suffix in (".svg", ".json"):
            shutil.copy(file, results)
    figures = (directory / "REPORT.md").read_text().partition("\n\n")[2].replace("](", "](results/compare/").rstrip()
    marked.rewrite(bench / "README.md", BEGIN, figures, END)
