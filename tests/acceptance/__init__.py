"""
The bars: each script measures one, beside its peers in the same run, prints the figure and exits with 0 or 1.

``python -m tests.acceptance.NAME [--help]``.  They need a quiet machine and minutes, and are no part of ``tox``.
"""
