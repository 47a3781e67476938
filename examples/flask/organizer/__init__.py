"""Story two: organizers of events who were signed out by each other, and by each deploy."""
