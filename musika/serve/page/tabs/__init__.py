"""Tabs of the page. Each has `add_tab(context, shared)`, which makes components and connects them to functions."""
