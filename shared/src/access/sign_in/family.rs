//! What becomes of a session once it has begun: its refresh tokens follow each other until it ends.

use jiff::Timestamp;

use crate::{
    access::{
        Caller, Permission,
        refresh::{self, NotCurrent, RefreshToken},
        sign_in::{Entrance, IDLE, Tokens, tokens, vouched},
    },
    app::App,
    audit::{Action, Actor},
    id::{SessionId, UserId},
    problem::ApiError,
    seal::Secret,
    store::{Change, Rotation, StoreError, TenantStore},
};

/// Exchanges a refresh token for the next one and a new access token. One network call.
///
/// # Errors
/// One refusal for everything that is not the current token. A token of ours that was used before
/// ends its session: someone else has it.
pub async fn refresh(
    app: &App,
    at: &Entrance,
    presented: &Secret<String>,
) -> Result<Tokens, ApiError> {
    const REFUSED: ApiError = ApiError::Unauthenticated("the refresh token is not valid");
    let now = app.clock.now();
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let token = RefreshToken::parse(presented.expose(), keyring.refresh_key()).ok_or(REFUSED)?;
    let next = token.successor(keyring.refresh_key());
    let idle_until = now
        .saturating_add(IDLE)
        .map_err(|error| ApiError::Internal(error.into()))?
        .as_second();
    let rotation = app
        .db
        .of(token.tenant)
        .rotate(&token.key(), &token.hash(), &next.hash(), now, idle_until)
        .await?;
    let session = match rotation {
        Rotation::Ended => return Err(REFUSED),
        Rotation::Rotated(session) => session,
        Rotation::NotCurrent(session) => match refresh::not_current(&session, &token.hash(), now) {
            NotCurrent::Expired => return Err(REFUSED),
            NotCurrent::Reused => {
                end_family(app, at, &token, now).await?;
                return Err(REFUSED);
            }
            NotCurrent::AskedAgain => session,
        },
    };
    tokens(
        app,
        &keyring,
        &at.issuer,
        token.tenant,
        &session,
        &next,
        now,
    )
}

/// The MAC says that we made the token, the store that it was used: it is in two hands.
async fn end_family(
    app: &App,
    at: &Entrance,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<(), ApiError> {
    tracing::warn!(session.id = %token.session, "a used refresh token came back: its session is ended");
    let store = vouched(app, at, token.tenant, Actor::System, now);
    end(
        &store,
        Action::RefreshTokenReused,
        token.user,
        token.session,
    )
    .await
}

/// Ends the caller's session, and its access tokens within the staleness of the gate.
pub async fn logout(caller: &Caller) -> Result<(), ApiError> {
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeUpdate)?;
    end(&store, Action::SignedOut, member.user, member.session).await
}

async fn end(
    store: &TenantStore,
    action: Action,
    user: UserId,
    session: SessionId,
) -> Result<(), ApiError> {
    let change = Change {
        value: (),
        action,
        target: session.to_string(),
        changes: Default::default(),
        writes: vec![store.end_session(user, session)?],
    };
    match store.commit(change).await {
        // Ended already: what is wanted is so.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(store.mark_sessions(&[session]).await?),
        Err(error) => Err(error.into()),
    }
}
