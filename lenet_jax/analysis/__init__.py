"""Numbers from results: intervals, and one row per arm, contrast or comparison with a paper.

================  =========================================================
stats.py          means and proportions with their confidence intervals
summaries.py      recorded results -> rows of the tables
crossed.py        intervals over seeds and test images at once
effects.py        the main effects of connectivity and sharing, from the four corners
changes.py        what a change does to errors and to effects
planned.py        contrasts that were planned, tested together
published.py      what other papers found, as comparisons between arms
sample_sizes.py   how test error falls with the number of training images
wirings.py        how much runs vary by their random wiring
planes.py         arms that differ in two factors
disagreements.py  images that some arms get right and others wrong
power.py          margins of equivalence tests, from a pilot
coverage.py       how often the intervals cover the truth, in simulated sweeps
================  =========================================================
"""
