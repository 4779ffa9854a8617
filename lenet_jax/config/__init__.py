"""From a ConfigDict to everything that a run needs, checked once.

================  ======================================================================
fields.py         every field: default, allowed values, meaning
value_types.py    the type of each field's value
allowed.py        kinds of allowed values: named choices, bounds, lists of numbers
default.py        the config of a command that is called without --config
identity.py       how configs are recorded and compared, and which fields identify a run
arms.py           the arms of a sweep
checks.py         constraints between fields
matching.py       a parameter budget -> widths
build_model.py    config.model -> the Flax module
build_program.py  a checked config -> the program that is compiled for it
description.py    how runs are trained, in words
resolve.py        one call for all of it: `resolve(config)`
listing.py        all fields as text for a terminal
================  ======================================================================
"""
