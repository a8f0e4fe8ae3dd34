"""Contract suites: what every backbone, runner and check must pass. Imported by tests only."""
