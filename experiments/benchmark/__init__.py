"""How fast training is, against PyTorch, against plain Flax layers, and against the machine.

__main__: the rows and what is written; measuring: processes that take turns; workloads: this
project's side; plain: layers as one would write them in Flax; torch_peer: the same training in PyTorch.
"""
