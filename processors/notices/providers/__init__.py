"""Those who deliver: SMTP, and SMS by Twilio, Mitake or a webhook, behind one port."""

from collections.abc import Mapping

from processors.notices.providers.mitake import Mitake
from processors.notices.providers.port import MailProvider, SmsProvider
from processors.notices.providers.smtp import Smtp
from processors.notices.providers.twilio import Twilio
from processors.notices.providers.webhook import Webhook
from processors.runtime.configuration import Configuration


def make_sms(configuration: Configuration) -> Mapping[str, SmsProvider]:
    """The providers of SMS that the configuration has accounts for, by their names."""
    providers: list[SmsProvider] = []
    # What the fence lets through has half of its lease left.
    within = configuration.notices.lease_seconds / 2
    if configuration.twilio.account_sid:
        providers.append(Twilio(configuration.twilio, within))
    if configuration.mitake.username:
        providers.append(Mitake(configuration.mitake, within))
    if configuration.webhook.secret is not None:
        providers.append(Webhook(configuration.webhook, write_within=within))
    return {provider.name: provider for provider in providers}


def make_mail(configuration: Configuration) -> MailProvider | None:
    """The server for mail; None if the configuration has none."""
    return Smtp(configuration.smtp) if configuration.smtp.host else None
