# What `genai_prices/data.py` gives. The file itself is one literal of 1.6 MB: the type checker spent half of its time on it.
from genai_prices.types import Provider

providers: list[Provider]
