//! Which route a request takes: of all that match its method and path, the most specific, as API Gateway orders
//! them. <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::template::Route;

#[derive(Debug)]
pub(super) struct Routes {
    /// Most specific first.
    table: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    method: Option<String>,
    segments: Vec<Segment>,
    route_key: String,
    binary: String,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Segment {
    Literal(String),
    Variable(String),
    /// One segment or more, up to the path's end.
    Greedy(String),
}

#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub(super) route_key: &'a str,
    pub(super) binary: &'a str,
    pub(super) parameters: BTreeMap<&'a str, String>,
}

impl Routes {
    pub(super) fn new(routes: impl IntoIterator<Item = (Route, String)>) -> Self {
        let mut table: Vec<Entry> = routes
            .into_iter()
            .map(|(route, binary)| Entry::new(route, binary))
            .collect();
        table.sort_by_key(Entry::rank);
        Self { table }
    }

    /// `path` is decoded already.
    pub(super) fn choose(&self, method: &str, path: &str) -> Option<Chosen<'_>> {
        let path: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        self.table.iter().find_map(|entry| {
            if entry
                .method
                .as_deref()
                .is_some_and(|wanted| wanted != method)
            {
                return None;
            }
            let parameters = capture(&entry.segments, &path)?;
            Some(Chosen {
                route_key: &entry.route_key,
                binary: &entry.binary,
                parameters,
            })
        })
    }
}

impl Entry {
    fn new(route: Route, binary: String) -> Self {
        Self {
            route_key: format!("{} {}", route.method, route.path),
            segments: route
                .path
                .trim_start_matches('/')
                .split('/')
                .map(Segment::new)
                .collect(),
            method: (route.method != "ANY").then_some(route.method),
            binary,
        }
    }

    /// Without a greedy end before with one; then literal before variable, segment by segment; then the longer
    /// path; then a method before ANY.
    fn rank(&self) -> (bool, Vec<u8>, Reverse<usize>, bool) {
        let is_greedy = matches!(self.segments.last(), Some(Segment::Greedy(_)));
        let kinds = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Variable(_) => 1,
            Segment::Greedy(_) => 2,
        });
        (
            is_greedy,
            kinds.collect(),
            Reverse(self.segments.len()),
            self.method.is_none(),
        )
    }
}

impl Segment {
    fn new(text: &str) -> Self {
        let variable = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        match variable.map(|name| (name, name.strip_suffix('+'))) {
            None => Self::Literal(text.to_owned()),
            Some((name, None)) => Self::Variable(name.to_owned()),
            Some((_, Some(name))) => Self::Greedy(name.to_owned()),
        }
    }
}

fn capture<'a>(segments: &'a [Segment], path: &[&str]) -> Option<BTreeMap<&'a str, String>> {
    let mut parameters = BTreeMap::new();
    let mut rest = path.iter();
    for segment in segments {
        match segment {
            Segment::Literal(literal) => {
                rest.next().filter(|found| *found == literal)?;
            }
            Segment::Variable(name) => {
                let found = rest.next().filter(|found| !found.is_empty())?;
                parameters.insert(name.as_str(), (*found).to_owned());
            }
            Segment::Greedy(name) => {
                let found = rest.as_slice().join("/");
                if found.is_empty() {
                    return None;
                }
                parameters.insert(name.as_str(), found);
                return Some(parameters);
            }
        }
    }
    rest.next().is_none().then_some(parameters)
}
