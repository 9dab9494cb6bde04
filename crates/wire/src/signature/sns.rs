//! What SNS posts: signed with RSA by Amazon, over its fields in a fixed order. The certificate is fetched by whoever may, from
//! Amazon's own host of the topic's region and from nowhere else.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
//!
//! `Posted` is read from bytes that are not yet proved: nothing of it counts but the address of the certificate, and that
//! is held against the topic of the settings. Attributes of a message are not signed, and are not read here.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use serde::Deserialize;

use super::{Refused, Verified};

/// One that SNS posts to us.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Posted<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    topic_arn: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
    #[serde(borrow)]
    signature_version: Cow<'a, str>,
    #[serde(borrow, rename = "SigningCertURL")]
    signing_cert_url: Cow<'a, str>,
    #[serde(borrow, default)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "SubscribeURL")]
    subscribe_url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    token: Option<Cow<'a, str>>,
}

/// What it is, once it is proved.
#[derive(Debug)]
pub enum Proved {
    Notification(Verified),
    /// To be asked for once, with GET: then the topic sends here.
    Subscription {
        confirm_url: Box<str>,
    },
    Unsubscribed,
}

/// The topic that may send, as the settings name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    arn: Box<str>,
    /// `https://sns.eu-west-1.amazonaws.com/`
    host: Box<str>,
}

impl Topic {
    /// `arn:aws:sns:eu-west-1:123456789012:shop`
    pub fn parse(arn: &str) -> Option<Topic> {
        let [_, partition, "sns", region, account, name] = arn.split(':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let sound = arn.starts_with("arn:aws")
            && !region.contains('.')
            && [region, account, name].into_iter().all(word);
        let end = if partition == "aws-cn" { ".cn" } else { "" };
        let host = format!("https://sns.{region}.amazonaws.com{end}/");
        sound.then(|| Topic { arn: arn.into(), host: host.into() })
    }
    pub fn arn(&self) -> &str {
        &self.arn
    }
}

impl<'a> Posted<'a> {
    pub fn read(body: &'a [u8], topic: &Topic) -> Result<Posted<'a>, Refused> {
        let posted: Posted<'_> = serde_json::from_slice(body).map_err(|_| Refused::Missing)?;
        if *posted.topic_arn != *topic.arn {
            return Err(Refused::WrongTopic);
        }
        // Of the topic's own region: another one's would prove nothing more, and may not be reached.
        let name = posted.signing_cert_url.strip_prefix(&*topic.host).ok_or(Refused::Malformed)?;
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !plain || !name.ends_with(".pem") || name.starts_with('.') {
            return Err(Refused::Malformed);
        }
        Ok(posted)
    }

    /// At Amazon.
    pub fn certificate_url(&self) -> &str {
        &self.signing_cert_url
    }

    /// `certificate`: what lies at `certificate_url`, as PEM.
    pub fn prove(self, topic: &Topic, certificate: &[u8]) -> Result<Proved, Refused> {
        let key = std::str::from_utf8(certificate).ok().and_then(public_key).ok_or(Refused::Malformed)?;
        let signature = super::key::base64(&self.signature).ok_or(Refused::Malformed)?;
        let algorithm = match &*self.signature_version {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Refused::Malformed),
        };
        let signed = self.signed()?;
        let proof = UnparsedPublicKey::new(algorithm, key).verify(signed.as_bytes(), &signature);
        proof.map_err(|_| Refused::Mismatch)?;
        match &*self.r#type {
            "Notification" => {
                let body = self.message.as_bytes().into();
                Ok(Proved::Notification(Verified { body, message: Some(self.message_id.into()) }))
            }
            "SubscriptionConfirmation" => {
                let url = self.subscribe_url.unwrap_or_default();
                let at_amazon =
                    url.strip_prefix(&*topic.host).is_some_and(|rest| rest.starts_with("?Action="));
                if at_amazon {
                    Ok(Proved::Subscription { confirm_url: url.into() })
                } else {
                    Err(Refused::Malformed)
                }
            }
            _ => Ok(Proved::Unsubscribed),
        }
    }

