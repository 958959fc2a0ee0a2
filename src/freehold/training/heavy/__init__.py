"""The only place that loads torch: a process of its own that turns a recipe into weights."""
