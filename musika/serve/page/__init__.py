"""The page: music in the browser, on the stream routes, with one file for each tab and its logic beside it."""
