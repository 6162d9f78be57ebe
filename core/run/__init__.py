"""The engine: steps that start on facts, told as a journal, on a clock, in a process of its own."""
