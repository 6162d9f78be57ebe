"""The screens of the app, one a module, their styles beside them; no screen knows an adapter."""
