"""Commands and their answers (account.md 3): what others send to change a member's account."""
