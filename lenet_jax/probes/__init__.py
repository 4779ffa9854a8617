"""Probes: measurements of what recorded networks have learned.

================  ==================================================================
probe.py          what a probe is, and the numbers that it gives
images.py         the images that probes read, and what is made of them once for all networks
disturbances.py   answers to test images that are shifted, rotated, noisy or occluded
equivariance.py   whether feature maps move with the image
linear.py         linear classifiers on the features after each stage
weights.py        where units have their weights, and how alike kernels are
records.py        probes.jsonl: one line per network and probe
rows.py           rows with intervals
measuring.py      measures what is not recorded yet in a sweep's folder
================  ==================================================================

A probe is a frozen dataclass, whose fields are its settings; `get_probes(config)` of a config file returns a
list of them.
"""
