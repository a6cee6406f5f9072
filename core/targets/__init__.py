"""What a network becomes: one folder for each kind of file, and what all of them share."""
