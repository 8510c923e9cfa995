//! Role by route: which status each gets. The reviewed answer is `access_matrix.txt`.

use crate::{
    harness::{Stack, root},
    routes::{self, Resources},
};

#[tokio::test]
async fn every_role_gets_what_the_reviewed_matrix_says() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let callers = [
        stack.anonymous(),
        stack.member(&owner, "user", "user@acme.example").await,
        stack.member(&owner, "admin", "admin@acme.example").await,
        stack.member(&owner, "owner", "second@acme.example").await,
    ];
    let mut lines = vec![format!(
        "{:<44}{:>10}{:>8}{:>8}{:>8}",
        "route", "anonymous", "user", "admin", "owner"
    )];
    for route in routes::all() {
        let mut line = format!("{:<44}", format!("{} {}", route.method, route.path));
        for (caller, width) in callers.iter().zip([10, 8, 8, 8]) {
            // A fresh target for each caller, because some of them delete it.
            let target = Resources::make_fresh(&stack, &owner).await;
            let body = target.unique(&route);
            let answer = caller
                .request(route.method.clone(), &target.path(&route), body, &[])
                .await;
            line += &format!("{:>width$}", answer.code.as_u16());
        }
        lines.push(line);
    }
    let found = lines.join("\n") + "\n";
    let reviewed =
        std::fs::read_to_string(root().join("tests/it/access_matrix.txt")).unwrap_or_default();
    assert_eq!(
        found, reviewed,
        "access_matrix.txt does not say what the code does:\n{found}"
    );
}
