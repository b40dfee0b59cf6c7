"""The watch: looks at the whole from outside, so that it is seen when others work or do not."""
