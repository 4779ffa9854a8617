"""Networks as functional Flax modules, and what they count.

================  ======================================================================
wiring.py         the connectivity grid: which input positions a unit reads
map_tables.py     connection tables: which input maps a feature map reads
bitmaps.py        the characters that the RBF units of 1998 compare with
feature_maps.py   how feature maps lie in memory
products.py       every wiring as matrix products
layers.py         a wired stage, pooling, activations, RBF units
networks.py       stages, then a multilayer perceptron
counts.py         parameters, connections and multiply-accumulates, by tracing
================  ======================================================================
"""
