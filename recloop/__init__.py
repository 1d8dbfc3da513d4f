"""recloop: every table, figure and claim of a family of recommender-system papers, from one command."""
