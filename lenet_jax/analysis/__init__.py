"""Numbers from results: intervals, and one row per arm, contrast or paper's figure.

=============  =========================================================
stats.py       means and proportions with their confidence intervals
summaries.py   recorded results -> rows of the tables
=============  =========================================================
"""
