"""The words of notices: a shop's or ours, with the values of the moment, as SMS and as mails."""
