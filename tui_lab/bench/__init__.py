"""Benches: what the lab does in a second, side by side with what a person would use instead, as ratios of one run."""
