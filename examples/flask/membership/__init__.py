"""Story one: a form of five steps that forgot its answers."""
