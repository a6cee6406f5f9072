"""The panels of the main screen, one a file. They show what they are given and post what the person wants."""
