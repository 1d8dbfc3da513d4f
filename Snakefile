"""One command makes every table, figure and verdict:  snakemake --cores all

The includes below are the table of contents, in the order the work happens.
"""

import os
import sys


workdir: workflow.basedir


if not os.path.samefile(os.getcwd(), workflow.basedir):
    sys.exit("recloop: the project works in its own folder; leave out --directory and -d")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/language_models.smk"
include: "workflow/rules/contents.smk"
include: "workflow/rules/simulators.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/experience.smk"
include: "workflow/rules/report.smk"


rule all:
    """One page per study, holding all its tables and figures, and one over all of them."""
    default_target: True
    input:
        expand("results/{study}/{page}", study=PLAN.studies, page=["README.md", "index.html"]),
        "results/index.html",
    localrule: True


rule shared_data:
    """All that studies share: raw files, sessions, catalogues, dialogues, encoders, features, simulated users."""
    input:
        [one.record for one in DATA.values()],
    localrule: True


onstart:
    # Snakemake's limit on jobs per second (100, far above ours) sets a timer at every look at the waiting jobs, and every
    # timer is another look: after some hundred jobs it looks all the time. No limit, no timers.
    workflow.scheduler.job_rate_limiter = None
    # `--touch` sleeps a tenth of a second for each job, so that their times differ; those of file systems do after far less.
    if workflow.touch:
        workflow.executor_plugin.executor.SLEEPING_TIME = 0.01


onsuccess:
    if is_current(Path("results/.made/front.json"), PLAN.front.key):
        print(f"\nTier {config['tier']}: open results/index.html (or README.md beside it).")
    else:
        for study in filter(has_page, PLAN.studies):
            print(f"\nTier {config['tier']}: open results/{study}/index.html.")
    from recloop.plan.estimate import afterwards  # only here: it looks at what jobs took

    if said := afterwards():
        print(f"\n{said}")
