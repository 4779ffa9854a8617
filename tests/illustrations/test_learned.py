import numpy as np
import pytest

from experiments.illustrate import TRAINED
from lenet_jax.illustrations import learned, trained
from lenet_jax.illustrations.rendering import shown


def texts(figure):
    return " ".join(shown(figure)["texts"]).replace("\n", " ")


@pytest.mark.parametrize(
    ("best", "words"), [(0.97, "97.0%"), (0.9994, "99.9%"), (0.9996, ">99.9%"), (1.0, ">99.9%")]
)
def test_no_probability_is_rounded_to_one(best, words):
    scores = np.full(10, (1 - best) / 9, np.float32)
    scores[7] = best
    drawn = learned.feature_maps(trained.read(TRAINED)._replace(scores=scores))
    assert words in shown(drawn)["texts"]


def test_test_errors_have_two_decimals():
    kept = trained.read(TRAINED)
    errors = {trained.SHARED: 1.1, trained.UNSHARED: 1.8}
    about = kept.about | {"test_error_percent": errors, "dataset": "fashion_mnist"}
    said = texts(learned.kernels(kept._replace(about=about)))
    assert "LeNet-5, Fashion-MNIST, seed 0: test error 1.10% shared, 1.80% unshared." in said
