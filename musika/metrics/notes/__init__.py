"""Are the notes of a score in its audio? Heard by an independent transcriber."""
