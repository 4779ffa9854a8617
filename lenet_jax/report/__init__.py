"""From a folder's records to the tables and figures that people read.

===================  ===================================================================
scores.py            what the runs of a folder scored, as the analysis takes it
numbers.py           numbers with their intervals, as text
words.py             arms and networks in words
names.py             names of datasets
columns.py           the columns of each table that people read
tables.py            rows as CSV, Markdown, LaTeX and HTML, and for a terminal
markup.py            text that stands for itself in Markdown, LaTeX, HTML, a terminal and a shell
captions.py          what is above and under the tables: what numbers are, protocol, command, hardware
findings.py          what a sweep has found, in sentences
drawing.py           matplotlib with the project's settings alone, and text in figures
figures.py           figures of results as PNG, PDF and SVG
plane_figures.py     figures of sweeps over two factors: lines, heat maps
size_figures.py      figures of sweeps over the number of training images
contents.py          a sweep's records -> its tables, figures and findings
pages.py             a folder: its records -> its tables and figures, as files
web_page.py          a report as one page for a browser, with report.html as its template
run_curves.py        learning curves of every run, for that page
disputed.py          test images that arms disagree on, for that page
excerpts.py          single numbers of a recorded sweep, for sentences and tables of a page
scorecard.py         the networks of papers on one scorecard, with a verdict by a rule
side_by_side.py      several sweeps side by side: errors and planned contrasts on each dataset
decomposition.py     several sweeps side by side: what each constraint is worth on each dataset
replaced_corners.py  groups of corners with an image-sized kernel that is padded
changes.py           several groups of corners of a dataset: what changes from the first to the others
published.py         what other papers found, next to what the same comparisons give here
curves.py            learning curves of a sweep
pictures.py          figures of trained networks: confusion, mistakes, kernels, feature maps
run_pictures.py      a recorded run -> its pictures
probe_tables.py      tables of probes, in words
probe_figures.py     figures of probes
probe_pages.py       a folder: what probes have recorded -> their tables and figures
inspection_pages.py  a folder: its networks -> pictures of them
===================  ===================================================================
"""
