"""Training: pure functions of one run, and how they are compiled for many.

=====================  ====================================================================
jax_settings.py        what JAX is set to: fixed, recorded, or irrelevant to results
compilation_cache.py   where compiled programs are kept
keys.py                random keys by purpose
hyperparameters.py     the numbers that compiled functions take as arguments
program.py             what is compiled: hashable, equal for runs that share a compilation
objective.py           losses, and which class is predicted
optimizer.py           update rules and schedules
curvature.py           the Gauss-Newton diagonal that Levenberg-Marquardt divides by
distortion.py          randomly distorted training images
epoch.py               initial state, one epoch, evaluation: pure functions of one run
engine.py              the same, compiled for populations of runs, or by pmap
memory.py              how much memory a run needs, estimated before it is allocated
=====================  ====================================================================

Array names end in their axes, as in `images_NHWC`:

=  =============================================
R  runs of a population
D  devices that share a batch
S  steps of an epoch
B  images of a batch, on one device
N  any number of images
H  rows of an image
W  columns of an image
C  channels of an image
K  classes, one output each
U  units whose states the output layer reads
=  =============================================
"""
