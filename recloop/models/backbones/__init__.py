"""Session encoders: items in, one state per step out, all causal."""
