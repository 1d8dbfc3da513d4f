"""What goes from one step of an environment to the next, so that a training can go on where it was."""

import torch
from torch import Tensor


class Carried:
    """An environment whose state is some tensors and a generator.

    Attributes:
        carried: names of the tensors.
        generator: of all that is drawn.
        device: where the tensors are.
    """

    carried: tuple[str, ...]
    generator: torch.Generator
    device: torch.device | str

    def state(self) -> dict[str, Tensor]:
        """Return all that goes from one step to the next."""
        return {name: getattr(self, name) for name in self.carried} | {
            "generator": self.generator.get_state()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a state."""
        for name in self.carried:
            setattr(self, name, tensors[name].to(self.device))
        self.generator.set_state(tensors["generator"])
