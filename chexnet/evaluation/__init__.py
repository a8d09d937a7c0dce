"""From predictions and labels to the tables and figures of the paper."""
