//! The built-in manifests: whole, and consistent in themselves.

use crate::{
    config::Config,
    vendor::{
        connector::{Connector, MANIFESTS, Operation, built_in, connector, connectors},
        request::reachable,
    },
    webhook::presets,
};

#[test]
fn every_manifest_is_read_and_named_after_its_file() {
    assert_eq!(built_in().len(), MANIFESTS.len());
    for text in MANIFESTS {
        let manifest: Connector = serde_json::from_str(text).unwrap();
        assert_eq!(connector(&manifest.name), Some(&manifest));
    }
    let names: Vec<&str> = built_in().iter().map(|found| found.name.as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn what_a_manifest_refers_to_exists() {
    for connector in built_in() {
        let name = &connector.name;
        if let Some(scheme) = &connector.webhook_scheme {
            assert!(presets::find(scheme).is_some(), "{name}: {scheme}");
        }
        let base = connector.base_url.as_deref().unwrap_or("https://x.example");
        assert!(
            base.starts_with("https://") && !base.ends_with('/'),
            "{name}"
        );
        let auth = &connector.auth;
        let has_auth = auth.basic || auth.api_key.is_some() || auth.oauth2.is_some();
        assert!(has_auth, "{name}");
        if let Some(oauth) = &auth.oauth2 {
            let urls = oauth.authorize_url.iter().chain([&oauth.token_url]);
            for url in urls {
                assert!(
                    url.starts_with("https://") && !url.contains('?'),
                    "{name} {url}"
                );
            }
            assert!(
                oauth.authorize_url.is_some() || oauth.client_credentials,
                "{name}"
            );
        }
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

#[test]
fn simulated_vendors_are_offered_only_where_one_is_running() {
    let config = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_vars(pairs.collect())
    };
    let local = config(&[("PORTICO_VENDORS_URL", "http://127.0.0.1:9001")]);
    let names = |config: &Config| {
        let names = connectors(config).map(|connector| connector.name.clone());
        names.collect::<Vec<_>>()
    };
    assert!(names(&local).contains(&"directory".to_owned()));
    let in_aws = names(&config(&[]));
    assert!(!in_aws.contains(&"directory".to_owned()) && in_aws.contains(&"stripe".to_owned()));
    let reached = |config: &Config, url: &str| reachable(config, url);
    let user = "https://directory.example/v1/users?limit=1";
    assert_eq!(
        reached(&local, user),
        "http://127.0.0.1:9001/directory.example/v1/users?limit=1"
    );
    assert_eq!(reached(&config(&[]), user), user);
    for other in [
        "https://api.stripe.com/v1",
        "https://example",
        "https://evil.example.com/x",
    ] {
        assert_eq!(reached(&local, other), other);
    }
}
