//! Who is served next on a standard queue: always the tenant with the fewest messages being processed.

/// The messages of one message group; a message without a group is a tenant of its own.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    /// How many of its messages are with consumers now.
    pub(super) in_flight: usize,
    /// Its visible messages, oldest first.
    pub(super) waiting: Vec<i64>,
}

/// Picks up to `max` messages: a round over the tenants in which each one served counts as one more
/// in flight, so that a tenant with many messages out waits until the others have caught up. Between
/// equals the oldest message goes first, and within a tenant age decides alone.
pub(super) fn fair_order(tenants: Vec<Tenant>, max: usize) -> Vec<i64> {
    let mut queues: Vec<(usize, std::iter::Peekable<std::vec::IntoIter<i64>>)> = tenants
        .into_iter()
        .map(|tenant| (tenant.in_flight, tenant.waiting.into_iter().peekable()))
        .collect();
    let mut order = Vec::new();
    while order.len() < max {
        let next = queues
            .iter_mut()
            .filter_map(|(load, waiting)| waiting.peek().copied().map(|head| (load, head, waiting)))
            .min_by_key(|(load, head, _)| (**load, *head));
        let Some((load, head, waiting)) = next else {
            break;
        };
        waiting.next();
        *load += 1;
        order.push(head);
    }
    order
}

#[cfg(test)]
mod tests;
