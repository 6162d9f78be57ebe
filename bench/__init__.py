"""How fast it is, as ratios taken in one run on one machine: ``make bench`` writes ``bench/results.json``.

Each row compares two things that are measured in turns, so that a busy machine slows both; the value is the median of the
rounds' ratios, its spread the lowest and the highest. No test depends on a time.
"""
