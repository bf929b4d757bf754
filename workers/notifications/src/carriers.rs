//! The two carriers, from settings.

use secrecy::ExposeSecret;
use topup_gateways::SetupError;
use topup_gateways::mail::{Mail, MailRelay, SmtpRelay, SmtpSettings};
use topup_gateways::sent::Sent;
use topup_gateways::sms::{RestSms, SmsProvider};
use topup_runtime::{Settings, SettingsError};

/// Who carries notices.
#[derive(Debug)]
pub(crate) struct Carriers {
    sms: SmsProvider,
    mail: MailRelay,
}

impl Carriers {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let unusable = |of: &str, error: &SetupError| SettingsError::about(of, &error.to_string());
        let sms = RestSms::new(
            settings.sms.url()?.as_str(),
            settings.sms.api_key()?.clone(),
            settings.sms.timeout,
        );
        let mail = SmtpRelay::new(SmtpSettings {
            url: settings.smtp.url()?.expose_secret(),
            from: settings.smtp.from()?,
            ca_file: settings.smtp.ca_file.as_deref(),
            timeout: settings.smtp.timeout,
        });
        Ok(Self {
            sms: SmsProvider::Rest(sms.map_err(|error| unusable("sms", &error))?),
            mail: MailRelay::Smtp(mail.map_err(|error| unusable("smtp", &error))?),
        })
    }

    pub(crate) async fn sms(&self, to: &str, text: &str, id: &str) -> Sent {
        self.sms.send(to, text, id).await
    }

    pub(crate) async fn mail(&self, to: &str, subject: &str, text: &str, html: &str, id: &str) -> Sent {
        self.mail
            .send(&Mail {
                to,
                subject,
                text,
                html,
                message_id: id,
            })
            .await
    }
}
