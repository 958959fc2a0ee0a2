"""Own models, from the tasks that they learn and the pedigree of every row to the papers that they travel with."""
