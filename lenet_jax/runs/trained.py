"""A trained run: the network with its config, its data and what was measured."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import linen as nn

from lenet_jax.config.fields import override
from lenet_jax.config.resolve import Resolved, resolve
from lenet_jax.data import (
    DatasetInfo,
    Split,
    Splits,
    load_native,
    load_splits,
    native_splits,
    preprocess_unmoved,
    split_counts,
)
from lenet_jax.errors import UserError
from lenet_jax.models import inspection
from lenet_jax.models.counts import ModelCounts
from lenet_jax.native import form
from lenet_jax.runs.population import Metrics, Network
from lenet_jax.runs.run import check_dataset, hyperparameters_of
from lenet_jax.training.engine import make_engine
from lenet_jax.training.epoch import EVALUATION_BATCH, Answers, State, draw_images
from lenet_jax.training.jax_settings import own_settings
from lenet_jax.training.objective import Objective

# Columns of results.csv that describe a network, trained or not.
DESCRIPTION = ("arm", "dataset", "seed", "parameters", "connections", "macs")

_feature_maps = jax.jit(inspection.feature_maps, static_argnums=0)  # compiled once for each model


class TrainedRun:
    """A trained network, as `lenet_jax.load_run` and `lenet_jax.train` return it.

    Attributes:
      arm: name of its arm.
      result: its row of results.csv; of an untrained network, the columns that describe it.
    """

    def __init__(
        self,
        arm: str,
        resolved: Resolved,
        result: Mapping[str, Any],
        network: Callable[[], Network],
        answers: Callable[[], Mapping[str, Answers]],
        epochs: Callable[[], list[Metrics]],
        computed_by: str | None,
    ):
        """`network`, `answers` and `epochs` are called when they are first needed.

        Args:
          computed_by: what computed the run, see `lenet_jax.native.form`; None if that is not known.
        """
        self._form = computed_by
        self.arm = arm
        self.result = dict(result)
        self._resolved = resolved
        self._load_network, self._load_answers, self._load_epochs = network, answers, epochs

    def __repr__(self) -> str:
        return f"<TrainedRun {self.arm} seed {self.seed}: {self.result['status']}>"

    @property
    def seed(self) -> int:
        return self.config.seed

    @property
    def config(self) -> ml_collections.FrozenConfigDict:
        """Every field of the run."""
        return self._resolved.config

    @property
    def dataset(self) -> DatasetInfo:
        """What its images are: side, channels, grey levels, names of the classes."""
        return self._resolved.dataset

    @property
    def model(self) -> nn.Module:
        """The Flax module. It reads preprocessed images (N, S, S, C) and returns outputs (N, K)."""
        return self._resolved.model

    @property
    def counts(self) -> ModelCounts:
        """Parameters, connections and multiply-accumulates, layer by layer."""
        return self._resolved.counts

    @functools.cached_property
    def network(self) -> Network:
        """The trained network, and the epoch after which it was kept, by `config.keep`.

        By default that is the last epoch, even if `config.train.select_epoch` selects another one, whose
        scores are in `result` and whose answers in `answers`: train with config.keep="best" to keep that one.

        Raises UserError if the run has none, or its file is missing or damaged.
        """
        return self._load_network()

    @property
    def variables(self) -> dict[str, Any]:
        """What `model.apply` takes first: "params" and "wiring", of numpy arrays. Raises as `network`."""
        return self.network.variables

    @functools.cached_property
    def answers(self) -> Mapping[str, Answers]:
        """Right class, answer and margin for each image of "validation" and "test", of the epoch that counts.

        In the order of `splits`. Raises UserError if the run has none, or their file is missing or damaged.
        """
        return self._load_answers()

    @functools.cached_property
    def epochs(self) -> list[Metrics]:
        """The metrics of each epoch, with its number as "epoch"."""
        return self._load_epochs()

    @own_settings()
    def untrained(self) -> "TrainedRun":
        """The same run before its first step, with the weights that its seed draws; it has no answers."""
        with form.using(self._form or form.current()):
            program = self._resolved.make_program(
                split_counts(self.dataset, self.config.data), form=form.current()
            )
        state = make_engine("jit").init_state(program, hyperparameters_of([self._resolved], 1))
        variables = jax.tree.map(lambda leaf: np.array(leaf[0]), state.variables)

        def answers() -> Mapping[str, Answers]:
            raise UserError(f"The untrained network of {self.arm} seed {self.seed} has no recorded answers.")

        return TrainedRun(
            self.arm,
            self._resolved,
            {**{name: self.result[name] for name in DESCRIPTION}, "status": "untrained"},
            lambda: Network(0, variables),
            answers,
            list,
            self._form,
        )

    @own_settings()
    def splits(
        self,
        dataset: str | os.PathLike[str] = "",
        *,
        data_dir: str = "",
        manual_dir: str = "",
        preprocessed: bool = False,
    ) -> Splits:
        """Images and labels of the run's training, validation and test split, as numpy arrays.

        Args:
          dataset: where images of your own are now; "" for where they were.
          data_dir, manual_dir: as in `config.data`.
          preprocessed: whether images are what the network reads, (N, S, S, C) float32, instead of what the
            dataset supplies. Only preprocessed images are shifted by `config.data.move` and `.positions`, or
            permuted by `config.data.permutation_seed`.

        Raises UserError if the images are not those that the run was trained on, or cannot be loaded.
        """
        config = override(self.config.as_configdict(), {
            "dataset": os.fspath(dataset) or self.config.dataset,
            "data.data_dir": data_dir or self.config.data.data_dir,
            "data.manual_dir": manual_dir or self.config.data.manual_dir,
        })  # fmt: skip
        resolved = resolve(config, self.dataset)
        check_dataset(resolved)
        if preprocessed:
            splits, copies = load_splits(config.dataset, resolved.config.data), 1
        else:
            native = load_native(config.dataset, config.data.data_dir, config.data.manual_dir)
            splits, copies = native_splits(native, resolved.config.data), config.data.positions
        return self._drawn(splits, copies) if config.data.draw else splits

    def _drawn(self, splits: Splits, copies: int) -> Splits:
        """The images that the run draws. `copies`: how many of each image there are that `splits` lacks."""
        images = {name: copies * len(split.labels) for name, split in splits._asdict().items()}
        program = self._resolved.make_program(images)
        index = np.asarray(jax.jit(functools.partial(draw_images, program))(self.seed)) // copies
        together = Split(*(np.concatenate(arrays) for arrays in zip(*splits, strict=True)))
        assert program.draw
        ends = np.cumsum([program.draw.train, program.draw.validation])
        return Splits(*(Split(together.images[i], together.labels[i]) for i in np.split(index, ends)))

    @own_settings()
    def predict(self, images: Any, *, preprocessed: bool = False) -> np.ndarray:
        """Scores (N, K) float32, whose largest is the answer's: logits, or negated distances of RBF units.

        On the images of `splits`, a network of the epoch that counts (see `network`) has exactly the recorded
        accuracies, on the machine that recorded them, with the same number of threads, and with the native
        kernel if that computed the run. Where `config.data.move` or `.positions` shift images, that holds for
        preprocessed ones.

        Args:
          images: as the dataset supplies them, (N, side, side) or (N, side, side, C), of numpy or JAX.
          preprocessed: whether they are what the network reads, (N, S, S, C), instead.

        Raises UserError for images of another size or with other channels, and for NaN.
        """
        images_NSSC = self._network_input(images, preprocessed)
        if not len(images_NSSC):
            return np.empty((0, len(self.dataset.classes)), np.float32)
        engine = make_engine("jit")
        hyperparameters = hyperparameters_of([self._resolved], 1)
        variables = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], self.variables)
        state = State(hyperparameters, variables["params"], variables["wiring"], None, ())
        data = engine.put(Split(images_NSSC, np.zeros(len(images_NSSC), np.int32)))
        with form.using(self._form or form.current()):
            model = self._resolved.model_in(form.current())
        outputs = engine.predict(model, state, data, 0, len(images_NSSC))[0]
        return Objective(self.config.train.loss).scores(outputs)

    def predict_class(self, images: Any, *, preprocessed: bool = False) -> np.ndarray:
        """The predicted class of each image, (N,); arguments and errors as in `predict`."""
        return self.predict(images, preprocessed=preprocessed).argmax(-1)

    @own_settings()
    def feature_maps(self, images: Any, *, preprocessed: bool = False) -> dict[str, np.ndarray]:
        """The maps (N, H, W, C) that each stage makes of images; see `lenet_jax.models.inspection`.

        Arguments and errors as in `predict`.
        """
        images_NSSC = self._network_input(images, preprocessed)
        parts = [
            jax.device_get(
                _feature_maps(self.model, self.variables, images_NSSC[start : start + EVALUATION_BATCH])
            )
            for start in range(0, max(1, len(images_NSSC)), EVALUATION_BATCH)
        ]
        stages = sorted(parts[0], key=lambda name: int(name.rpartition("_")[2]))  # jit sorts names as text
        return {stage: np.concatenate([part[stage] for part in parts]) for stage in stages}

    @own_settings()
    def kernels(self) -> dict[str, np.ndarray]:
        """The weights by which units read their input, (P, O, H, W, C) by stage; NaN is what is not read.

        See `lenet_jax.models.inspection.kernels`.
        """
        size, channels = self.config.data.image_size, self.dataset.channels
        return inspection.kernels(self.model, self.variables, size, channels)

    def _network_input(self, images: Any, preprocessed: bool) -> np.ndarray:
        """Checked and preprocessed images, (N, S, S, C) float32."""
        info, data = self.dataset, self.config.data
        try:
            images = np.asarray(images)
        except ValueError as error:
            raise UserError(f"The images are not one array ({error}): give an array (N, ...).") from error
        side = data.image_size if preprocessed else info.side
        wanted = (side, side, info.channels)
        fits = images.shape[1:] == wanted or (info.channels == 1 and images.shape[1:] == wanted[:2])
        if not fits:
            raise UserError(
                f"Images of shape {images.shape} do not fit arm {self.arm}, which reads "
                f"{'preprocessed' if preprocessed else info.name} images of {side}x{side} pixels and "
                f"{info.channels} channel{'s' if info.channels > 1 else ''}: give an array "
                f"(N, {', '.join(map(str, wanted))})."
            )
        if images.dtype.kind not in "buif":
            raise UserError(f"Images of dtype {images.dtype} are not numbers: give uint8 or float images.")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            images = images.astype(np.float32) if images.dtype.kind == "f" else images
        if not np.isfinite(images).all():
            number = int(np.argmin(np.isfinite(images.reshape(len(images), -1)).all(1)))
            raise UserError(f"Image {number} holds NaN or infinite values: give finite grey levels.")
        if preprocessed:
            return images.reshape(-1, *wanted).astype(np.float32)
        return preprocess_unmoved(images, info, data)
