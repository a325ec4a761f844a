"""The output of graphs and runs: lines, summary, progress, pages and pictures."""
