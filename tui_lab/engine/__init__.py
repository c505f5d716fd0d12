"""A rank: what trains. Started as `python -m tui_lab.engine RUN_PATH`; speaks to the world through the run folder."""
