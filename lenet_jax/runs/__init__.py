"""Runs and sweeps: from resolved configs to records in a folder.

===============  =======================================================================
run.py           trains runs of one program together and scores each
sweep.py         every arm with every seed, in one folder
tuning.py        selects candidates on validation images
store.py         a folder of runs, which several commands fill together
header.py        its config.json: what the runs have in common
recorded.py      which runs are recorded in its files
worker.py        the files that one process appends to
merge.py         brings the files of all processes together
claims.py        which process computes which run
lines.py         one JSON record per line, with a checksum
code_digest.py   which code computed a run
provenance.py    libraries, devices and revision that a run ran on
dataframe.py     recorded runs as a pandas DataFrame
progress.py      a progress bar, or lines where there is no terminal
tensorboard.py   event files for TensorBoard
===============  =======================================================================
"""
