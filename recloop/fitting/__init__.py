"""One way of training for everything that learns: objective, schedule, progress, checkpoint, tuning."""
