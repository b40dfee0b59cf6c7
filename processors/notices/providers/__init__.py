"""Those who deliver: SMTP, and SMS by Twilio, Mitake or a webhook, behind one port."""

from collections.abc import Mapping

from processors.notices.providers.mitake import Mitake
from processors.notices.providers.port import MailProvider, SmsProvider
from processors.notices.providers.smtp import Smtp
from processors.notices.providers.twilio import Twilio
from processors.notices.providers.webhook import Webhook
from processors.runtime.configuration import LaneConfiguration


def make_sms(configuration: LaneConfiguration) -> Mapping[str, SmsProvider]:
    """The providers of SMS that the configuration has accounts for, by their names."""
    providers: list[SmsProvider] = []
    within = _write_within(configuration)
    if configuration.twilio.account_sid:
        providers.append(Twilio(configuration.twilio, within))
    if configuration.mitake.username:
        providers.append(Mitake(configuration.mitake, within))
    if configuration.webhook.secret is not None:
        providers.append(Webhook(configuration.webhook, within))
    return {provider.name: provider for provider in providers}


def make_mail(configuration: LaneConfiguration) -> MailProvider | None:
    """The server for mail; None if the configuration has none."""
    if not configuration.smtp.host:
        return None
    return Smtp(configuration.smtp, _write_within(configuration))


def _write_within(configuration: LaneConfiguration) -> float:
    """Seconds: what the fence lets through has half of its lease left to be written.

    As much is left of the whole lease for the answer to what was written last.
    """
    return configuration.notices.lease_seconds / 2
