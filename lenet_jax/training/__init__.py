"""Training as pure functions, and where they are compiled.

================  ======================================================================
jax_settings.py   float32 throughout; where compiled programs are kept
keys.py           random keys by purpose
program.py        what is compiled: hashable, equal for runs that share a compilation
objective.py      losses, and which class is predicted
optimizer.py      update rules and schedules
curvature.py      the Gauss-Newton diagonal that Levenberg-Marquardt divides by
distortion.py     randomly distorted training images
epoch.py          initial state, one epoch, evaluation: pure functions of arrays
engine.py         the same compiled for populations of runs, or by pmap
================  ======================================================================
"""
