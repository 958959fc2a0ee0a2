# What `genai_prices/data.py` gives. The file itself is one literal of 1.6 MB: the type checker took two thirds of its time to infer what is declared here.
from genai_prices.types import Provider

providers: list[Provider]
