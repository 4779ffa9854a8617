"""Sparse wirings by a kernel in C++, where there is a compiler; see docs/performance.md.

============  ======================================================================
wired.h       a layer: its feature maps, weights and table of reads
kernels.cc    how it is computed, forward and backward
handlers.cc   what XLA calls
check.cc      the kernel compared with plain loops
library.py    the library of these files: built once, and loaded
calls.py      its functions in JAX, with their gradients
form.py       whether it is used
============  ======================================================================
"""
