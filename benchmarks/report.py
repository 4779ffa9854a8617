"""The benchmark's rows as a table and as a figure."""

import importlib.metadata
import io

from matplotlib.figure import Figure

from lenet_jax.native import form
from lenet_jax.report import tables
from lenet_jax.runs.provenance import provenance, versions
from lenet_jax.training.jax_settings import threads

COMMAND = "python -m benchmarks"
NOTES = (
    "Medians over the turns. All workloads take turns, each in a process of its own; `times faster` is the "
    "median of the ratios of the turns, `range` the smallest and the largest ratio. In `growth` the peer "
    "is the first row.",
    "`seconds`: for 60,000 images, forward and backward; in `start`, from the start of a process to the "
    "end of its first 20 steps of batch 64, with compiled programs in the cache (warm) or without (cold). "
    "`program`: the part of these seconds that makes, compiles and runs the program.",
    "`of product rate`: useful multiply-accumulates per second, by the layers' definition, over those of "
    "large float32 products in the same turn, by XLA or PyTorch, whichever is faster. Above 100%, fewer are "
    "multiplied than the definition says (`full_shared`, by Fourier transforms).",
    "`MB`: peak memory of the process, or on the accelerator; `peer MB`: that of the peer.",
)
COLOURS = {"PyTorch": "tab:blue", "Flax": "tab:green"}  # of kinds of peers
OTHER = "tab:orange"


def to_markdown(rows: list[dict], options: str) -> str:
    """The table, and below it what its columns mean, and how and where it was measured.

    Args:
      options: the options of the command that measured.
    """
    shown = [
        {
            "rows": row["rows"],
            "case": row["case"],
            "images/s": _number(row.get("images_per_second"), ",.0f"),
            "seconds": _number(row["seconds"], ",.2f"),
            "program": _number(row.get("seconds_for_the_program"), ",.2f"),
            "against": row["against"],
            "times faster": _number(row["ratio"], ".2f"),
            "range": f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}",
            "of product rate": _number(row.get("share_of_product_rate"), ".0%"),
            "MB": _number(row.get("peak_megabytes"), ",.0f"),
            "peer MB": _number(row.get("peer_peak_megabytes"), ",.0f"),
            "turns": row["turns"],
        }
        for row in rows
    ]
    return "\n".join([
        tables.to_markdown(shown),
        "",
        *(f"- {note}" for note in NOTES),
        f"- Networks were computed by {form.describe(form.current())}.",
        f"- Command: `{COMMAND} {options}`",
        f"- {ran_on()}",
    ])  # fmt: skip


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
        colour = COLOURS.get(row["against"].split(",")[0], OTHER)
        axes.barh(place, row["ratio"] - 1, left=1, xerr=whisker, color=colour, alpha=0.8)
    names = [f"{row['rows']}: {row['case']}  (against {row['against']})" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(y=0.01)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("times faster, median and range; 1: equally fast")
    axes.grid(True, which="both", axis="x", alpha=0.3)
    image = io.BytesIO()
    figure.savefig(image, dpi=150, format="png")
    return image.getvalue()


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _torch() -> str:
    try:
        return f", torch {importlib.metadata.version('torch')}"
    except importlib.metadata.PackageNotFoundError:
        return ""
