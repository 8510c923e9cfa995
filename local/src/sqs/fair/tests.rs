//! The fair order, checked by examples and by its laws.

use proptest::prelude::*;

use super::*;

fn tenant(in_flight: usize, waiting: impl IntoIterator<Item = i64>) -> Tenant {
    Tenant {
        in_flight,
        waiting: waiting.into_iter().collect(),
    }
}

#[test]
fn equal_tenants_take_turns() {
    let order = fair_order(vec![tenant(0, [1, 2, 3]), tenant(0, [4, 5])], 10);
    assert_eq!(order, [1, 4, 2, 5, 3]);
}

#[test]
fn a_quiet_tenant_goes_before_an_older_backlog() {
    let order = fair_order(vec![tenant(30, 1..=60), tenant(0, [61, 62, 63])], 4);
    assert_eq!(order, [61, 62, 63, 1]);
}

#[test]
fn messages_without_a_group_keep_their_order() {
    let order = fair_order((1..=5).map(|id| tenant(0, [id])).collect(), 5);
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

fn tenants() -> impl Strategy<Value = Vec<Tenant>> {
    prop::collection::vec((0_usize..40, 0_usize..12), 0..8).prop_map(|shapes| {
        let mut id = 0;
        shapes
            .into_iter()
            .map(|(in_flight, waiting)| {
                let first = id;
                id += i64::try_from(waiting).unwrap();
                tenant(in_flight, first..id)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn the_order_is_as_long_as_it_can_be_and_names_nothing_twice(
        tenants in tenants(),
        max in 0_usize..20,
    ) {
        let waiting: usize = tenants.iter().map(|tenant| tenant.waiting.len()).sum();
        let mut order = fair_order(tenants, max);
        prop_assert_eq!(order.len(), waiting.min(max));
        order.sort_unstable();
        order.dedup();
        prop_assert_eq!(order.len(), waiting.min(max));
    }

    #[test]
    fn within_a_tenant_the_oldest_goes_first(tenants in tenants(), max in 0_usize..20) {
        let order = fair_order(tenants.clone(), max);
        for tenant in tenants {
            let served: Vec<i64> =
                order.iter().copied().filter(|id| tenant.waiting.contains(id)).collect();
            prop_assert_eq!(&served[..], &tenant.waiting[..served.len()]);
        }
    }

    #[test]
    fn nobody_is_served_while_another_with_less_in_flight_waits(
        tenants in tenants(),
        max in 0_usize..20,
    ) {
        let order = fair_order(tenants.clone(), max);
        let load = |tenant: &Tenant| {
            let served = order.iter().filter(|id| tenant.waiting.contains(id)).count();
            (tenant.in_flight + served, served)
        };
        for passed_over in &tenants {
            let (its_load, served) = load(passed_over);
            if served == passed_over.waiting.len() {
                continue;
            }
            for other in &tenants {
                let (other_load, other_served) = load(other);
                prop_assert!(other_served == 0 || other_load <= its_load + 1);
            }
        }
    }
}
