"""How things look in Discord: cards, outcomes, buttons, modals and every text."""
