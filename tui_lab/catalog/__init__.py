"""What can be chosen: datasets, noise schedules, samplers and recipes, with a line of help for each."""
