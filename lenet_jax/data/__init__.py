"""Datasets as arrays: original files -> prepared records -> native images -> preprocessed splits.

=================  =================================================================
sources.py         each dataset's original files and what they must contain
checksums.tsv      sizes and SHA-256 sums of files that tensorflow-datasets doesn't list
formats.py         original files -> arrays
builders.py        tensorflow-datasets builders that store those arrays as records
array_records.py   downloads, checks and prepares the records, and reads them back
cache.py           the decoded arrays, in one file next to the records
npz.py             arrays in .npz files, whose sizes are checked first
preparation.py     loads from the cache or the records, one process at a time
packaged.py        datasets that installed packages ship
own_images.py      a user's own images: reads an .npz file or a folder
own_checks.py      what they must be, each rule with its sentence
native.py          the native form of a dataset: as its authors published it
datasets.py        every dataset by its name or path
preprocessing.py   native images -> the square images that a network reads
splits.py          training, validation and test images
=================  =================================================================
"""

from lenet_jax.data.datasets import DATASETS, dataset_info, is_here, load_native
from lenet_jax.data.native import DatasetInfo, Native
from lenet_jax.data.splits import Split, Splits, load_splits, native_splits, preprocess_unmoved, split_counts

__all__ = [
    "DATASETS",
    "DatasetInfo",
    "Native",
    "Split",
    "Splits",
    "dataset_info",
    "is_here",
    "load_native",
    "load_splits",
    "native_splits",
    "preprocess_unmoved",
    "split_counts",
]
