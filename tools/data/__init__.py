"""Pairs of scores and audio to train on: rendering them, and practice material."""
