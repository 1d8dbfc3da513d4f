"""Reading: what an eye does on the words of a text, and reward models that are told of it.

López-Cardona et al. Seeing Eye to AI: Human Alignment via Gaze-Based Response Rewards for Large Language Models. ICLR
2025.
"""
