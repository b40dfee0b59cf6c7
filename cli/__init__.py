"""The points command and the wiring of the parts."""
