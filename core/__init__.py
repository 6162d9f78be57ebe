"""Everything of mlops-env that has no screen: the engine, the adapters, the steps and the command line."""

__version__ = "0.1.0"
