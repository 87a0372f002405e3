"""What the book trains and tabulates beyond single runs."""
