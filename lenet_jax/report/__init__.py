"""From a folder's records to the tables and figures that people read.

============  ==========================================================================
tables.py     rows as CSV, Markdown and LaTeX, and for a terminal
captions.py   the notes under the tables: protocol, command, hardware
figures.py    figures as PNG, PDF and SVG
pages.py      a folder: its records -> its tables and figures
============  ==========================================================================
"""
