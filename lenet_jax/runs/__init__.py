"""Runs and sweeps: from resolved configs to records in a folder.

===============  =======================================================================
run.py           trains runs of one program together and records each
sweep.py         every arm with every seed, in one folder
provenance.py    libraries, devices and revision that a run ran on
progress.py      a progress bar, or lines where there is no terminal
===============  =======================================================================
"""
