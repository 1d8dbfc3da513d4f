"""What the `recloop` command does, one file for each word."""


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number before a noun: 1 run, 2 runs.

    Args:
        number: of things.
        one: the noun for one of them.
        many: for several, where it does not just end in s.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"
