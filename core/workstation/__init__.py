"""The laptop's side: devcontainers, VS Code's settings, the ssh configuration, and tunnels; each useful alone."""
