"""The settings of a worker: read once, from the environment."""
