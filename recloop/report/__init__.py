"""From saved scores and printed numbers to tables, figures, verdicts and the page of a study.

`recloop.report.build` makes them; `recloop.report.exhibits` has a file per kind of table or figure. Everything here
reads files only: a table needs no matplotlib, and nothing needs a model.
"""
