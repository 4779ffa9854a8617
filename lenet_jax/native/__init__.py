"""Layers, and steps of SGD, by a kernel in C++, where there is a compiler; see docs/performance.md.

============  ======================================================================
wired.h       a layer under any wiring: feature maps, weights and table of reads
outputs.cc    its outputs and gradients of inputs, for blocks of images
weights.cc    its gradients of weights, for blocks of images
blocks.h      what these two share
images.cc     images in blocks
single.cc     the same layer for a few images, one by one
dense.cc      a fully connected layer
matrices.cc   products of small matrices, for these two
momentum.cc   a step of SGD with momentum
tools.h       what all are made of: threads, memory, vectors, activations
handlers.cc   what XLA calls
check.cc      all of it compared with plain loops
library.py    the library of these files: built once, and loaded
calls.py      its functions in JAX, with their gradients
form.py       whether it is used
============  ======================================================================
"""
