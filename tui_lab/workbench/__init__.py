"""A process that answers what needs torch, for those who must not import it. `client` speaks to it over its pipes."""
