"""Networks as functional Flax modules, and how large they are.

================  ======================================================================
wiring.py         the connectivity grid: which input positions a unit reads
map_tables.py     connection tables: which input maps a feature map reads
bitmaps.py        the characters that the RBF units of 1998 compare with
feature_maps.py   how feature maps are laid out in memory
products.py       every wiring as matrix products
layers.py         activations, pooling, RBF units; initial weights
start.py          how unshared weights start, and the constraint that they then satisfy
wired_layer.py    the layer of feature maps that is wired by any cell of the grid
networks.py       stages, then a multilayer perceptron
counts.py         parameters, connections and multiply-accumulates, by tracing
inspection.py     feature maps and kernels of a trained network
================  ======================================================================

Array names end in their axes, as in `images_NHWC`; letters mean the same as in `lenet_jax.training`:

=====  ================================================================================
N      images
H, W   rows and columns
C      input maps (channels)
O      output maps
X      input positions, row by row
P      unit positions, row by row
T      taps: the positions that one unit reads
J      taps of the shared kernel with which unshared units start
I      inputs of one unit, T x C
Q      pairs (input map, output map) of a connection table
U      units whose states the output layer reads
=====  ================================================================================
"""
