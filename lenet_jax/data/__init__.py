"""Datasets as arrays: original files -> prepared records -> native images -> preprocessed splits.

=================  =================================================================
sources.py         each dataset's original files and what they must contain
checksums.tsv      sizes and SHA-256 sums of files that tensorflow-datasets doesn't list
formats.py         original files -> arrays
builders.py        tensorflow-datasets builders that store those arrays as records
array_records.py   downloads, checks and prepares the records, and reads them back
cache.py           the decoded arrays, in one file next to the records
preparation.py     loads from the cache or the records, one process at a time
native.py          a dataset as its authors published it
preprocessing.py   native images -> the square images that a network reads
splits.py          training, validation and test images
=================  =================================================================
"""

from lenet_jax.data.native import DATASETS, Native, load_native
from lenet_jax.data.splits import Split, Splits, load_splits

__all__ = ["DATASETS", "Native", "Split", "Splits", "load_native", "load_splits"]
