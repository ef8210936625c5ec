"""The sky of a scenario: where its nodes are, when they see each other, and what lets light through."""
