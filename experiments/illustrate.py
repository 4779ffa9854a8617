"""Draws the pictures of docs/pictures, as SVG for pages and PNG for slides, and makes docs/explorer.html.

    python -m experiments.illustrate

Wirings, networks and receptive fields are read off the models, the scorecard of docs/history.md off the
recorded sweeps. Kernels and feature maps come from docs/pictures/trained.npz, which also records the command
that trained these networks; --trained=DIR replaces it by arrays of the networks in a sweep's folder, of the
arms local_shared and local_unshared. Files are described by the alternative texts of the pages. A test fails
when a picture is out of date.
"""

import re

from absl import flags

from experiments import cli
from experiments.config_files import load
from experiments.paste import ROOT, excerpts_of, pages
from experiments.scorecard import ENTRIES
from lenet_jax import files
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import Resolved, resolve
from lenet_jax.illustrations import explorer, learned, networks, receptive_fields, rendering, trained, wirings
from lenet_jax.report import scorecard
from lenet_jax.report.drawing import Figure
from lenet_jax.runs.loaded import load_sweep

PICTURES = ROOT / "docs" / "pictures"
TRAINED = PICTURES / "trained.npz"
EXPLORER = ROOT / "docs" / "explorer.html"
PICTURE = r"!\[([^]]+)\]\((?:docs/|\.\./)?pictures/(\w+)\.svg\)"


def main() -> None:
    values = flags.FLAGS
    if values.trained:
        sweep = load_sweep(values.trained)
        trained.write(TRAINED, trained.take(sweep, values.data_dir, values.manual_dir))
    described = descriptions()
    for name, figure in pictures().items():
        for form in rendering.FORMATS:
            path = PICTURES / f"{name}.{form}"
            files.write(path, rendering.render(figure, form, described[name]))
            print(f"Drawn in {path.relative_to(ROOT)}")
    print("Counting every setting of the explorer ...")
    files.write(EXPLORER, explorer.page(ROOT / "results"))
    print(f"Written to {EXPLORER.relative_to(ROOT)}")


def pictures() -> dict[str, Figure]:
    """The pictures by their files' names without ending. Raises UserError if trained.npz cannot be read."""
    arrays, today = trained.read(TRAINED), resolve(default_config())
    return {
        "wirings": wirings.six_wirings({
            (connectivity, sharing): _wired(connectivity, sharing).counts
            for connectivity, sharing in wirings.NAMES
        }),
        "lenet5": networks.lenet5(_config_file("lenet5"), today),
        "receptive_fields": receptive_fields.growing_field(today, arrays.image),
        "kernels": learned.kernels(arrays),
        "feature_maps": learned.feature_maps(arrays),
        "zip_code_net": networks.zip_code_net(_config_file("zipcode"), _config_file("zipcode", "control_lm")),
        "nets_1989": networks.nets_1989({
            f"Net-{number}": _config_file("nets_1989", f"net{number}") for number in range(1, 6)
        }),
        "scorecard": scorecard.figure(scorecard.score_rows(ENTRIES, excerpts_of)),
    }  # fmt: skip


def descriptions() -> dict[str, str]:
    """Each picture in words: its alternative text on the first page that shows it."""
    found: dict[str, str] = {}
    for page in pages():
        for text, name in re.findall(PICTURE, page.read_text(encoding="utf-8")):
            found.setdefault(name, text)
    return found


def _wired(connectivity: str, sharing: str) -> Resolved:
    fields = {"model.connectivity": connectivity, "model.sharing": sharing}
    return resolve(override(default_config(), fields))


def _config_file(name: str, arm: str = "") -> Resolved:
    """The network of a file in configs/history, or that of an arm of its sweep."""
    file = load(str(ROOT / "configs" / "history" / f"{name}.py"))
    config = file.get_config()
    if arm:
        [found] = [one for one in file.module.get_arms(config) if one.name == arm]
        config = override(config, found.overrides)
    return resolve(config)


if __name__ == "__main__":
    cli.define_path(
        "trained", "Folder of a sweep whose networks' arrays replace docs/pictures/trained.npz.", ""
    )
    cli.define_path("data_dir", "Folder for prepared data, as config.data.data_dir.", "")
    cli.define_path("manual_dir", "Folder with original files, as config.data.manual_dir.", "")
    cli.run(main)
