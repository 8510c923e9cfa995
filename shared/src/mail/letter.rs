//! What people read. Plain text: nothing of a tenant's becomes markup. A token stands behind the `#` of its
//! link, which no server and no log on the way sees.

use crate::{app::App, store::Invitation};

pub(crate) struct Letter {
    /// Names the kind in SES's own statistics.
    pub(crate) kind: &'static str,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Letter {
    pub(crate) fn invitation(
        app: &App,
        invitation: &Invitation,
        tenant: &str,
        token: &str,
    ) -> Self {
        let link = link(app, "invitations/accept", token);
        let ends = day(invitation.ends_at);
        Self {
            kind: "invitation",
            to: invitation.email.clone(),
            subject: format!("You are invited to \u{201c}{tenant}\u{201d}"),
            text: format!(
                "You are invited to join \u{201c}{tenant}\u{201d}.\n\nAccept here, until {ends}:\n{link}\n\n\
                 If you did not expect this, ignore it: nothing happens.\n"
            ),
        }
    }

    pub(crate) fn reset(app: &App, email: &str, token: &str) -> Self {
        let link = link(app, "password/reset", token);
        Self {
            kind: "password-reset",
            to: email.to_owned(),
            subject: "Choose a new password".to_owned(),
            text: format!(
                "Somebody, probably you, has asked for a new password for {email}.\n\nChoose it here, within an \
                 hour:\n{link}\n\nIf it was not you, ignore this: your password stays as it is.\n"
            ),
        }
    }

    pub(crate) fn verification(app: &App, email: &str, token: &str) -> Self {
        let link = link(app, "email/verify", token);
        Self {
            kind: "email-verification",
            to: email.to_owned(),
            subject: "Confirm your e-mail address".to_owned(),
            text: format!(
                "An account was made with the address {email}.\n\nIf it is yours, confirm the address within a \
                 day:\n{link}\n\nIf you have made no account, do not follow the link: whoever made it would \
                 then count as you.\n"
            ),
        }
    }

    pub(crate) fn password_changed(email: &str) -> Self {
        Self {
            kind: "password-changed",
            to: email.to_owned(),
            subject: "Your password was changed".to_owned(),
            text: format!(
                "The password of {email} was changed, and other sessions were signed out.\n\nIf it was not you, \
                 choose a new password by way of \u{201c}forgotten password\u{201d} at once.\n"
            ),
        }
    }
}

/// Into the application, or the bare token where the deployment names no address of its own.
fn link(app: &App, path: &str, token: &str) -> String {
    match app.config.app_url().or(app.config.public_url()) {
        Some(url) => format!("{url}/{path}#token={token}"),
        None => token.to_owned(),
    }
}

fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
