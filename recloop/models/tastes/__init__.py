"""Models that say which genres users like and dislike, from soft prompts, from texts, or without a language model."""
