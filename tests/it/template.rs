//! template.yaml deploys exactly what the code is.

use std::collections::BTreeSet;

use local::registry::FUNCTIONS;

use crate::{harness::Stack, routes};

#[tokio::test]
async fn the_templates_functions_are_the_projects() {
    let stack = Stack::start().await;
    let deployed: BTreeSet<&str> = stack
        .platform
        .template()
        .functions
        .iter()
        .map(|function| function.binary.as_str())
        .collect();
    let written: BTreeSet<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(deployed, written);
    let folders: BTreeSet<String> = std::fs::read_dir(crate::harness::root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        folders,
        written.iter().map(|name| (*name).to_owned()).collect()
    );
}

#[tokio::test]
async fn every_route_of_the_code_is_reached_through_the_template() {
    let stack = Stack::start().await;
    for route in routes::in_code() {
        let (method, path) = route.split_once(' ').unwrap();
        let reached = stack
            .platform
            .template()
            .functions
            .iter()
            .flat_map(|function| &function.routes)
            .any(|deployed| {
                let prefix = deployed.path.strip_suffix("/{proxy+}");
                let fits = match prefix {
                    Some(prefix) => path
                        .strip_prefix(prefix)
                        .is_some_and(|rest| rest.starts_with('/')),
                    None => deployed.path == path,
                };
                fits && ["ANY", method].contains(&deployed.method.as_str())
            });
        assert!(reached, "template.yaml routes nothing to {route}");
    }
}

#[tokio::test]
async fn the_queue_gives_the_worker_six_times_its_timeout() {
    let stack = Stack::start().await;
    let template = stack.platform.template();
    for function in &template.functions {
        for trigger in &function.queues {
            assert!(trigger.report_batch_item_failures, "{}", function.binary);
            let queue = template
                .queues
                .iter()
                .find(|queue| queue.logical_id == trigger.queue)
                .unwrap();
            let visibility: u64 = queue.attributes["VisibilityTimeout"].parse().unwrap();
            assert!(visibility >= 6 * function.timeout_s, "{}", queue.logical_id);
        }
    }
}

#[tokio::test]
async fn every_permission_lies_inside_the_boundary() {
    let stack = Stack::start().await;
    for function in &stack.platform.template().functions {
        let Some(boundary) = &function.boundary else {
            panic!("{} has no boundary", function.binary)
        };
        for action in function
            .statements
            .iter()
            .flat_map(|statement| &statement.actions)
        {
            let covers = |allowed: &String| {
                allowed == action
                    || allowed
                        .strip_suffix('*')
                        .is_some_and(|prefix| action.starts_with(prefix))
            };
            let inside = boundary
                .iter()
                .any(|statement| statement.actions.iter().any(covers));
            assert!(inside, "{}: {action}", function.binary);
        }
    }
}
