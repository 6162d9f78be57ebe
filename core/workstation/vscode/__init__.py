"""VS Code's settings: one variable of its container tools set and taken back, and nothing else of the user's touched."""
