"""How much processor time the work of a job takes, apart from what it takes to start one.

benchmarks/overhead.py adds the lines up: what is not in them is process starts, imports and scheduling.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG = Path(".recloop/work.tsv")  # one line per job: rule, seconds


@contextmanager
def timed(rule: str | None = None) -> Iterator[None]:
    """Note the processor time of a block or, as a decorator, of each call of a function.

    Args:
        rule: what the time is noted under; the script's name if left out.
    """
    used = time.process_time()
    yield
    LOG.parent.mkdir(exist_ok=True)
    rule = rule or Path(sys.argv[0]).stem
    with LOG.open("a") as log:  # a short line is written whole, even where jobs run side by side
        log.write(f"{rule}\t{time.process_time() - used:.3f}\n")
