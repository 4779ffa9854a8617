"""How fast training is, compared with PyTorch, with plain Flax layers and with the machine's limits.

===============  =======================================================================
__main__.py      the command: measures, then writes table and figure
rows.py          what is measured against what: the rows of the table
measuring.py     workloads in turns, each in a process of its own
workloads.py     this project's workloads: training, single layers, matrix products
plain.py         the peer of single layers: the wirings as plain Flax layers
torch_peer.py    a peer of training: the same networks in PyTorch
flax_peer.py     a peer of training: the same networks in plain Flax
data.py          the images that both sides train on
startup.py       a command of its own: from a process's start to its first 20 steps
report.py        rows as a table and a figure
forms.py         a command of its own: the native kernel against matrix products
pairs.py         a command of its own: the same, by test accuracy after training
limits.py        a command of its own: what arithmetic and memory allow each wiring
tried.py         a command of its own: other forms of the wirings' products
profile.py       a command of its own: where the time of a training step goes
===============  =======================================================================
"""
