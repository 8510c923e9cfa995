//! The built-in manifests: whole, and consistent in themselves.

use crate::{
    vendor::connector::{Connector, MANIFESTS, Operation, connector, connectors},
    webhook::presets,
};

#[test]
fn every_manifest_is_read_and_named_after_its_file() {
    assert_eq!(connectors().len(), MANIFESTS.len());
    for text in MANIFESTS {
        let manifest: Connector = serde_json::from_str(text).unwrap();
        assert_eq!(connector(&manifest.name), Some(&manifest));
    }
    let names: Vec<&str> = connectors()
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn what_a_manifest_refers_to_exists() {
    for connector in connectors() {
        let name = &connector.name;
        if let Some(scheme) = &connector.webhook_scheme {
            assert!(presets::find(scheme).is_some(), "{name}: {scheme}");
        }
        let base = connector.base_url.as_deref().unwrap_or("https://x.example");
        assert!(
            base.starts_with("https://") && !base.ends_with('/'),
            "{name}"
        );
        assert!(
            connector.auth.basic || connector.auth.api_key.is_some(),
            "{name}"
        );
        assert!(connector.budget.requests > 0 && connector.budget.per_seconds > 0);
        for (object, about) in &connector.objects {
            let with_id = [&about.get, &about.update, &about.delete];
            for operation in with_id.into_iter().flatten() {
                assert!(operation.path.contains("{id}"), "{name} {object}");
            }
            let all = [
                &about.list,
                &about.get,
                &about.create,
                &about.update,
                &about.delete,
            ];
            for Operation { method, path } in all.into_iter().flatten() {
                assert!(path.starts_with('/'), "{name} {object} {path}");
                let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
                assert!(
                    methods.contains(&method.as_str()),
                    "{name} {object} {method}"
                );
            }
            let pointers = about
                .fields
                .values()
                .chain([&about.id])
                .chain(&about.updated_at);
            for pointer in pointers {
                assert!(pointer.starts_with('/'), "{name} {object} {pointer}");
            }
        }
    }
}
