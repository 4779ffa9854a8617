"""The benchmark's rows as a table and as a figure."""

import importlib.metadata
import io

from matplotlib.figure import Figure

from lenet_jax.native import form
from lenet_jax.report import tables
from lenet_jax.runs.provenance import provenance, versions
from lenet_jax.training.jax_settings import threads

COMMAND = "python -m benchmarks"
LAYERS, START = "layers", "start"  # groups of rows whose cases do not say what is measured
# Titles of tables, and the groups of rows that they show.
TABLES = {
    "Networks": ("one", "sweep", "single", "zipcode", "mlp"),
    "Stages 1 and 3 of LeNet-5, against the same wiring in Flax's layers": (LAYERS,),
    "More runs and more data: time per run and image, against the first row of their kind": ("growth",),
    "The start of a process": (START,),
}
NOTES = (
    "All workloads take turns, each in a process of its own; numbers are medians over the turns, and `times "
    "faster` is the median of their ratios, with the smallest and the largest.",
    "`images/s`: in training, forward and backward. `share`: useful multiply-accumulates per second, by the "
    "layers' definition, over those of large float32 products in the same turn, by XLA or PyTorch, whichever "
    "is faster. Above 100%, fewer are multiplied than the definition says (`full_shared`, by Fourier "
    "transforms).",
    "`seconds`: from the start of a process to the end of its first 20 steps of batch 64, with compiled "
    "programs in the cache (warm) or without (cold). `program`: the part of these seconds that makes, "
    "compiles and runs the program.",
    "`MB`: peak memory of the process, or on the accelerator, and that of what it is compared with.",
)
OTHER = "Flax's own layers"
COLOURS = {"PyTorch": "tab:blue", "Flax": "tab:green", OTHER: "tab:orange"}  # of kinds of peers


def to_markdown(rows: list[dict], options: str) -> str:
    """The TABLES, and below them what their columns mean, and how and where they were measured.

    Args:
      options: the options of the command that measured.
    """
    lines = []
    for title, groups in TABLES.items():
        if shown := [_cells(row) for row in rows if row["rows"] in groups]:
            lines += [f"**{title}**", "", tables.to_markdown(shown), ""]
    turns = " to ".join(map(str, sorted({row["turns"] for row in rows})))
    return "\n".join([
        *lines,
        *(f"- {note}" for note in NOTES),
        f"- {turns} turns each.",
        f"- Networks were computed by {form.describe(form.current())}.",
        f"- Command: `{COMMAND} {options}`",
        f"- {ran_on()}",
    ])  # fmt: skip


def _cells(row: dict) -> dict[str, str]:
    """A row as its table has it."""
    ratio = f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
    compared = {"case": row["case"], "against": row["against"], "times faster": ratio}
    if row["rows"] == START:
        program = f"{row['seconds_for_the_program']:,.2f}"
        return compared | {"seconds": f"{row['seconds']:,.2f}", "program": program}
    return compared | {
        "images/s": f"{row['images_per_second']:,.0f}",
        "share": f"{row['share_of_product_rate']:.0%}",
        "MB": f"{row['peak_megabytes']:,.0f} and {row['peer_peak_megabytes']:,.0f}",
    }


def ran_on() -> str:
    """A sentence: on what machine, with which versions and from which revision this process measures."""
    found = provenance()
    return (
        f"{threads()} threads on {found['device']}, {found['host']}; {versions(found)}{_torch()}; "
        f"revision {found['revision']}."
    )


def draw(rows: list[dict]) -> bytes:
    """A PNG: how many times faster each row is, on a logarithmic axis."""
    rows = [row for row in rows if row["rows"] != "growth"]
    figure = Figure(figsize=(12, 1.2 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        whisker = [[row["ratio"] - row["ratio_low"]], [row["ratio_high"] - row["ratio"]]]
        kind = row["against"].split(",")[0]
        kind = kind if kind in COLOURS else OTHER
        axes.barh(place, row["ratio"] - 1, left=1, xerr=whisker, color=COLOURS[kind], alpha=0.8, label=kind)
    kinds = {LAYERS: "stages: ", START: "start: "}
    names = [f"{kinds.get(row['rows'], '')}{row['case']}  (against {row['against']})" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(y=0.01)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("times faster, median and range; 1: equally fast")
    axes.grid(True, which="both", axis="x", alpha=0.3)
    bars = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))  # one of each kind
    axes.legend(bars.values(), bars, title="against", loc="lower right")
    image = io.BytesIO()
    figure.savefig(image, dpi=150, format="png")
    return image.getvalue()


def _torch() -> str:
    try:
        return f", torch {importlib.metadata.version('torch')}"
    except importlib.metadata.PackageNotFoundError:
        return ""
