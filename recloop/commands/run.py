"""`recloop run`: not yet."""

HELP = "x"


def add_arguments(p):
    pass


def run(o):
    pass
