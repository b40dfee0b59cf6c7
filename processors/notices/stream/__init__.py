"""The lane's topics by Faust, in the one shape that loses nothing. Nothing else imports faust."""
