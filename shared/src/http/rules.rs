//! What text may be: rules that several functions' bodies share, for `#[garde(custom(…))]`.

use garde::{Error, Result};

use crate::seal::Secret;

/// A name that people read: 1 to 100 characters, no control characters, not only spaces.
pub fn name(text: &str, _: &()) -> Result {
    let letters = text.chars().count();
    if text.trim().is_empty() || letters > 100 {
        return Err(Error::new(format!(
            "must have 1 to 100 characters, got {letters}"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::new("must not have control characters"));
    }
    Ok(())
}

/// An e-mail address that mail can reach: one `@`, a local part of up to 64 bytes (RFC 5321 section
/// 4.5.3.1), a domain with a dot, 254 bytes in all. Addresses in quotes are not taken.
pub fn email(text: &str, _: &()) -> Result {
    let well_formed = text
        .split_once('@')
        .is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain));
    if text.len() > 254 || !well_formed {
        return Err(Error::new(
            "must be an e-mail address such as ada@example.com",
        ));
    }
    Ok(())
}

/// NIST SP 800-63B section 3.1.1.2: length is what counts, no rules of composition. The upper end
/// keeps the cost of hashing bounded.
pub fn password(secret: &Secret<String>, _: &()) -> Result {
    let letters = secret.expose().chars().count();
    if !(10..=256).contains(&letters) {
        return Err(Error::new(format!(
            "must have 10 to 256 characters, got {letters}"
        )));
    }
    Ok(())
}

/// [`password`], where one is given.
pub fn optional_password(secret: &Option<Secret<String>>, _: &()) -> Result {
    secret
        .as_ref()
        .map_or(Ok(()), |secret| password(secret, &()))
}

/// [`name`], where one is given.
pub fn optional_name(text: &Option<String>, _: &()) -> Result {
    text.as_ref().map_or(Ok(()), |text| name(text, &()))
}

/// The form in which addresses are compared and stored.
pub fn normal_email(text: &str) -> String {
    text.to_lowercase()
}

fn is_local_part(local: &str) -> bool {
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let letter = |letter: char| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter);
    (1..=64).contains(&local.len()) && dots && local.chars().all(letter)
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '-')
    };
    domain.contains('.') && domain.split('.').all(label)
}

#[cfg(test)]
mod tests;
