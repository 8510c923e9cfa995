//! The yardstick: a function on `lambda_http` that answers and does nothing else.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(hello)).await
}

async fn hello(_request: Request) -> Result<Response<Body>, Error> {
    let answer = Response::builder().status(202).body(Body::Empty)?;
    Ok(answer)
}
