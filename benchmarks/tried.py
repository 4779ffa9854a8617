"""Other forms of the wirings' products that were tried, against the form in use.

    python -m benchmarks.tried

Prints milliseconds for LeNet-5's stages 1 and 3 together, forward and backward, batch 128. The stages are
computed as in training, inside a compiled loop, unless the form's name ends in "in a step". Forms that need
the images outermost transpose them. Forms take turns in one process; the last column is the median of the
ratios to the form in use. `local`, `unshared` and `random`, `unshared` are computed by the same form, and
only the latter is shown. This takes about a minute on two cores.
"""

import functools
import statistics
import time
from collections.abc import Callable
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from experiments import cli
from lenet_jax.models import products, wiring
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.products import PRECISION
from lenet_jax.report import tables
from lenet_jax.training.jax_settings import make_gpus_deterministic

BATCH, STEPS, TURNS, KERNEL = 128, 20, 7, 5
STAGES = ((32, 1, 6), (14, 6, 16))  # size, input maps, maps

# (input, kernel, reads_PT) -> output, in whatever layout the form produces.
Form = Callable[[FeatureMaps, jax.Array, jax.Array], jax.Array]
State = tuple[jax.Array, jax.Array]  # kernel, tiles of the input


def convolve_in_tiles(side: int) -> Form:
    """`convolve` with tiles of side `side` in both stages."""

    def form(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
        with mock.patch.object(products, "tile_side", lambda *_: side):
            return products.convolve(x, kernel, KERNEL).tiles

    return form


def banded_rows(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """One banded (Toeplitz) matrix for whole rows of units, times stacked rows of the input."""
    count, size, _, channels = x.shape
    out, maps = size - KERNEL + 1, kernel.shape[-1]
    rows = x.plain.transpose(1, 2, 0, 3)  # rows, columns, C, N
    rows = jnp.stack([rows[i : i + out] for i in range(KERNEL)], 1).reshape(out, -1, count)
    padded = jnp.pad(kernel.reshape(KERNEL, KERNEL, channels, maps), ((0, 0), (0, out - 1), (0, 0), (0, 0)))
    band = jnp.stack([jnp.roll(padded, shift, 1) for shift in range(out)])
    band = band.transpose(0, 4, 1, 2, 3).reshape(out * maps, -1)
    return jnp.einsum("ai,ris->ras", band, rows, precision=PRECISION)


def gathered(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """`gather`, as it is in use."""
    return products.gather(x, reads_PT, kernel if kernel.ndim == 4 else kernel[:, :, None])


def convolution(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """XLA's convolution."""
    kernel = kernel.reshape(KERNEL, KERNEL, *kernel.shape[1:])
    return lax.conv_general_dilated(
        x.images,
        kernel,
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=PRECISION,
    )


def fourier(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """The kernel written into an image of zeros, then `correlate_all`."""
    size = x.size
    image = jnp.zeros((size * size, *kernel.shape[1:])).at[reads_PT[0]].set(kernel, unique_indices=True)
    return products.correlate_all(x, image, x.size - KERNEL + 1)


def one_long_product(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """A shared kernel times the inputs of all units."""
    count, size, _, channels = x.shape
    x_CXN = x.plain.reshape(channels, size * size, count)
    read = x_CXN[:, reads_PT.T].reshape(-1, len(reads_PT) * count)  # C x T, P x N
    return jnp.matmul(kernel.transpose(2, 1, 0).reshape(kernel.shape[2], -1), read, precision=PRECISION)


def gathered_with_derived_gradient(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """`gather` with the gradient that JAX derives, which chooses the order of operands."""
    forward = products._unit_products.fun
    with mock.patch.object(products, "_unit_products", forward):
        return gathered(x, kernel, reads_PT)


def gathered_images_outermost(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """`gather` with the images as the outermost dimension."""
    count, size, _, channels = x.shape
    x_NXC = x.images.reshape(count, size * size, channels)
    read_NPI = x_NXC[:, reads_PT].reshape(count, len(reads_PT), -1)
    kernel_IPO = kernel.reshape(-1, *kernel.shape[2:])
    return jnp.einsum("npi,ipo->npo", read_NPI, kernel_IPO, precision=PRECISION)


def dense_with_zeros(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """A fully connected layer, the kernel written into a matrix of zeros."""
    count, size, _, channels = x.shape
    units, maps = kernel.shape[2:]
    dense_XPCO = jnp.zeros((size * size, units, channels, maps))
    dense_XPCO = dense_XPCO.at[reads_PT, np.arange(units)[:, None]].set(
        kernel.transpose(2, 0, 1, 3), unique_indices=True
    )
    dense = dense_XPCO.transpose(0, 2, 1, 3).reshape(size * size * channels, -1)
    return jnp.matmul(x.images.reshape(count, -1), dense, precision=PRECISION)


def fast_fourier(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """`jnp.fft` instead of products with Fourier matrices."""
    _, size, _, channels = x.shape
    out = size - KERNEL + 1
    x_f = jnp.fft.rfft2(x.images, axes=(1, 2))
    kernel_f = jnp.fft.rfft2(kernel.reshape(size, size, channels, -1), axes=(0, 1))
    y_f = jnp.einsum("nhwc,hwco->nhwo", x_f, kernel_f.conj(), precision=PRECISION)
    return jnp.fft.irfft2(y_f, s=(size, size), axes=(1, 2))[:, :out, :out]


def images_outermost(x: FeatureMaps, kernel: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """`multiply_all` with the images as the outermost dimension."""
    dense = kernel.reshape(-1, kernel.shape[2] * kernel.shape[3])
    return jnp.matmul(x.images.reshape(x.shape[0], -1), dense, precision=PRECISION)


IN_A_STEP = "lax.conv in a step"
# The first form of each wiring is the one in use.
FORMS: dict[tuple[str, str], dict[str, Form]] = {
    ("local", "shared"): {
        "banded matrix, tiles of 4 and 2": lambda x, kernel, _: products.convolve(x, kernel, KERNEL).tiles,
        "banded matrix, tiles of 2": convolve_in_tiles(2),
        "tiles of 1: im2col": convolve_in_tiles(1),
        "banded matrix, whole rows": banded_rows,
        "gather, one product per position": gathered,
        "lax.conv in the loop": convolution,
        IN_A_STEP: convolution,
    },
    ("random", "shared"): {
        "gather, one product per position": gathered,
        "gather, one long product": one_long_product,
        "Fourier matrices": fourier,
    },
    ("random", "unshared"): {
        "gather, one product per position": gathered,
        "with the derived gradient": gathered_with_derived_gradient,
        "images outermost": gathered_images_outermost,
        "dense matrix with zeros": dense_with_zeros,
    },
    ("full", "shared"): {
        "Fourier matrices": lambda x, kernel, _: products.correlate_all(x, kernel, x.size - KERNEL + 1),
        "jnp.fft": fast_fourier,
    },
    ("full", "unshared"): {
        "one product": lambda x, kernel, _: products.multiply_all(x, kernel),
        "images outermost": images_outermost,
    },
}


def stage_inputs(
    connectivity: str, sharing: str, size: int, channels: int, maps: int, images: int
) -> tuple[FeatureMaps, jax.Array, jax.Array]:
    """The input, kernel and reads_PT of a stage, drawn at random."""
    rng = np.random.default_rng(0)
    reads_PT = wiring.CONNECTIVITY[connectivity].reads(sharing, size, KERNEL, key=jax.random.key(0))
    units, taps = reads_PT.shape
    shape = (taps, channels, maps) if sharing == "shared" else (taps, channels, units, maps)
    kernel = jnp.asarray(rng.standard_normal(shape, np.float32))
    x_NHWC = jnp.asarray(rng.standard_normal((images, size, size, channels), np.float32))
    return FeatureMaps.from_images(x_NHWC), kernel, jnp.asarray(reads_PT)


def stage_loops(connectivity: str, sharing: str, form: Form, in_a_step: bool) -> Callable[[], None]:
    """A function that computes both stages STEPS times, forward and backward."""
    loops = []
    for size, channels, maps in STAGES:
        x, kernel, reads_PT = stage_inputs(connectivity, sharing, size, channels, maps, BATCH)
        step = _make_step(form, size, reads_PT, has_input_gradient=channels > 1)
        loop = functools.partial(lax.fori_loop, 0, STEPS, lambda _, state, step=step: step(state))
        loops.append((jax.jit(step if in_a_step else loop), (kernel, x.tiles)))

    def work() -> None:
        for function, state in loops:
            for _ in range(STEPS if in_a_step else 1):
                state = function(state)
            jax.block_until_ready(state)

    return work


def _make_step(
    form: Form, size: int, reads_PT: jax.Array, has_input_gradient: bool
) -> Callable[[State], State]:
    """A step that moves kernel and input by their gradients, so that no step can be optimised away."""

    def mean_square(kernel: jax.Array, tiles: jax.Array) -> jax.Array:
        return jnp.square(form(FeatureMaps(tiles, size, BATCH), kernel, reads_PT)).mean()

    def step(state: State) -> State:
        kernel, tiles = state
        gradients = jax.grad(mean_square, (0, 1) if has_input_gradient else (0,))(kernel, tiles)
        # Images also change, so that no part of a step is the same for all steps.
        moved = tiles - 1e-3 * gradients[1] if has_input_gradient else 0.999 * tiles
        return kernel - 1e-3 * gradients[0], moved

    return step


def main() -> None:
    """Prints the table."""
    make_gpus_deterministic()
    rows = []
    for (connectivity, sharing), forms in FORMS.items():
        works = [
            stage_loops(connectivity, sharing, form, in_a_step=name == IN_A_STEP)
            for name, form in forms.items()
        ]
        for work in works:
            work()
        seconds = [[_seconds(work) for work in works] for _ in range(TURNS)]
        for name, column in zip(forms, zip(*seconds, strict=True), strict=True):
            ratio = statistics.median(time / turn[0] for time, turn in zip(column, seconds, strict=True))
            rows.append({
                "wiring": f"{connectivity}_{sharing}",
                "form": name,
                "ms per step": f"{1e3 * statistics.median(column) / STEPS:.2f}",
                "times as long": f"{ratio:.2f}",
            })  # fmt: skip
    print(tables.to_markdown(rows))


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    cli.run(main)
