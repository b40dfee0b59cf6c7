"""Those who deliver: SMTP, and SMS by Twilio, Mitake or a webhook, behind one port."""
