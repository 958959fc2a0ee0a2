"""What is kept, and what several worker processes on one machine share."""
