"""One module per kind of task: what its runs need, how its data are split, what judges them, what a report looks into.

A study names its task: `sequences` is recloop/tasks/sequences.py, a dotted name is a module of a package of the user's
own. A task has

    METRICS                               the module whose `judge` turns saved lists into metrics
    LANGUAGE                              whether its jobs need a text encoder, whose package takes seconds to load
    FACTS                                 what its loops give a constructor beside the study's keywords; None: anything
    ASKED_WITH_KEYWORDS                   whether `inference` belongs to a constructor's keywords
    BY_DATASET                            whether settings of components may differ between data sets; may be left out
    check_recipe(prepare, split)          stops at settings of the data that make no sense
    data(plan, run)                       the artifacts below data/ that a run works with, by role
    environment(plan, run)                settings of what a model talks to, beside those of the study
    code(plan, run)                       the modules of that environment
    split(plan, study, dataset)           the artifact whose split.json all runs on a data set share
    pictures(plan, study, dataset)        the artifact with pictures that a report shows; None where there are none
    validity(plan, study, dataset, user)  the artifact with the measures of a simulated user
    components(plan, study, dataset)      names of `features` and `simulators` that runs need, by kind
    encoders(plan, study)                 what a report says of the encoders, by name
    spoken(plan, study)                   what a report says of language models, by name; may be left out

and, where weights of runs make data of other runs, `behind(plan, run)`: the runs whose weights made the data of a run.
"""
