"""What pickles would import, and how they are found in what they come in."""