    /// The fields that are signed, in their order.
    fn signed(&self) -> Result<String, Refused> {
        let is_notification = match &*self.r#type {
            "Notification" => true,
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => false,
            _ => return Err(Refused::Malformed),
        };
        let mut text = String::with_capacity(self.message.len() + 512);
        let mut field = |name: &str, value: &str| {
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        };
        field("Message", &self.message);
        field("MessageId", &self.message_id);
        if is_notification {
            if let Some(subject) = &self.subject {
                field("Subject", subject);
            }
            field("Timestamp", &self.timestamp);
        } else {
            field("SubscribeURL", self.subscribe_url.as_deref().ok_or(Refused::Missing)?);
            field("Timestamp", &self.timestamp);
            field("Token", self.token.as_deref().ok_or(Refused::Missing)?);
        }
        field("TopicArn", &self.topic_arn);
        field("Type", &self.r#type);
        Ok(text)
    }
}

/// The RSA key of a certificate. Who gave the certificate was proved by whoever fetched it.
fn public_key(pem: &str) -> Option<Vec<u8>> {
    const SEQUENCE: u8 = 0x30;
    const BITS: u8 = 0x03;
    const VERSION: u8 = 0xa0;
    let text = pem.split_once("-----BEGIN CERTIFICATE-----")?.1.split_once("-----END CERTIFICATE-----")?.0;
    let text: String = text.split_whitespace().collect();
    let der = STANDARD.decode(text).ok()?;
    let (certificate, _) = element(&der, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields, VERSION)?.1;
    }
    // Serial, algorithm, issuer, validity, subject.
    for _ in 0..5 {
        fields = element(fields, *fields.first()?)?.1;
    }
    let (info, _) = element(fields, SEQUENCE)?;
    let (_, key) = element(info, SEQUENCE)?;
    let (bits, _) = element(key, BITS)?;
    // How many bits of the last byte are none.
    bits.strip_prefix(&[0]).map(<[u8]>::to_vec)
}

