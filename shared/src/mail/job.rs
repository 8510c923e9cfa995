//! What the mail queue carries, and what its worker does with one message. A message that is done twice is
//! the same letter twice, with the same token.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    access::{MailToken, recovery, sign_in},
    app::App,
    audit::Origin,
    id::{Id, InvitationId, RequestKind, SessionId, TenantId, UserId},
    mail::{letter::Letter, ses},
    problem::ApiError,
    queue::{JobError, JobResult, Received},
    schedule,
    store::{Begun, InvitationState, StoreError},
};

/// Runs after which a letter is given up: with the waits between them about two hours.
const MAX_ATTEMPTS: u32 = 12;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job")]
pub(crate) enum MailJob {
    #[serde(rename = "invitation.v1")]
    Invitation {
        tenant: TenantId,
        invitation: InvitationId,
        sending: u32,
    },
    /// Somebody says that they have forgotten the password of this address, which may be nobody's.
    #[serde(rename = "forgotten.v1")]
    Forgotten {
        email: String,
        request: Id<RequestKind>,
    },
    #[serde(rename = "verification.v1")]
    Verification {
        user: UserId,
        request: Id<RequestKind>,
    },
    #[serde(rename = "password-changed.v1")]
    PasswordChanged {
        user: UserId,
        at: Timestamp,
        /// The session in which it was changed.
        but: Option<SessionId>,
    },
    /// A sign-in with a wrong password or an unknown address: if it is somebody's, their tenant is told.
    #[serde(rename = "sign-in-failed.v1")]
    SignInFailed {
        email: String,
        tenant: Option<TenantId>,
        at: Timestamp,
        request_id: String,
        source_ip: Option<String>,
    },
}

/// Puts a job on the mail queue, in the caller's name: after its state was committed.
pub(crate) async fn queue(app: &App, job: &MailJob) -> Result<(), ApiError> {
    let group = match job {
        MailJob::Invitation { tenant, .. } => tenant.to_string(),
        MailJob::Verification { user, .. } | MailJob::PasswordChanged { user, .. } => {
            user.to_string()
        }
        // Fair between addresses, and no address in a message's attributes.
        MailJob::Forgotten { email, .. } | MailJob::SignInFailed { email, .. } => {
            crate::seal::sha256_hex(email.as_bytes())
        }
    };
    let body = serde_json::to_string(job).map_err(|error| ApiError::Internal(error.into()))?;
    app.queue
        .send_in(app.config.mail_queue_url()?, group, body)
        .await
        .map_err(ApiError::Unavailable)
}

/// One message from the mail queue.
pub async fn run(app: &App, received: Received) -> JobResult {
    let reason = match serde_json::from_str::<MailJob>(&received.body) {
        Ok(job) => match job.perform(app).await {
            Ok(()) => return Ok(()),
            Err(error) if received.attempt < MAX_ATTEMPTS => {
                tracing::warn!(error = format!("{error:#}"), "a letter was not sent");
                return Err(again(received.attempt));
            }
            Err(error) => format!("{error:#}"),
        },
        Err(error) => format!("not a job that this version knows: {error}"),
    };
    let buried = match app.config.mail_dead_letter_queue_url() {
        Ok(url) => app.queue.send_dead(url, "mail", &received, &reason).await,
        Err(error) => Err(error.into()),
    };
    buried.map_err(|error| {
        tracing::error!(
            error = format!("{error:#}"),
            "could not send to the dead-letter queue"
        );
        again(received.attempt)
    })
}

fn again(attempt: u32) -> JobError {
    let after = 1_u64.checked_shl(attempt).unwrap_or(u64::MAX).min(900);
    JobError::Retry {
        after: Duration::from_secs(after),
    }
}

impl MailJob {
    async fn perform(self, app: &App) -> anyhow::Result<()> {
        let now = app.clock.now();
        match self {
            Self::Invitation {
                tenant,
                invitation,
                sending,
            } => invite(app, tenant, invitation, sending, now).await,
            Self::Forgotten { email, request } => {
                let Some(identity) = app.platform().identity(&email).await? else {
                    return Ok(());
                };
                let user = identity.value.id;
                if app.platform().begin_reset(user, request, now).await? == Begun::Lately {
                    return Ok(());
                }
                let token = text(app, MailToken::Reset { user, request }, now).await?;
                ses::send(app, &Letter::reset(app, &email, &token), now).await
            }
            Self::Verification { user, request } => {
                let Some(identity) = app.platform().identity_of(user).await? else {
                    return Ok(());
                };
                let identity = identity.value;
                if identity.email_verified {
                    return Ok(());
                }
                let begun = app
                    .platform()
                    .begin_verification(user, request, now)
                    .await?;
                if begun == Begun::Lately {
                    return Ok(());
                }
                let token = text(app, MailToken::Verification { user, request }, now).await?;
                ses::send(
                    app,
                    &Letter::verification(app, &identity.email, &token),
                    now,
                )
                .await
            }
            Self::PasswordChanged { user, at, but } => {
                let Some(identity) = app.platform().identity_of(user).await? else {
                    return Ok(());
                };
                recovery::end_sessions(app, &identity.value, but, at).await?;
                ses::send(app, &Letter::password_changed(&identity.value.email), now).await
            }
            Self::SignInFailed {
                email,
                tenant,
                at,
                request_id,
                source_ip,
            } => {
                let Some(identity) = app.platform().identity(&email).await? else {
                    return Ok(());
                };
                let origin = Origin {
                    request_id,
                    source_ip,
                };
                Ok(sign_in::record_failure(app, origin, tenant, &identity.value, at).await?)
            }
        }
    }
}

/// Sends the invitation that is still open in the same sending.
async fn invite(
    app: &App,
    tenant: TenantId,
    id: InvitationId,
    sending: u32,
    now: Timestamp,
) -> anyhow::Result<()> {
    let store = schedule::open(app, tenant, now);
    let invitation = match store.invitation(id).await {
        Ok(invitation) => invitation.value,
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if invitation.state != InvitationState::Pending || invitation.sending != sending {
        return Ok(());
    }
    let name = store.tenant().await?.value.name;
    let token = MailToken::Invitation {
        tenant,
        invitation: id,
        sending,
    };
    let token = text(app, token, now).await?;
    ses::send(
        app,
        &Letter::invitation(app, &invitation, &name, &token),
        now,
    )
    .await
}

async fn text(app: &App, token: MailToken, now: Timestamp) -> anyhow::Result<String> {
    let keyring = app.keyring(now).await.context("read the keyring")?;
    Ok(token.text(keyring.mail_key()))
}
