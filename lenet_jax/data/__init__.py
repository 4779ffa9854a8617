"""Datasets as arrays: original files -> prepared records -> native images -> presented splits.

=================  =================================================================
sources.py         what each dataset's original files are, and what they must hold
checksums.tsv      sizes and SHA-256 of those that tensorflow-datasets doesn't know
formats.py         original files -> arrays
builders.py        tensorflow-datasets builders that store those arrays as records
array_records.py   fetches, checks and prepares the records, and reads them back
cache.py           the decoded arrays beside the records
preparation.py     from the cache or else from the records, one process at a time
native.py          a dataset in its native form, whatever its source
presentation.py    native images -> the square field that a network reads
splits.py          train, validation and test
=================  =================================================================
"""

from lenet_jax.data.native import DATASETS, Native, load_native
from lenet_jax.data.splits import Split, Splits, check_data_fields, load_splits

__all__ = ["DATASETS", "Native", "Split", "Splits", "check_data_fields", "load_native", "load_splits"]
