"""PDiT-GIM: what a generator of latents gives, said by a decoder (thesis, Algorithm 7); both were trained alone."""

from torch import nn

ORIGINS = ("drawn", "random", "last", "mean", "target")


class Decoded(nn.Module):
    """How two trained models are put behind one another; the loop `decoded` does it.

    Args:
        origin: of the latents: `drawn` by the generator, or those of a `random` item, of the `last` one, the
            `mean` of a history or those of the `target`.
        says: whether they are put into words; without, items are ranked by the latents themselves.
        sampler, sampling_steps: how the generator is asked.

    Raises:
        ValueError: an origin that is not known.
    """

    def __init__(
        self,
        origin: str = "drawn",
        says: bool = True,
        sampler: str = "ddpm",
        sampling_steps: int = 1000,
    ):
        super().__init__()
        if origin not in ORIGINS:
            raise ValueError(f"origin={origin!r}: expected one of {', '.join(ORIGINS)}")
        self.origin, self.says = origin, says
        self.sampler, self.sampling_steps = sampler, sampling_steps
