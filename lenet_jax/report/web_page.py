"""A report as one page for a browser, report.html, which needs nothing else and loads nothing.

Numbers, words and captions are those of the tables; see `lenet_jax.report.contents`.
"""

import base64
import html
import json
import pathlib
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.disagreements import NEARLY_ALWAYS
from lenet_jax.config.listing import as_argument, list_fields
from lenet_jax.errors import UserError
from lenet_jax.report import captions, run_curves, tables
from lenet_jax.report.contents import HEADINGS, Contents, Table
from lenet_jax.report.disputed import DisputedImage, find_disputed
from lenet_jax.report.markup import html_note, html_text, markdown_text
from lenet_jax.runs.loaded import dataset_of
from lenet_jax.runs.store import read_epochs

TEMPLATE = pathlib.Path(__file__).with_name("report.html")
MOST_NAMED = 80  # characters up to which the names of classes are listed
MEDIA = {".png": "image/png", ".svg": "image/svg+xml"}
SECTIONS = {
    "found": "What was found",
    "figures": "Figures",
    "tables": "Tables",
    "curves": "Learning curves of all runs",
    "disputed": "Images that arms disagree on",
    "protocol": "Protocol",
    "config": "Config",
    "versions": "Versions and hardware",
    "commands": "Commands",
}


class Image(NamedTuple):
    """A figure.

    Attributes:
      title: what it shows.
      files: its files by name; the last, of a kind in MEDIA, is shown.
    """

    title: str
    files: Mapping[str, bytes]


def to_html(contents: Contents, images: Sequence[Image], status: str = "") -> str:
    """The page, with the figures given.

    Args:
      status: of the runs that were sent to jobs, in lines.
    """
    title = _title(contents)
    sections = {
        "found": _found(contents),
        "figures": "".join(map(_figure, images)) or _p("There are none: no test images are scored."),
        "tables": _tables(contents),
        "curves": _curves(contents),
        "disputed": _disputed(contents),
        "protocol": _protocol(contents),
        "config": _config(contents),
        "versions": _versions(contents),
        "commands": _commands(contents),
    }
    links = " ".join(f'<a href="#{name}">{heading}</a>' for name, heading in SECTIONS.items())
    parts = [
        f"<header>\n<h1>{html_text(title)}</h1>",
        _open(contents, status),
        _summary(contents),
        f'<nav aria-label="Sections">{links}</nav>\n</header>\n<main>',
        *(
            f'<section>\n<h2 id="{name}">{heading}</h2>\n{sections[name]}\n</section>'
            for name, heading in SECTIONS.items()
        ),
        "</main>",
    ]
    template = string.Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(title=html_text(title), content="\n".join(filter(None, parts)))


def _title(contents: Contents) -> str:
    split = "Test" if contents.is_scored else "Validation"
    arms = list(contents.sweep.scores.fields)
    noun = captions.arm_noun(contents.sweep.header)
    of = contents.words[arms[0]] if len(arms) == 1 else f"{len(arms)} {noun}s"
    return f"{split} error of {of} on {contents.dataset}"


def _open(contents: Contents, status: str) -> str:
    """What is not finished; "" if nothing is known to be open."""
    of_plan = contents.tables["planned"]
    notes = [
        *map(html_text, status.splitlines()),
        *map(
            html_note,
            [
                *captions.absent_arms_notes(contents.sweep.header, contents.sweep.runs),
                *captions.unfinished_notes(contents.sweep.runs, contents.words),
                *([note for note in of_plan.notes if note.startswith("Unfinished")] if of_plan else []),
            ],
        ),
    ]
    return (
        f'<div class="open" role="note">{"".join(f"<p>{note}</p>" for note in notes)}</div>' if notes else ""
    )


