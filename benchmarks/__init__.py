"""How fast training is, against PyTorch, against plain Flax layers, and against the machine.

__main__ writes the table; rows says what is measured; measuring has processes take turns; report makes table
and figure. Measured are workloads here, plain layers in Flax, torch_peer in PyTorch, and the startup of a
process; data is what they train on. tried and profile are commands of their own.
"""
