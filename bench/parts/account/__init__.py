"""The points account: commands, holds, quotes, expiry and bulk jobs."""
