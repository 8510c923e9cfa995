//! Closed lists whose members have a text form, one row each: what would else be written in three places.

/// An enum with `ALL` and `name` from rows of a variant and its text form.
macro_rules! named {
    ($(#[$meta:meta])* pub enum $list:ident { $($variant:ident => $name:literal,)+ }) => {
        $(#[$meta])*
        pub enum $list {
            $($variant,)+
        }

        impl $list {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

pub(crate) use named;
