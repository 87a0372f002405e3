"""Trainings and tables of the book beyond single runs."""
