"""One request to a recorded run: who asks (question.py), what the model says (answer.py), how it is told (words.py)."""
