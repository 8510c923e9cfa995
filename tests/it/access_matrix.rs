//! Role by route: which status each gets. The reviewed answer is `access_matrix.txt`.

use crate::{
    harness::{Client, Stack, root},
    routes::{self, Resources},
};

#[tokio::test]
async fn every_role_gets_what_the_reviewed_matrix_says() {
    let stack = Stack::start().await;
    let mut owner = stack.tenant("acme").await;
    for role in ["user", "admin", "owner"] {
        stack
            .member(&owner, role, &format!("{role}@2.example"))
            .await;
    }
    let mut callers = signed_in(&stack).await;
    let mut lines = vec![format!(
        "{:<44}{:>10}{:>8}{:>8}{:>8}",
        "route", "anonymous", "user", "admin", "owner"
    )];
    for (at, route) in routes::all().into_iter().enumerate() {
        // Time moves with each target: access tokens must not end on the way.
        let is_time = at % 25 == 24;
        if is_time {
            owner = stack.again("acme").await;
        }
        if is_time || route.ends_the_session() {
            callers = signed_in(&stack).await;
        }
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

async fn signed_in(stack: &Stack) -> Vec<Client> {
    let mut callers = vec![stack.anonymous()];
    for role in ["user", "admin", "owner"] {
        let answer = stack.login(&format!("{role}@2.example")).await;
        callers.push(stack.client(answer.status(200)["access_token"].as_str()));
    }
    callers
}
