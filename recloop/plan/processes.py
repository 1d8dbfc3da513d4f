"""What may be learned in several processes at once, checked while planning."""

from collections.abc import Mapping

from recloop.storage.settings import SettingsError


def check_processes(training: Mapping, divisible: bool, where: str) -> None:
    """Stop where the processes that some settings ask for could not share the batches of an update.

    Args:
        training: with `processes`, how many, and `accumulate`, the batches of an update.
        divisible: whether what is trained lets them, see `recloop.fitting.objective.Objective`.
        where: the settings, for errors.

    Raises:
        SettingsError: it does not, or there are too few batches.
    """
    check_divisible(training, divisible, where)
    processes, batches = training.get("processes"), training.get("accumulate", 1)
    if processes is None:
        return
    if not isinstance(processes, int) or processes < 1 or batches % processes:
        raise SettingsError(
            f"{where}: processes={processes}: an update has {batches} batches (accumulate), expected a number that "
            "divides them; batch_size counts one batch"
        )


def check_divisible(training: Mapping, divisible: bool, where: str) -> None:
    """Stop where settings ask for processes and the batches of what is trained depend on each other.

    Raises:
        SettingsError: they do.
    """
    if training.get("processes") is not None and not divisible:
        raise SettingsError(
            f"{where}: processes={training['processes']}: the batches of this training depend on each other, one "
            "process learns them; leave `processes` out"
        )


def check_gpus(wanted: int, given: int | None) -> None:
    """Stop where a training wants more GPUs than a run may use at once; a cluster is not asked.

    Raises:
        SettingsError: it does.
    """
    if given is not None and wanted > given:
        raise SettingsError(
            f"processes={wanted} takes {wanted} GPUs and this run has {given}; add --resources gpu={wanted}, or lower "
            "processes"
        )
