"""Figures of written music: what sections are like, what is copied, how themes return."""
