"""The `halfpint` command: one file a subcommand, over the core. No screen in here."""
