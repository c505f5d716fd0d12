"""A laboratory for diffusion models that lives in an SSH session."""
