"""Models as rows: prices with their dates, context, abilities, retirement dates, and what an answer costs."""
