"""How fast training is, compared with PyTorch, with plain Flax layers and with the machine's limits.

===============  =======================================================================
__main__.py      the command: measures, then writes table and figure
rows.py          what is measured against what: the rows of the table
measuring.py     workloads in turns, each in a process of its own
workloads.py     this project's workloads: training, single layers, matrix products
plain.py         the peer of single layers: the wirings as plain Flax layers
torch_peer.py    the peer of training: the same networks in PyTorch
data.py          the images that both sides train on
startup.py       a command of its own: from a process's start to its first 20 steps
report.py        rows as a table and a figure
tried.py         a command of its own: other forms of the wirings' products
profile.py       a command of its own: where the time of a training step goes
===============  =======================================================================
"""
