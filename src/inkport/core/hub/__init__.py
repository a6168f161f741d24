"""Models and line sets on the Hugging Face hub: fetched and sent only where somebody names them."""
