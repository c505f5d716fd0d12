"""The terminal side. It imports no torch, diffusers, datasets or accelerate, and can die at any time."""
