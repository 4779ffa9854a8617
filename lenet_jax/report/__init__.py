"""From a sweep's records to the tables and figures that people read.

============  ==========================================================================
tables.py     rows as CSV, Markdown and LaTeX
figures.py    figures as PNG
pages.py      a sweep's folder: its records -> its tables and figures
============  ==========================================================================
"""
