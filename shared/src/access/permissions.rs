//! Sets of permissions. Nobody gives away what is not in their own set.

use crate::access::{Permission, Role};

/// A set of [`Permission`]s: one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u128);

impl Permissions {
    pub const NONE: Self = Self(0);

    /// What every signed-in member may, whatever their role: see and rename themselves, sign out.
    pub const SELF: Self = Self(bit(Permission::MeRead) | bit(Permission::MeUpdate));

    /// What no API key may hold: it is nobody's profile, and one that makes keys would outlive its end.
    pub const NOT_FOR_KEYS: Self =
        Self(Self::SELF.0 | bit(Permission::ApiKeysWrite) | Self::OPERATORS.0);

    /// What is held by people of the operators' tenant only.
    pub const OPERATORS: Self =
        Self(bit(Permission::PlatformRead) | bit(Permission::PlatformWrite));

    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// What a built-in role allows; a custom role's set is the tenant's to say.
    pub fn built_in(role: Role) -> Self {
        let allowed = Permission::ALL.iter().filter(|one| role.allows(**one));
        allowed.copied().collect()
    }

    /// What a role of the operators' tenant allows more.
    pub(crate) fn of_operator(role: Role) -> Self {
        match role {
            Role::Owner => Self::OPERATORS,
            Role::Admin => Self(bit(Permission::PlatformRead)),
            Role::User | Role::Custom(_) => Self::NONE,
        }
    }

    pub fn contains(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        let all = Permission::ALL.iter().copied();
        all.filter(move |permission| self.contains(*permission))
    }

    /// Names separated by spaces, as RFC 6749 section 3.3 writes scopes.
    pub(crate) fn to_text(self) -> String {
        let names: Vec<&str> = self.iter().map(Permission::name).collect();
        names.join(" ")
    }

    /// A name that is no permission any more grants nothing.
    pub(crate) fn of_text(text: &str) -> Self {
        let known = text.split(' ').filter_map(|name| name.parse().ok());
        known.collect()
    }
}

const fn bit(permission: Permission) -> u128 {
    1 << permission as u32
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let bits = permissions.into_iter().map(bit);
        Self(bits.fold(0, |set, bit| set | bit))
    }
}

impl serde::Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Of stored rows: strict for what clients send is `Vec<Permission>`.
impl<'de> serde::Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests;