def _summary(contents: Contents) -> str:
    """What was measured, on what, how, and how sure it is."""
    _, header, runs, scores = contents.sweep
    if contents.is_scored:
        on, sure = captions.test_images(runs), captions.interval_note(runs, scores.covers_images)
        arms = contents.tables["table"]
        if arms and any(row["test_accuracy_ci_low"] is not None for row in arms.rows):
            sure = f"Brackets after a number hold its interval. {sure}"
    else:
        on = captions.validation_images(runs)
        sure = "Means over the seeds, without intervals; the lowest of many tends to be too low."
    answers = {
        "Measured": captions.measured_note(header, runs, contents.words),
        "On": f"{on[0].upper()}{on[1:]}{_of_images(contents)}.",
        "How": captions.scoring_note(header, runs),
        "How sure": sure,
    }
    rows = "\n".join(f"<dt>{name}</dt><dd>{html_note(text)}</dd>" for name, text in answers.items())
    return f"<dl>\n{rows}\n</dl>"


def _of_images(contents: Contents) -> str:
    """ ": 28x28 pixels, 3 classes (cat, dog, cow)", in Markdown; "" if that is not known."""
    try:
        info, _ = dataset_of(contents.sweep.header, contents.sweep.runs[0])
    except UserError:
        return ""
    colour = "" if info.channels == 1 else " in colour"
    names = ", ".join(info.classes)
    named = f" ({markdown_text(names)})" if len(names) <= MOST_NAMED else ""
    return f": {info.side}x{info.side} pixels{colour}, {len(info.classes)} classes{named}"


def _found(contents: Contents) -> str:
    parts = []
    for number, finding in enumerate(contents.found):
        body = f"{_list(map(html_note, finding.sentences))}\n{_p(finding.about, 'about')}"
        if number and finding.table == "contrasts":  # there are more important findings
            body = _fold("In sentences, with those that are not resolved", body)
        parts.append(f"<h3>{HEADINGS[finding.table]}</h3>\n{body}")
    return "\n".join(parts)


def _figure(image: Image) -> str:
    name, content = list(image.files.items())[-1]
    names = ", ".join(f"<code>{name}</code>" for name in image.files)
    title = html_text(image.title)
    picture = _picture(f"{title}; the tables have the numbers", MEDIA[pathlib.Path(name).suffix], content)
    caption = f"<figcaption>{title}. Files: {names}.</figcaption>"
    return f"<figure>\n{_scrolling(picture, title)}\n{caption}\n</figure>\n"


def _tables(contents: Contents) -> str:
    said = {sentence for finding in contents.found for sentence in finding.sentences}
    return "\n".join(
        _table(name, heading, table, said)
        for name, heading in HEADINGS.items()
        if (table := contents.tables[name])
    )


def _table(name: str, heading: str, table: Table, said: set[str]) -> str:
    """A table with its caption, and the notes that are not among the findings or in sections of their own."""
    caption, rows = table.laid_out()
    heading_id = f"table-{name}"
    notes = [note for note in table.notes if note not in said] if name not in ("table", "papers") else []
    return "\n".join([
        f'<h3 id="{heading_id}">{heading}</h3>',
        _p(caption),
        _scrolling(tables.to_html(rows, heading_id), heading),
        _list(map(html_note, notes)),
        f'<p class="about">Files: <code>{name}.csv</code>, with all columns, and <code>{name}.md</code>.</p>',
    ])  # fmt: skip


def _curves(contents: Contents) -> str:
    arms = list(contents.sweep.scores.fields)
    try:
        curves = run_curves.read_curves(read_epochs(contents.sweep.directory), arms)
    except UserError as error:
        return f"<p>{html_text(f'The epochs cannot be read: {error}')}</p>"
    charts = run_curves.to_html(curves, contents.words)
    if not charts:
        return _p("There are none: this folder has no `epochs.jsonl` with the epochs of its runs.")
    scale = ", all on the same axes" if len(arms) > 1 else ""
    about = f"Error on {curves.split} images in percent after each epoch; one line per run{scale}."
    return f"{_p(about)}\n{charts}"


def _disputed(contents: Contents) -> str:
    disputed = find_disputed(contents)
    cards = "\n".join(map(_card, disputed.images))
    return f"<p>{html_text(disputed.about)}</p>" + (f'\n<ul class="cards">\n{cards}\n</ul>' if cards else "")


