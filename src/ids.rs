//! The numbers by which a conversation, its turns and the pieces of its history are known.

use std::{
    fmt,
    num::ParseIntError,
    ops::{Add, AddAssign, Sub},
    str::FromStr,
};

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::{Deserialize, Serialize};

/// A type for one kind of number: as an `i64` in the database and on the wire, and no other kind
/// in between.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl Add<i64> for $name {
            type Output = Self;

            fn add(self, more: i64) -> Self {
                Self(self.0 + more)
            }
        }

        impl AddAssign<i64> for $name {
            fn add_assign(&mut self, more: i64) {
                *self = *self + more;
            }
        }

        impl Sub<i64> for $name {
            type Output = Self;

            fn sub(self, fewer: i64) -> Self {
                Self(self.0 - fewer)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                i64::column_result(value).map(Self)
            }
        }
    };
}

number! {
    /// A conversation, unique in the database and never given to another one.
    ConversationId
}

number! {
    /// A turn within its conversation: 1, 2, …
    TurnNumber
}

number! {
    /// A place in the history of a conversation: every piece that is added gets the next one.
    Seq
}

impl TurnNumber {
    /// The turn of the greeting, which nobody asked for.
    pub const GREETING: Self = Self(0);
    /// The turn of the first question.
    pub const FIRST: Self = Self(1);
}

impl Seq {
    /// Before everything.
    pub const ZERO: Self = Self(0);
    /// The first number that is given out.
    pub const FIRST: Self = Self(1);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);

    /// How many numbers this one is above `lower`.
    pub(crate) fn above(self, lower: Self) -> i64 {
        self.0 - lower.0
    }
}

/// The turn of a conversation from which a fork of it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ForkedFrom {
    /// It may be gone.
    pub conversation_id: ConversationId,
    /// The last turn that was copied.
    pub turn: TurnNumber,
}
