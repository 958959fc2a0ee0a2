"""The configuration: freehold.toml and the environment, read once, validated, and frozen into `Settings`."""
