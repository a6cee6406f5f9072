"""Other people's runtimes load the exported files and answer with them: as many and as old as users have."""
