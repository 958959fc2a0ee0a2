"""The door: one endpoint in front of every vendor. `lifecycle.py` is the path of one request, step by step."""
