"""The only door to the outside network: connections, pools, limits, and the rule about private addresses."""
