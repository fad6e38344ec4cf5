"""task: configs that are executed as runs of their own, and the experiment they are of."""
