"""What is learned: tasks as tables of questions and answers, and their train/test splits."""
