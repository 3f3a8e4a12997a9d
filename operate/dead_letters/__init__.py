"""Dead letters: listed by reason, shown, saved, redriven and purged."""
