"""How answers are made."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Decoding:
    """How an answer is made.

    Attributes:
        max_tokens: most tokens of it.
        temperature: 0 takes the likeliest token each time.
        top_p: share of the probability from which tokens are drawn.
        seed: of what is drawn.
        chat: whether a prompt is put into the model's chat template.
    """

    max_tokens: int = 32
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    chat: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError(
                f"{self}: expected max_tokens of at least 1, temperature of at least 0, top_p in (0, 1]"
            )

    def facts(self) -> dict:
        """Write it as JSON."""
        return asdict(self)
