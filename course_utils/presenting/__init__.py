"""Lectures in front of a class, and as pages to read: slides, live slides and the site.

The rooms, all made from the notebooks that ``course build`` writes:

- ``deck`` turns a notebook into one to be presented, and sorts its cells into slides;
- ``slides`` writes them as one HTML file that needs nothing else, and as PDF;
- ``live`` opens them in JupyterLab, with a kernel that has run them;
- ``site`` makes the reading copy, with search and the reference of the package;
- ``browser`` finds the chromium that prints PDFs and runs the tests.

Only instructors need this package; it wants the ``instructor`` extra.
"""
