"""tensorflow-datasets builders that parse the original files with numpy.

The builders for MNIST and Fashion-MNIST in tensorflow-datasets need TensorFlow to decompress and encode. The
builders here don't, and still use the download manager, checksums, versions and storage of
tensorflow-datasets. They store array_record files, which `as_data_source` reads without TensorFlow.
"""

import os
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from lenet_jax.data.sources import SOURCES, VERSION
from lenet_jax.errors import UserError


class _FromOriginalFiles(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Stores one image per record, in the order of the original files, for the source called `name`."""

    VERSION = tfds.core.Version(VERSION)

    def _info(self) -> tfds.core.DatasetInfo:
        source = SOURCES[self.name]
        features = {
            # Bytes, because `features.Image` needs TensorFlow and integers would be stored one by one.
            "image": tfds.features.Tensor(
                shape=source.image_shape, dtype=source.dtype, encoding=tfds.features.Encoding.BYTES
            ),
            "label": tfds.features.ClassLabel(num_classes=len(source.classes)),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=source.url,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        source = SOURCES[self.name]
        paths = dl_manager.download({file: source.url + file for file in source.files})
        train_paths = [paths[file] for file in source.train_files]
        test_paths = [paths[file] for file in source.test_files]
        return {
            "train": self._generate_examples(source.train_count, *train_paths),
            "test": self._generate_examples(source.test_count, *test_paths),
        }

    def _generate_examples(self, count: int, *paths: os.PathLike) -> Iterator[tuple[int, dict[str, Any]]]:
        images, labels = SOURCES[self.name].read(*paths)
        if len(images) != count:
            raise UserError(
                f"{paths[0]} holds {len(images)} images instead of {count}: "
                "replace it with the original file."
            )
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": image, "label": int(label)}


# Not registered, so that `mnist` still names the builder of tensorflow-datasets there.
class Mnist(_FromOriginalFiles, skip_registration=True):
    name = "mnist"


class FashionMnist(_FromOriginalFiles, skip_registration=True):
    name = "fashion_mnist"


class Usps(_FromOriginalFiles, skip_registration=True):
    name = "usps"


BUILDERS = {builder.name: builder for builder in (Mnist, FashionMnist, Usps)}
