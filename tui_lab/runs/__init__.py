"""A run is a folder; this room reads and writes it. No torch, no textual."""
