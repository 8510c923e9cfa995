//! The signed content against its signatures. One computation per secret, each compared in constant time.

use aws_lc_rs::{digest, hmac};

use crate::webhook::encoding::{decode, spells};
use crate::webhook::keys::PreparedKey;
use crate::webhook::request::RawRequest;
use crate::webhook::scheme::{Form, Part, Signature};
use crate::webhook::verify::form;

/// Everything that a template can name.
pub(crate) struct Signed<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: &'a str,
    pub(crate) request: &'a RawRequest<'a>,
}

/// The signature header lines of a request, their form already checked.
pub(crate) enum Signatures<'a> {
    One(&'a str),
    /// Each line with the only secret that it answers to, if it is bound to one.
    Several(Vec<(Option<usize>, &'a str)>),
}

impl Signed<'_> {
    /// The index of the first secret under which one of the signatures is good.
    pub(crate) fn first_match(
        &self,
        rule: &Signature,
        signatures: &Signatures<'_>,
        keys: &[PreparedKey],
    ) -> Option<usize> {
        // A public-key check needs the content in one piece; a MAC streams it.
        let message = match keys.first()? {
            PreparedKey::Public(_) => self.message(rule),
            PreparedKey::Hmac(_) | PreparedKey::Text(_) | PreparedKey::Unsigned => Vec::new(),
        };
        keys.iter().enumerate().position(|(slot, key)| match key {
            PreparedKey::Hmac(key) => {
                let tag = self.mac(rule, key);
                signatures.any(&rule.form, slot, |text| {
                    spells(rule.encoding, text, tag.as_ref())
                })
            }
            PreparedKey::Text(secret) => {
                let digest = self.digest(rule, secret);
                signatures.any(&rule.form, slot, |text| {
                    spells(rule.encoding, text, digest.as_ref())
                })
            }
            PreparedKey::Public(key) => signatures.any(&rule.form, slot, |text| {
                decode(rule.encoding, text)
                    .is_some_and(|signature| key.verify_sig(&message, signature.bytes()).is_ok())
            }),
            PreparedKey::Unsigned => false,
        })
    }

    pub(crate) fn mac(&self, rule: &Signature, key: &hmac::Key) -> hmac::Tag {
        let mut context = hmac::Context::with_key(key);
        for part in rule.template.iter() {
            context.update(self.part(part, &[]));
        }
        context.sign()
    }

    pub(crate) fn digest(&self, rule: &Signature, secret: &[u8]) -> digest::Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in rule.template.iter() {
            context.update(self.part(part, secret));
        }
        context.finish()
    }

    pub(crate) fn message(&self, rule: &Signature) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.request.body.len() + 128);
        for part in rule.template.iter() {
            message.extend_from_slice(self.part(part, &[]));
        }
        message
    }

    pub(crate) fn part<'p>(&'p self, part: &'p Part, secret: &'p [u8]) -> &'p [u8] {
        match part {
            Part::Literal(text) => text.as_bytes(),
            Part::Id => self.id.as_bytes(),
            Part::Timestamp => self.timestamp.as_bytes(),
            Part::Method => self.request.method.as_bytes(),
            Part::Url => self.request.url.as_bytes(),
            Part::Body => self.request.body,
            Part::Secret => secret,
        }
    }
}

impl<'a> Signatures<'a> {
    /// Whether any entry that this secret may answer satisfies `is_good`.
    fn any(&self, form: &Form, slot: usize, mut is_good: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::One(line) => form::any_signature(form, line, &mut is_good),
            Self::Several(lines) => lines.iter().any(|(bound_to, line)| {
                bound_to.is_none_or(|bound_to| bound_to == slot)
                    && form::any_signature(form, line, &mut is_good)
            }),
        }
    }

    /// The value of a key in the first line's key=value list.
    pub(crate) fn value_of(&self, form: &Form, key: &str) -> Option<&'a str> {
        match self {
            Self::One(line) => form::value_of(form, line, key),
            Self::Several(lines) => form::value_of(form, lines.first()?.1, key),
        }
    }
}
