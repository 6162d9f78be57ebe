"""The widgets of the app, one a module; they show what they are given, and know no adapter."""
