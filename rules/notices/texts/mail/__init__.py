"""A mail: its layout in HTML, and the message that a server takes."""