def _card(image: DisputedImage) -> str:
    label = f", class {html_text(image.label)}" if image.label else ""
    name = f"test image {image.number:,}{label}"
    picture = _picture(name, MEDIA[".png"], image.png) if image.png else ""
    share = f"in at least {NEARLY_ALWAYS:.0%} of runs"
    return (
        f"<li>{picture}<strong>{name[0].upper()}{name[1:]}</strong>"
        f"<p><strong>Wrong</strong> {share}: {html_text('; '.join(image.wrong))}. "
        f"Their answers: {html_text(image.answers)}.</p>"
        f"<p><strong>Right</strong> {share}: {html_text('; '.join(image.right))}.</p></li>"
    )


def _protocol(contents: Contents) -> str:
    shared, rests = captions.common_training(contents.sweep.runs)
    notes = [
        captions.scoring_note(contents.sweep.header, contents.sweep.runs),
        f"Training of all arms: {shared}.",
    ]
    differing = ""
    if len({*rests.values()}) > 1:
        rows = [{"arm": contents.words[arm], "what differs": rest or "-"} for arm, rest in rests.items()]
        heading = '<h3 id="training">What differs in training</h3>'
        differing = f"{heading}\n{_scrolling(tables.to_html(rows, 'training'), 'What differs in training')}"
    return "\n".join([*map(_p, notes), differing])


def _config(contents: Contents) -> str:
    header = contents.sweep.header
    rows = [
        {"arm": arm["name"], "in words": contents.words.get(arm["name"]) or "no runs", "fields": _fields(arm)}
        for arm in header["arms"]
    ]
    return "\n".join([
        _p("The config of all arms, and the fields that each arm sets; `config.json` has both."),
        '<h3 id="arms">Fields of each arm</h3>',
        _scrolling(tables.to_html(rows, "arms"), "Fields of each arm"),
        "<h3>Fields of all arms</h3>",
        _fold("All fields, with their meanings", _pre(list_fields(header["config"]))),
    ])  # fmt: skip


def _fields(arm: Mapping[str, Any]) -> str:
    return ", ".join(f"{field}={as_argument(value)}" for field, value in arm["overrides"].items()) or "-"


def _versions(contents: Contents) -> str:
    """What the runs were computed with, of each kind once."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for run in contents.sweep.runs:
        found.setdefault(json.dumps(run["provenance"], sort_keys=True), []).append(run)
    parts = [_p(captions.environment_note(contents.sweep.runs))]
    for number, runs in enumerate(found.values(), 1):
        heading = f"{len(runs)} run{'s' if len(runs) > 1 else ''}"
        rows = [
            {"what": name.replace("_", " "), "value": _value(value)}
            for name, value in runs[0]["provenance"].items()
        ]
        table = tables.to_html(rows, f"versions-{number}")
        parts.append(f'<h3 id="versions-{number}">{heading}</h3>')
        parts.append(_fold("Everything recorded about them", _scrolling(table, heading)))
    return "\n".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {its}" for name, its in value.items()) or "-"
    return "-" if value is None else str(value)


def _commands(contents: Contents) -> str:
    return "\n".join([
        _p("All runs again, in a new folder DIR:"),
        _pre(captions.recorded_command(contents.sweep.header, contents.sweep.runs)),
        _p("This page and the files next to it, from the records in DIR:"),
        _pre("python -m experiments.report --workdir=DIR"),
    ])  # fmt: skip


def _picture(alternative: str, media: str, content: bytes) -> str:
    data = base64.b64encode(content).decode()
    return f'<img alt="{alternative}" src="data:{media};base64,{data}">'


def _p(markdown: str, kind: str = "") -> str:
    return f"<p{f' class={kind!r}' if kind else ''}>{html_note(markdown)}</p>"


def _list(items: Iterable[str]) -> str:
    lines = "\n".join(f"<li>{item}</li>" for item in items)
    return f"<ul>\n{lines}\n</ul>" if lines else ""


def _fold(summary: str, body: str) -> str:
    return f"<details>\n<summary>{html_text(summary)}</summary>\n{body}\n</details>"


def _scrolling(body: str, name: str) -> str:
    """What may be wider than the window: it scrolls by itself, also with the keyboard."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{name}">\n{body}\n</div>'


def _pre(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
