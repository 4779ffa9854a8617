"""Layers, and steps of SGD, by a kernel in C++, where there is a compiler; see docs/performance.md.

============  ======================================================================
wired.h       a layer under any wiring: feature maps, weights and table of reads
kernels.cc    how it is computed for blocks of images, forward and backward
single.cc     the same for a few images, one by one
dense.cc      a fully connected layer
momentum.cc   a step of SGD with momentum
tools.h       what these are made of: threads, memory, vectors, activations
handlers.cc   what XLA calls
check.cc      all of it compared with plain loops
library.py    the library of these files: built once, and loaded
calls.py      its functions in JAX, with their gradients
form.py       whether it is used
============  ======================================================================
"""
