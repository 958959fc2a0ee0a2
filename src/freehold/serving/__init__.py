"""Own models on this machine: their weights, and the engines that serve them as child processes."""
