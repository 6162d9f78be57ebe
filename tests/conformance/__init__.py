"""What holds the simulators against real software. A package, so that none of its folders hides a library of its name."""
