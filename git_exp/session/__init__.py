"""session: the autonomous experiment loop: what it knows of its data, its state, its steps."""
