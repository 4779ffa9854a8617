"""From a ConfigDict to everything that a run needs, checked once.

=================  =====================================================================
fields.py          every field: default, allowed values or bounds, meaning
build_model.py     config.model -> the Flax module
build_program.py   a checked config -> the program that is compiled for it
=================  =====================================================================
"""
