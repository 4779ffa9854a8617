"""Runs and sweeps: from resolved configs to records in a folder.

===============  =======================================================================
run.py           a run, and what it needs before its first step
population.py    trains runs of one program together and scores each
result.py        a run's row of results.csv
checkpoints.py   runs in training, saved so that they go on exactly
interruption.py  Ctrl-C, SIGTERM, a scheduler's announcement: finish, save, leave
workers.py       several processes for one sweep
group.py         processes that train one population on all their devices, through jax.distributed
member.py        such a process: one that trains, and one that watches it
launch.py        sends the open runs of a sweep to SLURM, or to processes of this machine
slurm.py         submits an array of tasks to SLURM
detached.py      starts tasks on this machine, apart from the terminal
restart_killed.py runs such a task again if it is killed
task.py          what a task does
jobs.py          the jobs that runs were sent to, and their progress
plan.py          what a command is to do in a folder: its runs without those that are recorded
sweep.py         every arm with every seed, in one folder
tuning.py        selects candidates on validation or training images
store.py         a folder of runs, which several commands can fill together
header.py        its config.json: what the runs have in common
recorded.py      which runs are recorded in its files
worker.py        the files that one process appends to
merge.py         merges the files of all processes
claims.py        which process computes which run
lines.py         one JSON record per line, with a checksum
agreement.py     whether the runs of a folder belong together
code_digest.py   identifies the code that computed a run
provenance.py    the libraries, devices and settings that computed a run
revision.py      the project's git revision, or a digest of its source
kept.py          the files that a run keeps: its network, and its answers image by image
network_files.py what these files hold
pilot.py         margins for a planned sweep's tests, from a tuning sweep
mistakes.py      the wrong answers of a sweep, in one small file
trained.py       a trained run in Python: its network, data, scores
single.py        a single run, in memory or in a folder: `train`
loaded.py        recorded sweeps in Python: `load_run`, `load_sweep`
progress.py      a progress bar, or lines if there is no terminal
tensorboard.py   event files for TensorBoard
===============  =======================================================================
"""
