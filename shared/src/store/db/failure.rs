//! What the SDK reports, as a [`StoreError`]: is it worth a retry or not.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::{
    config::ConfigError,
    store::db::{Conflict, StoreError},
};

impl From<ConfigError> for StoreError {
    fn from(error: ConfigError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<aws_sdk_dynamodb::error::BuildError> for StoreError {
    fn from(error: aws_sdk_dynamodb::error::BuildError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Internal(anyhow::Error::from(error).context("convert a row"))
    }
}

/// What is worth a retry (no answer, throttled, failed on AWS's side) is `Unavailable`; what would
/// fail again (refused credentials, malformed request) is `Internal`.
impl<E> From<SdkError<E>> for StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        const TRANSIENT: [&str; 7] = [
            "InternalServerError",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "ServiceUnavailable",
            "ThrottlingException",
            "TransactionConflictException",
            "TransactionInProgressException",
        ];
        if let SdkError::ServiceError(service) = &error
            && service.err().code() == Some("ConditionalCheckFailedException")
        {
            return Self::Conflict {
                conflict: Conflict::Version,
                old: None,
            };
        }
        let transient = match &error {
            SdkError::ServiceError(service) => {
                service.raw().status().is_server_error()
                    || service
                        .err()
                        .code()
                        .is_some_and(|code| TRANSIENT.contains(&code))
            }
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        let error = anyhow::Error::from(error);
        if transient {
            Self::Unavailable(error)
        } else {
            Self::Internal(error)
        }
    }
}