/// What the first element holds, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (bytes.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ARN: &str = "arn:aws:sns:eu-west-1:123456789012:shop";
    const HOST: &str = "https://sns.eu-west-1.amazonaws.com/";
    /// By OpenSSL, whose signatures these are.
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n\
MIIDUTCCAjmgAwIBAgIURVbQldH5NmvejyVgfy2hUNunyd0wDQYJKoZIhvcNAQEL\n\
BQAwODELMAkGA1UEBhMCVVMxDTALBgNVBAoMBFRlc3QxGjAYBgNVBAMMEXNucy5h\n\
bWF6b25hd3MuY29tMB4XDTI2MTEyMzIyMzAyN1oXDTM2MTEyMDIyMzAyN1owODEL\n\
MAkGA1UEBhMCVVMxDTALBgNVBAoMBFRlc3QxGjAYBgNVBAMMEXNucy5hbWF6b25h\n\
d3MuY29tMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1m29QDNzWDIn\n\
sra97JvfAcS16gbH4uGKPz/Ny/ZAG+tR60vW7Rno67NcvK3SFWwtdXjl5C80N8uZ\n\
UMHfSdbjXEiSZbDqEdbP6j0V6cUoCldQTDg9BnfMgnkJM8a4i7GFM4KHvfzuHgea\n\
OSBx0vCKJeGMWkcTvj57NGkk79FutJdy6Uo3e43wXa6hd7r6DEQ1KV8dXVSdffvT\n\
aQs90ckpBeV1Wj29KAQowTfMw/TRgGle2lYAssdXaw73sEIQiThFwwAxNYK4NHrT\n\
4fjYgqFKyXSFuvuq1Bv/6ilisDV1HKkOfrBeGUt+I9fGW3txcPwtIe9tGhu29TS2\n\
WhS8tK+GcwIDAQABo1MwUTAdBgNVHQ4EFgQUDS0EBZtSMuSYgdsQj4JjEwix6Tww\n\
HwYDVR0jBBgwFoAUDS0EBZtSMuSYgdsQj4JjEwix6TwwDwYDVR0TAQH/BAUwAwEB\n\
/zANBgkqhkiG9w0BAQsFAAOCAQEAxKGJ0tBeg/QM1F8ipm/GxXLkLk0upE46/bXJ\n\
cgwWyHf94ix57pY+W/Txg9uAvoN3FQymz7akI/N5C7VaMyyn0kdnRhSE8U+SU5c9\n\
TIN/ZnGb/TmbVrJ2lMvHg8S/BDhB1yzmZewK63YnYKZ+jACn7Sninv87Zj6bxuiz\n\
P9fO1nSFoUUhjB+2wAJ3bcCL1q3Aju0UfzwKK0XL9LzVPqEPIkRObDIDqtI5vE5Z\n\
3NLC6jguDznVREAWKX0pz7hrwKa2Wz+rL+U+zYshAAk4wXoKTulk9A+PWvqa1EOm\n\
rFUB8Xw7rfhKDRktCVERGj48N6OZim1V2SYQW9afcqf/f+X5sg==\n\
-----END CERTIFICATE-----";
    const SHA1: &str = "oKI5jNrrbk9Fb204rREmZ1CF9eGtMW6w7A6jTvljpqhPsPPkrrx3LmXATGIknnfU/gAeSz7U31LMV2kqaVuQGHp0MXTbm3zCU2Hw453JE5VKx7htCQw7Eu689U0BQf307CSU8WkFykxOXxTskM+B51qwHE3S66dlNAdeg/dlb42WKVrkURVxENhJUHdsHMja1VbTYv3RpZ3hfLvCgFZIcQx4cPphZWPqbLsC5RU5XyuVQqmTx7JBjFqtnKEqfuDxLsMzbswPg1sFbunzz3HKhFKmSW/AsgigXyM04mcBmO2Kv876O0okT1N+xkdk0W7rGlfo09aoHVulQRmiKCBQPg==";
    const SHA256: &str = "VUHtQDOmmxjP8y2Zb42PLTKnWjTHEyvM4p1z79nILo1tVpzJRZD7KLILKz5lZC/YnTnq385XiLLB736rd2IsNDx4IVvHZqCym9TTDWcB1UsRIJQRezJNSs+SeTGsfoWFINFagBu0Jj7r7xVWlP1RTNjc/IZvpDuQvv6CdJR6S19uRm4jm7cDTW8swibPFE7BnZMAICj94c+Z1To6qE7Wg7VEC1tHcVDsMAEKlIgtPf+z58aAvc/JNotR65nXkyZ/iOoai9jy1/UYFrPCoYkzJ9mpMpontSbuKg8EQe7uCieCNvkbGQRV3LURs6pKsuXW72HHLi+wfiMS4tXs9NFrqg==";
    const CONFIRMATION: &str = "wsyOexVNw1MLcUqWWr16z9WLXp16EDjbPbO8WgK0EDd9zaWqcZDH5Bxqz/A45T8t4cdbkYppBRJ7V7zGEKmigKDB0pB8NjdzfdtKYk/RzTIk+j+RbxumtpiWaC5aeCjSzUYzv/D2cEjDtNBvyHx2Zou7HfaUmu9QlOy5FFW32gD/3gQBoyTxVPdEceKo3sFvwUpCm7q29gVTOC90m4GgZStdOn9VCUIg2PDlaJVxRGIpcg9745VU4WKGF6AzqnlKfY3yrIailKz9UkvV3vpi9XQxPiUegg/bcApTAhqi8VTE4hLRuVfF7yNZhMUbb+eKxFvfFgImNDhZz2zhopuJ5g==";

    fn topic() -> Topic {
        Topic::parse(ARN).unwrap_or_else(|| panic!("{ARN}"))
    }

    fn notification() -> Value {
        json!({"Type": "Notification", "MessageId": "m-1", "TopicArn": ARN, "Subject": "Hi",
            "Message": "{\"specversion\": \"1.0\"}", "Timestamp": "2026-11-23T09:30:00.000Z",
            "SignatureVersion": "1", "Signature": SHA1, "SigningCertURL": format!("{HOST}SimpleNotificationService-0a.pem"),
            "UnsubscribeURL": "https://elsewhere", "MessageAttributes": {}})
    }

    fn prove(posted: &Value) -> Result<Proved, Refused> {
        let body = posted.to_string();
        Posted::read(body.as_bytes(), &topic())?.prove(&topic(), CERTIFICATE.as_bytes())
    }

    #[test]
    fn both_versions_of_the_signature_are_proved_and_the_message_is_the_body() {
        let mut posted = notification();
        for (version, signature) in [("1", SHA1), ("2", SHA256)] {
            (posted["SignatureVersion"], posted["Signature"]) = (version.into(), signature.into());
            match prove(&posted) {
                Ok(Proved::Notification(verified)) => {
                    assert_eq!(verified.body(), b"{\"specversion\": \"1.0\"}");
                    assert_eq!(verified.message_id(), Some("m-1"));
                }
                other => panic!("{version}: {other:?}"),
            }
        }
        posted["SignatureVersion"] = "1".into();
        assert_eq!(prove(&posted).err(), Some(Refused::Mismatch));
    }

    #[test]
    fn any_signed_field_that_is_changed_is_a_mismatch() {
        for field in ["Message", "MessageId", "Subject", "Timestamp"] {
            let mut posted = notification();
            posted[field] = "other".into();
            assert_eq!(prove(&posted).err(), Some(Refused::Mismatch), "{field}");
        }
        let mut posted = notification();
        posted["Type"] = "Other".into();
        assert_eq!(prove(&posted).err(), Some(Refused::Malformed));
        posted["TopicArn"] = "arn:aws:sns:eu-west-1:123456789012:other".into();
        assert_eq!(prove(&posted).err(), Some(Refused::WrongTopic));
        assert_eq!(prove(&json!({"Type": "Notification"})).err(), Some(Refused::Missing));
    }

    #[test]
    fn a_certificate_is_fetched_from_amazon_alone() {
        for url in [
            "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
            "http://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
            "https://sns.eu-west-1.amazonaws.com/a.pem?x=.pem",
            "https://sns.eu-west-1.amazonaws.com/../a.pem",
            "https://sns.eu-west-1.amazonaws.com/a/b.pem",
            "https://sns.eu-west-1.amazonaws.com/a",
            "https://bucket.s3.amazonaws.com/a.pem",
        ] {
            let mut posted = notification();
            posted["SigningCertURL"] = url.into();
            assert_eq!(prove(&posted).err(), Some(Refused::Malformed), "{url}");
        }
    }

    #[test]
    fn a_subscription_is_confirmed_at_amazon_alone() {
        let url = format!("{HOST}?Action=ConfirmSubscription&TopicArn={ARN}&Token=t0");
        let mut posted = json!({"Type": "SubscriptionConfirmation", "MessageId": "m-2", "Token": "t0", "TopicArn": ARN,
            "Message": "You have chosen to subscribe", "SubscribeURL": url, "Timestamp": "2026-11-23T09:30:00.000Z",
            "SignatureVersion": "1", "Signature": CONFIRMATION, "SigningCertURL": format!("{HOST}a.pem")});
        match prove(&posted) {
            Ok(Proved::Subscription { confirm_url }) => assert_eq!(*confirm_url, *url),
            other => panic!("{other:?}"),
        }
        posted["SubscribeURL"] = "https://sns.eu-west-1.amazonaws.com.evil.example/?Action=x".into();
        assert_eq!(prove(&posted).err(), Some(Refused::Mismatch));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let body = notification().to_string();
        for bad in [
            "",
            "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----MIIC-----END CERTIFICATE-----",
        ] {
            let posted = Posted::read(body.as_bytes(), &topic()).unwrap_or_else(|e| panic!("{e:?}"));
            assert_eq!(posted.prove(&topic(), bad.as_bytes()).err(), Some(Refused::Malformed), "{bad}");
        }
        for end in [3, 10, 50, 200, 400] {
            let cut = &CERTIFICATE.replace('\n', "")[..27 + end * 2];
            assert_eq!(public_key(&format!("{cut}-----END CERTIFICATE-----")), None);
        }
    }

    #[test]
    fn a_topic_is_named_whole() {
        for bad in [
            "arn:aws:sqs:eu-west-1:1:shop",
            "arn:aws:sns:eu/west:1:shop",
            "arn:aws:sns:a.b:1:shop",
            "shop",
            "arn:aws:sns:eu-west-1:1:",
        ] {
            assert_eq!(Topic::parse(bad), None, "{bad}");
        }
        assert_eq!(
            &*Topic::parse("arn:aws-cn:sns:cn-north-1:1:a.fifo").map(|t| t.host).unwrap_or_default(),
            "https://sns.cn-north-1.amazonaws.com.cn/"
        );
    }
}
