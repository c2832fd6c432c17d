"""Everything that people see in Discord: cards, outcomes, buttons, modals and all texts."""
